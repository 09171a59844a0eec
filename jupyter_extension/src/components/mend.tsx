/** Below a cell whose SQL failed: the error in words, the change as a diff, and buttons that apply it. */

import * as React from 'react';

import { diffOf } from '../model/diff';
import { duration, plain, whole } from '../model/format';
import { isSame, Mended, MendModel } from '../model/mend';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { swapTold } from './swap';

export interface MendActions {
  /** Its prompt: "4", "" before it ran in this kernel. */
  number: () => string;
  look: (meant?: Record<string, string>, planner?: string) => void;
  apply: (fixed: string, run: boolean) => void;
  dismiss: () => void;
  /** Planners besides ours that are set up, by name. */
  planner: () => string;
}

export function MendBar({ model, actions }: { model: MendModel; actions: MendActions }): React.ReactElement {
  const trans = useTrans();
  const state = useStore(model.state);
  const { found } = state;
  if (state.step === 'offered') {
    return (
      <div className="pd-mend pd-mend-bar" role="group" aria-label={trans.__('This cell failed')}>
        <Icon name="error" small />
        <span className="pd-clip">{plain(state.error.split('\n')[0])}</span>
        <button type="button" className="pd-btn" onClick={() => actions.look()}>
          {trans.__('Explain and fix')}
        </button>
        <Close onClick={actions.dismiss} />
      </div>
    );
  }
  const known = found && isSame(state.error, found);
  return (
    <section
      className="pd-mend pd-mend-card"
      aria-label={trans.__('Fix of this cell')}
      aria-busy={state.step === 'looking'}
    >
      <header>
        <Icon name="error" small />
        <h3 role="alert">
          <bdi>{plain(known ? found.problem!.message : state.error.split('\n')[0])}</bdi>
        </h3>
        <Close onClick={actions.dismiss} />
      </header>
      {state.step === 'looking' && <p className="pd-note">{trans.__('Looking at the names that are there …')}</p>}
      {state.problem && <p>{state.problem}</p>}
      {found && !known && (
        <p>
          {found.problem
            ? trans.__('It can only be tried with the variables of the notebook, so no change is proposed.')
            : trans.__('It runs by now: the tables have changed since. Run the cell again.')}
        </p>
      )}
      {known && found.problem!.hint && !found.fixed && <p>{plain(found.problem!.hint)}</p>}
      {known && found.fixed && <Change found={found} actions={actions} />}
      {known && <Meant found={found} actions={actions} />}
      {known && !found.fixed && actions.planner() && (
        <div className="pd-do">
          <button type="button" className="pd-btn" onClick={() => actions.look({}, actions.planner())}>
            <Icon name="out" small />
            {trans.__('Ask %1', actions.planner())}
          </button>
          <span className="pd-note">{trans.__('Sends this SQL and its error to it.')}</span>
        </div>
      )}
      {known && found.raw && (
        <details>
          <summary>{trans.__("The database's own words")}</summary>
          <pre tabIndex={0}>{found.raw.split('\n').map(plain).join('\n')}</pre>
        </details>
      )}
    </section>
  );
}

function Close({ onClick }: { onClick: () => void }): React.ReactElement {
  const trans = useTrans();
  return (
    <button
      type="button"
      className="pd-ib pd-s"
      aria-label={trans.__('Dismiss')}
      title={trans.__('Dismiss')}
      onClick={onClick}
    >
      <Icon name="x" small />
    </button>
  );
}

const MARKS: Record<string, string> = { '+': 'pd-new', '\u2212': 'pd-old', ' ': '' };

function Change({ found, actions }: { found: Mended; actions: MendActions }): React.ReactElement {
  const trans = useTrans();
  const rows = found.trial?.rows ?? null;
  const tried =
    rows === null
      ? trans.__('would run; not run, because it changes data')
      : `${trans._n('%2 row', '%2 rows', rows, whole(rows))}, ${duration(found.trial!.elapsed_s)}`;
  const number = actions.number();
  return (
    <>
      <p>
        {found.planner === 'builtin' ? found.swaps.map(one => swapTold(one, trans)).join(' ') : plain(found.remark)}
      </p>
      <pre className="pd-mend-diff" tabIndex={0} aria-label={trans.__('Proposed change')}>
        {diffOf(found.sql, found.fixed).map((line, at) => (
          <div key={at} className={MARKS[line.mark]}>
            <span>{line.mark}</span>
            <bdi>
              {line.parts.map((part, index) =>
                part.changed ? <mark key={index}>{plain(part.text)}</mark> : plain(part.text)
              )}
            </bdi>
          </div>
        ))}
      </pre>
      <dl>
        <dt>{trans.__('Dry run')}</dt>
        <dd>{tried}</dd>
        <dt>{trans.__('To undo')}</dt>
        <dd>{trans.__('Ctrl+Z in the cell')}</dd>
      </dl>
      <div className="pd-do">
        <button type="button" className="pd-btn pd-main" onClick={() => actions.apply(found.fixed, false)}>
          {number ? trans.__('Apply to cell [%1]', number) : trans.__('Apply to the cell')}
        </button>
        <button type="button" className="pd-btn" onClick={() => actions.apply(found.fixed, true)}>
          {trans.__('Apply and run')}
        </button>
        <span className="pd-note">
          {plain(found.planner)},{' '}
          {found.share ? trans.__('a model saw: %1 and this SQL', found.share) : trans.__('nothing left this machine')}
        </span>
      </div>
    </>
  );
}

/** Names that could have been meant as well. */
function Meant({ found, actions }: { found: Mended; actions: MendActions }): React.ReactElement | null {
  const trans = useTrans();
  const swap =
    found.planner === 'builtin' && found.swaps.find(one => one.others.length && /column|table/.test(one.kind));
  if (!swap) {
    return null;
  }
  const chosen = Object.fromEntries(found.swaps.filter(one => one.new).map(one => [one.old, one.new]));
  return (
    <div className="pd-mend-others">
      <span className="pd-note">{trans.__('Other things “%1” could have meant', plain(swap.old))}</span>
      {swap.others.map(one => (
        <button key={one} type="button" onClick={() => actions.look({ ...chosen, [swap.old]: one })}>
          {plain(one)}
        </button>
      ))}
    </div>
  );
}
