/** A cell whose SQL failed: what is wrong, and a change that would run. Nothing is applied here. */

import { ourSql } from './cell';
import { Client, Pending } from './client';
import { told } from './data';
import { Swap } from './frames';
import { Store } from './store';

export interface Mended {
  sql: string;
  problem: { code: string; message: string; hint: string } | null;
  raw: string;
  swaps: Swap[];
  fixed: string;
  trial: { rows: number | null; elapsed_s: number } | null;
  planner: string;
  share: string;
  remark: string;
}

export interface MendState {
  step: 'offered' | 'looking' | 'shown';
  /** What the cell said when it failed. */
  error: string;
  found: Mended | null;
  /** Why there is nothing to show. */
  problem: string;
}

/** An output as notebooks keep it. */
interface Output {
  output_type?: unknown;
  ename?: unknown;
  evalue?: unknown;
}

/** What a cell of ours failed with; "": it did not, or somebody stopped it. */
export function failureOf(source: string, outputs: Output[]): string {
  const error = outputs.find(one => one.output_type === 'error');
  const stopped = ['Cancelled', 'KeyboardInterrupt', 'HostLost'].includes(String(error?.ename));
  return error && !stopped && ourSql(source)?.sql.trim() ? String(error.evalue) : '';
}

/** Whether what was found is what the cell failed with: without the notebook's variables SQL may fail with something else. */
export const isSame = (error: string, found: Mended): boolean =>
  found.problem !== null &&
  error.replace(/\s+/g, ' ').includes(found.problem.message.replace(/\s+/g, ' ').slice(0, 60));

export class MendModel {
  readonly state: Store<MendState>;
  private _asked: Pending | null = null;

  constructor(error: string) {
    this.state = new Store<MendState>({ step: 'offered', error, found: null, problem: '' });
  }

  /** `meant`: words of the SQL and what stands for them. `planner`: who is asked instead of our own rules. */
  look(client: Client | null, sql: string, meant: Record<string, string> = {}, planner = ''): void {
    if (!client) {
      this.state.update({ step: 'shown', problem: 'no kernel' });
      return;
    }
    this._asked?.cancel();
    const asked = client.request('fix', { sql, meant, ...(planner ? { planner } : {}) });
    this._asked = asked;
    this.state.update({ step: 'looking', problem: '' });
    asked.done.then(
      frame => this._asked === asked && this.state.update({ step: 'shown', found: frame as unknown as Mended }),
      error => this._asked === asked && this.state.update({ step: 'shown', found: null, problem: told(error) })
    );
  }

  fold(): void {
    this._asked?.cancel();
    this._asked = null;
    this.state.update({ step: 'offered', found: null, problem: '' });
  }
}
