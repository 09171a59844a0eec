/** The load history: what came when and from where, and what did not. */

import * as React from 'react';

import { duration, plain, whole } from '../model/format';
import { Load, loadsFound, LoadsModel, nearer } from '../model/loads';
import { Message } from './banner';
import { IconName } from './drawings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

export interface LoadsActions {
  again(load: Load): void;
  preview(key: string, title: string): void;
  add(): void;
}

const ICONS: Record<Load['state'], IconName> = {
  succeeded: 'check',
  running: 'clock',
  failed: 'error',
  cancelled: 'stop'
};
/** Rows that are drawn; a search finds the others. */
const SHOWN = 200;

export function Loads({ model, actions }: { model: LoadsModel; actions: LoadsActions }): React.ReactElement {
  const trans = useTrans();
  const { loads, problem, search, root } = useStore(model.state);
  const found = loads && loadsFound(loads, search);
  const words: Record<Load['state'], string> = {
    succeeded: trans.__('loaded'),
    running: trans.__('running'),
    failed: trans.__('failed'),
    cancelled: trans.__('stopped')
  };
  return (
    <section className="pd-panel pd-loads" aria-label={trans.__('Load history')}>
      <div className="pd-gridbar">
        <label className="pd-field pd-grow">
          <Icon name="search" small />
          <input
            type="search"
            aria-label={trans.__('Search loads')}
            placeholder={trans.__('Table, source or state')}
            value={search}
            onChange={event => model.search(event.target.value)}
          />
        </label>
        <span className="pd-note pd-end" role="status">
          {found ? trans._n('%2 load', '%2 loads', found.length, whole(found.length)) : trans.__('Reading …')}
        </span>
        <button type="button" className="pd-btn pd-quiet" onClick={actions.add}>
          <Icon name="plus" small />
          {trans.__('Add data')}
        </button>
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={() => void model.refresh()}
        >
          <Icon name="refresh" />
        </button>
      </div>
      {problem && (
        <div className="pd-banners">
          <Message icon="error" tone="error" title={trans.__('The history could not be read.')} text={plain(problem)} />
        </div>
      )}
      {found && !found.length && (
        <div className="pd-pad pd-none">
          <h3>{search.trim() ? trans.__('No load has that') : trans.__('Nothing was loaded yet')}</h3>
          <p className="pd-note">
            {search.trim()
              ? trans.__('Search for a table, a source or a state.')
              : trans.__('Each load is noted here, the failed ones too.')}
          </p>
        </div>
      )}
      {found && found.length > 0 && (
        <div className="pd-tablewrap pd-full" tabIndex={0} role="region" aria-label={trans.__('Loads')}>
          <table className="pd-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('state')}</th>
                <th scope="col">{trans.__('table')}</th>
                <th scope="col" className="pd-num">
                  {trans.__('rows')}
                </th>
                <th scope="col" className="pd-fill">
                  {trans.__('from')}
                </th>
                <th scope="col">{trans.__('when')}</th>
                <th scope="col">
                  <span className="pd-sr">{trans.__('Again')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, SHOWN).map(one => (
                <tr key={`${one.load_id} ${one.table}`} data-pd-state={one.state}>
                  <td>
                    <span className={`pd-state pd-${one.state}`}>
                      <Icon name={ICONS[one.state]} small />
                      {words[one.state]}
                    </span>
                  </td>
                  <td className="pd-clip pd-of">
                    {one.there ? (
                      <button
                        type="button"
                        className="pd-link pd-clip"
                        title={plain(one.name)}
                        onClick={() => actions.preview(one.table, one.name)}
                      >
                        <bdi>{plain(one.name)}</bdi>
                      </button>
                    ) : (
                      <bdi title={plain(one.name)}>{plain(one.name)}</bdi>
                    )}
                    <small>{one.mode}</small>
                  </td>
                  <td className="pd-num">
                    {one.rows === null ? '' : whole(one.rows)}
                    {one.rejected > 0 && <small>{trans.__('%1 kept apart', whole(one.rejected))}</small>}
                  </td>
                  <td className="pd-fill">
                    <span className="pd-clip" title={plain(one.source)}>
                      <bdi>{plain(nearer(one.source, root))}</bdi>
                    </span>
                    {one.error && one.state === 'failed' && <small className="pd-reason">{plain(one.error)}</small>}
                  </td>
                  <td className="pd-when" title={one.started_at}>
                    {new Date(one.started_at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}
                    <small>{one.elapsed_s === null ? '' : trans.__('took %1', duration(one.elapsed_s))}</small>
                  </td>
                  <td>
                    {one.again && (
                      <button
                        type="button"
                        className="pd-btn pd-small"
                        aria-label={trans.__('Load %1 again', plain(one.name))}
                        onClick={() => actions.again(one)}
                      >
                        <Icon name="refresh" small />
                        {trans.__('Again')}
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {found.length > SHOWN && (
            <p className="pd-note pd-pad">{trans.__('%1 older ones: search for them.', whole(found.length - SHOWN))}</p>
          )}
        </div>
      )}
    </section>
  );
}
