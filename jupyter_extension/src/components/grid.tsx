/** Rows as a table of which only what is in sight is in the page: rows and columns alike. */

import * as React from 'react';

import { Value } from '../model/frames';
import { cut, kindOf, plain, shortType, shown } from '../model/format';
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
  row(at: number): Value[] | undefined;
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

function widthsOf(props: GridProps): number[] {
  const sample = Array.from({ length: Math.min(props.count, 60) }, (_, at) => props.row(at)).filter(one => one);
  return props.columns.map((column, at) => {
    const longest = Math.max(0, ...sample.map(row => written(row![at] ?? null, column).length));
    const type = props.fit ? 0 : 6 + 6.4 * shortType(column.type).length;
    const head = Math.min(280, 7.7 * column.name.length + (props.onOrder ? 10 : 0) + type);
    return Math.round(Math.max(48, head + 22, Math.min(300, 7.2 * longest + 22)));
  });
}

export function Grid(props: GridProps): React.ReactElement {
  const trans = useTrans();
  const box = React.useRef<HTMLDivElement>(null);
  const [sight, setSight] = React.useState({ top: 0, left: 0, height: 400, width: 800 });
  const names = props.columns.map(one => `${one.name}:${one.type}`).join('\u0000');
  const ready = props.row(0) !== undefined;
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
  const first = Math.max(0, first0 - MARGIN);
  const end = Math.min(props.count, first0 + Math.ceil(view / ROW) + MARGIN);
  const shift = tall < props.count * ROW ? sight.top - (first0 - first) * ROW : first * ROW;
  let left = 0;
  while (left < last && lefts[left + 1] < sight.left) {
    left += 1;
  }
  let right = left;
  while (right < last && lefts[right + 1] < sight.left + sight.width) {
    right += 1;
  }
  const columns = Array.from({ length: right - left + 1 }, (_, at) => left + at);

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
        {columns.map(at => {
          const column = props.columns[at];
          const number = kindOf(column.type) === 'number';
          const order = props.order?.column === column.name ? props.order : null;
          const sort = order ? (order.descending ? 'descending' : 'ascending') : undefined;
          const style = { left: lefts[at], width: widthAt(at) };
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
        {Array.from({ length: Math.max(0, end - first) }, (_, at) => {
          const row = props.row(first + at);
          const style = { transform: `translateY(${shift + at * ROW}px)` };
          return (
            <div key={first + at} role="row" aria-rowindex={first + at + 2} className="pd-tr" style={style}>
              {columns.map(one => (
                <Cell
                  key={one}
                  at={one}
                  value={row?.[one]}
                  column={props.columns[one]}
                  left={lefts[one]}
                  width={widthAt(one)}
                />
              ))}
            </div>
          );
        })}
      </div>
      <span className="pd-sr">{trans.__('Arrow keys scroll the table.')}</span>
    </div>
  );
}

function Cell(props: {
  at: number;
  value: Value | undefined;
  column: { name: string; type: string };
  left: number;
  width: number;
}): React.ReactElement {
  const { value, column } = props;
  const style = { left: props.left, width: props.width };
  if (value === undefined) {
    return <div role="gridcell" aria-colindex={props.at + 1} className="pd-td pd-late" style={style} />;
  }
  const text = written(value, column);
  const number = kindOf(column.type) === 'number' && value !== null;
  return (
    <div
      role="gridcell"
      aria-colindex={props.at + 1}
      className={`pd-td${number ? ' pd-num' : ''}${value === null ? ' pd-nothing' : ''}`}
      style={style}
      title={text.length > 12 ? cut(text, 2000) : undefined}
    >
      <bdi>{cut(text, 400)}</bdi>
    </div>
  );
}

/** A few rows under an answer, or many in a box that scrolls; cut results are said. */
export function Result(props: {
  rows: { columns: { name: string; type: string }[]; rows: Value[][]; truncated: boolean; more?: boolean };
  onOpen?: () => void;
  onCopy: () => void;
}): React.ReactElement {
  const trans = useTrans();
  const { columns, rows } = props.rows;
  const [all, setAll] = React.useState(false);
  const few = useStore(settings).rows;
  const fit = all ? Math.min(rows.length, 14) : Math.min(rows.length, few);
  const more = props.rows.truncated || props.rows.more;
  const total = `${rows.length.toLocaleString('en')}${more ? '+' : ''}`;
  return (
    <div className="pd-grid">
      <Grid
        columns={columns}
        count={all ? rows.length : fit}
        row={at => rows[at]}
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

/** Rows as other programs paste them. */
export function tabbed(columns: { name: string }[], rows: Value[][]): string {
  const write = (value: Value): string => {
    const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return /["\t\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [columns.map(one => write(one.name)), ...rows.map(row => row.map(write))]
    .map(one => one.join('\t'))
    .join('\n');
}
