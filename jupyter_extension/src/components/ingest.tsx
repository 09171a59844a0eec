/** Add data: where from, what of it, and how far it is. */

import * as React from 'react';

import { bytes, plain, whole } from '../model/format';
import { FileEntry, IngestModel, IngestState, Planned, Where } from '../model/ingest';
import { Message } from './banner';
import { IconName } from './drawings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { Loading } from './loading';
import { Modal, Segments } from './modal';

export interface IngestActions {
  preview(key: string, title: string): void;
  ask(sql: string): void;
  history(): void;
}

export function IngestDialog(props: { model: IngestModel; actions: IngestActions }): React.ReactElement | null {
  const trans = useTrans();
  const { model } = props;
  const state = useStore(model.state);
  if (!state.open) {
    return null;
  }
  const title = state.run?.again ? trans.__('Load %1 again', plain(state.run.what)) : trans.__('Add data');
  return (
    <Modal
      title={title}
      className="pd-wide"
      close={model.running ? trans.__('Close; the load continues') : trans.__('Close')}
      onClose={() => model.hide()}
    >
      {state.run ? (
        <Loading model={model} run={state.run} state={state} actions={props.actions} />
      ) : state.plan ? (
        <What model={model} state={state} plan={state.plan} />
      ) : (
        <From model={model} state={state} />
      )}
    </Modal>
  );
}

/* -- Where from ------------------------------------------------------------------------------------ */

function From({ model, state }: { model: IngestModel; state: IngestState }): React.ReactElement {
  const trans = useTrans();
  const tabs: [Where, IconName, string][] = [
    ['file', 'file', trans.__('File')],
    ['postgres', 'server', trans.__('PostgreSQL')],
    ['url', 'out', trans.__('URL')],
    ['database', 'db', trans.__('Other database')]
  ];
  const list = React.useRef<HTMLDivElement>(null);
  return (
    <>
      <div
        ref={list}
        className="pd-tabs"
        role="tablist"
        aria-label={trans.__('Where from')}
        onKeyDown={event => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (step) {
            event.preventDefault();
            const at = (tabs.findIndex(one => one[0] === state.where) + step + tabs.length) % tabs.length;
            model.go(tabs[at][0]);
            list.current!.querySelectorAll('button')[at].focus();
          }
        }}
      >
        {tabs.map(([where, icon, word]) => (
          <button
            key={where}
            type="button"
            role="tab"
            aria-selected={state.where === where}
            tabIndex={state.where === where ? 0 : -1}
            onClick={() => model.go(where)}
          >
            <Icon name={icon} small />
            {word}
          </button>
        ))}
      </div>
      <div className="pd-dbody pd-one" role="tabpanel" aria-label={tabs.find(one => one[0] === state.where)![2]}>
        {state.where === 'file' && <FromFile model={model} state={state} />}
        {state.where === 'postgres' && <FromPostgres model={model} state={state} />}
        {state.where === 'url' && (
          <Address
            model={model}
            state={state}
            label={trans.__('Address')}
            example="https://example.org/trips.parquet"
            note={trans.__('csv, json, parquet or xlsx, also packed; https, http or s3. It is read by this machine.')}
          />
        )}
        {state.where === 'database' && <FromDatabase model={model} state={state} />}
        <Trouble state={state} />
      </div>
      <footer>
        <span className="pd-note pd-grow" role="status">
          {state.looking ? trans.__('Looking …') : trans.__('A look writes nothing.')}
        </span>
        {state.looking ? (
          <button type="button" className="pd-btn" onClick={() => model.back()}>
            <span className="pd-sq" />
            {trans.__('Stop')}
          </button>
        ) : (
          <button
            type="button"
            className="pd-btn pd-main"
            disabled={!state.source.trim() && !state.connection}
            onClick={() => model.look()}
          >
            {trans.__('Look at it')}
          </button>
        )}
      </footer>
    </>
  );
}

function Trouble({ state }: { state: IngestState }): React.ReactElement | null {
  return state.problem ? (
    <Message icon="error" tone="error" title={plain(state.problem.message)} text={plain(state.problem.hint)} />
  ) : null;
}

function FromFile({ model, state }: { model: IngestModel; state: IngestState }): React.ReactElement {
  const trans = useTrans();
  const [over, setOver] = React.useState(false);
  const { upload } = state;
  return (
    <>
      <Address model={model} state={state} label={trans.__('File, folder or pattern')} example="data/*.csv" note="" />
      <div
        className={`pd-drop${over ? ' pd-over' : ''}`}
        onDragOver={event => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={event => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer.files.length) {
            void model.upload(event.dataTransfer.files[0]);
          }
        }}
      >
        <Files model={model} state={state} fits={entry => entry.kind !== 'database'} />
        <div className="pd-updo">
          {upload ? (
            <>
              <span className="pd-clip pd-grow" role="status">
                <bdi>{plain(upload.name)}</bdi>
                {`, ${trans.__('%1 of %2 uploaded', bytes(upload.done), bytes(upload.size))}`}
              </span>
              <button type="button" className="pd-link" onClick={() => model.stopUpload()}>
                {trans.__('Stop')}
              </button>
            </>
          ) : (
            <>
              <Icon name="send" small />
              <span className="pd-grow">{trans.__('From your own machine: drop a file here, or')}</span>
              <label className="pd-btn pd-pick">
                {trans.__('Choose a file …')}
                <input
                  type="file"
                  className="pd-sr"
                  onChange={event => {
                    const file = event.target.files?.[0];
                    event.target.value = '';
                    if (file) {
                      void model.upload(file);
                    }
                  }}
                />
              </label>
            </>
          )}
        </div>
      </div>
      <p className="pd-note">
        {trans.__('An upload is kept in uploads/ of the workspace, so that it can be loaded again.')}
      </p>
    </>
  );
}

function Files(props: {
  model: IngestModel;
  state: IngestState;
  fits: (entry: FileEntry) => boolean;
}): React.ReactElement {
  const trans = useTrans();
  const { model, state } = props;
  const files = state.files?.filter(one => one.kind === 'folder' || props.fits(one));
  const parts = state.folder ? state.folder.split('/') : [];
  return (
    <div className="pd-files">
      <nav aria-label={trans.__('Folder')}>
        <button type="button" className="pd-link" onClick={() => void model.browse('')}>
          {trans.__('Workspace')}
        </button>
        {parts.map((name, at) => (
          <React.Fragment key={at}>
            <span aria-hidden="true">/</span>
            <button
              type="button"
              className="pd-link pd-clip"
              onClick={() => void model.browse(parts.slice(0, at + 1).join('/'))}
            >
              <bdi>{plain(name)}</bdi>
            </button>
          </React.Fragment>
        ))}
      </nav>
      <ul className="pd-plain" aria-label={trans.__('Files')}>
        {files?.map(one => (
          <li key={one.path}>
            <button
              type="button"
              className={`pd-file${state.source === one.path ? ' pd-sel' : ''}`}
              aria-pressed={one.kind === 'folder' ? undefined : state.source === one.path}
              title={plain(one.path)}
              onClick={() => {
                if (one.kind === 'folder') {
                  void model.browse(one.path);
                } else {
                  model.change({ source: one.path, problem: null });
                  model.look();
                }
              }}
            >
              <Icon name={one.kind === 'folder' ? 'folder' : one.kind === 'database' ? 'db' : 'file'} />
              <span className="pd-clip pd-grow">
                <bdi>{plain(one.name)}</bdi>
              </span>
              <span className="pd-num pd-note">{one.bytes === null ? '' : bytes(one.bytes)}</span>
            </button>
          </li>
        ))}
        {files && !files.length && (
          <li className="pd-note pd-pad">{state.filesProblem || trans.__('Nothing here that can be loaded.')}</li>
        )}
        {state.more && <li className="pd-note pd-pad">{trans.__('The first 1,000 are shown.')}</li>}
      </ul>
    </div>
  );
}

function Address(props: {
  model: IngestModel;
  state: IngestState;
  label: string;
  example: string;
  note: string;
}): React.ReactElement {
  const { model, state } = props;
  const id = React.useId();
  return (
    <div className="pd-entry">
      <label htmlFor={id}>{props.label}</label>
      <span className="pd-field">
        <input
          id={id}
          dir="auto"
          spellCheck={false}
          autoComplete="off"
          placeholder={props.example}
          value={state.source}
          onChange={event => model.change({ source: event.target.value, problem: null })}
          onKeyDown={event => lookOnEnter(event, model)}
        />
      </span>
      {props.note && <span className="pd-note">{props.note}</span>}
    </div>
  );
}

/** Enter in a field looks at what it names; it loads nothing. */
function lookOnEnter(event: React.KeyboardEvent, model: IngestModel): void {
  if (event.key === 'Enter') {
    event.preventDefault();
    model.look();
  }
}

function Password({ model, state }: { model: IngestModel; state: IngestState }): React.ReactElement {
  const trans = useTrans();
  const id = React.useId();
  return (
    <div className="pd-entry">
      <label htmlFor={id}>{trans.__('Password')}</label>
      <span className="pd-field">
        <input
          id={id}
          type="password"
          autoComplete="off"
          value={state.password}
          onChange={event => model.change({ password: event.target.value, problem: null })}
          onKeyDown={event => lookOnEnter(event, model)}
        />
      </span>
      <span className="pd-note">
        {trans.__(
          'It stands in no cell, no history and no log. Leave it empty where ~/.pgpass or nobody asks for one.'
        )}
      </span>
    </div>
  );
}

function FromPostgres({ model, state }: { model: IngestModel; state: IngestState }): React.ReactElement {
  const trans = useTrans();
  const id = React.useId();
  const name = React.useId();
  return (
    <>
      {state.connections.length > 0 && (
        <div className="pd-entry">
          <label htmlFor={id}>{trans.__('Connection')}</label>
          <select
            id={id}
            className="pd-select"
            value={state.connection}
            onChange={event => model.change({ connection: event.target.value, problem: null })}
          >
            <option value="">{trans.__('Another address …')}</option>
            {state.connections.map(one => (
              <option key={one.name} value={one.name}>
                {`${one.name}: ${plain(one.address)}`}
              </option>
            ))}
          </select>
        </div>
      )}
      {!state.connection && (
        <>
          <Address
            model={model}
            state={state}
            label={trans.__('Address')}
            example="postgresql://me@db.example:5432/shop"
            note={trans.__('Also env:NAME for a variable that holds it, or PGSERVICE=NAME.')}
          />
          <Password model={model} state={state} />
          <div className="pd-entry">
            <label htmlFor={name}>{trans.__('Keep it as a connection')}</label>
            <span className="pd-field">
              <input
                id={name}
                placeholder={trans.__('no; or a name such as shop')}
                autoComplete="off"
                value={state.remember}
                onChange={event => model.change({ remember: event.target.value })}
              />
            </span>
            <span className="pd-note">
              {trans.__('The password goes to the keyring of your system, never into a file.')}
            </span>
          </div>
        </>
      )}
    </>
  );
}

function FromDatabase({ model, state }: { model: IngestModel; state: IngestState }): React.ReactElement {
  const trans = useTrans();
  const host = /^(mysql|mariadb):/i.test(state.source.trim());
  return (
    <>
      <Address
        model={model}
        state={state}
        label={trans.__('File or address')}
        example="archive.duckdb"
        note={trans.__('A DuckDB or SQLite file, or mysql://me@host/database.')}
      />
      {host ? (
        <Password model={model} state={state} />
      ) : (
        <Files model={model} state={state} fits={entry => entry.kind === 'database'} />
      )}
    </>
  );
}

/* -- What of it ------------------------------------------------------------------------------------ */

function What(props: { model: IngestModel; state: IngestState; plan: Planned[] }): React.ReactElement {
  const trans = useTrans();
  const { model, state, plan } = props;
  const one = plan.length === 1 ? plan[0] : state.picked.size === 1 ? plan.find(it => state.picked.has(it.name)) : null;
  const files = state.where === 'file' || state.where === 'url';
  const there = plan.filter(it => state.picked.has(it.name) && it.action !== 'create' && it.action !== 'refuse');
  const modes = {
    append: trans.__('Adds rows. Never changes the ones there.'),
    merge: trans.__('Updates rows with the same key, adds the others.'),
    replace: trans.__('Fills the table anew. The old rows go when the new ones are all there.')
  };
  const into = React.useId();
  const more = React.useId();
  const bad = [...state.picked].some(name => plan.find(it => it.name === name)?.error);
  const word =
    state.mode === 'replace' && there.length
      ? trans._n(
          'Replace %2 table',
          'Load, replacing %1 of %2 tables',
          there.length,
          whole(there.length),
          whole(state.picked.size)
        )
      : '';
  return (
    <>
      <div className="pd-dbody">
        <div className="pd-form">
          <div className="pd-entry">
            <span className="pd-lead">
              {trans.__('From')}
              <button type="button" className="pd-link" onClick={() => model.back()}>
                {trans.__('Change')}
              </button>
            </span>
            <span className="pd-field pd-still" title={plain(state.connection || state.source)}>
              <Icon name={state.where === 'file' ? 'file' : state.where === 'url' ? 'out' : 'server'} small />
              <span className="pd-clip">
                <bdi>{plain(state.connection || state.source)}</bdi>
              </span>
            </span>
            <span className="pd-note">{plain(state.answers)}</span>
          </div>
          {one && (
            <div className="pd-entry">
              <label htmlFor={into}>{trans.__('Table')}</label>
              <span className="pd-field">
                <input
                  id={into}
                  dir="auto"
                  spellCheck={false}
                  value={state.into}
                  onChange={event => model.change({ into: event.target.value })}
                />
              </span>
              {there.length > 0 && <span className="pd-note">{trans.__('There is a table of that name.')}</span>}
            </div>
          )}
          <div className="pd-entry">
            <Segments
              label={trans.__('When the table exists')}
              value={state.mode}
              options={[
                ['append', trans.__('Append')],
                ['merge', trans.__('Merge')],
                ['replace', trans.__('Replace')]
              ]}
              onChange={mode => model.change({ mode })}
            />
            <span className="pd-note">{modes[state.mode]}</span>
          </div>
          {files && (
            <div className="pd-entry">
              <Segments
                label={trans.__('Rows that do not fit')}
                value={state.keep ? 'keep' : 'refuse'}
                options={[
                  ['refuse', trans.__('Stop, load nothing')],
                  ['keep', trans.__('Keep apart')]
                ]}
                onChange={value => model.change({ keep: value === 'keep' })}
              />
              <span className="pd-note">
                {state.keep
                  ? trans.__('They are kept in %1, with the reason.', `${one ? plain(state.into) : 'TABLE'}_rejects`)
                  : trans.__('The line is named.')}
              </span>
            </div>
          )}
          <div className="pd-entry">
            <label htmlFor={more}>{trans.__('More options')}</label>
            <span className="pd-field">
              <input
                id={more}
                className="pd-mono"
                spellCheck={false}
                autoComplete="off"
                placeholder="--key id --skip notes"
                value={state.words}
                onChange={event => model.change({ words: event.target.value })}
              />
            </span>
            <span className="pd-note">{trans.__('What begins with -- in a hint goes here, as in a shell.')}</span>
          </div>
        </div>
        <div className="pd-what">{plan.length === 1 ? <OnePlan table={plan[0]} /> : <Tables {...props} />}</div>
      </div>
      {state.problem && (
        <div className="pd-dmsg">
          <Trouble state={state} />
        </div>
      )}
      <footer>
        <span className="pd-note pd-grow" role="status">
          {state.looking
            ? trans.__('Looking …')
            : trans.__('All or nothing: a table gets its rows when the last of them has come.')}
        </span>
        <button
          type="button"
          className="pd-btn pd-main"
          disabled={!state.picked.size || bad}
          onClick={() => void model.load()}
        >
          {word ||
            (state.picked.size === 1
              ? trans.__('Load into %1', plain(state.into || [...state.picked][0]).slice(0, 40))
              : trans._n('Load %2 table', 'Load %2 tables', state.picked.size, whole(state.picked.size)))}
        </button>
      </footer>
    </>
  );
}

function facts(trans: ReturnType<typeof useTrans>, table: Planned): string {
  return [
    table.rows === null ? '' : trans.__('about %1 rows', whole(table.rows)),
    trans._n('%2 column', '%2 columns', table.columns.length, whole(table.columns.length)),
    table.bytes ? bytes(table.bytes) : ''
  ]
    .filter(Boolean)
    .join(', ');
}

function OnePlan({ table }: { table: Planned }): React.ReactElement {
  const trans = useTrans();
  return (
    <>
      <h3 className="pd-planned">{facts(trans, table)}</h3>
      {table.error && (
        <Message icon="error" tone="error" title={plain(table.error.message)} text={plain(table.error.hint)} />
      )}
      {table.said.map(one => (
        <p key={one} className="pd-note">
          {plain(one)}
        </p>
      ))}
      <div className="pd-tablewrap" tabIndex={0} role="region" aria-label={trans.__('Columns')}>
        <table className="pd-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('column')}</th>
              <th scope="col">{trans.__('from')}</th>
              <th scope="col">{trans.__('to')}</th>
            </tr>
          </thead>
          <tbody>
            {table.columns.slice(0, 500).map((one, at) => (
              <tr key={at} title={one.note ? plain(one.note) : undefined}>
                <td className="pd-clip">
                  <bdi>{plain(one.name)}</bdi>
                  {table.primary_key.includes(one.name) && <small className="pd-key">{trans.__('key')}</small>}
                </td>
                <td className="pd-clip pd-note">{plain(one.from)}</td>
                <td className="pd-clip">{one.type ? plain(one.type) : trans.__('not loaded')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {table.columns.length > 500 && (
        <p className="pd-note">{trans.__('%1 more columns', whole(table.columns.length - 500))}</p>
      )}
    </>
  );
}

/** Tables that are drawn; a search finds the others. */
const SHOWN = 300;

function Tables(props: { model: IngestModel; state: IngestState; plan: Planned[] }): React.ReactElement {
  const trans = useTrans();
  const { model, state, plan } = props;
  const [search, setSearch] = React.useState('');
  const wanted = search.trim().toLowerCase();
  const found = wanted ? plan.filter(one => one.name.toLowerCase().includes(wanted)) : plan;
  const all = found.every(one => state.picked.has(one.name));
  return (
    <>
      <div className="pd-choose">
        <label className="pd-check">
          <input
            type="checkbox"
            checked={all && found.length > 0}
            onChange={() =>
              model.pickAll(
                found.map(one => one.name),
                !all
              )
            }
          />
          {trans.__('%1 of %2 tables', whole(state.picked.size), whole(plan.length))}
        </label>
        <label className="pd-field pd-grow">
          <Icon name="search" small />
          <input
            type="search"
            aria-label={trans.__('Search tables')}
            placeholder={trans.__('Search tables')}
            value={search}
            onChange={event => setSearch(event.target.value)}
          />
        </label>
      </div>
      <ul className="pd-plain pd-tables" aria-label={trans.__('Tables of the source')}>
        {found.slice(0, SHOWN).map(one => (
          <li key={one.name}>
            <label className="pd-check">
              <input
                type="checkbox"
                checked={state.picked.has(one.name)}
                onChange={event => model.pick(one.name, event.target.checked)}
              />
              <span className="pd-clip pd-grow" title={plain(one.name)}>
                <bdi>{plain(one.name)}</bdi>
              </span>
              <span className="pd-num pd-note">{facts(trans, one)}</span>
            </label>
            {one.error && (
              <p className="pd-why">
                <Icon name="error" small />
                <span>
                  {plain(one.error.message)} {plain(one.error.hint)}
                </span>
              </p>
            )}
          </li>
        ))}
      </ul>
      {found.length > SHOWN && (
        <p className="pd-note">{trans.__('%1 more: search for them.', whole(found.length - SHOWN))}</p>
      )}
    </>
  );
}
