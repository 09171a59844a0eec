/** SQL that did not run: what is wrong in words, the database's own words a click away, and a change that would run. */

import * as React from 'react';

import { ChatModel, Turn } from '../model/chat';
import { duration, plain, whole } from '../model/format';
import { Fix, Swap } from '../model/frames';
import { Message } from './banner';
import { Diff } from './diff';
import { useTrans } from './hooks';
import { Chevron, Icon } from './icon';
import { swapTold, Words } from './swap';

export function Failed(props: {
  turn: Turn;
  model: ChatModel;
  planners: string[];
  onCopy: (text: string) => void;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model } = props;
  const problem = turn.edit!.problem;
  const fix = turn.kept.fix;
  const others = props.planners.filter(one => one !== 'builtin');
  return (
    <div className="pd-failed" role="group" aria-label={trans.__('What went wrong')}>
      <p className="pd-title pd-bad" role="alert">
        <Icon name="error" />
        <span>
          {trans.__('This SQL did not run.')}{' '}
          <span className="pd-plain">
            {plain(fix && fix !== 'looking' ? (fix.problem?.message ?? problem) : problem)}
          </span>
        </span>
      </p>
      {fix === 'looking' && <p className="pd-note">{trans.__('Looking for what would run …')}</p>}
      {fix && fix !== 'looking' && fix.raw && <Raw text={fix.raw} onCopy={props.onCopy} />}
      {fix && fix !== 'looking' && fix.fixed && <Proposed fix={fix} turn={turn} model={model} />}
      {fix && fix !== 'looking' && !fix.fixed && (
        <>
          {fix.problem && <p className="pd-quiet-text">{nothing(fix, trans)}</p>}
          <Others fix={fix} turn={turn} model={model} />
        </>
      )}
      {turn.kept.problem && <Message icon="error" tone="error" title={turn.kept.problem.text} />}
      {fix !== 'looking' && (!fix || !fix.fixed) && others.length > 0 && (
        <div className="pd-do">
          {others.map(one => (
            <button
              key={one}
              type="button"
              className="pd-btn"
              title={trans.__('Sends this SQL and its error to it')}
              onClick={() => model.answers.fix(turn.key, {}, one)}
            >
              <Icon name="out" small />
              {trans.__('Ask %1', one)}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

const nothing = (fix: Fix, trans: Words): string =>
  fix.planner !== 'builtin'
    ? trans.__('%1 has no SQL that runs.', fix.planner)
    : fix.swaps.some(one => !one.new && one.others.length)
      ? trans.__('No name is near enough to be proposed.')
      : trans.__('No rule mends this. The place is in the full error.');

/** The database's own words, folded to one line. */
function Raw(props: { text: string; onCopy: (text: string) => void }): React.ReactElement {
  const trans = useTrans();
  const [open, setOpen] = React.useState(false);
  return (
    <div className="pd-sql">
      <div className="pd-bar">
        <button type="button" className="pd-tog" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Chevron open={open} />
          {open ? (
            <b>{trans.__('Full error')}</b>
          ) : (
            <span className="pd-one pd-clip">{plain(props.text.split('\n')[0])}</span>
          )}
        </button>
        <button
          type="button"
          className="pd-ib pd-s"
          aria-label={trans.__('Copy error')}
          title={trans.__('Copy error')}
          onClick={() => props.onCopy(props.text)}
        >
          <Icon name="copy" />
        </button>
      </div>
      {open && (
        <pre className="pd-pre" tabIndex={0} aria-label={trans.__('Full error')}>
          {props.text.split('\n').map(plain).join('\n')}
        </pre>
      )}
    </div>
  );
}

function Proposed({ fix, turn, model }: { fix: Fix; turn: Turn; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const rows = fix.trial?.rows;
  const tried =
    rows === null || rows === undefined
      ? trans.__('it would run; it was not run, because it changes data or reads what only you may')
      : `${trans._n('%2 row', '%2 rows', rows, whole(rows))}, ${duration(fix.trial!.elapsed_s)}`;
  return (
    <>
      <p>{fix.planner === 'builtin' ? fix.swaps.map((one, at) => <Told key={at} one={one} />) : plain(fix.remark)}</p>
      <Diff before={fix.sql} after={fix.fixed} label={trans.__('Proposed change')} />
      <dl className="pd-facts">
        <dt>{trans.__('Dry run')}</dt>
        <dd>{tried}</dd>
        <dt>{trans.__('To undo')}</dt>
        <dd>{trans.__('“Back to the answer” has the first SQL')}</dd>
      </dl>
      <div className="pd-do">
        <button type="button" className="pd-btn pd-main" onClick={() => model.answers.applyFix(turn.key, true)}>
          {trans.__('Apply and run')}
        </button>
        <button type="button" className="pd-btn" onClick={() => model.answers.applyFix(turn.key, false)}>
          {trans.__('Apply')}
        </button>
        <button type="button" className="pd-btn pd-quiet" onClick={() => model.answers.dismissFix(turn.key)}>
          {trans.__('Dismiss')}
        </button>
      </div>
      <div className="pd-ev">
        <Icon name={fix.share ? 'out' : 'shield'} small />
        <span>
          {fix.planner},{' '}
          {fix.share ? trans.__('a model saw: %1 and this SQL', fix.share) : trans.__('nothing left this machine')}
        </span>
      </div>
      <Others fix={fix} turn={turn} model={model} />
    </>
  );
}

/** Its name stands as code in it. */
function Told({ one }: { one: Swap }): React.ReactElement {
  const trans = useTrans();
  const [before, ...after] = swapTold(one, trans).split(plain(one.new));
  return (
    <span>
      {before}
      {after.length > 0 && (
        <>
          <code>{plain(one.new)}</code>
          {after.join(plain(one.new))}
        </>
      )}{' '}
    </span>
  );
}

/** Names of which one could have been meant as well. */
function Others({ fix, turn, model }: { fix: Fix; turn: Turn; model: ChatModel }): React.ReactElement | null {
  const trans = useTrans();
  const swap = fix.swaps.find(one => one.others.length && (one.kind === 'column' || one.kind === 'table' || !one.new));
  if (!swap || fix.planner !== 'builtin') {
    return null;
  }
  const meant = Object.fromEntries(fix.swaps.filter(one => one.new).map(one => [one.old, one.new]));
  return (
    <div className="pd-others">
      <span className="pd-lab">{trans.__('Other things “%1” could have meant', plain(swap.old))}</span>
      <div className="pd-chips">
        {swap.others.map(one => (
          <button
            key={one}
            type="button"
            className="pd-chip pd-mono pd-press"
            onClick={() => model.answers.fix(turn.key, { ...meant, [swap.old]: one })}
          >
            {plain(one)}
          </button>
        ))}
      </div>
    </div>
  );
}
