/** dbt: what to build, node by node what becomes of it, where it failed, and the builds before. */

import * as React from 'react';

import {
  Build,
  BuildNode,
  BuildsModel,
  BuildsState,
  BuildState,
  ended,
  goesOn,
  NodeState,
  partOf,
  Verb,
  VERBS,
  Watched
} from '../model/builds';
import { cut, duration, plain, whole } from '../model/format';
import { nearer } from '../model/loads';
import { Message } from './banner';
import { IconName } from './drawings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { Bar } from './modal';
import { Code } from './sql';

export interface BuildsActions {
  /** Undefined where the plugin for it is switched off. */
  readonly schedules: (() => void) | undefined;
  preview(key: string, title: string): void;
  /** What opens a file of the project; undefined where Jupyter does not show it. */
  file(build: Watched, path: string): ((line?: number | null) => void) | undefined;
}

const ICONS: Record<NodeState, IconName> = {
  running: 'clock',
  ok: 'check',
  warned: 'warn',
  failed: 'error',
  skipped: 'x'
};
const CLASSES: Record<NodeState, string> = {
  running: 'running',
  ok: 'succeeded',
  warned: 'warned',
  failed: 'failed',
  skipped: 'cancelled'
};
const ENDS: Record<BuildState, IconName> = {
  queued: 'clock',
  running: 'clock',
  succeeded: 'check',
  failed: 'error',
  cancelled: 'stop',
  timed_out: 'error'
};
/** Nodes that are drawn; of more than that those that ended well are left out first. */
const SHOWN = 300;

export function Builds({ model, actions }: { model: BuildsModel; actions: BuildsActions }): React.ReactElement {
  const trans = useTrans();
  const state = useStore(model.state);
  const { shown, problem, missing } = state;
  return (
    <section className="pd-panel pd-builds" aria-label={trans.__('Models (dbt)')}>
      <Wishes model={model} state={state} />
      {(problem || missing) && (
        <div className="pd-banners">
          {missing && <Message icon="warn" tone="warn" title={plain(missing.message)} text={plain(missing.hint)} />}
          {problem && <Message icon="error" tone="error" title={plain(problem.message)} text={plain(problem.hint)} />}
        </div>
      )}
      <div className="pd-scroll">
        {shown && <Shown build={shown} model={model} actions={actions} />}
        {!shown && state.projects && !state.projects.length && !missing && <NoProject model={model} state={state} />}
        <Earlier model={model} state={state} />
        {actions.schedules && (
          <div className="pd-pad">
            <button type="button" className="pd-link" onClick={actions.schedules}>
              {trans.__('What runs by itself')}
            </button>
          </div>
        )}
      </div>
    </section>
  );
}

function Wishes({ model, state }: { model: BuildsModel; state: BuildsState }): React.ReactElement {
  const trans = useTrans();
  const running = model.running;
  const verbs: Record<Verb, string> = {
    build: trans.__('seeds, snapshots, models, tests'),
    run: trans.__('models alone'),
    test: trans.__('tests alone'),
    seed: trans.__('seeds alone'),
    snapshot: trans.__('snapshots alone')
  };
  return (
    <form
      className="pd-wishes"
      aria-label={trans.__('What to build')}
      onSubmit={event => {
        event.preventDefault();
        void model.start();
      }}
    >
      <label>
        <span>{trans.__('Project')}</span>
        <select
          className="pd-select"
          disabled={!state.projects?.length}
          value={state.project}
          onChange={event => model.change({ project: event.target.value })}
        >
          {(state.projects ?? []).map(one => (
            <option key={one.key} value={one.key}>
              {one.key === '.' || one.key === one.name ? plain(one.name) : `${plain(one.name)} (${plain(one.key)})`}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{trans.__('Command')}</span>
        <select
          className="pd-select"
          value={state.verb}
          onChange={event => model.change({ verb: event.target.value as Verb })}
        >
          {VERBS.map(one => (
            <option key={one} value={one}>
              {`${one}: ${verbs[one]}`}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{trans.__('Only these')}</span>
        <span className="pd-field">
          <input
            type="text"
            spellCheck={false}
            placeholder={trans.__('all; or orders+ tag:daily')}
            value={state.select}
            onChange={event => model.change({ select: event.target.value })}
          />
        </span>
      </label>
      <label>
        <span>{trans.__('Without these')}</span>
        <span className="pd-field">
          <input
            type="text"
            spellCheck={false}
            placeholder={trans.__('none')}
            value={state.exclude}
            onChange={event => model.change({ exclude: event.target.value })}
          />
        </span>
      </label>
      <div className="pd-wish-do">
        <label className="pd-check" title={trans.__('Incremental models are made anew from all of their data')}>
          <input
            type="checkbox"
            checked={state.full}
            onChange={event => model.change({ full: event.target.checked })}
          />
          {trans.__('Full refresh')}
        </label>
        {running ? (
          <button type="button" className="pd-btn" disabled={state.shown?.stopping} onClick={() => void model.stop()}>
            <span className="pd-sq" />
            {state.shown?.stopping ? trans.__('Stopping …') : trans.__('Stop')}
          </button>
        ) : (
          <button
            type="submit"
            className="pd-btn pd-main"
            disabled={state.starting || !state.project || !!state.missing || !model.ready}
          >
            <Icon name="play" small />
            {trans.__('Run dbt')}
          </button>
        )}
      </div>
    </form>
  );
}

function NoProject({ model, state }: { model: BuildsModel; state: BuildsState }): React.ReactElement {
  const trans = useTrans();
  return (
    <div className="pd-pad pd-none">
      <h3>{trans.__('No dbt project yet')}</h3>
      <p className="pd-note">
        {trans.__(
          'One can be made of the tables: sources with their comments, tests from their keys, a first model of each. It goes into the folder dbt of the workspace.'
        )}
      </p>
      <button
        type="button"
        className="pd-btn pd-main"
        disabled={state.starting || !model.ready}
        onClick={() => void model.scaffold()}
      >
        <Icon name="plus" small />
        {trans.__('Make a project of the tables')}
      </button>
    </div>
  );
}

/** Seconds that go on while somebody looks. */
function useElapsed(build: Build): number {
  const [, tick] = React.useReducer((count: number) => count + 1, 0);
  const going = goesOn(build);
  React.useEffect(() => {
    if (!going) {
      return undefined;
    }
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [going]);
  return going ? Math.max(0, (Date.now() - Date.parse(build.at)) / 1000) : build.elapsed_s;
}

function useSaid(build: Watched): string {
  const trans = useTrans();
  const done = ended(build);
  if (goesOn(build)) {
    if (build.stopping) {
      return trans.__('Stopping …');
    }
    return build.total
      ? trans.__('%1 of %2 nodes', whole(done), whole(build.total))
      : build.nodes.length
        ? trans._n('%2 node', '%2 nodes', build.nodes.length, whole(build.nodes.length))
        : trans.__('Reading the project …');
  }
  return countsTold(build, trans) || endTold(build.state, trans);
}

type Words = ReturnType<typeof useTrans>;

const endTold = (state: BuildState, trans: Words): string =>
  ({
    queued: trans.__('waits'),
    running: trans.__('running'),
    succeeded: trans.__('done'),
    failed: trans.__('failed'),
    cancelled: trans.__('stopped'),
    timed_out: trans.__('took too long')
  })[state];

const nodeTold = (state: NodeState, trans: Words): string =>
  ({
    running: trans.__('running'),
    ok: trans.__('ok'),
    warned: trans.__('warning'),
    failed: trans.__('failed'),
    skipped: trans.__('skipped')
  })[state];

function countsTold(build: Build, trans: Words): string {
  const order: NodeState[] = ['failed', 'warned', 'ok', 'skipped'];
  return order
    .filter(one => build.counts[one])
    .map(one => `${whole(build.counts[one]!)} ${nodeTold(one, trans)}`)
    .join(', ');
}

function Shown(props: { build: Watched; model: BuildsModel; actions: BuildsActions }): React.ReactElement {
  const trans = useTrans();
  const { build, model, actions } = props;
  const elapsed = useElapsed(build);
  const said = useSaid(build);
  const part = partOf(build);
  const going = goesOn(build);
  const failed = build.nodes.filter(one => one.status === 'failed');
  const nodes = (going && build.nodes.length <= SHOWN ? build.nodes : worstFirst(build.nodes)).slice(0, SHOWN);
  return (
    <section className="pd-build" aria-label={trans.__('This build')} data-pd-build={build.state}>
      <div className="pd-build-head">
        <span className={`pd-state pd-${build.state}`}>
          <Icon name={ENDS[build.state]} small />
          <b>{endTold(build.state, trans)}</b>
        </span>
        <span className="pd-note">{said}</span>
        <span className="pd-note pd-end">{duration(elapsed)}</span>
      </div>
      {going && <Bar part={part} label={trans.__('Progress of the build')} />}
      <span className="pd-sr" role="status">
        {going && part !== null ? trans.__('%1 % done', 25 * Math.floor(4 * part)) : going ? '' : said}
      </span>
      <code className="pd-note pd-clip" title={plain(build.text)}>
        {plain(build.text)}
      </code>
      {build.error && build.state === 'failed' && !failed.length && (
        <div className="pd-broken" role="alert">
          <p>{lines(build.error.message)}</p>
          {build.error.hint && <p className="pd-note">{lines(build.error.hint)}</p>}
        </div>
      )}
      {build.state === 'cancelled' && (
        <p className="pd-note">{trans.__('What it had built stays; the rest is as it was.')}</p>
      )}
      {nodes.length > 0 && (
        <div className="pd-tablewrap" tabIndex={0} role="region" aria-label={trans.__('Nodes')}>
          <table className="pd-table pd-nodes">
            <thead>
              <tr>
                <th scope="col">{trans.__('state')}</th>
                <th scope="col" className="pd-fill">
                  {trans.__('node')}
                </th>
                <th scope="col" className="pd-num">
                  {trans.__('rows')}
                </th>
                <th scope="col" className="pd-num">
                  {trans.__('time')}
                </th>
              </tr>
            </thead>
            <tbody>
              {nodes.map(one => (
                <NodeRow key={one.node} node={one} build={build} actions={actions} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {nodes.length < build.nodes.length && (
        <p className="pd-note">{trans.__('%1 more, all ok', whole(build.nodes.length - nodes.length))}</p>
      )}
      <div className="pd-do">
        {build.log.length > 0 && <Log lines={build.log} />}
        {!going && (
          <>
            <button type="button" className="pd-btn pd-small" onClick={() => void model.again(build)}>
              <Icon name="refresh" small />
              {trans.__('Again')}
            </button>
            <button type="button" className="pd-link" onClick={() => model.dismiss()}>
              {trans.__('Dismiss')}
            </button>
          </>
        )}
      </div>
    </section>
  );
}

/** Where all is over, or where there are too many to show, what needs a look comes first. */
const worstFirst = (nodes: BuildNode[]): BuildNode[] => {
  const rank = { failed: 0, warned: 1, running: 2, skipped: 3, ok: 4 };
  const bad = (one: BuildNode): number => Math.min(rank[one.status], nodes.length > SHOWN ? 4 : 2);
  return [...nodes].sort((one, other) => bad(one) - bad(other));
};

const lines = (text: string): React.ReactNode =>
  text
    .trim()
    .split('\n')
    .map((one, at) => (
      <React.Fragment key={at}>
        {at > 0 && <br />}
        {plain(one)}
      </React.Fragment>
    ));

function NodeRow(props: { node: BuildNode; build: Watched; actions: BuildsActions }): React.ReactElement {
  const trans = useTrans();
  const { node, build, actions } = props;
  const name = plain(node.name);
  const rows =
    node.rows !== null && node.rows !== undefined
      ? whole(node.rows)
      : node.failures
        ? trans.__('%1 wrong', whole(node.failures))
        : '';
  return (
    <>
      <tr data-pd-node={node.name} data-pd-state={node.status}>
        <td>
          <span className={`pd-state pd-${CLASSES[node.status]}`}>
            <Icon name={ICONS[node.status]} small />
            {nodeTold(node.status, trans)}
          </span>
        </td>
        <td className="pd-fill pd-of">
          {node.table && node.status !== 'running' ? (
            <button
              type="button"
              className="pd-link pd-clip"
              title={trans.__('Preview %1', name)}
              onClick={() => actions.preview(node.table!, node.name)}
            >
              <bdi>{name}</bdi>
            </button>
          ) : (
            <bdi className="pd-clip" title={name}>
              {name}
            </bdi>
          )}
          <small>{plain(node.kind)}</small>
        </td>
        <td className="pd-num">{rows}</td>
        <td className="pd-num">{node.status === 'running' || !node.elapsed_s ? '' : duration(node.elapsed_s)}</td>
      </tr>
      {(node.status === 'failed' || node.status === 'warned') && (
        <tr className="pd-why-row">
          <td colSpan={4}>
            <Failure node={node} build={build} actions={actions} />
          </td>
        </tr>
      )}
    </>
  );
}

/** Without what dbt puts before each: "Runtime Error in model x (path)". */
function messageOf(node: BuildNode): string {
  const said = node.message
    .trim()
    .split('\n')
    .map(one => one.trim());
  const rest = said.length > 1 && /^\w+ Error in \w+ /.test(said[0]) ? said.slice(1) : said;
  return rest.filter(one => !/^LINE \d+:/.test(one) && !/^compiled code at /.test(one)).join('\n');
}

function Failure(props: { node: BuildNode; build: Watched; actions: BuildsActions }): React.ReactElement {
  const trans = useTrans();
  const { node, build, actions } = props;
  const open = node.path ? actions.file(build, node.path) : undefined;
  const place = node.path ? nearer(node.path, build.folder) : '';
  const line = node.file_line ?? null;
  return (
    <div className="pd-broken">
      <p role="alert">{lines(messageOf(node))}</p>
      {node.compiled && <Marked sql={node.compiled} at={node.line ?? null} />}
      {place && (
        <div className="pd-do">
          {open ? (
            <button type="button" className="pd-btn pd-small" title={plain(place)} onClick={() => open(line)}>
              <Icon name="file" small />
              <span className="pd-clip">
                {line ? trans.__('Open line %1 of %2', String(line), plain(place)) : trans.__('Open %1', plain(place))}
              </span>
            </button>
          ) : (
            <code className="pd-note">{line ? `${plain(place)}:${line}` : plain(place)}</code>
          )}
        </div>
      )}
    </div>
  );
}

/** Lines around the one that failed; the others are a click away. */
const AROUND = 4;

function Marked({ sql, at }: { sql: string; at: number | null }): React.ReactElement {
  const trans = useTrans();
  const all = sql.split('\n');
  const [whole_, setWhole] = React.useState(false);
  const first = whole_ ? 1 : Math.max(1, (at ?? 1) - AROUND);
  const last = whole_ ? all.length : Math.min(all.length, Math.max((at ?? 1) + AROUND, first + 2 * AROUND));
  return (
    <>
      <pre className="pd-pre pd-numbered" tabIndex={0} aria-label={trans.__('SQL as it ran')}>
        {all.slice(first - 1, last).map((one, place) => {
          const number = first + place;
          return (
            <div key={number} className={number === at ? 'pd-here' : ''}>
              <span className="pd-at">{number}</span>
              {number === at && <span className="pd-sr">{trans.__('failed here:')}</span>}
              <Code sql={one} />
            </div>
          );
        })}
      </pre>
      {last - first + 1 < all.length && (
        <button type="button" className="pd-link" onClick={() => setWhole(true)}>
          {trans.__('All %1 lines', whole(all.length))}
        </button>
      )}
    </>
  );
}

function Log({ lines: said }: { lines: string[] }): React.ReactElement {
  const trans = useTrans();
  return (
    <details className="pd-log-of">
      <summary>{trans._n('Log, %2 line', 'Log, %2 lines', said.length, whole(said.length))}</summary>
      <pre className="pd-pre" tabIndex={0} aria-label={trans.__('Log of the build')}>
        {said.map(one => one.split('\n').map(plain).join('\n')).join('\n')}
      </pre>
    </details>
  );
}

function Earlier({ model, state }: { model: BuildsModel; state: BuildsState }): React.ReactElement | null {
  const trans = useTrans();
  const others = (state.builds ?? []).filter(one => one.run !== state.shown?.run);
  if (!others.length) {
    return null;
  }
  return (
    <>
      <div className="pd-sec" id="pd-earlier-builds">
        {trans.__('Earlier')}
      </div>
      <ul className="pd-plain" aria-labelledby="pd-earlier-builds">
        {others.map(one => (
          <li key={one.run}>
            <button
              type="button"
              className="pd-row pd-src"
              disabled={model.running || !model.ready}
              title={plain(one.text)}
              onClick={() => model.show(one)}
            >
              <span className={`pd-state pd-${one.state}`}>
                <Icon name={ENDS[one.state]} small />
                <span className="pd-sr">{endTold(one.state, trans)}</span>
              </span>
              <span className="pd-name pd-clip">
                <bdi>{plain(one.text)}</bdi>
              </span>
              <span className="pd-note">
                {new Date(one.at).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' })}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** One line of it, for the foot of a panel. */
export function BuildLine({ model, onOpen }: { model: BuildsModel; onOpen: () => void }): React.ReactElement | null {
  const { shown } = useStore(model.state);
  return shown && <Line build={shown} model={model} onOpen={onOpen} />;
}

function Line(props: { build: Watched; model: BuildsModel; onOpen: () => void }): React.ReactElement {
  const trans = useTrans();
  const { build, model } = props;
  const going = goesOn(build);
  const said = useSaid(build);
  return (
    <div className="pd-foot pd-loadline" data-pd-build={build.state}>
      {going && <Bar part={partOf(build)} label={trans.__('Progress of the build')} />}
      <button type="button" className="pd-link pd-clip" onClick={props.onOpen} title={plain(build.text)}>
        {cut(`dbt: ${said}`, 60)}
      </button>
      <button
        type="button"
        className="pd-link pd-end"
        disabled={build.stopping}
        onClick={() => (going ? void model.stop() : model.dismiss())}
      >
        {going ? trans.__('Stop') : trans.__('Dismiss')}
      </button>
    </div>
  );
}
