/** The rows of a table or a SELECT, fetched a page at a time as they come into sight. */

import { Client } from './client';
import { told } from './data';
import { PanelError, Rows, Value } from './frames';
import { Store } from './store';

export const PAGE = 200;
/** Pages that are kept: what was scrolled away long ago comes again. */
const KEPT = 60;

export type Source = { table: string } | { sql: string };

export interface PagesState {
  columns: { name: string; type: string }[];
  pages: ReadonlyMap<number, Value[][]>;
  /** Rows that are there at least. */
  count: number;
  /** Whether `count` is all of them. */
  complete: boolean;
  order: { column: string; descending: boolean } | null;
  filter: { column: string; text: string };
  loading: boolean;
  problem: string;
}

const NO_PAGES: PagesState = {
  columns: [],
  pages: new Map(),
  count: 0,
  complete: false,
  order: null,
  filter: { column: '', text: '' },
  loading: true,
  problem: ''
};

export class Pages {
  readonly state = new Store<PagesState>(NO_PAGES);
  private _asked = new Set<number>();
  /** Grows when order or filter change: replies of before are not of these rows. */
  private _round = 0;
  private _first = 0;
  private _last = 0;

  /** `rows`: how many there are, where that is known. */
  constructor(
    private _client: () => Client | null,
    readonly source: Source,
    private _rows: number | null = null
  ) {
    this._begin({});
  }

  row = (at: number): Value[] | undefined => this.state.get().pages.get(Math.floor(at / PAGE))?.[at % PAGE];

  /** From the first row in sight to the last one. */
  sight = (first: number, last: number): void => {
    this._first = first;
    this._last = last;
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page += 1) {
      this._fetch(page);
    }
  };

  order(order: PagesState['order']): void {
    this._begin({ order });
  }

  filter(column: string, text: string): void {
    this._begin({ filter: { column, text } });
  }

  refresh(): void {
    this._begin({});
  }

  private _begin(change: Partial<PagesState>): void {
    this._round += 1;
    this._asked.clear();
    const before = this.state.get();
    const filtered = !!(change.filter ?? before.filter).text;
    this.state.set({
      ...before,
      ...change,
      pages: new Map(),
      count: filtered || this._rows === null ? 0 : this._rows,
      complete: !filtered && this._rows !== null,
      loading: true,
      problem: ''
    });
    this._fetch(0);
  }

  private _fetch(page: number): void {
    const client = this._client();
    const state = this.state.get();
    if (this._asked.has(page) || (page > 0 && state.complete && page * PAGE >= state.count)) {
      return;
    }
    if (!client) {
      this.state.update({ loading: false, problem: 'No kernel answers.' });
      return;
    }
    this._asked.add(page);
    const round = this._round;
    const { order, filter } = state;
    const wanted = {
      ...this.source,
      offset: page * PAGE,
      limit: PAGE,
      ...(order ? { order: [order] } : {}),
      ...(filter.text ? { filters: [{ column: filter.column, op: 'contains', value: filter.text }] } : {})
    };
    client.request('rows', wanted).done.then(
      frame => round === this._round && this._got(page, frame as unknown as Rows),
      error => {
        if (round === this._round) {
          this._asked.delete(page);
          const gone = error instanceof PanelError && error.code === 'left';
          this.state.update({ loading: false, problem: gone ? this.state.get().problem : told(error) });
        }
      }
    );
  }

  private _got(page: number, rows: Rows): void {
    const state = this.state.get();
    const pages = new Map(state.pages);
    pages.set(page, rows.rows);
    // Whatever is far from what is in sight goes first.
    const middle = (this._first + this._last) / 2 / PAGE;
    const far = [...pages.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    for (const one of far.slice(0, Math.max(0, pages.size - KEPT))) {
      pages.delete(one);
      this._asked.delete(one);
    }
    const end = page * PAGE + rows.count;
    const last = rows.more === false || rows.count < PAGE;
    // An estimate of the rows gives way to what is found.
    const count = last ? end : Math.max(state.count, end + (state.complete ? 0 : 1));
    this.state.update({
      columns: rows.columns,
      pages,
      count: last && rows.count === 0 && page > 0 ? Math.min(state.count, page * PAGE) : count,
      complete: last || state.complete,
      loading: false,
      problem: ''
    });
  }
}
