/** A kernel that answers from a list: what the model is tested against. */

import { Client } from '../src/model/client';
import { Frame } from '../src/model/frames';

export class FakeKernel {
  readonly sent: Frame[] = [];
  readonly client = new Client(frame => this.sent.push(frame));

  last(op: string): Frame {
    const found = this.sent.filter(one => one.op === op).pop();
    if (!found) {
      throw new Error(`nothing was asked with ${op}`);
    }
    return found;
  }

  reply(op: string, to: Frame & { id?: unknown }, content: Record<string, unknown> = {}, end = true): void {
    this.client.receive({ v: 1, op, re: to.id as number, ...content, ...(end ? { end: true } : {}) });
  }
}

/** Until what was resolved has been told. */
export const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve));
