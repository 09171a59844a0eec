/** What runs by itself: when next, how it went, and the words that pause it, go on with it and run it now. */

import { Client } from './client';
import { told } from './data';
import { Frame } from './frames';
import { Store } from './store';

export interface Schedule {
  id: string;
  name: string;
  cron: string;
  zone: string;
  /** The verb and its arguments. */
  text: string;
  only_if: string;
  /** `disabled`: it was not made by this user on this machine. */
  state: 'active' | 'paused' | 'disabled';
  next_at: string | null;
  last: { state: FiringState; at: string | null; error: string; hint: string } | null;
}

export type FiringState = 'queued' | 'running' | 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'skipped';

export interface SchedulesState {
  schedules: Schedule[] | null;
  /** Whether any process runs what is due. */
  somebody: boolean;
  problem: string;
}

/** While one is about to run, or runs. */
export const LOOK_MS = 2_000;

export class SchedulesModel {
  readonly state = new Store<SchedulesState>({ schedules: null, somebody: true, problem: '' });

  constructor(private _client: () => Client | null) {}

  get busy(): boolean {
    return (this.state.get().schedules ?? []).some(
      one => one.last?.state === 'queued' || one.last?.state === 'running'
    );
  }

  refresh(): Promise<void> {
    return this._ask('schedules');
  }

  act(one: Schedule, act: 'pause' | 'resume' | 'run'): Promise<void> {
    return this._ask('set_schedule', { schedule: one.name, act });
  }

  private async _ask(op: string, content: Record<string, unknown> = {}): Promise<void> {
    try {
      const frame: Frame | undefined = await this._client()?.request(op, content).done;
      if (frame) {
        const schedules = frame.schedules as Schedule[];
        this.state.set({ schedules, somebody: frame.somebody_runs === true, problem: '' });
      }
    } catch (error) {
      this.state.update({ problem: told(error) });
    }
  }
}
