/** The data panel: what is in the workspace. */

import * as React from 'react';

import { columnId, DataModel, DataState, found } from '../model/data';
import { Table } from '../model/frames';
import { bytes, duration, plain, whole } from '../model/format';
import { Link } from '../model/link';
import { Store } from '../model/store';
import { LinkBanner, Message } from './banner';
import { ColumnRow } from './column';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

/** Columns that are shown before somebody asks for more. */
const COLUMNS = 40;

export interface DataActions {
  load(): void;
  retry(): void;
  insertName(name: string): void;
  insertQuery(table: Table): void;
  /** Undefined where the plugin for it is switched off. */
  readonly preview: ((table: Table) => void) | undefined;
  readonly ask: ((table: Table) => void) | undefined;
}

export function DataPanel(props: { model: DataModel; link: Store<Link>; actions: DataActions }): React.ReactElement {
  const trans = useTrans();
  const { model, actions } = props;
  const state = useStore(model.state);
  const link = useStore(props.link);
  const search = React.useRef<HTMLInputElement>(null);
  const tables = state.tables && found(state.tables, state.search);
  return (
    <section
      className="pd-panel"
      aria-label={trans.__('Data')}
      onKeyDown={event => {
        if (event.key === '/' && !(event.target instanceof HTMLInputElement)) {
          event.preventDefault();
          search.current?.focus();
        }
      }}
    >
      <div className="pd-head">
        <h2 className="pd-clip" title={link.hello?.workspace.root}>
          {link.hello ? plain(link.hello.workspace.name) : trans.__('Data')}
        </h2>
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={() => (link.status === 'ready' ? void model.refresh() : actions.retry())}
        >
          <Icon name="refresh" />
        </button>
      </div>
      <div className="pd-search">
        <label className="pd-field">
          <Icon name="search" small />
          <input
            ref={search}
            type="search"
            aria-label={trans.__('Search tables and columns')}
            placeholder={trans.__('Search tables and columns')}
            value={state.search}
            onChange={event => model.search(event.target.value)}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
      </div>
      <div className="pd-banners">
        <LinkBanner link={link} onLoad={actions.load} onRetry={actions.retry} />
        {state.problem && link.status === 'ready' && (
          <Message icon="error" tone="error" title={trans.__('The tables could not be read.')} text={state.problem} />
        )}
      </div>
      <div className="pd-scroll">
        {tables && tables.length > 0 && <Tree state={state} tables={tables} {...props} />}
        {tables && !tables.length && link.status === 'ready' && <Nothing searched={!!state.search.trim()} />}
        {!tables && (link.status === 'connecting' || link.status === 'ready') && (
          <p className="pd-note pd-pad">{trans.__('Looking at the tables …')}</p>
        )}
      </div>
      {tables && <Foot state={state} link={link} />}
    </section>
  );
}

function Nothing({ searched }: { searched: boolean }): React.ReactElement {
  const trans = useTrans();
  return searched ? (
    <p className="pd-note pd-pad">{trans.__('No table and no column has that in its name.')}</p>
  ) : (
    <div className="pd-pad pd-none">
      <h3>{trans.__('No tables yet')}</h3>
      <p className="pd-note">{trans.__('A cell makes the first one:')}</p>
      <code>%pluto ingest data.csv</code>
    </div>
  );
}

function Tree(props: {
  state: DataState;
  tables: Table[];
  model: DataModel;
  actions: DataActions;
}): React.ReactElement {
  const trans = useTrans();
  const { state, model, actions } = props;
  const tree = React.useRef<HTMLDivElement>(null);
  const schemas = new Set(props.tables.map(one => one.schema)).size > 1;
  const searching = !!state.search.trim();
  React.useEffect(() => {
    // One stop of the Tab key for the whole list: the row that had the focus last, else the first.
    const rows = rowsOf(tree.current!);
    if (!rows.some(one => one.tabIndex === 0) && rows.length) {
      rows[0].tabIndex = 0;
    }
  });
  return (
    <>
      <div className="pd-sec" aria-hidden="true">
        {trans.__('Tables')}
        <span className="pd-r">
          <span className="pd-num pd-n">{trans.__('rows')}</span>
          <span className="pd-num pd-z">{props.tables.some(one => one.bytes) ? trans.__('size') : ''}</span>
        </span>
      </div>
      <div
        ref={tree}
        role="treegrid"
        aria-label={trans.__('Tables')}
        onFocus={event => {
          const row = (event.target as HTMLElement).closest<HTMLElement>('[data-pd-row]');
          if (row) {
            rowsOf(tree.current!).forEach(one => (one.tabIndex = one === row ? 0 : -1));
          }
        }}
        onKeyDown={event => onTreeKey(event, tree.current!)}
      >
        {props.tables.map(table => (
          <TableRow
            key={table.key}
            table={table}
            withSchema={schemas}
            open={state.open.has(table.key)}
            matches={searching && !state.open.has(table.key)}
            state={state}
            model={model}
            actions={actions}
          />
        ))}
      </div>
    </>
  );
}

function TableRow(props: {
  table: Table;
  withSchema: boolean;
  open: boolean;
  matches: boolean;
  state: DataState;
  model: DataModel;
  actions: DataActions;
}): React.ReactElement {
  const trans = useTrans();
  const { table, open, model, actions } = props;
  const name = plain(props.withSchema ? `${table.schema}.${table.name}` : table.name);
  const icon = table.kind === 'view' ? 'view' : table.kind === 'frame' ? 'frame' : 'table';
  return (
    <>
      <div
        role="row"
        aria-level={1}
        aria-expanded={open}
        tabIndex={-1}
        data-pd-row={table.key}
        data-pd-insert={table.sql}
        className={`pd-row${open ? ' pd-cur' : ''}`}
        title={[name, plain(table.comment), table.source ? plain(table.source) : ''].filter(Boolean).join('\n')}
        draggable
        onDragStart={event => event.dataTransfer.setData('text/plain', table.sql)}
        onClick={() => model.toggle(table.key)}
      >
        <svg className={`pd-icon pd-chev${open ? ' pd-open' : ''}`} viewBox="0 0 16 16" aria-hidden="true">
          <path d="m6 3.5 4.5 4.5L6 12.5" />
        </svg>
        <Icon name={icon} />
        <span role="gridcell" className="pd-name pd-clip">
          <bdi>{name}</bdi>
        </span>
        <span role="gridcell" className="pd-num pd-n">
          {table.kind === 'view' ? trans.__('view') : table.rows === null ? '' : whole(table.rows)}
        </span>
        <span role="gridcell" className="pd-num pd-z">
          {table.bytes ? bytes(table.bytes) : ''}
        </span>
      </div>
      {open && (
        <div className="pd-kids" role="presentation">
          <div role="row" aria-level={2}>
            <div role="gridcell" className="pd-acts">
              {actions.preview && (
                <button type="button" className="pd-btn" onClick={() => actions.preview?.(table)}>
                  <Icon name="table" small />
                  {trans.__('Preview')}
                </button>
              )}
              {actions.ask && (
                <button type="button" className="pd-btn" onClick={() => actions.ask?.(table)}>
                  <Icon name="chat" small />
                  {trans.__('Ask')}
                </button>
              )}
              <button type="button" className="pd-btn" onClick={() => actions.insertQuery(table)}>
                <Icon name="insert" small />
                {trans.__('Insert')}
              </button>
            </div>
          </div>
          <Columns {...props} />
        </div>
      )}
      {props.matches && <Columns {...props} />}
    </>
  );
}

function Columns(props: {
  table: Table;
  state: DataState;
  model: DataModel;
  actions: DataActions;
}): React.ReactElement {
  const trans = useTrans();
  const { table, state, model } = props;
  const [all, setAll] = React.useState(false);
  const profiled = state.profiles[table.key];
  const shown = all ? table.columns : table.columns.slice(0, COLUMNS);
  const count = trans._n('%2 column', '%2 columns', table.columns.length, whole(table.columns.length));
  const said = {
    running: trans.__('profiling …'),
    done: profiled ? duration(profiled.elapsed_s) : '',
    stopped: trans.__('profile stopped'),
    failed: trans.__('no profile')
  };
  return (
    <>
      <div className="pd-col pd-h" aria-hidden="true" data-pd-profile={profiled?.state}>
        <span
          className="pd-clip"
          title={profiled?.problem || (profiled && trans.__('Profiled in %1', duration(profiled.elapsed_s)))}
        >
          {count}
          {profiled && `, ${said[profiled.state]}`}
        </span>
        <span className="pd-num">{trans.__('null')}</span>
        <span>{trans.__('values')}</span>
      </div>
      {shown.map(column => {
        const id = columnId(table.key, column.name);
        return (
          <ColumnRow
            key={column.name}
            id={id}
            column={column}
            profile={profiled?.columns[column.name]}
            running={profiled?.state === 'running'}
            open={state.column === id}
            onOpen={() => model.showColumn(id)}
            onInsert={() => props.actions.insertName(column.name)}
          />
        );
      })}
      {shown.length < table.columns.length && (
        <div role="row" aria-level={2}>
          <div role="gridcell" className="pd-acts">
            <button type="button" className="pd-link" onClick={() => setAll(true)}>
              {trans.__('%1 more columns', whole(table.columns.length - shown.length))}
            </button>
          </div>
        </div>
      )}
    </>
  );
}

function Foot({ state, link }: { state: DataState; link: Link }): React.ReactElement {
  const trans = useTrans();
  const loads = (state.tables ?? []).map(one => one.loaded_at).filter((one): one is string => one !== null);
  const last = loads.sort().pop();
  const count = state.tables?.length ?? 0;
  return (
    <div className="pd-foot">
      <span>
        {trans._n('%2 table', '%2 tables', count, whole(count))}
        {last &&
          `, ${trans.__('last load %1', new Date(last).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }))}`}
        {link.status !== 'ready' && `, ${trans.__('as seen last')}`}
      </span>
    </div>
  );
}

const rowsOf = (tree: HTMLElement): HTMLElement[] => [...tree.querySelectorAll<HTMLElement>('[data-pd-row]')];

/** Arrows move and open, Enter opens, as a tree grid has it. */
function onTreeKey(event: React.KeyboardEvent, tree: HTMLElement): void {
  const row = event.target as HTMLElement;
  if (!row.dataset.pdRow) {
    return;
  }
  const rows = rowsOf(tree);
  const at = rows.indexOf(row);
  const open = row.getAttribute('aria-expanded') === 'true';
  const go = (to: HTMLElement | undefined): void => to?.focus();
  switch (event.key) {
    case 'ArrowDown':
      go(rows[at + 1]);
      break;
    case 'ArrowUp':
      go(rows[at - 1]);
      break;
    case 'Home':
      go(rows[0]);
      break;
    case 'End':
      go(rows[rows.length - 1]);
      break;
    case 'ArrowRight':
      open ? go(rows[at + 1]) : row.click();
      break;
    case 'ArrowLeft':
      if (open) {
        row.click();
      } else {
        go(
          rows
            .slice(0, at)
            .reverse()
            .find(one => one.getAttribute('aria-level') === '1')
        );
      }
      break;
    case 'Enter':
    case ' ':
      row.click();
      break;
    default:
      return;
  }
  event.preventDefault();
  event.stopPropagation();
}
