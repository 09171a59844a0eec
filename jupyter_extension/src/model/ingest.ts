/** Data in: where from, what of it, and the load that goes on, also when nobody looks. */

import { Client, Pending } from './client';
import { told } from './data';
import { Frame, PanelError, Rows } from './frames';
import { Store } from './store';

export type Where = 'file' | 'postgres' | 'url' | 'database';
export type Mode = 'replace' | 'append' | 'merge';

export interface FileEntry {
  name: string;
  path: string;
  kind: 'folder' | 'file' | 'database';
  bytes: number | null;
}

export interface Planned {
  name: string;
  into: string;
  key: string;
  action: string;
  rows: number | null;
  bytes: number | null;
  kind: string;
  primary_key: string[];
  said: string[];
  error: { message: string; hint: string } | null;
  columns: { name: string; from: string; type: string; note: string }[];
}

export interface Progress {
  table: string;
  rows: number;
  total_rows: number | null;
  bytes: number | null;
  done: boolean;
}

export interface LoadedTable {
  key: string;
  name: string;
  sql: string;
  source: string;
  rows: number;
  rejected: number;
  rejects: string | null;
  elapsed_s: number;
  notices: string[];
}

export interface Problem {
  message: string;
  hint: string;
  code: string;
  /** The source wants a password that nobody here knows. */
  password: boolean;
}

export interface Run {
  /** Of a table that is loaded again, its key. */
  again: string;
  what: string;
  state: 'running' | 'stopping' | 'done' | 'stopped' | 'failed';
  progress: Record<string, Progress>;
  began: number;
  elapsed_s: number;
  rows: number;
  tables: LoadedTable[];
  failed: { source: string; message: string; hint: string }[];
  notices: string[];
  problem: Problem | null;
}

export interface IngestState {
  open: boolean;
  where: Where;
  folder: string;
  files: FileEntry[] | null;
  more: boolean;
  filesProblem: string;
  connections: { name: string; address: string }[];
  connection: string;
  source: string;
  password: string;
  remember: string;
  upload: { name: string; done: number; size: number } | null;
  looking: boolean;
  problem: Problem | null;
  answers: string;
  /** What the source has; null before anybody looked. */
  plan: Planned[] | null;
  picked: ReadonlySet<string>;
  into: string;
  mode: Mode;
  keep: boolean;
  /** A line of options, as the shell takes them. */
  words: string;
  run: Run | null;
}

export const NO_INGEST: IngestState = {
  open: false,
  where: 'file',
  folder: '',
  files: null,
  more: false,
  filesProblem: '',
  connections: [],
  connection: '',
  source: '',
  password: '',
  remember: '',
  upload: null,
  looking: false,
  problem: null,
  answers: '',
  plan: null,
  picked: new Set(),
  into: '',
  mode: 'replace',
  keep: false,
  words: '',
  run: null
};

/** Of an upload, in one frame. */
export const PART = 384 * 1024;
const LOOK_AGAIN_MS = 400;

/** How far a load is; null while nobody knows how many rows there are. */
export function part(run: Run): number | null {
  const all = Object.values(run.progress);
  if (!all.length || all.some(one => !one.done && !one.total_rows)) {
    return null;
  }
  const total = all.reduce((sum, one) => sum + (one.done ? one.rows : Math.max(one.rows, one.total_rows!)), 0);
  const rows = all.reduce((sum, one) => sum + one.rows, 0);
  return total ? Math.min(run.state === 'done' ? 1 : 0.99, rows / total) : null;
}

export const rowsOf = (run: Run): number => Object.values(run.progress).reduce((sum, one) => sum + one.rows, 0);

/** Seconds that remain; null where that would be a guess. */
export function remaining(run: Run, now: number): number | null {
  const done = part(run);
  const elapsed = (now - run.began) / 1000;
  return done === null || done < 0.02 || elapsed < 1 ? null : (elapsed * (1 - done)) / done;
}

/** An address without the password that somebody typed into it, and the password. */
export function apart(address: string): { address: string; password: string } {
  const found = /^([a-z][a-z0-9+.-]*:\/\/[^:@/?#]*):([^/?#]*)@(.*)$/is.exec(address);
  if (!found) {
    return { address, password: '' };
  }
  let password = found[2];
  try {
    password = decodeURIComponent(password);
  } catch {
    // As it was typed: a lone % is one.
  }
  return { address: `${found[1]}@${found[3]}`, password };
}

export function problemOf(error: unknown): Problem {
  if (error instanceof PanelError) {
    const { message, hint, code, facts } = error;
    return { message, hint, code, password: facts.reason === 'password' };
  }
  return { message: told(error), hint: '', code: '', password: false };
}

export class IngestModel {
  readonly state = new Store<IngestState>(NO_INGEST);
  /** A load has ended, well or not. */
  onEnd: (run: Run) => void = () => undefined;

  private _client: Client | null = null;
  private _asked: Pending | null = null;
  private _loading: Pending | null = null;
  private _uploading = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;

  attach(client: Client | null): void {
    if (client === this._client) {
      return;
    }
    this._client = client;
    this._asked = null;
    this._loading = null;
    const { run } = this.state.get();
    this.state.update({ files: null, looking: false });
    if (run?.state === 'running' || run?.state === 'stopping') {
      const problem = { message: 'The kernel went away.', hint: '', code: 'gone', password: false };
      this.state.update({ run: { ...run, state: 'failed', problem } });
    }
  }

  get ready(): boolean {
    return this._client !== null;
  }

  get running(): boolean {
    const { run } = this.state.get();
    return run?.state === 'running' || run?.state === 'stopping';
  }

  /** Shows the dialog: with a load that runs, or with a place to begin with. */
  show(from: { source?: string; connection?: string } = {}): void {
    if (!this.running) {
      const { where, folder } = this.state.get();
      this.state.set({ ...NO_INGEST, where, folder });
    }
    this.state.update({ open: true });
    void this.browse(this.state.get().folder);
    void this._connections();
    if (!this.running && from.connection) {
      this.state.update({ where: 'postgres', connection: from.connection });
      this.look();
    } else if (!this.running && from.source) {
      this.state.update({ where: whereOf(from.source), source: from.source });
      this.look();
    }
  }

  /** A load goes on; a password that was typed is forgotten. */
  hide(): void {
    this._asked?.cancel();
    this._uploading += 1;
    this.state.update({ open: false, password: '', upload: null });
    if (!this.running) {
      const { where, folder } = this.state.get();
      this.state.set({ ...NO_INGEST, where, folder });
    }
  }

  go(where: Where): void {
    this.state.update({
      where,
      source: '',
      connection: '',
      password: '',
      remember: '',
      words: '',
      problem: null,
      plan: null
    });
  }

  change(change: Partial<IngestState>): void {
    this.state.update(change);
    if (this.state.get().plan && ['mode', 'into', 'keep', 'words'].some(name => name in change)) {
      clearTimeout(this._timer);
      this._timer = setTimeout(() => this.look(true), LOOK_AGAIN_MS);
    }
  }

  /** Back to where the data comes from. */
  back(): void {
    this._asked?.cancel();
    clearTimeout(this._timer);
    this.state.update({ plan: null, problem: null, looking: false, run: null, picked: new Set(), into: '', words: '' });
  }

  async browse(folder: string): Promise<void> {
    if (!this._client) {
      return;
    }
    try {
      const frame = await this._client.request('files', { folder }).done;
      this.state.update({
        folder: String(frame.folder),
        files: frame.files as FileEntry[],
        more: frame.more === true,
        filesProblem: ''
      });
    } catch (error) {
      if (folder) {
        await this.browse('');
      } else {
        this.state.update({ files: [], filesProblem: told(error) });
      }
    }
  }

  private async _connections(): Promise<void> {
    const frame = await this._client?.request('connections').done.catch(() => null);
    this.state.update({ connections: (frame?.connections ?? []) as IngestState['connections'] });
  }

  /** Puts a file of the person's own machine into uploads/ of the workspace, then looks at it. */
  async upload(file: { name: string; size: number; slice(from: number, to: number): Blob }): Promise<void> {
    const client = this._client;
    const turn = ++this._uploading;
    if (!client) {
      return;
    }
    this.state.update({ upload: { name: file.name, done: 0, size: file.size }, problem: null });
    let at = 0;
    try {
      for (;;) {
        const bytes = new Uint8Array(await file.slice(at, at + PART).arrayBuffer());
        const last = at + bytes.length >= file.size;
        const frame = await client.request('upload', { name: file.name, at, data: base64(bytes), last }).done;
        if (turn !== this._uploading) {
          if (!last) {
            await client.request('upload', { name: file.name, stop: true }).done.catch(() => undefined);
          }
          return;
        }
        at += bytes.length;
        this.state.update({ upload: { name: file.name, done: at, size: file.size } });
        if (last) {
          this.state.update({ upload: null, source: String(frame.path) });
          this.look();
          void this.browse(this.state.get().folder);
          return;
        }
      }
    } catch (error) {
      if (turn === this._uploading) {
        this.state.update({ upload: null, problem: problemOf(error) });
      }
    }
  }

  stopUpload(): void {
    this._uploading += 1;
    this.state.update({ upload: null });
  }

  private _place(): Record<string, unknown> {
    const { where, connection, source, password, words } = this.state.get();
    const more = words.trim() ? { words: words.trim() } : {};
    if (where === 'postgres' && connection) {
      return { connection, ...more };
    }
    const typed = apart(source.trim());
    return {
      source: typed.address,
      ...more,
      ...(password || typed.password ? { password: password || typed.password } : {})
    };
  }

  private _options(tables: string[] | null): Record<string, unknown> {
    const { into, mode, keep, plan } = this.state.get();
    const one = tables ? tables.length === 1 : plan?.length === 1;
    return {
      mode,
      ...(tables && tables.length < (plan?.length ?? 0) ? { tables } : {}),
      ...(one && into.trim() ? { into: into.trim() } : {}),
      ...(keep ? { rejects: 'keep' } : {})
    };
  }

  /** Asks the source what it has. Nothing is written. `again`: with the options that were chosen meanwhile. */
  look(again = false): void {
    clearTimeout(this._timer);
    const state = this.state.get();
    const typed = apart(state.source.trim());
    if (typed.password) {
      this.state.update({ source: typed.address, password: typed.password });
    }
    if (!this._client || !(state.connection || typed.address)) {
      return;
    }
    this._asked?.cancel();
    this.state.update({ looking: true, problem: null, ...(again ? {} : { plan: null, run: null }) });
    const chosen = again && state.plan!.length > 1 && state.picked.size === 1 ? [...state.picked] : null;
    const options = again ? this._options(chosen) : {};
    const asked = this._client.request('discover', { ...this._place(), options });
    this._asked = asked;
    const mine = (change: Partial<IngestState>): void => {
      if (this._asked === asked) {
        this._asked = null;
        this.state.update({ looking: false, ...change });
      }
    };
    asked.done.then(
      frame => {
        const found = frame.tables as Planned[];
        if (again && chosen) {
          // One of many was looked at again: the others are as they were.
          const plan = this.state.get().plan!.map(one => found.find(other => other.name === one.name) ?? one);
          mine({ plan });
        } else if (again) {
          mine({ plan: found });
        } else {
          const picked = new Set(found.filter(one => !one.error).map(one => one.name));
          mine({ plan: found, picked, answers: String(frame.answers), into: found.length === 1 ? found[0].into : '' });
        }
      },
      error => {
        const problem = problemOf(error);
        mine(problem.code === 'cancelled' ? {} : { problem });
      }
    );
  }

  pick(name: string, on: boolean): void {
    const picked = new Set(this.state.get().picked);
    if (on) {
      picked.add(name);
    } else {
      picked.delete(name);
    }
    const only = picked.size === 1 ? this.state.get().plan?.find(one => picked.has(one.name)) : undefined;
    this.state.update({ picked, into: only ? only.into : '' });
  }

  pickAll(names: string[], on: boolean): void {
    const picked = new Set(this.state.get().picked);
    names.forEach(name => (on ? picked.add(name) : picked.delete(name)));
    this.state.update({ picked });
  }

  /** Loads what is picked. */
  async load(): Promise<void> {
    const { plan, picked, remember, connection } = this.state.get();
    if (!this._client || !plan || !picked.size || this.running) {
      return;
    }
    const place = this._place();
    if (remember.trim() && !connection) {
      try {
        await this._client.request('remember', { ...place, name: remember.trim() }).done;
      } catch (error) {
        this.state.update({ problem: problemOf(error) });
        return;
      }
    }
    const names = plan.filter(one => picked.has(one.name)).map(one => one.name);
    const what = names.length === 1 ? this.state.get().into || names[0] : `${names.length} tables`;
    this._run(what, '', this._client.request('load', { ...place, options: this._options(names) }, this._heard));
  }

  /** Loads a table again from where it came. `password`: where nothing else knows it. */
  reload(key: string, name: string, password = ''): void {
    if (this._client && !this.running) {
      const asked = this._client.request('reload', { table: key, ...(password ? { password } : {}) }, this._heard);
      this._run(name, key, asked);
    }
  }

  stop(): void {
    const { run } = this.state.get();
    if (run?.state === 'running') {
      this.state.update({ run: { ...run, state: 'stopping' } });
      this._loading?.cancel();
    }
  }

  /** The dialog of the load that runs, or that ended unseen. */
  reopen(): void {
    this.state.update({ open: true });
  }

  /** The first rows of what arrived. */
  async sample(table: LoadedTable): Promise<Rows | null> {
    const asked = this._client?.request('rows', { table: table.key, limit: 8 });
    return (await asked?.done.catch(() => null)) as unknown as Rows | null;
  }

  /** The first rows of a load that did not fit. */
  async rejected(table: LoadedTable): Promise<Rows | null> {
    const asked = table.rejects ? this._client?.request('rows', { table: table.rejects, limit: 50 }) : undefined;
    return (await asked?.done.catch(() => null)) as unknown as Rows | null;
  }

  /** What came of the last load has been seen. */
  dismiss(): void {
    if (!this.running) {
      this.state.update({ run: null });
    }
  }

  private _run(what: string, again: string, asked: Pending): void {
    const run: Run = {
      again,
      what,
      state: 'running',
      progress: {},
      began: Date.now(),
      elapsed_s: 0,
      rows: 0,
      tables: [],
      failed: [],
      notices: [],
      problem: null
    };
    this._loading = asked;
    this.state.update({ run, problem: null });
    const end = (change: Partial<Run>): void => {
      if (this._loading === asked) {
        this._loading = null;
        const ended = { ...this.state.get().run!, ...change };
        this.state.update(this.state.get().open ? { run: ended } : { run: ended, password: '' });
        this.onEnd(ended);
      }
    };
    asked.done.then(
      frame =>
        end({
          state: 'done',
          rows: Number(frame.rows),
          elapsed_s: Number(frame.elapsed_s),
          tables: frame.tables as LoadedTable[],
          failed: frame.failed as Run['failed'],
          notices: frame.notices as string[]
        }),
      error => {
        const problem = problemOf(error);
        const elapsed_s = (Date.now() - run.began) / 1000;
        end(problem.code === 'cancelled' ? { state: 'stopped', elapsed_s } : { state: 'failed', problem, elapsed_s });
      }
    );
  }

  private _heard = (frame: Frame): void => {
    const { run } = this.state.get();
    if (run && frame.op === 'progress') {
      const one = frame as unknown as Progress;
      this.state.update({ run: { ...run, progress: { ...run.progress, [one.table]: one } } });
    }
  };
}

/** Which kind of place a source is, by its address alone. */
export function whereOf(source: string): Where {
  if (/^postgres(ql)?:|^(host|dbname|service)=|^PGSERVICE=/i.test(source)) {
    return 'postgres';
  }
  if (/^(https?|s3):\/\//i.test(source)) {
    return 'url';
  }
  return /^(mysql|mariadb):|\.(duckdb|ddb|sqlite3?|db)$/i.test(source) ? 'database' : 'file';
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}
