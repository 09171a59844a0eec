/** The rows of a table or a SELECT, fetched a page at a time as they come into sight. */

import { ArrowPage } from './arrow';
import { Client, Pending } from './client';
import { told } from './data';
import { Frame, PanelError, Rows, Value } from './frames';
import { Store } from './store';

export const PAGE = 200;
/** Values that are kept: what was scrolled away long ago comes again. */
const KEPT = 240_000;
/** Pages that are asked for at once; whoever scrolls past thousands of them wants the last. */
const AT_ONCE = 2;

/** The rows of a page, whose values are read when they are shown. */
export interface Page {
  readonly count: number;
  value(row: number, column: number): Value;
  row(row: number): Value[];
}

export type Source = { table: string } | { sql: string };

export interface PagesState {
  columns: { name: string; type: string }[];
  pages: ReadonlyMap<number, Page>;
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
  /** What is said where nobody answers. */
  nobody = 'Nobody answers for this workspace now.';
  private _asked = new Set<number>();
  /** Grows when order or filter change: replies of before are not of these rows. */
  private _round = 0;
  private _first = 0;
  private _last = 0;
  private _asking = new Set<Pending>();

  /** `rows`: how many there are, where that is known. */
  constructor(
    private _client: () => Client | null,
    readonly source: Source,
    private _rows: number | null = null
  ) {
    this._begin({});
  }

  row = (at: number): Value[] | undefined => {
    const page = this.page(at);
    return page && at % PAGE < page.count ? page.row(at % PAGE) : undefined;
  };

  /** The page that has the row, if it is here. */
  page = (at: number): Page | undefined => this.state.get().pages.get(Math.floor(at / PAGE));

  /** Undefined: not here yet. */
  cell = (at: number, column: number): Value | undefined => {
    const page = this.page(at);
    return page && at % PAGE < page.count ? page.value(at % PAGE, column) : undefined;
  };

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

  /** Somebody answers again: what did not come is asked for once more, what is here stays. */
  resume(): void {
    this._asked = new Set(this.state.get().pages.keys());
    this._asking.clear();
    this.state.update({ problem: '' });
    this._fetch(0);
    this.sight(this._first, this._last);
  }

  /** The first rows, sorted and filtered as they are shown: for the clipboard. */
  async first(limit: number): Promise<Rows | null> {
    const asked = this._client()?.request('rows', this._wanted(0, limit));
    return asked ? ((await asked.done) as unknown as Rows) : null;
  }

  private _wanted(offset: number, limit: number): Record<string, unknown> {
    const { order, filter } = this.state.get();
    return {
      ...this.source,
      offset,
      limit,
      ...(order ? { order: [order] } : {}),
      ...(filter.text ? { filters: [{ column: filter.column, op: 'contains', value: filter.text }] } : {})
    };
  }

  private _begin(change: Partial<PagesState>): void {
    this._round += 1;
    this._asked.clear();
    this._asking.forEach(one => one.cancel());
    this._asking.clear();
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
      this.state.update({ loading: false, problem: this.nobody });
      return;
    }
    if (this._asking.size >= AT_ONCE) {
      return; // when one of them has come, what is in sight then is asked for
    }
    this._asked.add(page);
    const round = this._round;
    const asked = client.request('rows', { ...this._wanted(page * PAGE, PAGE), arrow: true });
    this._asking.add(asked);
    const over = (): boolean => this._asking.delete(asked) && round === this._round;
    asked.done.then(
      frame => {
        if (over()) {
          this._got(page, frame);
          this.sight(this._first, this._last);
        }
      },
      error => {
        if (over()) {
          this._asked.delete(page);
          const gone = error instanceof PanelError && error.code === 'left';
          this.state.update({ loading: false, problem: gone ? this.state.get().problem : told(error) });
        }
      }
    );
  }

  private _got(page: number, frame: Frame): void {
    const state = this.state.get();
    const rows = frame as unknown as Rows;
    const pages = new Map(state.pages);
    pages.set(page, frame.buffers?.length ? new ArrowPage(frame.buffers[0]) : pageOf(rows.rows));
    // Whatever is far from what is in sight goes first.
    const middle = (this._first + this._last) / 2 / PAGE;
    const far = [...pages.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    for (const one of far.slice(0, Math.max(0, pages.size - keptPages(rows.columns.length)))) {
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

const keptPages = (columns: number): number => Math.max(4, Math.round(KEPT / PAGE / Math.max(1, columns)));

const pageOf = (rows: Value[][]): Page => ({
  count: rows.length,
  value: (row, column) => rows[row][column],
  row: row => rows[row]
});
