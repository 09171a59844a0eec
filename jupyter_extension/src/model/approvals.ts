/** Changes that wait for a person: what they are, and the word on each. */

import { Client, Pending } from './client';
import { told } from './data';
import { Frame, PanelError } from './frames';
import { Store } from './store';

export interface Approval {
  id: string;
  kind: 'view' | 'table' | 'ingest' | 'semantics' | 'publish' | 'model';
  /** As SQL takes it. */
  target: string;
  /** Names the text that was seen: whoever decides says it. */
  version: string;
  /** What approving runs. */
  sql: string;
  /** What may be edited. */
  body: string;
  diff: string;
  dry_run: string;
  rollback: string;
  question: string;
  planner: string;
  created_at: number;
  expires_at: number;
  status: 'waiting' | 'running' | 'done' | 'failed' | 'rejected' | 'expired';
  /** Of a model that waits: its files are other ones by now, and approving is refused. */
  moved?: boolean;
  /** Of a model that is done: what builds it. */
  build?: Built | null;
  /** What happened last: by whom, when, and their reason. */
  last: { what: string; who: string; at: number; detail: string };
}

export interface Built {
  project: string;
  select: string;
}

/** What a person is doing with one of them. */
export interface Work {
  mode: '' | 'editing' | 'rejecting' | 'approving';
  /** It is on its way to the kernel. */
  busy: boolean;
  text: string;
  problem: string;
}

export interface ApprovalsState {
  /** Newest first; null: not asked for yet. */
  all: Approval[] | null;
  work: Record<string, Work>;
  problem: string;
}

export const NO_APPROVALS: ApprovalsState = { all: null, work: {}, problem: '' };
const IDLE: Work = { mode: '', busy: false, text: '', problem: '' };

export const waiting = (state: ApprovalsState): Approval[] =>
  (state.all ?? []).filter(one => one.status === 'waiting' || one.status === 'running');

export const workOn = (state: ApprovalsState, id: string): Work => state.work[id] ?? IDLE;

/** The name of what changes, without the quotes and the schema that everything has. */
export function nameOf(target: string): string {
  const parts = (target.match(/"(?:[^"]|"")*"|[^.]+/g) ?? [target]).map(one =>
    one.startsWith('"') ? one.slice(1, -1).replace(/""/g, '"') : one
  );
  return (parts.length > 1 && parts[0] === 'main' ? parts.slice(1) : parts).join('.');
}

export interface DiffLine {
  mark: ' ' | '+' | '-';
  text: string;
}

/** What changes of each file, of a unified diff of several. */
export function fileDiffs(diff: string): { name: string; added: boolean; lines: DiffLine[] }[] {
  const found: { name: string; added: boolean; lines: DiffLine[] }[] = [];
  const lines = diff.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    // A line that was taken away may begin with two dashes of its own.
    if (line.startsWith('--- ') && lines[at + 1]?.startsWith('+++ ') && lines[at + 2]?.startsWith('@@ ')) {
      found.push({ name: lines[at + 1].slice(4), added: line === '--- nothing yet', lines: [] });
      at += 2;
    } else if (found.length && !line.startsWith('@@ ')) {
      const mark = line.startsWith('+') ? '+' : line.startsWith('-') ? '-' : ' ';
      found[found.length - 1].lines.push({ mark, text: line.slice(1) });
    }
  }
  return found;
}

/** The file of a model, without its folders and its ending. */
export const modelName = (target: string): string => target.replace(/^.*[\\/]/, '').replace(/\.sql$/, '');

/** The lines of a unified diff, without its heads. */
export function diffLines(diff: string): DiffLine[] {
  const lines = diff.split('\n').filter(one => !/^(---|\+\+\+) |^@@ /.test(one));
  return lines.map(one => ({
    mark: one.startsWith('+') ? '+' : one.startsWith('-') ? '-' : ' ',
    text: one.slice(1)
  }));
}

/** Seconds since 1970 at which one of them expires next; null: none will. */
export const nextEnd = (state: ApprovalsState): number | null =>
  waiting(state).reduce<number | null>(
    (soonest, one) => (soonest === null ? one.expires_at : Math.min(soonest, one.expires_at)),
    null
  );

export class ApprovalsModel {
  readonly state = new Store<ApprovalsState>(NO_APPROVALS);
  private _client: Client | null = null;
  private _approving = new Map<string, Pending>();
  private _timer: ReturnType<typeof setTimeout> | undefined;

  attach(client: Client | null): void {
    this._client = client;
    this.state.set(NO_APPROVALS);
    clearTimeout(this._timer);
    void this.refresh();
  }

  /** Looks again: somebody has proposed, edited or decided, here or elsewhere. */
  async refresh(): Promise<void> {
    const client = this._client;
    if (!client) {
      return;
    }
    try {
      const frame = await client.request('approvals').done;
      if (client === this._client) {
        this.state.update({ all: frame.approvals as Approval[], problem: '' });
        this._wake();
      }
    } catch (error) {
      if (client === this._client) {
        this.state.update({ problem: told(error) });
      }
    }
  }

  approve(one: Approval): void {
    this._decide(one, 'approving', { op: 'approve', approval: one.id, version: one.version });
  }

  /** Ends one that is being run; what it began is taken back. */
  stop(id: string): void {
    this._approving.get(id)?.cancel();
  }

  startReject(one: Approval): void {
    this._work(one.id, { ...IDLE, mode: 'rejecting' });
  }

  reject(one: Approval): void {
    const reason = workOn(this.state.get(), one.id).text.trim();
    this._decide(one, 'rejecting', { op: 'reject', approval: one.id, reason });
  }

  startEdit(one: Approval): void {
    this._work(one.id, { ...IDLE, mode: 'editing', text: one.body });
  }

  type(id: string, text: string): void {
    this._work(id, { ...workOn(this.state.get(), id), text });
  }

  /** Another text in its place: it is tried again and goes on waiting. */
  save(one: Approval): void {
    const { text } = workOn(this.state.get(), one.id);
    this._decide(one, 'editing', { op: 'edit', approval: one.id, version: one.version, sql: text });
  }

  leave(id: string): void {
    this._work(id, IDLE);
  }

  private _decide(one: Approval, mode: Work['mode'], content: { op: string; [name: string]: unknown }): void {
    const client = this._client;
    const before = workOn(this.state.get(), one.id);
    if (!client || before.busy) {
      return;
    }
    const { op, ...rest } = content;
    this._work(one.id, { ...before, mode, busy: true, problem: '' });
    const request = client.request(op, rest);
    if (mode === 'approving') {
      this._approving.set(one.id, request);
    }
    request.done
      .then(
        frame => {
          this._put(frame);
          this._work(one.id, IDLE);
        },
        error => {
          const stopped = error instanceof PanelError && error.code === 'cancelled';
          // What was typed stays, so that it can be mended.
          this._work(one.id, { ...before, busy: false, problem: stopped ? '' : told(error) });
        }
      )
      .finally(() => {
        this._approving.delete(one.id);
        if (client === this._client) {
          void this.refresh();
        }
      });
  }

  private _put(frame: Frame): void {
    const changed = frame.approval as Approval;
    const all = this.state.get().all?.map(one => (one.id === changed.id ? changed : one));
    this.state.update({ all: all ?? [changed] });
  }

  private _work(id: string, work: Work): void {
    this.state.update({ work: { ...this.state.get().work, [id]: work } });
  }

  /** At the moment when the next one expires. */
  private _wake(): void {
    clearTimeout(this._timer);
    const end = nextEnd(this.state.get());
    if (end !== null) {
      const wait = Math.min(end * 1000 - Date.now() + 50, 2 ** 31 - 1);
      this._timer = setTimeout(() => void this.refresh(), Math.max(wait, 1000));
    }
  }
}
