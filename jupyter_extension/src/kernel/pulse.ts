/**
 * Tells a kernel that is slow from one that works: while something is asked, it is pinged, and a ping is answered at
 * once. Code that holds Python's lock for seconds, or a cell before which a kernel without subshells does nothing else,
 * lets nobody answer: that is said, and nothing is taken for dead.
 */

import { Client } from '../model/client';

const EVERY_MS = 1_500;
const PATIENCE_MS = 2_500;

export class Pulse {
  private _client: Client | null = null;
  private _timer = 0;
  private _since = 0;

  constructor(private _tell: (slow: boolean) => void) {}

  /** From now on somebody waits for a kernel, whether a client is there already or not. */
  begin(): void {
    this._stop();
    this._since = Date.now();
    this._timer = window.setInterval(() => this._look(), EVERY_MS / 3);
  }

  /** Null: there is nobody to listen to. */
  watch(client: Client | null): void {
    this._client = client;
    if (!client) {
      this._stop();
      this._tell(false);
    }
  }

  private _stop(): void {
    clearInterval(this._timer);
    this._timer = 0;
  }

  private _look(): void {
    const client = this._client;
    const now = Date.now();
    if (!client) {
      this._tell(now - this._since > PATIENCE_MS);
      return;
    }
    if (!client.waiting) {
      this._tell(false);
      return;
    }
    const quiet = now - Math.max(this._since, client.heardAt, client.waitingSince);
    if (quiet > EVERY_MS) {
      client.ping();
    }
    this._tell(quiet > EVERY_MS + PATIENCE_MS);
  }
}
