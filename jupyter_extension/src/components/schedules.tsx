/** What runs by itself, when next, and how it went. */

import * as React from 'react';

import { plain, whole } from '../model/format';
import { FiringState, LOOK_MS, Schedule, SchedulesModel } from '../model/schedules';
import { Message } from './banner';
import { IconName } from './drawings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

const ICONS: Record<FiringState, IconName> = {
  queued: 'clock',
  running: 'clock',
  succeeded: 'check',
  failed: 'error',
  timed_out: 'error',
  cancelled: 'stop',
  skipped: 'x'
};

const EXAMPLE = '%pluto schedule add "0 6 * * *" -- run-dbt';

const moment = (at: string): string =>
  new Date(at).toLocaleString([], {
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit'
  });

export function SchedulesView({ model }: { model: SchedulesModel }): React.ReactElement {
  const trans = useTrans();
  const { schedules, somebody, problem } = useStore(model.state);
  const busy = model.busy;
  React.useEffect(() => {
    if (!busy) {
      return undefined;
    }
    const timer = setInterval(() => void model.refresh(), LOOK_MS);
    return () => clearInterval(timer);
  }, [busy]);
  return (
    <section className="pd-panel pd-loads" aria-label={trans.__('Schedules')}>
      <div className="pd-gridbar">
        <span className="pd-note" role="status">
          {schedules
            ? trans._n('%2 schedule', '%2 schedules', schedules.length, whole(schedules.length))
            : trans.__('Reading …')}
        </span>
        <button
          type="button"
          className="pd-ib pd-end"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={() => void model.refresh()}
        >
          <Icon name="refresh" />
        </button>
      </div>
      {(problem || (schedules && schedules.length > 0 && !somebody)) && (
        <div className="pd-banners">
          {problem && (
            <Message icon="error" tone="error" title={trans.__('That could not be done.')} text={plain(problem)} />
          )}
          {schedules && schedules.length > 0 && !somebody && (
            <Message
              icon="warn"
              tone="warn"
              title={trans.__('Nobody runs them now.')}
              text={trans.__('A Jupyter server with this workspace does, or pluto-duck serve.')}
            />
          )}
        </div>
      )}
      {schedules && !schedules.length && (
        <div className="pd-pad pd-none">
          <h3>{trans.__('Nothing runs by itself yet')}</h3>
          <p className="pd-note">{trans.__('A cell makes a schedule:')}</p>
          <code>{EXAMPLE}</code>
        </div>
      )}
      {schedules && schedules.length > 0 && (
        <div className="pd-tablewrap pd-full" tabIndex={0} role="region" aria-label={trans.__('Schedules')}>
          <table className="pd-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('last run')}</th>
                <th scope="col" className="pd-fill">
                  {trans.__('what')}
                </th>
                <th scope="col">{trans.__('next')}</th>
                <th scope="col">
                  <span className="pd-sr">{trans.__('What can be done')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {schedules.map(one => (
                <Row key={one.id} one={one} model={model} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ one, model }: { one: Schedule; model: SchedulesModel }): React.ReactElement {
  const trans = useTrans();
  const words: Record<FiringState, string> = {
    queued: trans.__('waits'),
    running: trans.__('running'),
    succeeded: trans.__('done'),
    failed: trans.__('failed'),
    timed_out: trans.__('took too long'),
    cancelled: trans.__('stopped'),
    skipped: trans.__('skipped')
  };
  const name = plain(one.name);
  const { last } = one;
  const bad = last && (last.state === 'failed' || last.state === 'timed_out');
  return (
    <tr data-pd-schedule={one.name} data-pd-state={one.state}>
      <td className="pd-when">
        {last ? (
          <>
            <span className={`pd-state pd-${last.state === 'timed_out' ? 'failed' : last.state}`}>
              <Icon name={ICONS[last.state]} small />
              {words[last.state]}
            </span>
            {last.at && <small>{moment(last.at)}</small>}
          </>
        ) : (
          <span className="pd-note">{trans.__('not yet')}</span>
        )}
      </td>
      <td className="pd-fill">
        <b>
          <bdi>{name}</bdi>
        </b>
        <small className="pd-reason">
          <code>{plain(one.text)}</code>
          {one.only_if && ` ${trans.__('if %1 passes', plain(one.only_if))}`}
        </small>
        {bad && last.error && <small className="pd-reason">{plain(last.error)}</small>}
      </td>
      <td className="pd-when" title={`${one.cron} ${one.zone}`}>
        {one.state === 'paused'
          ? trans.__('paused')
          : one.state === 'disabled'
            ? trans.__('not made by you on this machine')
            : one.next_at
              ? moment(one.next_at)
              : ''}
        <small>{plain(`${one.cron}, ${one.zone}`)}</small>
      </td>
      <td>
        {one.state !== 'disabled' && (
          <span className="pd-schedule-do">
            <button
              type="button"
              className="pd-btn pd-small"
              aria-label={trans.__('Run %1 now', name)}
              disabled={last?.state === 'queued' || last?.state === 'running'}
              onClick={() => void model.act(one, 'run')}
            >
              <Icon name="play" small />
              {trans.__('Run now')}
            </button>
            <button
              type="button"
              className="pd-btn pd-small"
              aria-label={one.state === 'paused' ? trans.__('Resume %1', name) : trans.__('Pause %1', name)}
              onClick={() => void model.act(one, one.state === 'paused' ? 'resume' : 'pause')}
            >
              {one.state === 'paused' ? trans.__('Resume') : trans.__('Pause')}
            </button>
          </span>
        )}
      </td>
    </tr>
  );
}
