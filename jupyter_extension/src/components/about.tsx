/** Of an open table: what makes it and when, how good it is, where it comes from and what hangs on it. */

import * as React from 'react';

import { AboutModel, countsOf, Details, Effect, Health, Neighbour, Scan } from '../model/about';
import { Table } from '../model/frames';
import { age, numeral, plain, whole } from '../model/format';
import { nearer } from '../model/loads';
import { Message } from './banner';
import { IconName } from './drawings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { Modal } from './modal';

export interface AboutActions {
  /** Goes to another table of the list. */
  reveal(key: string): void;
  /** Undefined where the plugin for it is switched off. */
  readonly lineage: ((table: Table) => void) | undefined;
  readonly impact: ((table: Table) => void) | undefined;
  readonly rows: ((sql: string, title: string) => void) | undefined;
  /** Undefined where Jupyter does not show the file. */
  file(folder: string, path: string): (() => void) | undefined;
}

/** Neighbours that stand in a line before somebody asks for the others. */
const FEW = 4;

export function About(props: {
  table: Table;
  root: string;
  model: AboutModel;
  actions: AboutActions;
}): React.ReactElement {
  const trans = useTrans();
  const { table, model, actions } = props;
  const state = useStore(model.state);
  const details: Details | undefined = state.details[table.key];
  React.useEffect(() => void model.of(table.key), [table.key]);
  const made = details?.made;
  const file = made && made.folder && made.path ? actions.file(made.folder, made.path) : undefined;
  const kinds: Record<string, string> = {
    model: trans.__('Model'),
    seed: trans.__('Seed'),
    snapshot: trans.__('Snapshot')
  };
  return (
    <div role="row" aria-level={2}>
      <div role="gridcell" className="pd-about">
        {table.loaded_at && (
          <p title={`${table.loaded_at}\n${plain(table.source ?? '')}`}>
            <Icon name="clock" small />
            <span>
              {trans.__('Loaded %1 ago', age((Date.now() - Date.parse(table.loaded_at)) / 1000))}
              {table.source && (
                <>
                  {' '}
                  <span className="pd-note">
                    <bdi>{plain(nearer(table.source, props.root))}</bdi>
                  </span>
                </>
              )}
            </span>
          </p>
        )}
        {made && (
          <p>
            <Icon name="build" small />
            <span>
              {kinds[made.kind] ?? plain(made.kind)} <b>{plain(made.name)}</b>{' '}
              {file ? (
                <button type="button" className="pd-link" title={trans.__('Open the file')} onClick={file}>
                  {plain(made.path)}
                </button>
              ) : (
                <span className="pd-note">{plain(made.path)}</span>
              )}
            </span>
          </p>
        )}
        <Checks scans={details?.scans} health={state.health[table.key]} actions={actions} />
        <Steps label={trans.__('Made of')} found={details?.up} actions={actions} />
        <Steps label={trans.__('Read by')} found={details?.down} actions={actions} />
        {(actions.lineage || actions.impact) && (
          <p className="pd-about-do">
            {actions.lineage && (
              <button type="button" className="pd-link" onClick={() => actions.lineage?.(table)}>
                {trans.__('Lineage')}
              </button>
            )}
            {actions.impact && (
              <button type="button" className="pd-link" onClick={() => actions.impact?.(table)}>
                {trans.__('What breaks without it')}
              </button>
            )}
          </p>
        )}
      </div>
    </div>
  );
}

function Steps(props: { label: string; found: Neighbour[] | undefined; actions: AboutActions }): React.ReactElement {
  const trans = useTrans();
  const [all, setAll] = React.useState(false);
  const { found } = props;
  const shown = all ? found : found?.slice(0, FEW);
  return (
    <p>
      <span className="pd-note pd-about-of">{props.label}</span>
      <span className="pd-about-list">
        {!found && '…'}
        {found && !found.length && <span className="pd-note">{trans.__('nothing that is known')}</span>}
        {shown?.map(one => (
          <NeighbourName key={one.id} one={one} onOpen={props.actions.reveal} />
        ))}
        {found && shown && shown.length < found.length && (
          <button type="button" className="pd-link" onClick={() => setAll(true)}>
            {trans.__('%1 more', whole(found.length - shown.length))}
          </button>
        )}
      </span>
    </p>
  );
}

export function NeighbourName(props: { one: Neighbour; onOpen: (key: string) => void }): React.ReactElement {
  const trans = useTrans();
  const { one } = props;
  const name = plain(one.name);
  return one.table ? (
    <button type="button" className="pd-link pd-clip" title={name} onClick={() => props.onOpen(one.table)}>
      <bdi>{name}</bdi>
    </button>
  ) : (
    <span className="pd-clip" title={`${kindTold(one.kind, trans)}: ${name}`}>
      <bdi>{name}</bdi>
    </span>
  );
}

function Checks(props: {
  scans: Scan[] | undefined;
  health: Health | undefined;
  actions: AboutActions;
}): React.ReactElement | null {
  const trans = useTrans();
  const { scans, actions } = props;
  const counts = scans ? countsOf(scans) : props.health;
  if (!counts || counts.passed + counts.warned + counts.failed === 0) {
    return null;
  }
  const score = scans ? Math.min(...scans.map(one => one.score)) : props.health!.score;
  const wrong = scans?.flatMap(one => one.wrong) ?? [];
  const latest = scans?.map(one => Date.parse(one.at)).reduce((one, other) => Math.max(one, other), 0);
  const icon: IconName = counts.failed ? 'error' : counts.warned ? 'warn' : 'check';
  const parts = [
    counts.failed && trans._n('%2 check failed', '%2 checks failed', counts.failed, whole(counts.failed)),
    counts.warned && trans._n('%2 warning', '%2 warnings', counts.warned, whole(counts.warned)),
    counts.passed && trans._n('%2 passed', '%2 passed', counts.passed, whole(counts.passed))
  ].filter(Boolean);
  return (
    <div className="pd-about-checks">
      <p>
        <span className={`pd-state pd-${counts.failed ? 'failed' : counts.warned ? 'warned' : 'succeeded'}`}>
          <Icon name={icon} small />
        </span>
        <span>
          {parts.join(', ')}{' '}
          <span className="pd-note">
            {trans.__('score %1', numeral(String(Math.round(10 * score) / 10)))}
            {latest ? `, ${trans.__('%1 ago', age((Date.now() - latest) / 1000))}` : ''}
          </span>
        </span>
      </p>
      {wrong.length > 0 && (
        <ul className="pd-plain">
          {wrong.map((one, at) => (
            <li key={at}>
              <bdi title={plain(one.name)}>{plain(one.says || one.name)}</bdi>{' '}
              {one.sample && actions.rows && (
                <button
                  type="button"
                  className="pd-link"
                  aria-label={trans.__('Rows that fail %1', plain(one.name))}
                  onClick={() => actions.rows?.(one.sample, one.name)}
                >
                  {trans.__('Show rows')}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Beside the name of a table whose checks did not pass. */
export function HealthMark({ health }: { health: Health | undefined }): React.ReactElement | null {
  const trans = useTrans();
  if (!health || (!health.failed && !health.warned)) {
    return null;
  }
  const said = health.failed
    ? trans._n('%2 check failed', '%2 checks failed', health.failed, whole(health.failed))
    : trans._n('%2 warning', '%2 warnings', health.warned, whole(health.warned));
  return (
    <span className={`pd-state pd-${health.failed ? 'failed' : 'warned'}`} title={said}>
      <Icon name={health.failed ? 'error' : 'warn'} small />
      <span className="pd-sr">{said}</span>
    </span>
  );
}

/** What something is that stands in a lineage. */
function kindTold(kind: string, trans: ReturnType<typeof useTrans>): string {
  const words: Record<string, string> = {
    table: trans.__('table'),
    view: trans.__('view'),
    missing: trans.__('not there'),
    source: trans.__('source'),
    file: trans.__('file'),
    dashboard: trans.__('dashboard'),
    question: trans.__('question'),
    answer: trans.__('answer'),
    role: trans.__('role'),
    sink: trans.__('sink'),
    webhook: trans.__('webhook')
  };
  return words[kind] ?? plain(kind);
}

const ORDER: Effect['what'][] = ['refused', 'breaks', 'fails next', 'may break', 'loses', 'stale'];

/** What would break without a table or a column. Nothing is dropped here. */
export function ImpactDialog({ model }: { model: AboutModel }): React.ReactElement | null {
  const trans = useTrans();
  const { impact } = useStore(model.state);
  if (!impact) {
    return null;
  }
  const headings: Record<Effect['what'], string> = {
    refused: trans.__('The database would not drop it'),
    breaks: trans.__('Breaks'),
    'fails next': trans.__('Fails when it is made the next time'),
    'may break': trans.__('May break'),
    loses: trans.__('Works on, without it'),
    stale: trans.__('Gets no new rows')
  };
  const { effects } = impact;
  return (
    <Modal title={trans.__('Without %1', plain(impact.name))} className="pd-narrow" onClose={() => model.seen()}>
      <div className="pd-dbody pd-one pd-impact">
        {!effects && <p className="pd-note">{trans.__('Looking at what reads it …')}</p>}
        {impact.problem && (
          <Message icon="error" tone="error" title={trans.__('That could not be found out.')} text={impact.problem} />
        )}
        {effects && !effects.length && !impact.problem && (
          <p role="status">{trans.__('Nothing that is known here would break.')}</p>
        )}
        {ORDER.map(what => {
          const those = (effects ?? []).filter(one => one.what === what);
          return (
            those.length > 0 && (
              <section key={what}>
                <h3>
                  {headings[what]} <span className="pd-note">{whole(those.length)}</span>
                </h3>
                <ul className="pd-plain">
                  {those.map(one => (
                    <li key={one.id}>
                      <b>
                        <bdi>{plain(one.name)}</bdi>
                      </b>{' '}
                      <span className="pd-note">{kindTold(one.kind, trans)}</span>
                      <small>
                        {plain(one.why)}
                        {one.columns.length > 0 && ` (${one.columns.map(plain).join(', ')})`}
                      </small>
                    </li>
                  ))}
                </ul>
              </section>
            )
          );
        })}
      </div>
    </Modal>
  );
}
