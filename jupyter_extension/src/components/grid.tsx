/** Rows as a table of which only what is in sight is in the page: rows and columns alike. */

import * as React from 'react';

import { Value } from '../model/frames';
import { cut, kindOf, plain, shortType, shown, whole } from '../model/format';
import { settings } from '../model/settings';
import { useStore, useTrans } from './hooks';

const ROW = 24;
const HEAD = 28;
const MARGIN = 8;
/** Pixels that a browser can scroll through; above, rows are stretched over them. */
const MOST = 15_000_000;

export interface Order {
  column: string;
  descending: boolean;
}

export interface GridProps {
  columns: { name: string; type: string }[];
  count: number;
  /** Undefined: not here yet. */
  cell(row: number, column: number): Value | undefined;
  /** What has the row; another one means other values. */
  page(row: number): unknown;
  /** Says which rows are in sight. */
  onSight?(first: number, last: number): void;
  order?: Order | null;
  onOrder?(order: Order | null): void;
  /** Rows that are shown before it scrolls; without it, it fills its place. */
  fit?: number;
  label: string;
}

/** Numbers that are names are not grouped: the year 2013, a code. */
const NAMES = /(^|_)(year|id|code|zip|time)$/i;

const written = (value: Value, column: { name: string; type: string }): string =>
  typeof value === 'number' && NAMES.test(column.name)
    ? String(value).replace('-', '\u2212')
    : shown(value, column.type);

/** Columns whose values are looked at for a width of their own; those behind take what their name needs. */
const MEASURED = 60;

function widthsOf(props: GridProps): number[] {
  const rows = Array.from({ length: Math.min(props.count, 60) }, (_, at) => at).filter(at => props.page(at));
  return props.columns.map((column, at) => {
    const lengths =
      at < MEASURED ? rows.map(row => written(props.cell(row, at) ?? null, column).length) : rows.length ? [12] : [];
    const type = props.fit ? 0 : 6 + 6.4 * shortType(column.type).length;
    const head = Math.min(280, 8.4 * column.name.length + (props.onOrder ? 10 : 0) + type);
    return Math.round(Math.max(48, head + 22, Math.min(300, 7.2 * Math.max(0, ...lengths) + 22)));
  });
}

/** The last of `lefts` that is not right of `at`. */
function columnAt(lefts: number[], at: number, last: number): number {
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (lefts[middle] <= at) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

export function Grid(props: GridProps): React.ReactElement {
  const trans = useTrans();
  const box = React.useRef<HTMLDivElement>(null);
  const [sight, setSight] = React.useState({ top: 0, left: 0, height: 400, width: 800 });
  const names = props.columns.map(one => `${one.name}:${one.type}`).join('\u0000');
  const ready = props.page(0) !== undefined;
  const [base, widths] = React.useMemo(() => {
    const found = widthsOf(props);
    const lefts = [0];
    found.forEach(one => lefts.push(lefts[lefts.length - 1] + one));
    return [lefts, found];
    // Widths are set by the first rows and stay: they must not jump while others come.
  }, [names, ready]);
  const natural = base[base.length - 1];
  const last = props.columns.length - 1;
  const spare = Math.max(0, sight.width - natural);
  const lefts = base;
  const widthAt = (at: number): number => widths[at] + (at === last ? spare : 0);
  const tall = Math.min(MOST, props.count * ROW);
  const view = Math.max(ROW, sight.height - HEAD);
  const hidden = Math.max(0, tall - view);
  const most = Math.max(0, props.count - Math.floor(view / ROW));
  // Beyond what a browser scrolls through, the position in the bar is the position in the rows.
  const first0 =
    tall < props.count * ROW && hidden ? Math.round((sight.top / hidden) * most) : Math.floor(sight.top / ROW);
  // As many at the ends as anywhere: a row that goes leaves its element to one that comes.
  const rows = Math.min(props.count, Math.ceil(view / ROW) + 1 + 2 * MARGIN);
  const first = Math.max(0, Math.min(first0 - MARGIN, props.count - rows));
  const end = first + rows;
  const shift = tall < props.count * ROW ? sight.top - (first0 - first) * ROW : first * ROW;
  const left = columnAt(lefts, sight.left, last);
  const right = last < 0 ? -1 : columnAt(lefts, sight.left + sight.width, last);
  // What a row is drawn with, the same for all: a row that stays in sight while others come is not drawn again.
  const { columns: described, cell } = props;
  const drawn = React.useMemo(
    () =>
      Array.from({ length: right - left + 1 }, (_, nth): Drawn => {
        const at = left + nth;
        const number = kindOf(described[at].type) === 'number';
        return { at, number, style: { left: lefts[at], width: widthAt(at) }, column: described[at] };
      }),
    [left, right, names, widths, spare]
  );

  React.useLayoutEffect(() => {
    const there = box.current!;
    const look = (): void =>
      setSight({ top: there.scrollTop, left: there.scrollLeft, height: there.clientHeight, width: there.clientWidth });
    look();
    const watch = new ResizeObserver(look);
    watch.observe(there);
    let frame = 0;
    const onScroll = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(look);
    };
    there.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      watch.disconnect();
      cancelAnimationFrame(frame);
      there.removeEventListener('scroll', onScroll);
    };
  }, []);
  React.useEffect(() => props.onSight?.(first, end), [first, end, props.onSight]);
  if (!props.columns.length) {
    return <div ref={box} />;
  }
  const height = props.fit ? HEAD + Math.min(props.count, props.fit) * ROW : undefined;
  return (
    <div
      ref={box}
      className={`pd-sheet${props.fit ? '' : ' pd-fill'}`}
      style={{ height }}
      role="grid"
      aria-label={props.label}
      aria-rowcount={props.count + 1}
      aria-colcount={props.columns.length}
      tabIndex={0}
    >
      <div className="pd-thead" role="row" aria-rowindex={1} style={{ width: natural + spare }}>
        {drawn.map(({ at, column, number, style }) => {
          const order = props.order?.column === column.name ? props.order : null;
          const sort = order ? (order.descending ? 'descending' : 'ascending') : undefined;
          const title = `${plain(column.name)}\n${column.type}`;
          return (
            <div
              key={at}
              role="columnheader"
              aria-colindex={at + 1}
              aria-sort={props.onOrder ? (sort ?? 'none') : undefined}
              className={number ? 'pd-th pd-num' : 'pd-th'}
              style={style}
              title={title}
            >
              {props.onOrder ? (
                <button
                  type="button"
                  className="pd-clip"
                  onClick={() =>
                    props.onOrder!(
                      !order
                        ? { column: column.name, descending: number }
                        : order.descending === number
                          ? { column: column.name, descending: !number }
                          : null
                    )
                  }
                >
                  <bdi>{plain(column.name)}</bdi>
                  {order && <span aria-hidden="true">{order.descending ? ' ↓' : ' ↑'}</span>}
                </button>
              ) : (
                <bdi className="pd-clip">{plain(column.name)}</bdi>
              )}
              {!props.fit && <small>{shortType(column.type)}</small>}
            </div>
          );
        })}
      </div>
      <div className="pd-tbody" role="rowgroup" style={{ height: tall, width: natural + spare }}>
        <div role="presentation" className="pd-window" style={{ transform: `translateY(${shift}px)` }}>
          {Array.from({ length: rows }, (_, nth) => (
            <Row key={(first + nth) % rows} at={first + nth} drawn={drawn} cell={cell} page={props.page(first + nth)} />
          ))}
        </div>
      </div>
      {!props.fit && right - left < last && (
        <div className="pd-where" aria-hidden="true">
          {trans.__('columns %1 to %2 of %3', left + 1, right + 1, whole(last + 1))}
        </div>
      )}
      <span className="pd-sr">{trans.__('Arrow keys scroll the table.')}</span>
    </div>
  );
}

interface Drawn {
  at: number;
  number: boolean;
  style: React.CSSProperties;
  column: { name: string; type: string };
}

/** Its element is used again for the row that comes into sight when it goes: scrolling makes and drops none. */
const Row = React.memo(function Row(props: {
  at: number;
  drawn: Drawn[];
  cell(row: number, column: number): Value | undefined;
  /** Not read: a row whose page came is another row. */
  page: unknown;
}): React.ReactElement {
  return (
    <div role="row" aria-rowindex={props.at + 2} className="pd-tr">
      {props.drawn.map(({ at, number, style, column }) => {
        const value = props.cell(props.at, at);
        if (value === undefined) {
          return <div key={at} role="gridcell" aria-colindex={at + 1} className="pd-td pd-late" style={style} />;
        }
        const text = written(value, column);
        const kind = value === null ? ' pd-nothing' : number ? ' pd-num' : '';
        return (
          <div
            key={at}
            role="gridcell"
            aria-colindex={at + 1}
            className={`pd-td${kind}`}
            style={style}
            title={text.length > 12 ? cut(text, 2000) : undefined}
          >
            <bdi>{cut(text, 400)}</bdi>
          </div>
        );
      })}
    </div>
  );
});

/** A few rows under an answer, or many in a box that scrolls; cut results are said. */
export function Result(props: {
  rows: { columns: { name: string; type: string }[]; rows: Value[][]; truncated: boolean; more?: boolean };
  onOpen?: () => void;
  onCopy: () => void;
}): React.ReactElement {
  const trans = useTrans();
  const { columns, rows } = props.rows;
  const [all, setAll] = React.useState(false);
  const cell = React.useCallback((row: number, column: number) => rows[row]?.[column], [rows]);
  const few = useStore(settings).rows;
  const fit = all ? Math.min(rows.length, 14) : Math.min(rows.length, few);
  const more = props.rows.truncated || props.rows.more;
  const total = `${rows.length.toLocaleString('en')}${more ? '+' : ''}`;
  return (
    <div className="pd-grid">
      <Grid
        columns={columns}
        count={all ? rows.length : fit}
        cell={cell}
        page={at => rows[at]}
        fit={Math.max(1, fit)}
        label={trans.__('Rows of the answer')}
      />
      <div className="pd-gfoot">
        <span>
          {all || rows.length <= few
            ? trans._n('%2 row', '%2 rows', rows.length, total)
            : trans.__('%1 of %2 rows', few, total)}
        </span>
        <span className="pd-end">
          {!all && rows.length > few && (
            <button type="button" className="pd-link" onClick={() => setAll(true)}>
              {trans.__('Show all')}
            </button>
          )}
          {props.onOpen && (
            <button type="button" className="pd-link" onClick={props.onOpen}>
              {trans.__('Open as grid')}
            </button>
          )}
          <button type="button" className="pd-link" onClick={props.onCopy}>
            {trans.__('Copy')}
          </button>
        </span>
      </div>
    </div>
  );
}

/** Rows as other programs paste them: between tabs, or between commas as a csv file has them. */
export function tabbed(columns: { name: string }[], rows: Value[][], between: '\t' | ',' = '\t'): string {
  const write = (value: Value): string => {
    const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return /["\t\n\r]/.test(text) || text.includes(between) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [columns.map(one => write(one.name)), ...rows.map(row => row.map(write))]
    .map(one => one.join(between))
    .join('\n');
}
