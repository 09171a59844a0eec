/** Which wire there is now: to the kernel of the notebook in front, else to the Jupyter server. */

import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Kernel, KernelMessage, ServerConnection } from '@jupyterlab/services';

import { Frame, Hello, PanelError } from '../model/frames';
import { Link, NO_LINK, Reason } from '../model/link';
import { Store } from '../model/store';
import { Wire } from '../model/wire';
import { CommWire, hasSubshells } from './comm';
import { infoOf } from './info';
import { Pulse } from './pulse';
import { Place, ServerWire } from './server';

const PYTHON = /^i?python/i;
/** How often a server that went away is looked for. */
const AGAIN_MS = 2_000;
/** How long it is told that the kernel answers again. */
const BACK_MS = 8_000;

export class Connection {
  readonly link = new Store<Link>(NO_LINK);
  /** Frames that nobody asked for. */
  onNews: (frame: Frame) => void = () => undefined;

  private _panel: NotebookPanel | null = null;
  private _context: ISessionContext | null = null;
  private _kernel: Kernel.IKernelConnection | null = null;
  private _wire: Wire | null = null;
  /** Grows with each attempt, so that what an earlier one still says is not listened to. */
  private _attempt = 0;
  private _mayBeLoaded = false;
  /** Whether a panel is in sight: before, no server is asked to open a workspace. */
  private _wanted = false;
  /** The folder of the workspace that was shown last, and the one that was chosen. */
  private _root = '';
  /** The server has answered since a kernel did. */
  private _wasServed = false;
  private _timer = 0;
  private _pulse = new Pulse(slow => slow !== this.link.get().slow && this.link.update({ slow }));

  constructor(
    tracker: INotebookTracker,
    private _version: string,
    private _settings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {
    tracker.currentChanged.connect((_, panel) => this._follow(panel));
    this._follow(tracker.currentWidget);
  }

  get panel(): NotebookPanel | null {
    return this._panel;
  }

  /** A panel came into sight, with Lab's layout restored: it shows what there is, also without a kernel. */
  want(): void {
    if (!this._wanted) {
      this._wanted = true;
      const { status } = this.link.get();
      if (status === 'no-kernel' || status === 'dead' || status === 'foreign') {
        this._withoutKernel(status);
      }
    }
  }

  /** Tries again, where nothing is there yet. */
  retry(): void {
    const { status, via } = this.link.get();
    if (status === 'ready') {
      return;
    }
    if (via === 'server') {
      this._withoutKernel(this.link.get().reason);
    } else {
      void this._attach(this._context?.session?.kernel ?? null);
    }
  }

  /** Without a kernel: another workspace of those that the server may serve. */
  choose = (folder: string): void => {
    this._root = folder;
    if (this.link.get().via === 'server') {
      this._withoutKernel(this.link.get().reason);
    }
  };

  private _follow(panel: NotebookPanel | null): void {
    if (panel === this._panel) {
      return;
    }
    if (this._context && !this._context.isDisposed) {
      this._context.kernelChanged.disconnect(this._kernelChanged, this);
      this._context.statusChanged.disconnect(this._statusChanged, this);
      this._context.connectionStatusChanged.disconnect(this._lineChanged, this);
    }
    this._panel = panel;
    this._context = panel?.sessionContext ?? null;
    this._context?.kernelChanged.connect(this._kernelChanged, this);
    this._context?.statusChanged.connect(this._statusChanged, this);
    this._context?.connectionStatusChanged.connect(this._lineChanged, this);
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
    } else if (status === 'dead' && link.reason !== 'dead') {
      this._leave(new PanelError('dead', 'The kernel is gone.'));
      this._withoutKernel('dead');
    } else if (status === 'idle' && (link.status === 'restarting' || link.reason === 'dead')) {
      void this._attach(this._context?.session?.kernel ?? null);
    }
  }

  /** The line to the server broke, and came back: what was sent meanwhile may be lost. */
  private _lineChanged(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    const link = this.link.get();
    if (status === 'connected' && link.status === 'away' && link.via === 'kernel') {
      void this._attach(this._context?.session?.kernel ?? null);
    } else if (status !== 'connected' && link.status === 'ready' && link.via === 'kernel') {
      this._leave(new PanelError('away', 'The Jupyter server does not answer.'));
      this.link.set({ ...NO_LINK, status: 'away', name: this._name() });
    }
  }

  private _name(): string {
    return this._panel?.title.label ?? '';
  }

  private _leave(error: PanelError): void {
    this._attempt += 1;
    clearTimeout(this._timer);
    const wire = this._wire;
    this._wire = null;
    this._pulse.watch(null);
    this._kernel?.iopubMessage.disconnect(this._heard, this);
    wire?.close(this._kernel?.isDisposed && error.code === 'left' ? new PanelError('dead', error.message) : error);
  }

  private async _attach(kernel: Kernel.IKernelConnection | null): Promise<void> {
    this._leave(new PanelError('left', 'The notebook in front is another one.'));
    const attempt = this._attempt;
    this._kernel = kernel;
    this._mayBeLoaded = false;
    if (!kernel) {
      await this._noKernelYet(attempt);
      return;
    }
    this.link.set({ ...NO_LINK, status: 'connecting', name: this._name() });
    kernel.iopubMessage.connect(this._heard, this);
    this._pulse.begin();
    try {
      const info = await infoOf(kernel);
      if (attempt !== this._attempt) {
        return;
      }
      if (!PYTHON.test(info.language_info.name)) {
        this._withoutKernel('foreign');
        return;
      }
      await this._open(kernel, attempt);
    } catch (error) {
      if (attempt === this._attempt) {
        this._pulse.watch(null);
        const told = error instanceof PanelError ? error : new PanelError('', String(error));
        const status = told.code === 'closed' ? 'not-loaded' : 'protocol' in told.facts ? 'mismatch' : 'failed';
        this.link.update({ status, client: null, problem: [told.message, told.hint].filter(Boolean).join(' ') });
      }
    }
  }

  /** A notebook that Lab has just opened has a kernel in a moment: nothing is said before. */
  private async _noKernelYet(attempt: number): Promise<void> {
    const context = this._context;
    if (context && !context.isReady && !context.isDisposed) {
      this.link.set({ ...NO_LINK, status: 'connecting', name: this._name() });
      await context.ready.catch(() => undefined);
      if (attempt !== this._attempt || context.session?.kernel) {
        return;
      }
    }
    this._withoutKernel('no-kernel');
  }

  private async _open(kernel: Kernel.IKernelConnection, attempt: number): Promise<void> {
    const wanted = (): boolean => attempt === this._attempt;
    this.link.update({ subshell: hasSubshells(kernel) });
    const wire = await CommWire.open(kernel, wanted, this._news(wanted), () => {
      if (wanted()) {
        this._wire = null;
        this._pulse.watch(null);
        this.link.update({ status: 'not-loaded', client: null, hello: null });
      }
    });
    if (!wire) {
      return;
    }
    this._wire = wire;
    this._pulse.watch(wire.client);
    const hello = (await wire.client.request('hello', { version: this._version }).done) as unknown as Hello;
    if (wanted()) {
      this._root = hello.workspace.root;
      const back = this._wasServed;
      this._wasServed = false;
      this.link.update({ status: 'ready', client: wire.client, hello, problem: '', slow: false, back });
      if (back) {
        this._timer = window.setTimeout(() => this.link.update({ back: false }), BACK_MS);
      }
    }
  }

  private _news =
    (wanted: () => boolean) =>
    (frame: Frame): void => {
      if (!wanted()) {
        return;
      }
      const { hello } = this.link.get();
      if (frame.op === 'status') {
        const told = frame.hello as Partial<Hello>;
        if (hello && told.workspace && told.workspace.root !== hello.workspace.root) {
          // The cells have gone to another workspace: nothing that was shown is true there.
          void this._attach(this._kernel);
        } else if (hello) {
          this.link.update({ hello: { ...hello, ...told, workspace: hello.workspace } });
        }
      } else {
        this.onNews(frame);
      }
    };

  /** The panels go on over the Jupyter server. */
  private _withoutKernel(reason: Reason): void {
    this._leave(new PanelError('left', 'Another one answers now.'));
    const attempt = this._attempt;
    const seen = this.link.get();
    const places = seen.places;
    this.link.set({ ...NO_LINK, status: reason, reason, name: this._name() });
    if (!this._wanted) {
      return;
    }
    this.link.update({ via: 'server', status: 'connecting', places });
    void this._serve(attempt, reason).catch(error => {
      if (attempt === this._attempt) {
        const told = error instanceof PanelError ? error : new PanelError('', String(error));
        this._served(attempt, reason, told);
      }
    });
  }

  private async _serve(attempt: number, reason: Reason): Promise<void> {
    const wanted = (): boolean => attempt === this._attempt;
    const places = await ServerWire.places(this._settings);
    if (!wanted()) {
      return;
    }
    const place: Place = places.find(one => one.folder === this._root) ?? places[0];
    // Whoever saw another workspace a moment ago must not take this one for it.
    const other = this._root && place.folder !== this._root ? this._root : '';
    const wire = new ServerWire(place, this._settings, this._news(wanted), error =>
      this._served(attempt, reason, error)
    );
    this._wire = wire;
    const hello = (await wire.client.request('hello', { version: this._version }).done) as unknown as Hello;
    if (wanted()) {
      hello.workspace.name = place.name;
      this._wasServed = true;
      this.link.update({
        status: 'ready',
        client: wire.client,
        hello,
        places,
        other,
        problem: '',
        choose: this.choose
      });
    }
  }

  /** It went away, or can't. */
  private _served(attempt: number, reason: Reason, error: PanelError): void {
    if (attempt !== this._attempt) {
      return;
    }
    this._leave(error);
    const { places } = this.link.get();
    const base = { ...NO_LINK, reason, places, name: this._name(), via: 'server' as const };
    const problem = [error.message, error.hint].filter(Boolean).join(' ');
    if (error.code === 'away') {
      this.link.set({ ...base, status: 'away' });
      this._timer = window.setTimeout(() => this._withoutKernel(reason), AGAIN_MS);
    } else if (error.code === 'none') {
      this.link.set({ ...base, via: 'kernel', status: reason, problem });
    } else {
      this.link.set({ ...base, status: 'protocol' in error.facts ? 'mismatch' : 'failed', problem });
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
