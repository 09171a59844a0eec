/** The comm between the sidebar and the kernel of the notebook in front. */

import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Kernel, KernelMessage } from '@jupyterlab/services';

import { Client } from '../model/client';
import { Frame, Hello, PanelError, TARGET } from '../model/frames';
import { Link, NO_LINK } from '../model/link';
import { Store } from '../model/store';

const PYTHON = /^i?python/i;
/** Lab starts the subshell of a comm beside it, and says when in a promise that its interface does not name. */
type CommOverSubshell = Kernel.IComm & { subshellStarted?: Promise<void> };

export class Connection {
  readonly link = new Store<Link>(NO_LINK);
  /** Frames that nobody asked for. */
  onNews: (frame: Frame) => void = () => undefined;

  private _panel: NotebookPanel | null = null;
  private _context: ISessionContext | null = null;
  private _kernel: Kernel.IKernelConnection | null = null;
  private _comm: Kernel.IComm | null = null;
  /** Grows with each attempt, so that what an earlier one still says is not listened to. */
  private _attempt = 0;
  private _mayBeLoaded = false;

  constructor(
    tracker: INotebookTracker,
    private _version: string
  ) {
    tracker.currentChanged.connect((_, panel) => this._follow(panel));
    this._follow(tracker.currentWidget);
  }

  get panel(): NotebookPanel | null {
    return this._panel;
  }

  /** Tries again, where nothing is there yet. */
  retry(): void {
    if (this.link.get().status !== 'ready') {
      void this._attach(this._context?.session?.kernel ?? null);
    }
  }

  private _follow(panel: NotebookPanel | null): void {
    if (panel === this._panel) {
      return;
    }
    if (this._context && !this._context.isDisposed) {
      this._context.kernelChanged.disconnect(this._kernelChanged, this);
      this._context.statusChanged.disconnect(this._statusChanged, this);
    }
    this._panel = panel;
    this._context = panel?.sessionContext ?? null;
    this._context?.kernelChanged.connect(this._kernelChanged, this);
    this._context?.statusChanged.connect(this._statusChanged, this);
    void this._attach(this._context?.session?.kernel ?? null);
  }

  private _kernelChanged(): void {
    void this._attach(this._context?.session?.kernel ?? null);
  }

  private _statusChanged(_: ISessionContext, status: Kernel.Status): void {
    const link = this.link.get();
    if (status === 'restarting' || status === 'autorestarting') {
      this._leave(new PanelError('restarted', 'The kernel was restarted.'));
      this.link.set({ ...NO_LINK, status: 'restarting', name: this._name() });
    } else if (status === 'dead' && link.status !== 'dead') {
      this._leave(new PanelError('dead', 'The kernel is gone.'));
      this.link.set({ ...NO_LINK, status: 'dead', name: this._name() });
    } else if (status === 'idle' && (link.status === 'restarting' || link.status === 'dead')) {
      void this._attach(this._context?.session?.kernel ?? null);
    }
  }

  private _name(): string {
    return this._panel?.title.label ?? '';
  }

  private _leave(error: PanelError): void {
    this._attempt += 1;
    const comm = this._comm;
    this._comm = null;
    this._kernel?.iopubMessage.disconnect(this._heard, this);
    this.link.get().client?.close(error);
    if (comm && !comm.isDisposed && this._kernel && !this._kernel.isDisposed && error.code === 'left') {
      comm.close();
    }
  }

  private async _attach(kernel: Kernel.IKernelConnection | null): Promise<void> {
    this._leave(new PanelError('left', 'The notebook in front is another one.'));
    const attempt = this._attempt;
    this._kernel = kernel;
    this._mayBeLoaded = false;
    if (!kernel) {
      this.link.set({ ...NO_LINK, name: this._name() });
      return;
    }
    this.link.set({ ...NO_LINK, status: 'connecting', name: this._name() });
    kernel.iopubMessage.connect(this._heard, this);
    try {
      const info = await kernel.info;
      if (attempt !== this._attempt) {
        return;
      }
      if (!PYTHON.test(info.language_info.name)) {
        this.link.update({ status: 'foreign' });
        return;
      }
      await this._open(kernel, attempt);
    } catch (error) {
      if (attempt === this._attempt) {
        const told = error instanceof PanelError ? error : new PanelError('', String(error));
        const status = told.code === 'closed' ? 'not-loaded' : 'protocol' in told.facts ? 'mismatch' : 'failed';
        this.link.update({ status, client: null, problem: [told.message, told.hint].filter(Boolean).join(' ') });
      }
    }
  }

  private async _open(kernel: Kernel.IKernelConnection, attempt: number): Promise<void> {
    const subshell = kernel.supportsSubshells && kernel.commsOverSubshells !== 'disabled';
    const comm: CommOverSubshell = kernel.createComm(TARGET);
    // Opened at once, it would go to the main shell and wait behind the running cell.
    if (subshell && comm.subshellStarted) {
      await comm.subshellStarted;
    }
    if (attempt !== this._attempt || kernel.isDisposed) {
      comm.dispose();
      return;
    }
    const client = new Client(
      frame => void comm.send(frame as never),
      frame => this.onNews(frame)
    );
    comm.onMsg = message =>
      client.receive({ ...(message.content.data as unknown as Frame), buffers: message.buffers ?? [] });
    comm.onClose = () => {
      client.close(new PanelError('closed', 'pluto_duck is not loaded in this kernel.'));
      if (attempt === this._attempt) {
        this._comm = null;
        this.link.update({ status: 'not-loaded', client: null, hello: null });
      }
    };
    this._comm = comm;
    this.link.update({ subshell });
    comm.open();
    const hello = (await client.request('hello', { version: this._version }).done) as unknown as Hello;
    if (attempt === this._attempt) {
      this.link.update({ status: 'ready', client, hello, problem: '' });
    }
  }

  /** Whether a cell runs (comms make a kernel busy, too), and whether one has loaded the extension. */
  private _heard(_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void {
    if ((message.parent_header as { msg_type?: string }).msg_type !== 'execute_request') {
      return;
    }
    if (KernelMessage.isExecuteInputMsg(message)) {
      this._mayBeLoaded ||= /pluto_duck|%run/.test(message.content.code);
    } else if (KernelMessage.isStatusMsg(message)) {
      const busy = message.content.execution_state === 'busy';
      if (busy !== this.link.get().busy) {
        this.link.update({ busy });
      }
      if (!busy && this._mayBeLoaded && this.link.get().status === 'not-loaded') {
        this.retry();
      }
    }
  }
}
