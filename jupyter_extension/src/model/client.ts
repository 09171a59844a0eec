/** Requests over a channel of frames: each has a number, and ends with exactly one last frame or an error. */

import { Frame, PanelError, VERSION } from './frames';

export interface Pending {
  readonly id: number;
  /** Its last frame. Rejects with a PanelError. */
  readonly done: Promise<Frame>;
  /** Asks the kernel to stop it; `done` rejects with the code `cancelled` when it has. */
  cancel(): void;
}

interface Open {
  onFrame?: (frame: Frame) => void;
  resolve: (frame: Frame) => void;
  reject: (error: PanelError) => void;
}

export class Client {
  private _open = new Map<number, Open>();
  private _next = 1;
  private _closed: PanelError | null = null;
  /** When a frame came last, and when the first of what is open was asked: in ms as Date has them. */
  heardAt = 0;
  waitingSince = 0;
  private _pinged = false;

  constructor(
    private _send: (frame: Frame) => void,
    private _onNews: (frame: Frame) => void = () => undefined
  ) {}

  /** `onFrame` is given every frame of the request but the last one. */
  request(op: string, content: Record<string, unknown> = {}, onFrame?: (frame: Frame) => void): Pending {
    const id = this._next++;
    const done = new Promise<Frame>((resolve, reject) => {
      if (this._closed) {
        reject(this._closed);
        return;
      }
      if (!this._open.size) {
        this.waitingSince = Date.now();
      }
      this._open.set(id, { onFrame, resolve, reject });
      try {
        this._send({ v: VERSION, op, id, ...content });
      } catch (error) {
        this._open.delete(id);
        reject(new PanelError('gone', String(error)));
      }
    });
    return { id, done, cancel: () => this._cancel(id) };
  }

  /** Whether something is asked that has not ended. */
  get waiting(): boolean {
    return this._open.size > 0;
  }

  /** Asks for a sign of life, one at a time; an answer of whatever kind is one. */
  ping(): void {
    if (!this._pinged && !this._closed) {
      this._pinged = true;
      try {
        this._send({ v: VERSION, op: 'ping', id: this._next++ });
      } catch {
        // whoever has the channel will close this client
      }
    }
  }

  receive(frame: Frame): void {
    this.heardAt = Date.now();
    this._pinged = false;
    const open = frame.re === undefined ? undefined : this._open.get(frame.re);
    if (frame.re === undefined) {
      this._onNews(frame);
    } else if (!open) {
      return; // late: of a request that was given up
    } else if (!frame.end) {
      open.onFrame?.(frame);
    } else {
      this._open.delete(frame.re);
      if (frame.op === 'error') {
        open.reject(PanelError.of(frame));
      } else {
        open.resolve(frame);
      }
    }
  }

  /** The other side went away: whatever is open ends with this error. */
  close(error: PanelError): void {
    this._closed = error;
    const open = [...this._open.values()];
    this._open.clear();
    open.forEach(one => one.reject(error));
  }

  private _cancel(id: number): void {
    if (!this._closed && this._open.has(id)) {
      this.request('cancel', { target: id }).done.catch(() => undefined);
    }
  }
}
