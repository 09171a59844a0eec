/** What the workspace is at work on, whichever notebook, shell or server asked. */

import { Client } from './client';
import { told } from './data';
import { Frame } from './frames';
import { Store } from './store';

export interface Statement {
  id: string;
  /** Who runs it: `notebook /home/me/delays.ipynb`, `sidebar`. */
  label: string;
  role: string;
  pid: number;
  sql: string;
  elapsed_s: number;
  /** Percent; -1: not known. */
  progress: number;
}

export interface ActivityState {
  /** The oldest first. */
  statements: Statement[];
  /** When they were told of, by this machine's clock in milliseconds. */
  at: number;
  /** Ids of those that were asked to stop. */
  stopping: ReadonlySet<string>;
  problem: string;
}

export const NO_ACTIVITY: ActivityState = { statements: [], at: 0, stopping: new Set(), problem: '' };

/** The one that a person most likely waits for: of a notebook or a shell rather than of the sidebar, which shows its own. */
export const foremost = (statements: Statement[]): Statement | undefined =>
  statements.find(one => one.label !== 'sidebar') ?? statements[0];

/** Seconds since it began, by now. */
export const age = (one: Statement, at: number, now: number): number => one.elapsed_s + Math.max(0, now - at) / 1000;

/** "4.2 s", "42 s", "3 min 5 s": calm enough to be looked at while it grows. */
export function clock(seconds: number): string {
  if (seconds < 10) {
    return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  }
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A label without the folders of its path. */
export function shortLabel(label: string): string {
  const slash = label.indexOf('/');
  const name = label.slice(label.lastIndexOf('/') + 1);
  return slash < 0 || !name ? label : label.slice(0, label.lastIndexOf(' ', slash) + 1) + name;
}

export class ActivityModel {
  readonly state = new Store<ActivityState>(NO_ACTIVITY);
  /** Told of who has the database open. */
  onHosting: (hosting: string) => void = () => undefined;
  private _client: Client | null = null;

  constructor(private _now: () => number = Date.now) {}

  attach(client: Client | null): void {
    this._client = client;
    this.state.set(NO_ACTIVITY);
    client?.request('running').done.then(
      frame => this._client === client && this.news(frame),
      () => undefined // a kernel of before this was there: nothing is known
    );
  }

  /** What the kernel says runs now. */
  news(frame: Frame): void {
    const statements = (frame.statements ?? []) as Statement[];
    const there = new Set(statements.map(one => one.id));
    const stopping = new Set([...this.state.get().stopping].filter(one => there.has(one)));
    this.state.set({ ...this.state.get(), statements, stopping, at: this._now() });
    if (typeof frame.hosting === 'string') {
      this.onHosting(frame.hosting);
    }
  }

  stop(id: string): void {
    const client = this._client;
    if (!client || this.state.get().stopping.has(id)) {
      return;
    }
    this.state.update({ stopping: new Set([...this.state.get().stopping, id]), problem: '' });
    client.request('stop', { statement: id }).done.then(
      frame => this._client === client && this.news(frame),
      error => {
        const stopping = new Set(this.state.get().stopping);
        stopping.delete(id);
        this.state.update({ stopping, problem: told(error) });
      }
    );
  }
}
