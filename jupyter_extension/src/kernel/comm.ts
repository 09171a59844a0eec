/** The wire to a kernel: a comm, over a subshell where the kernel has them. */

import { Kernel } from '@jupyterlab/services';

import { Client } from '../model/client';
import { Frame, PanelError, TARGET } from '../model/frames';
import { Wire } from '../model/wire';

/** Lab starts the subshell of a comm beside it, and says when in a promise that its interface does not name. */
type CommOverSubshell = Kernel.IComm & { subshellStarted?: Promise<void> };
type Buffers = (ArrayBuffer | ArrayBufferView)[] | undefined;

const bytes = (one: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(one) ? new Uint8Array(one.buffer, one.byteOffset, one.byteLength) : new Uint8Array(one);

export const hasSubshells = (kernel: Kernel.IKernelConnection): boolean =>
  kernel.supportsSubshells && kernel.commsOverSubshells !== 'disabled';

export class CommWire implements Wire {
  readonly client: Client;
  private _closed = false;

  /** `onClosed`: the kernel's side closed it, which it also does at once where pluto_duck is not loaded. */
  constructor(
    private _comm: Kernel.IComm,
    onNews: (frame: Frame) => void,
    onClosed: () => void
  ) {
    this.client = new Client(frame => void this._comm.send(frame as never), onNews);
    _comm.onMsg = message => {
      const buffers = (message.buffers as Buffers)?.map(bytes);
      const frame = message.content.data as unknown as Frame;
      this.client.receive(buffers?.length ? { ...frame, buffers } : frame);
    };
    _comm.onClose = () => {
      if (!this._closed) {
        this._closed = true;
        this.client.close(new PanelError('closed', 'pluto_duck is not loaded in this kernel.'));
        onClosed();
      }
    };
  }

  /** Null where it is not wanted any more once the kernel is ready for it. */
  static async open(
    kernel: Kernel.IKernelConnection,
    wanted: () => boolean,
    onNews: (frame: Frame) => void,
    onClosed: () => void
  ): Promise<CommWire | null> {
    const comm: CommOverSubshell = kernel.createComm(TARGET);
    // Opened at once, it would go to the main shell and wait behind the running cell.
    if (hasSubshells(kernel) && comm.subshellStarted) {
      await comm.subshellStarted;
    }
    if (!wanted() || kernel.isDisposed) {
      comm.dispose();
      return null;
    }
    const wire = new CommWire(comm, onNews, onClosed);
    comm.open();
    return wire;
  }

  close(error: PanelError): void {
    this._closed = true;
    this.client.close(error);
    // A kernel that restarts or died has forgotten its comms.
    if (!this._comm.isDisposed && error.code === 'left') {
      this._comm.close();
    }
  }
}
