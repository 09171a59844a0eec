/** What the plugins share. */

import { Token } from '@lumino/coreutils';

import { Connection } from './kernel/connection';
import { AboutModel } from './model/about';
import { ActivityModel } from './model/activity';
import { ApprovalsModel } from './model/approvals';
import { BuildsModel } from './model/builds';
import { DataModel } from './model/data';
import { IngestModel } from './model/ingest';

export interface IPlutoDuck {
  readonly connection: Connection;
  readonly data: DataModel;
  readonly activity: ActivityModel;
  readonly approvals: ApprovalsModel;
  readonly ingest: IngestModel;
  readonly builds: BuildsModel;
  readonly about: AboutModel;
  readonly version: string;
}

export const IPlutoDuck = new Token<IPlutoDuck>(
  'pluto-duck-labextension:IPlutoDuck',
  'The connection of the sidebar to the kernel of the notebook in front, and what is known of its workspace.'
);
