/** The wire without a kernel: each request is a POST to the Jupyter server, answered by a stream of frames. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { UUID } from '@lumino/coreutils';

import { Client } from '../model/client';
import { Frame, PanelError, VERSION } from '../model/frames';
import { follow } from '../model/sse';
import { Wire } from '../model/wire';

/** A browser keeps six connections to a server; Lab needs some of them, and the news hold one. */
const AT_ONCE = 3;

/** A workspace that the server may serve. */
export interface Place {
  name: string;
  folder: string;
}

interface Problem {
  title?: string;
  detail?: string;
  code?: string;
  hint?: string;
  facts?: Record<string, unknown>;
}

export class ServerWire implements Wire {
  readonly client: Client;
  private _id = UUID.uuid4();
  private _over = new AbortController();
  private _waiting: Frame[] = [];
  private _going = 0;

  constructor(
    readonly place: Place,
    private _settings: ServerConnection.ISettings,
    private _onNews: (frame: Frame) => void,
    /** The server is gone, or does not want to. */
    private _onClosed: (error: PanelError) => void
  ) {
    this.client = new Client(frame => this._take(frame), _onNews);
    void this._listen();
  }

  /** The workspaces that there are, the default one first. */
  static async places(settings: ServerConnection.ISettings): Promise<Place[]> {
    const answer = await fetched(settings, 'workspaces', {});
    return ((await answer.json()) as { workspaces: Place[] }).workspaces;
  }

  close(error: PanelError): void {
    this._waiting = [];
    this.client.close(error);
    this._over.abort();
  }

  private get _address(): string {
    return `panel?client=${this._id}&workspace=${encodeURIComponent(this.place.name)}`;
  }

  private async _listen(): Promise<void> {
    try {
      const answer = await fetched(this._settings, this._address, { signal: this._over.signal });
      await follow(answer, data => this._onNews(JSON.parse(data) as Frame));
      throw new PanelError('away', 'The Jupyter server does not answer.');
    } catch (error) {
      if (!this._over.signal.aborted) {
        this._onClosed(error instanceof PanelError ? error : new PanelError('away', String(error)));
      }
    }
  }

  private _take(frame: Frame): void {
    if (frame.op === 'cancel') {
      // What has not been sent yet need not be stopped there.
      const waiting = this._waiting.findIndex(one => one.id === frame.target);
      if (waiting >= 0) {
        const [never] = this._waiting.splice(waiting, 1);
        this._fail(never, new PanelError('cancelled', 'Stopped.'));
      }
      void this._post(frame);
    } else {
      this._waiting.push(frame);
      this._next();
    }
  }

  private _next(): void {
    while (this._going < AT_ONCE && this._waiting.length) {
      this._going += 1;
      void this._post(this._waiting.shift()!).then(() => {
        this._going -= 1;
        this._next();
      });
    }
  }

  private async _post(frame: Frame): Promise<void> {
    let ended = false;
    try {
      const init = { method: 'POST', body: JSON.stringify(frame), signal: this._over.signal };
      await follow(await fetched(this._settings, this._address, init), data => {
        const reply = JSON.parse(data) as Frame;
        ended ||= !!reply.end;
        this.client.receive(reply.buffers ? { ...reply, buffers: reply.buffers.map(decoded) } : reply);
      });
      if (!ended) {
        throw new PanelError('away', 'The Jupyter server went away in the middle of this.');
      }
    } catch (error) {
      if (!this._over.signal.aborted) {
        this._fail(frame, error instanceof PanelError ? error : new PanelError('away', String(error)));
      }
    }
  }

  private _fail(frame: Frame, error: PanelError): void {
    const { code, message, hint, facts } = error;
    this.client.receive({ v: VERSION, op: 'error', re: frame.id as number, end: true, code, message, hint, facts });
  }
}

/** JSON can't carry bytes as they are. */
const decoded = (one: unknown): Uint8Array => Uint8Array.from(atob(String(one)), letter => letter.charCodeAt(0));

/** Raises a PanelError for all but a good answer: with the code `away` where nobody answers, `none` where no pluto-duck. */
async function fetched(settings: ServerConnection.ISettings, path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    const url = URLExt.join(settings.baseUrl, 'api/v1', path);
    answer = await ServerConnection.makeRequest(url, init, settings);
  } catch (error) {
    if (error instanceof ServerConnection.NetworkError) {
      throw new PanelError('away', 'The Jupyter server does not answer.');
    }
    throw error;
  }
  if (answer.ok) {
    return answer;
  }
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  const ours = answer.headers.get('Content-Type')?.startsWith('application/problem+json');
  throw new PanelError(
    ours ? (problem.code ?? 'http') : 'none',
    problem.detail ?? problem.title ?? `The Jupyter server answered with ${answer.status}.`,
    problem.hint,
    problem.facts
  );
}
