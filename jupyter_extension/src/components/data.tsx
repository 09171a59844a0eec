/** The data panel: what is in the workspace. */

import * as React from 'react';

import { columnId, DataModel, DataState, found } from '../model/data';
import { DataSource, Table } from '../model/frames';
import { bytes, duration, plain, whole } from '../model/format';
import { AboutModel } from '../model/about';
import { BuildsModel } from '../model/builds';
import { IngestModel } from '../model/ingest';
import { Link } from '../model/link';
import { nameOf } from '../model/sql';
import { Store } from '../model/store';
import { About, AboutActions, HealthMark } from './about';
import { LinkBanner, Message } from './banner';
import { BuildLine } from './builds';
import { ColumnRow } from './column';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { LoadLine } from './loading';

/** Columns that are shown before somebody asks for more. */
const COLUMNS = 40;

export interface DataActions extends AboutActions {
  load(): void;
  retry(): void;
  insertName(name: string): void;
  /** A name as SQL takes it already. */
  insertSql(sql: string): void;
  insertQuery(table: Table): void;
  /** Undefined where the plugin for it is switched off. */
  readonly preview: ((table: Table) => void) | undefined;
  readonly ask: ((table: Table) => void) | undefined;
  /** The dialog, with a place to begin with. */
  readonly add: ((from?: { source?: string; connection?: string }) => void) | undefined;
  readonly history: (() => void) | undefined;
  readonly dbt: (() => void) | undefined;
  /** The menu of the row, where it stands. */
  menu(row: HTMLElement): void;
}

export function DataPanel(props: {
  model: DataModel;
  ingest: IngestModel;
  builds: BuildsModel;
  about: AboutModel;
  link: Store<Link>;
  actions: DataActions;
}): React.ReactElement {
  const trans = useTrans();
  const { model, actions } = props;
  const state = useStore(model.state);
  const link = useStore(props.link);
  useStore(props.ingest.state);
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
        {actions.add && (
          <button
            type="button"
            className="pd-btn pd-quiet"
            disabled={link.status !== 'ready'}
            onClick={() => actions.add?.()}
          >
            <Icon name="plus" small />
            {trans.__('Add data')}
          </button>
        )}
        {actions.dbt && (
          <button
            type="button"
            className="pd-ib"
            aria-label={trans.__('Run dbt')}
            title={trans.__('Run dbt: models of the tables')}
            disabled={link.status !== 'ready'}
            onClick={actions.dbt}
          >
            <Icon name="build" />
          </button>
        )}
        {actions.history && (
          <button
            type="button"
            className="pd-ib"
            aria-label={trans.__('Load history')}
            title={trans.__('Load history')}
            disabled={link.status !== 'ready'}
            onClick={actions.history}
          >
            <Icon name="hist" />
          </button>
        )}
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={() => {
            if (link.status === 'ready') {
              void model.refresh();
              void props.about.look(state.open);
            } else {
              actions.retry();
            }
          }}
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
        {state.sources.length > 0 && !state.search.trim() && (
          <Sources sources={state.sources} onOpen={actions.add} ready={link.status === 'ready'} />
        )}
        {tables && tables.length > 0 && <Tree state={state} tables={tables} {...props} />}
        {tables && !tables.length && link.status === 'ready' && (
          <Nothing searched={!!state.search.trim()} onAdd={actions.add && (() => actions.add?.())} />
        )}
        {!tables && (link.status === 'connecting' || link.status === 'ready') && (
          <p className="pd-note pd-pad">{trans.__('Looking at the tables …')}</p>
        )}
      </div>
      {props.ingest.state.get().run && <LoadLine model={props.ingest} />}
      {actions.dbt && <BuildLine model={props.builds} onOpen={actions.dbt} />}
      {tables && <Foot state={state} link={link} />}
    </section>
  );
}

function Nothing({ searched, onAdd }: { searched: boolean; onAdd: (() => void) | undefined }): React.ReactElement {
  const trans = useTrans();
  return searched ? (
    <p className="pd-note pd-pad">{trans.__('No table and no column has that in its name.')}</p>
  ) : (
    <div className="pd-pad pd-none">
      <h3>{trans.__('No tables yet')}</h3>
      <p className="pd-note">{trans.__('Files, databases and DataFrames become tables here.')}</p>
      {onAdd && (
        <button type="button" className="pd-btn pd-main" onClick={onAdd}>
          <Icon name="plus" small />
          {trans.__('Add data')}
        </button>
      )}
      <p className="pd-note">{onAdd ? trans.__('Or in a cell:') : trans.__('A cell makes the first one:')}</p>
      <code>%pluto ingest data.csv</code>
    </div>
  );
}

/** Sources that are shown before somebody asks for more. */
const SOURCES = 4;

function Sources(props: {
  sources: DataSource[];
  ready: boolean;
  onOpen: ((from: { source?: string; connection?: string }) => void) | undefined;
}): React.ReactElement {
  const trans = useTrans();
  const [all, setAll] = React.useState(false);
  const shown = all ? props.sources : props.sources.slice(0, SOURCES);
  return (
    <>
      <div className="pd-sec" id="pd-sources">
        {trans.__('Sources')}
      </div>
      <ul className="pd-plain" aria-labelledby="pd-sources">
        {shown.map(one => {
          const file = !/^[a-z][a-z0-9+.-]*:|=/i.test(one.address);
          const name = one.kind === 'load' ? placeOf(one.address) : one.name;
          const count = trans._n('%2 table', '%2 tables', one.tables, whole(one.tables));
          return (
            <li key={`${one.kind} ${one.name}`}>
              <button
                type="button"
                className="pd-row pd-src"
                disabled={!props.ready || !props.onOpen || one.kind === 'live'}
                title={plain(one.address)}
                onClick={() =>
                  props.onOpen?.(one.kind === 'connection' ? { connection: one.name } : { source: one.address })
                }
              >
                <Icon name={file ? 'file' : 'server'} />
                <span className="pd-name pd-clip">
                  <bdi>{plain(name)}</bdi>
                </span>
                <span className="pd-note">
                  {one.kind === 'live' ? trans.__('live, %1', count) : one.tables ? count : trans.__('not loaded')}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
      {shown.length < props.sources.length && (
        <div className="pd-acts">
          <button type="button" className="pd-link" onClick={() => setAll(true)}>
            {trans.__('%1 more sources', whole(props.sources.length - shown.length))}
          </button>
        </div>
      )}
    </>
  );
}

function Tree(props: {
  state: DataState;
  tables: Table[];
  model: DataModel;
  about: AboutModel;
  link: Store<Link>;
  actions: DataActions;
}): React.ReactElement {
  const trans = useTrans();
  const { state, model, actions } = props;
  const tree = React.useRef<HTMLDivElement>(null);
  const schemas = new Set(props.tables.filter(one => one.kind !== 'frame').map(one => one.schema)).size > 1;
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
        onKeyDown={event => onTreeKey(event, tree.current!, actions)}
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
            about={props.about}
            root={props.link.get().hello?.workspace.root ?? ''}
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
  about: AboutModel;
  root: string;
  actions: DataActions;
}): React.ReactElement {
  const trans = useTrans();
  const { table, open, model, actions } = props;
  const name = plain(props.withSchema && table.schema ? `${table.schema}.${table.name}` : table.name);
  const profile = props.state.profiles[table.key]?.state;
  const { health } = useStore(props.about.state);
  const icon = table.kind === 'view' ? 'view' : table.kind === 'frame' ? 'frame' : 'table';
  return (
    <>
      <div
        role="row"
        aria-level={1}
        aria-expanded={open}
        tabIndex={-1}
        data-pd-row={table.key}
        data-pd-insert={nameOf(table)}
        data-pd-kind={table.kind}
        data-pd-again={table.source ? '' : undefined}
        className={`pd-row${open ? ' pd-cur' : ''}`}
        title={[name, plain(table.comment), table.source ? plain(table.source) : ''].filter(Boolean).join('\n')}
        draggable
        onDragStart={event => {
          event.dataTransfer.setData('text/plain', nameOf(table));
          event.dataTransfer.effectAllowed = 'copy';
        }}
        onClick={() => model.toggle(table.key)}
      >
        <svg className={`pd-icon pd-chev${open ? ' pd-open' : ''}`} viewBox="0 0 16 16" aria-hidden="true">
          <path d="m6 3.5 4.5 4.5L6 12.5" />
        </svg>
        <Icon name={icon} />
        <span role="gridcell" className="pd-name pd-clip">
          <bdi>{name}</bdi>
        </span>
        <HealthMark health={health[table.key]} />
        <span role="gridcell" className="pd-num pd-n">
          {table.kind === 'view' ? trans.__('view') : table.rows === null ? '' : whole(table.rows)}
        </span>
        <span role="gridcell" className="pd-num pd-z">
          {table.kind === 'frame' ? trans.__('in kernel') : table.bytes ? bytes(table.bytes) : ''}
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
              {profile === 'running' && (
                <button type="button" className="pd-link" onClick={() => model.stopProfile(table.key)}>
                  {trans.__('Stop')}
                </button>
              )}
              {(profile === 'stopped' || profile === 'failed') && (
                <button type="button" className="pd-link" onClick={() => model.profile(table.key)}>
                  {trans.__('Profile')}
                </button>
              )}
            </div>
          </div>
          {table.kind !== 'frame' && <About table={table} root={props.root} model={props.about} actions={actions} />}
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
      <div className="pd-col pd-h" role="presentation" data-pd-profile={profiled?.state}>
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
      <span className="pd-clip">
        {trans._n('%2 table', '%2 tables', count, whole(count))}
        {last &&
          `, ${trans.__('last load %1', new Date(last).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }))}`}
        {link.status !== 'ready' && `, ${trans.__('as seen last')}`}
      </span>
    </div>
  );
}

const rowsOf = (tree: HTMLElement): HTMLElement[] => [...tree.querySelectorAll<HTMLElement>('[data-pd-row]')];

/** The last part of a place: its file, folder or database. */
const placeOf = (address: string): string =>
  address
    .replace(/[?#].*$/s, '')
    .split(/[/\\]/)
    .filter(Boolean)
    .pop() ?? address;

/** Arrows move and open, Space opens, Enter inserts the name, as a tree grid has it. */
function onTreeKey(event: React.KeyboardEvent, tree: HTMLElement, actions: DataActions): void {
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
    case ' ':
      row.click();
      break;
    case 'Enter':
      actions.insertSql(row.dataset.pdInsert ?? '');
      break;
    case 'ContextMenu':
      actions.menu(row);
      break;
    case 'F10':
      if (!event.shiftKey) {
        return;
      }
      actions.menu(row);
      break;
    default:
      return;
  }
  event.preventDefault();
  event.stopPropagation();
}
