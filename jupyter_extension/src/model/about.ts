/** What is known of a table beside its columns: where it comes from, what hangs on it, how good it is. */

import { Client } from './client';
import { told } from './data';
import { Store } from './store';

/** Another table, or what feeds or reads one. */
export interface Neighbour {
  id: string;
  kind: string;
  name: string;
  by: string;
  /** Its key, where it is a table of the workspace. */
  table: string;
}

export interface WrongCheck {
  name: string;
  kind: string;
  status: string;
  failing: number | null;
  says: string;
  /** SQL that shows the rows. */
  sample: string;
}

export interface Scan {
  source: string;
  at: string;
  score: number;
  counts: Record<string, number>;
  wrong: WrongCheck[];
}

export interface Details {
  up: Neighbour[];
  down: Neighbour[];
  more: boolean;
  made: { kind: string; name: string; materialized: string; path: string; folder: string } | null;
  loaded: { at: string; age_s: number; rows: number; mode: string; source: string } | null;
  scans: Scan[];
}

export interface Health {
  score: number;
  passed: number;
  warned: number;
  failed: number;
}

export interface Effect {
  id: string;
  kind: string;
  name: string;
  what: 'refused' | 'breaks' | 'fails next' | 'may break' | 'loses' | 'stale';
  columns: string[];
  why: string;
}

export interface Impact {
  table: string;
  column: string;
  name: string;
  /** Null while it is looked for. */
  effects: Effect[] | null;
  problem: string;
}

export interface AboutState {
  details: Record<string, Details>;
  health: Record<string, Health>;
  impact: Impact | null;
}

export const NOTHING_KNOWN: AboutState = { details: {}, health: {}, impact: null };

/** Of all the checks of a table, whoever ran them. */
export function countsOf(scans: Scan[]): Record<'passed' | 'warned' | 'failed', number> {
  const sum = (name: string): number => scans.reduce((all, one) => all + (one.counts[name] ?? 0), 0);
  return { passed: sum('passed'), warned: sum('warned'), failed: sum('failed') + sum('broken') };
}

export class AboutModel {
  readonly state = new Store<AboutState>(NOTHING_KNOWN);
  private _client: Client | null = null;
  private _root = '';
  private _asking = new Set<string>();

  attach(client: Client | null, root: string): void {
    this._client = client;
    this._asking.clear();
    if (client && root !== this._root) {
      this._root = root;
      this.state.set(NOTHING_KNOWN);
    }
    if (client) {
      void this.look();
    }
  }

  /** How the last checks of all tables came out. What was seen of `open` tables is looked at again. */
  async look(open: Iterable<string> = []): Promise<void> {
    const keys = [...open];
    const kept = { ...this.state.get().details };
    Object.keys(kept).forEach(key => keys.includes(key) || delete kept[key]);
    this.state.update({ details: kept });
    keys.forEach(key => void this.of(key, true));
    const client = this._client;
    const frame = await client?.request('states').done.catch(() => null);
    if (frame && client === this._client) {
      this.state.update({ health: frame.states as AboutState['health'] });
    }
  }

  /** Looks at a table, once; `again`: although it was looked at. */
  async of(key: string, again = false): Promise<void> {
    const client = this._client;
    if (!client || this._asking.has(key) || (!again && this.state.get().details[key])) {
      return;
    }
    this._asking.add(key);
    const frame = await client.request('details', { table: key }).done.catch(() => null);
    if (client === this._client) {
      this._asking.delete(key);
      if (frame) {
        this.state.update({ details: { ...this.state.get().details, [key]: frame as unknown as Details } });
      }
    }
  }

  /** What would break without a table, or without one of its columns. */
  async without(table: string, column: string, name: string): Promise<void> {
    const asked: Impact = { table, column, name, effects: null, problem: '' };
    this.state.update({ impact: asked });
    const end = (change: Partial<Impact>): void => {
      const { impact } = this.state.get();
      if (impact?.table === table && impact.column === column) {
        this.state.update({ impact: { ...impact, ...change } });
      }
    };
    try {
      const frame = await this._client?.request('impact', { table, ...(column ? { column } : {}) }).done;
      end({ effects: (frame?.effects ?? []) as Effect[] });
    } catch (error) {
      end({ problem: told(error), effects: [] });
    }
  }

  seen(): void {
    this.state.update({ impact: null });
  }

  /** The picture, the same in words, and what stands in it. */
  async picture(table: string, column = ''): Promise<{ svg: string; text: string; nodes: Neighbour[] }> {
    const asked = this._client?.request('picture', { table, ...(column ? { column } : {}) });
    const frame = await asked?.done;
    return {
      svg: String(frame?.svg ?? ''),
      text: String(frame?.text ?? ''),
      nodes: (frame?.nodes ?? []) as Neighbour[]
    };
  }
}

/** A picture with the colours of a theme: as an image it knows nothing of the page around it. */
export const coloured = (svg: string, colour: (name: string) => string): string =>
  svg.replace(/var\((--jp-[\w-]+),\s*([^()]+)\)/g, (_, name: string, otherwise: string) => colour(name) || otherwise);
