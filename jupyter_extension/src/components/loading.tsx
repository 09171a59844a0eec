/** A load: how far it is, what came of it, and what did not come. */

import * as React from 'react';

import { bytes, duration, kindOf, plain, shown, whole } from '../model/format';
import { IngestModel, IngestState, LoadedTable, part, remaining, rowsOf, Run } from '../model/ingest';
import { Rows } from '../model/frames';
import { quoted } from '../model/sql';
import { Message } from './banner';
import type { IngestActions } from './ingest';
import { useTrans } from './hooks';
import { Icon } from './icon';
import { Bar } from './modal';

/** Draws itself again each half second while something runs: times go on without frames. */
function useClock(running: boolean): number {
  const [now, setNow] = React.useState(Date.now());
  React.useEffect(() => {
    if (!running) {
      return undefined;
    }
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [running]);
  return Math.max(now, Date.now());
}

export function Loading(props: {
  model: IngestModel;
  run: Run;
  state: IngestState;
  actions: IngestActions;
}): React.ReactElement {
  const trans = useTrans();
  const { model, run, actions } = props;
  const running = run.state === 'running' || run.state === 'stopping';
  const now = useClock(running);
  const [password, setPassword] = React.useState('');
  const id = React.useId();
  const first = run.tables[0];
  return (
    <>
      <div className="pd-dbody pd-one pd-run" data-pd-load={run.state}>
        {running && <Running run={run} now={now} />}
        {run.state === 'done' && <Done run={run} model={model} />}
        {run.state === 'stopped' && (
          <div className="pd-big-word">
            <Icon name="stop" />
            <div>
              <h3>{trans.__('Stopped')}</h3>
              <p className="pd-note">
                {trans.__('Nothing half-written: every table is as it was before, or has all of its rows.')}
              </p>
            </div>
          </div>
        )}
        {run.state === 'failed' && run.problem && (
          <>
            <Message icon="error" tone="error" title={plain(run.problem.message)} text={plain(run.problem.hint)} />
            {run.problem.password && run.again && (
              <form
                className="pd-entry"
                onSubmit={event => {
                  event.preventDefault();
                  model.reload(run.again, run.what, password);
                }}
              >
                <label htmlFor={id}>{trans.__('Password')}</label>
                <span className="pd-field">
                  <input
                    id={id}
                    type="password"
                    autoComplete="off"
                    value={password}
                    onChange={event => setPassword(event.target.value)}
                  />
                </span>
                <span className="pd-note">{trans.__('It stands in no cell, no history and no log.')}</span>
              </form>
            )}
            <p className="pd-note">{trans.__('Nothing was written. What was there before is as it was.')}</p>
          </>
        )}
      </div>
      <footer>
        <span className="pd-note pd-grow">
          <button type="button" className="pd-link" onClick={actions.history}>
            {trans.__('Load history')}
          </button>
        </span>
        {running && (
          <>
            <button type="button" className="pd-btn" disabled={run.state === 'stopping'} onClick={() => model.stop()}>
              <span className="pd-sq" />
              {run.state === 'stopping' ? trans.__('Stopping …') : trans.__('Stop')}
            </button>
            <button type="button" className="pd-btn pd-main" onClick={() => model.hide()}>
              {trans.__('Run in background')}
            </button>
          </>
        )}
        {!running && !run.again && (
          <button
            type="button"
            className="pd-btn"
            onClick={() => (run.state === 'done' ? model.show() : retreat(model))}
          >
            {run.state === 'done' ? trans.__('Add more') : trans.__('Change what is loaded')}
          </button>
        )}
        {run.state === 'failed' && run.again && (
          <button
            type="button"
            className="pd-btn pd-main"
            disabled={run.problem?.password && !password}
            onClick={() => model.reload(run.again, run.what, password)}
          >
            {trans.__('Load it again')}
          </button>
        )}
        {run.state === 'done' && first && (
          <>
            <button
              type="button"
              className="pd-btn"
              onClick={() => {
                actions.ask(quoted(first.name));
                model.hide();
              }}
            >
              {trans.__('Ask about %1', cut(first.name))}
            </button>
            <button
              type="button"
              className="pd-btn pd-main"
              onClick={() => {
                actions.preview(first.key, first.name);
                model.hide();
              }}
            >
              {trans.__('Show %1', cut(first.name))}
            </button>
          </>
        )}
      </footer>
    </>
  );
}

const cut = (name: string): string => (name.length > 24 ? `${plain(name).slice(0, 23)}…` : plain(name));

/** To the tables that were chosen: what went wrong can be chosen otherwise. */
function retreat(model: IngestModel): void {
  model.dismiss();
  model.look();
}

function Running({ run, now }: { run: Run; now: number }): React.ReactElement {
  const trans = useTrans();
  const tables = Object.values(run.progress);
  const total = tables.reduce((sum, one) => sum + (one.total_rows ?? 0), 0);
  const size = tables.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const done = part(run);
  const left = remaining(run, now);
  const many = tables.length > 1;
  return (
    <>
      <div>
        <div className="pd-big-number">
          {whole(rowsOf(run))} <span>{total ? trans.__('of about %1 rows', whole(total)) : trans.__('rows')}</span>
        </div>
        <Bar part={done} label={trans.__('Progress of the load')} />
        <div className="pd-under">
          <span>{size ? bytes(size) : ''}</span>
          <span className="pd-end">
            {duration((now - run.began) / 1000)}
            {left !== null &&
              `, ${trans.__('about %1 left', duration(Math.max(1, Math.round(left))).replace('.00', ''))}`}
          </span>
        </div>
      </div>
      {many && (
        <ul className="pd-plain pd-tables">
          {tables.map(one => (
            <li key={one.table} className="pd-each">
              <Icon name={one.done ? 'check' : 'clock'} small />
              <span className="pd-clip pd-grow">
                <bdi>{plain(one.table)}</bdi>
              </span>
              <span className="pd-num pd-note">
                {whole(one.rows)}
                {one.total_rows && !one.done ? ` / ${whole(one.total_rows)}` : ''}
              </span>
            </li>
          ))}
        </ul>
      )}
      <p className="pd-note">
        {trans.__(
          'All or nothing: the rows appear in %1 when the load ends. Stop leaves it as it was.',
          plain(run.what)
        )}
      </p>
    </>
  );
}

function Done({ run, model }: { run: Run; model: IngestModel }): React.ReactElement {
  const trans = useTrans();
  const rejected = run.tables.filter(one => one.rejected);
  const notices = [...run.notices, ...run.tables.flatMap(one => one.notices)];
  return (
    <>
      <div>
        <div className="pd-big-number" role="status">
          {whole(run.rows)}{' '}
          <span>
            {run.tables.length === 1
              ? trans.__('rows in %1', plain(run.tables[0].name))
              : trans._n('rows in %2 table', 'rows in %2 tables', run.tables.length, whole(run.tables.length))}
          </span>
        </div>
        <Bar part={1} label={trans.__('Progress of the load')} />
        <div className="pd-under">
          <span>{duration(run.elapsed_s)}</span>
        </div>
      </div>
      {run.failed.length > 0 && (
        <ul className="pd-plain pd-failures">
          {run.failed.map(one => (
            <li key={one.source}>
              <Message
                icon="error"
                tone="error"
                title={`${plain(one.source)}: ${plain(one.message)}`}
                text={plain(one.hint)}
              />
            </li>
          ))}
        </ul>
      )}
      {rejected.map(one => (
        <Rejected key={one.key} table={one} model={model} />
      ))}
      {notices.map(one => (
        <p key={one} className="pd-note">
          {plain(one)}
        </p>
      ))}
      {run.tables.length === 1 && !rejected.length && <Sample table={run.tables[0]} model={model} />}
      {run.tables.length > 1 && (
        <ul className="pd-plain pd-tables">
          {run.tables.map(one => (
            <li key={one.key} className="pd-each">
              <Icon name="check" small />
              <span className="pd-clip pd-grow">
                <bdi>{plain(one.name)}</bdi>
              </span>
              <span className="pd-num pd-note">{whole(one.rows)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Columns of the first rows that are drawn. */
const WIDE = 20;

/** What came, at a glance. */
function Sample({ table, model }: { table: LoadedTable; model: IngestModel }): React.ReactElement | null {
  const trans = useTrans();
  const [rows, setRows] = React.useState<Rows | null>(null);
  React.useEffect(() => {
    let here = true;
    void model.sample(table).then(found => here && setRows(found));
    return () => {
      here = false;
    };
  }, [table.key]);
  if (!rows?.rows.length) {
    return null;
  }
  const columns = rows.columns.slice(0, WIDE);
  return (
    <div className="pd-tablewrap pd-sample" tabIndex={0} role="region" aria-label={trans.__('The first rows')}>
      <table className="pd-table">
        <thead>
          <tr>
            {columns.map((one, at) => (
              <th key={at} scope="col" className={kindOf(one.type) === 'number' ? 'pd-num' : ''}>
                <bdi>{plain(one.name)}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.rows.map((row, place) => (
            <tr key={place}>
              {columns.map((one, at) => (
                <td key={at} className={kindOf(one.type) === 'number' ? 'pd-num' : 'pd-clip'}>
                  <bdi className={row[at] === null ? 'pd-note' : ''}>{cutAt(shown(row[at], one.type))}</bdi>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const cutAt = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

/** The first rows that did not fit; all of them stand in a table. */
function Rejected({ table, model }: { table: LoadedTable; model: IngestModel }): React.ReactElement {
  const trans = useTrans();
  const [rows, setRows] = React.useState<Rows | null>(null);
  React.useEffect(() => {
    let here = true;
    void model.rejected(table).then(found => here && setRows(found));
    return () => {
      here = false;
    };
  }, [table.key]);
  const at = (name: string): number => rows!.columns.findIndex(one => one.name === name);
  const wanted = ['line', 'column', 'text', 'reason'];
  return (
    <section className="pd-rejected" aria-label={trans.__('Rows that were kept apart')}>
      <h3>
        <Icon name="warn" />
        {trans._n('%2 row did not fit', '%2 rows did not fit', table.rejected, whole(table.rejected))}
        <span className="pd-note pd-end">
          {trans.__('all in %1', plain(table.rejects?.replace(/^main\./, '') ?? ''))}
        </span>
      </h3>
      {rows && (
        <div className="pd-tablewrap" tabIndex={0} role="region" aria-label={trans.__('Rows that were kept apart')}>
          <table className="pd-table">
            <thead>
              <tr>
                <th scope="col" className="pd-num">
                  {trans.__('line')}
                </th>
                <th scope="col">{trans.__('column')}</th>
                <th scope="col">{trans.__('text')}</th>
                <th scope="col">{trans.__('why')}</th>
              </tr>
            </thead>
            <tbody>
              {rows.rows.map((row, place) => (
                <tr key={place}>
                  {wanted.map(name => {
                    const value = row[at(name)];
                    const text = value === null || value === undefined ? '' : plain(String(value));
                    return (
                      <td
                        key={name}
                        className={name === 'line' ? 'pd-num' : `pd-clip${name === 'text' ? ' pd-mono' : ''}`}
                        title={text}
                      >
                        {name === 'line' ? whole(text) : <bdi>{text}</bdi>}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** One line of it, for the foot of a panel. */
export function LoadLine({ model }: { model: IngestModel }): React.ReactElement | null {
  const trans = useTrans();
  const { run } = model.state.get();
  if (!run) {
    return null;
  }
  const running = model.running;
  const name = cut(run.what);
  const said = {
    running: trans.__('Loading %1: %2 rows', name, whole(rowsOf(run))),
    stopping: trans.__('Stopping …'),
    done: trans.__('%1: %2 rows loaded', name, whole(run.rows)),
    stopped: trans.__('The load of %1 was stopped.', name),
    failed: trans.__('The load of %1 failed.', name)
  }[run.state];
  return (
    <div className="pd-foot pd-loadline" data-pd-load={run.state}>
      {running && <Bar part={part(run)} label={trans.__('Progress of the load')} />}
      <button type="button" className="pd-link pd-clip" onClick={() => model.reopen()} role="status">
        {said}
      </button>
      <button
        type="button"
        className="pd-link pd-end"
        onClick={() => (running ? model.stop() : model.dismiss())}
        disabled={run.state === 'stopping'}
      >
        {running ? trans.__('Stop') : trans.__('Dismiss')}
      </button>
    </div>
  );
}
