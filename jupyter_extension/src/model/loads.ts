/** What was loaded, when and from where. */

import { Client } from './client';
import { told } from './data';
import { Store } from './store';

export interface Load {
  load_id: string;
  table: string;
  name: string;
  there: boolean;
  source: string;
  source_table: string;
  mode: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  rows: number | null;
  rejected: number;
  error: string;
  started_at: string;
  elapsed_s: number | null;
  /** Whether it can be done once more without asking anything. */
  again: boolean;
}

export interface LoadsState {
  loads: Load[] | null;
  problem: string;
  search: string;
  /** Of the workspace. */
  root: string;
}

/** Those whose table or source has the words. */
export function loadsFound(loads: Load[], search: string): Load[] {
  const wanted = search.trim().toLowerCase();
  return wanted
    ? loads.filter(one => `${one.name}\n${one.source}\n${one.state}`.toLowerCase().includes(wanted))
    : loads;
}

/** A place inside the workspace from its folder on, others as they are. */
export const nearer = (source: string, root: string): string =>
  root && source.startsWith(`${root}/`) ? source.slice(root.length + 1) : source;

export class LoadsModel {
  readonly state = new Store<LoadsState>({ loads: null, problem: '', search: '', root: '' });

  constructor(
    private _client: () => Client | null,
    private _root: () => string
  ) {}

  async refresh(): Promise<void> {
    const client = this._client();
    if (!client) {
      return;
    }
    try {
      const frame = await client.request('loads').done;
      this.state.update({ loads: frame.loads as Load[], problem: '', root: this._root() });
    } catch (error) {
      this.state.update({ problem: told(error) });
    }
  }

  search(search: string): void {
    this.state.update({ search });
  }
}
