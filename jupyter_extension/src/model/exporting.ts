/** Rows as a file: of the workspace, or of the browser. */

import { Client, Pending } from './client';
import { problemOf, Problem } from './ingest';
import { Store } from './store';

export const FORMATS = ['csv', 'parquet', 'xlsx', 'json', 'ndjson', 'tsv', 'arrow'] as const;
export type Format = (typeof FORMATS)[number];

export interface ExportState {
  format: Format;
  to: 'browser' | 'workspace';
  path: string;
  overwrite: boolean;
  state: 'form' | 'running' | 'done' | 'failed';
  rows: number;
  bytes: number;
  target: string;
  notices: string[];
  problem: Problem | null;
}

/** A file's name made of a table's: what no file system takes is left out. */
export const fileName = (name: string, format: string): string =>
  // eslint-disable-next-line no-control-regex
  `${name.replace(/[\u0000-\u001f<>:"/\\|?*\u200b-\u200f\u202a-\u202e]+/g, '_').slice(0, 80) || 'rows'}.${format}`;

export class ExportModel {
  readonly state: Store<ExportState>;
  private _asked: Pending | null = null;

  constructor(
    private _client: () => Client | null,
    readonly source: { table: string } | { sql: string },
    readonly name: string,
    private _save: (name: string, parts: Uint8Array[]) => void
  ) {
    this.state = new Store<ExportState>({
      format: 'csv',
      to: 'browser',
      path: `exports/${fileName(name, 'csv')}`,
      overwrite: false,
      state: 'form',
      rows: 0,
      bytes: 0,
      target: '',
      notices: [],
      problem: null
    });
  }

  change(change: Partial<Pick<ExportState, 'format' | 'to' | 'path' | 'overwrite'>>): void {
    const { path, format } = this.state.get();
    if (change.format && path.endsWith(`.${format}`)) {
      change = { ...change, path: `${path.slice(0, -format.length)}${change.format}` };
    }
    this.state.update({ ...change, state: 'form', problem: null });
  }

  start(): void {
    const client = this._client();
    const { format, to, path, overwrite } = this.state.get();
    if (!client) {
      return;
    }
    const parts: Uint8Array[] = [];
    this.state.update({ state: 'running', rows: 0, problem: null });
    const where = to === 'workspace' ? { target: path.trim(), overwrite } : {};
    const asked = client.request('export', { ...this.source, format, ...where }, frame => {
      if (frame.op === 'part') {
        parts.push(bytesOf((frame.buffers as (ArrayBuffer | ArrayBufferView)[])[0]));
      } else if (frame.op === 'progress') {
        this.state.update({ rows: Number(frame.rows) });
      }
    });
    this._asked = asked;
    asked.done.then(
      frame => {
        if (to === 'browser') {
          this._save(fileName(this.name, format), parts);
        }
        this.state.update({
          state: 'done',
          rows: Number(frame.rows),
          bytes: Number(frame.bytes),
          target: String(frame.target),
          notices: frame.notices as string[]
        });
      },
      error => {
        const problem = problemOf(error);
        this.state.update(problem.code === 'cancelled' ? { state: 'form' } : { state: 'failed', problem });
      }
    );
  }

  stop(): void {
    this._asked?.cancel();
  }
}

const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
  data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
