/** What stands around the box that a question is typed into: files to mention, models to choose from. */

import { Client } from './client';
import { told } from './data';
import { Frame } from './frames';
import { FileEntry } from './mentions';
import { Store } from './store';

export interface Load {
  path: string;
  state: 'running' | 'failed';
  rows: number;
  problem: string;
}

export interface ComposerState {
  /** The files of each folder that was looked at. */
  folders: Record<string, FileEntry[]>;
  /** The models of a planner's server; "asking" until it has said. */
  models: Record<string, string[] | 'asking'>;
  load: Load | null;
  problem: string;
}

export const NO_COMPOSER: ComposerState = { folders: {}, models: {}, load: null, problem: '' };

export class ComposerModel {
  readonly state = new Store<ComposerState>(NO_COMPOSER);
  /** A file became a table: its path, and the table's name. */
  onLoaded: (path: string, table: string) => void = () => undefined;
  private _client: Client | null = null;
  private _asked = new Set<string>();
  private _loading: { cancel(): void } | null = null;

  attach(client: Client | null): void {
    this._client = client;
    this._asked.clear();
    this.state.set(NO_COMPOSER);
  }

  /** The files of a folder, once; where nobody can tell, there are none to mention. */
  look(folder: string): void {
    const client = this._client;
    if (!client || this._asked.has(folder)) {
      return;
    }
    this._asked.add(folder);
    client.request('files', { folder }).done.then(
      frame => {
        if (client === this._client) {
          const folders = { ...this.state.get().folders, [folder]: frame.files as FileEntry[] };
          this.state.update({ folders });
        }
      },
      () => undefined
    );
  }

  /** The list was closed: the next one looks again, for files come and go. */
  forget(): void {
    this._asked.clear();
  }

  listModels(planner: string): void {
    const client = this._client;
    if (!client || this.state.get().models[planner] === 'asking') {
      return;
    }
    const put = (models: string[] | 'asking', problem = ''): void => {
      if (client === this._client) {
        this.state.update({ models: { ...this.state.get().models, [planner]: models }, problem });
      }
    };
    put('asking');
    client.request('models', { planner }).done.then(
      frame => put(frame.models as string[]),
      error => put([], told(error))
    );
  }

  /** Makes a table of a file. */
  load(path: string): void {
    const client = this._client;
    if (!client || this.state.get().load?.state === 'running') {
      return;
    }
    const put = (load: Load | null): void => {
      if (client === this._client) {
        this.state.update({ load });
      }
    };
    put({ path, state: 'running', rows: 0, problem: '' });
    const request = client.request('load', { source: path }, frame =>
      put({ path, state: 'running', rows: Number(frame.rows ?? 0), problem: '' })
    );
    this._loading = request;
    request.done.then(
      (frame: Frame) => {
        const tables = (frame.tables ?? []) as { name: string }[];
        const failed = (frame.failed ?? []) as { message: string; hint: string }[];
        if (tables.length) {
          put(null);
          this.onLoaded(path, tables[0].name);
        } else {
          put({ path, state: 'failed', rows: 0, problem: failed.map(one => `${one.message} ${one.hint}`).join(' ') });
        }
      },
      error => put({ path, state: 'failed', rows: 0, problem: told(error) })
    );
  }

  stopLoad(): void {
    this._loading?.cancel();
  }
}
