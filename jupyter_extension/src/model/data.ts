/** The tables of the workspace and what has been looked at of them. */

import { Client, Pending } from './client';
import { DataSource, Frame, PanelError, Profile, Table } from './frames';
import { settings } from './settings';
import { Store } from './store';

export interface Profiled {
  state: 'running' | 'done' | 'stopped' | 'failed';
  columns: Record<string, Profile>;
  elapsed_s: number;
  problem: string;
}

export interface DataState {
  tables: Table[] | null;
  sources: DataSource[];
  problem: string;
  search: string;
  /** Keys of the tables that are open. */
  open: ReadonlySet<string>;
  profiles: Record<string, Profiled>;
  /** The column that is shown large: its table's key and its name. */
  column: string;
}

export const NO_DATA: DataState = {
  tables: null,
  sources: [],
  problem: '',
  search: '',
  open: new Set(),
  profiles: {},
  column: ''
};

export const columnId = (table: string, column: string): string => `${table}\u0000${column}`;

const started = (): Profiled => ({ state: 'running', columns: {}, elapsed_s: 0, problem: '' });

/** A profile after one more frame of it. */
export function profiledWith(before: Profiled, frame: Frame): Profiled {
  if (frame.op === 'column') {
    const column = frame.column as Profile;
    return { ...before, columns: { ...before.columns, [column.name]: column } };
  }
  if (frame.op === 'profiled') {
    return { ...before, state: 'done', elapsed_s: Number(frame.elapsed_s) };
  }
  return before;
}

/** The tables that a search leaves, and of each the columns; a table whose name fits keeps all of them. */
export function found(tables: Table[], search: string): Table[] {
  const wanted = search.trim().toLowerCase();
  if (!wanted) {
    return tables;
  }
  return tables.flatMap(table => {
    if (`${table.schema}.${table.name}`.toLowerCase().includes(wanted)) {
      return [table];
    }
    const columns = table.columns.filter(one => one.name.toLowerCase().includes(wanted));
    return columns.length ? [{ ...table, columns }] : [];
  });
}

export class DataModel {
  readonly state = new Store<DataState>(NO_DATA);
  private _client: Client | null = null;
  private _root = '';
  private _round = 0;
  private _refreshing: Promise<void> = Promise.resolve();
  private _running = new Map<string, Pending>();
  private _sizes: Record<string, number> = {};
  /** The tables and versions that sizes were asked for. */
  private _sized = '';

  constructor() {
    settings.watch(() => this.state.get().open.forEach(key => this._profile(key)));
  }

  /** Another kernel, or none. What was seen stays while it is the same workspace. */
  attach(client: Client | null, root: string): void {
    this._client = client;
    this._running.clear();
    if (client && root !== this._root) {
      this._root = root;
      this._sizes = {};
      this._sized = '';
      this.state.set({ ...NO_DATA, search: this.state.get().search });
    }
    if (client) {
      void this.refresh();
    }
  }

  /** Done when a list is in place that was asked for no earlier than now. */
  refresh(): Promise<void> {
    this._refreshing = this._refresh();
    return this._refreshing;
  }

  private async _refresh(): Promise<void> {
    if (!this._client) {
      return;
    }
    const round = (this._round += 1);
    try {
      const frame = await this._client.request('tables').done;
      // Two lists may overtake each other: the one that was asked for last is true.
      if (round === this._round) {
        const tables = this._measured(frame.tables as Table[]);
        this.state.update({ tables, sources: (frame.sources ?? []) as DataSource[], problem: '' });
        void this._measure();
        this.state.get().open.forEach(key => this._profile(key));
      } else {
        await this._refreshing;
      }
    } catch (error) {
      if (round === this._round) {
        this.state.update({ problem: told(error) });
      }
    }
  }

  /** How much of the file each takes up comes after the list, which does not wait for it. */
  private async _measure(): Promise<void> {
    const tables = this.state.get().tables ?? [];
    const seen = JSON.stringify(tables.map(one => [one.key, one.version]));
    if (!this._client || seen === this._sized) {
      return;
    }
    this._sized = seen;
    const frame = await this._client.request('sizes').done.catch(() => null);
    if (frame) {
      this._sizes = frame.sizes as Record<string, number>;
      this.state.update({ tables: this._measured(this.state.get().tables ?? []) });
    }
  }

  private _measured(tables: Table[]): Table[] {
    return tables.map(one => (one.kind === 'table' ? { ...one, bytes: this._sizes[one.key] ?? null } : one));
  }

  /** Tables were written to: what is known of them is old. */
  changed(keys: string[]): void {
    const profiles = { ...this.state.get().profiles };
    for (const key of keys) {
      this._running.get(key)?.cancel();
      this._running.delete(key);
      delete profiles[key];
    }
    this.state.update({ profiles });
    void this.refresh();
  }

  search(text: string): void {
    this.state.update({ search: text });
  }

  toggle(key: string): void {
    const open = new Set(this.state.get().open);
    if (open.delete(key)) {
      this._running.get(key)?.cancel();
    } else {
      open.add(key);
    }
    this.state.update({ open });
    if (open.has(key)) {
      this._profile(key);
    }
  }

  /** Opens a table that somebody goes to, also where a search has left it out. */
  reveal(key: string): void {
    this.state.update({ search: '' });
    if (!this.state.get().open.has(key)) {
      this.toggle(key);
    }
  }

  /** Opens a table and looks at its columns, once more where that was done before. */
  profile(key: string): void {
    const profiles = { ...this.state.get().profiles };
    if (profiles[key]?.state !== 'running') {
      delete profiles[key];
    }
    this.state.update({ profiles, open: new Set([...this.state.get().open, key]) });
    this._profile(key);
  }

  stopProfile(key: string): void {
    this._running.get(key)?.cancel();
  }

  showColumn(id: string): void {
    this.state.update({ column: this.state.get().column === id ? '' : id });
  }

  private _profile(key: string): void {
    const known = this.state.get().profiles[key];
    if (!this._client || !settings.get().profiles || known?.state === 'done' || this._running.has(key)) {
      return;
    }
    this._set(key, () => started());
    const asked = this._client.request('profile', { table: key }, frame =>
      this._set(key, before => profiledWith(before, frame))
    );
    this._running.set(key, asked);
    const over = (change: (before: Profiled) => Profiled): void => {
      if (this._running.get(key) === asked) {
        this._running.delete(key);
        this._set(key, change);
      }
    };
    asked.done.then(
      frame => over(before => profiledWith(before, frame)),
      error => {
        const stopped = error instanceof PanelError && error.code === 'cancelled';
        over(before => ({ ...before, state: stopped ? 'stopped' : 'failed', problem: stopped ? '' : told(error) }));
      }
    );
  }

  private _set(key: string, change: (before: Profiled) => Profiled): void {
    const profiles = this.state.get().profiles;
    this.state.update({ profiles: { ...profiles, [key]: change(profiles[key] ?? started()) } });
  }
}

export const told = (error: unknown): string =>
  error instanceof PanelError && error.hint
    ? `${error.message} ${error.hint}`
    : String((error as Error).message ?? error);
