/** The changes that wait for a person, and what became of earlier ones. */

import * as React from 'react';

import {
  Approval,
  ApprovalsModel,
  DiffLine,
  diffLines,
  fileDiffs,
  modelName,
  nameOf,
  waiting,
  workOn
} from '../model/approvals';
import { plain } from '../model/format';
import { Message } from './banner';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { Code } from './sql';

/** How a model is taken back, as it is typed in one line; the text that is put back stands in the difference. */
export const oneLine = (text: string): string => text.split(':\n')[0].trim().split('\n').join('; ');

/** Without what stands in the difference anyway. */
const undoOf = (one: Approval): string =>
  one.kind === 'semantics' ? one.rollback.split(':\n')[0] : one.kind === 'model' ? oneLine(one.rollback) : one.rollback;

const REPLACES = /^CREATE OR REPLACE /;

export function ApprovalsList(props: { model: ApprovalsModel }): React.ReactElement {
  const trans = useTrans();
  const { model } = props;
  const state = useStore(model.state);
  const [earlier, setEarlier] = React.useState(false);
  const open = waiting(state);
  const decided = (state.all ?? []).filter(one => !open.includes(one));
  return (
    <div className="pd-log pd-approvals">
      {state.problem && <Message icon="error" tone="error" title={plain(state.problem)} />}
      {state.all && !open.length && (
        <div className="pd-empty">
          <h3>{trans.__('Nothing waits for you')}</h3>
          <p className="pd-quiet-text">
            {trans.__(
              'When an answer proposes a view, a table or a load, it is shown here first. It happens only when you approve it.'
            )}
          </p>
        </div>
      )}
      {open.map(one => (
        <Card key={one.id} one={one} model={model} />
      ))}
      {decided.length > 0 && (
        <div>
          <button
            type="button"
            className="pd-btn pd-quiet pd-fold"
            aria-expanded={earlier}
            onClick={() => setEarlier(!earlier)}
          >
            <svg className={`pd-icon pd-chev${earlier ? ' pd-open' : ''}`} viewBox="0 0 16 16" aria-hidden="true">
              <path d="m6 3.5 4.5 4.5L6 12.5" />
            </svg>
            {trans._n('%1 earlier decision', '%1 earlier decisions', decided.length)}
          </button>
          {earlier && (
            <ul className="pd-decided">
              {decided.map(one => (
                <Decided key={one.id} one={one} />
              ))}
            </ul>
          )}
        </div>
      )}
    </div>
  );
}

function useTitles(): (one: Approval) => { head: string; title: string } {
  const trans = useTrans();
  return one => {
    const name = plain(nameOf(one.target));
    switch (one.kind) {
      case 'view':
        return REPLACES.test(one.sql)
          ? { head: trans.__('Changes 1 view'), title: trans.__('Replace view %1', name) }
          : { head: trans.__('Adds 1 view'), title: trans.__('New view %1', name) };
      case 'table':
        return { head: trans.__('Adds 1 table'), title: trans.__('New table %1', name) };
      case 'ingest':
        return { head: trans.__('Loads 1 table'), title: trans.__('Load table %1', name) };
      case 'publish':
        return { head: trans.__('Checks failed'), title: trans.__('Publish what was held back of %1', name) };
      case 'model':
        return one.diff.includes('--- nothing yet')
          ? { head: trans.__('Adds 1 dbt model'), title: trans.__('New model %1', plain(modelName(one.target))) }
          : {
              head: trans.__('Changes 1 dbt model'),
              title: trans.__('Replace model %1', plain(modelName(one.target)))
            };
      case 'semantics':
        return { head: trans.__('Changes semantics.yaml'), title: trans.__('Add %1', plain(one.target)) };
      default: // of a kernel that is newer than this page
        return { head: trans.__('Proposes a change'), title: name };
    }
  };
}

/** "10:42", "tomorrow, 10:42", or with its day. */
function useMoment(): (at: number) => string {
  const trans = useTrans();
  return at => {
    const then = new Date(at * 1000);
    const time = then.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const day = (date: Date): number => new Date(date).setHours(0, 0, 0, 0);
    const days = Math.round((day(then) - day(new Date())) / 86_400_000);
    return days === 0
      ? time
      : days === 1
        ? trans.__('tomorrow, %1', time)
        : days === -1
          ? trans.__('yesterday, %1', time)
          : then.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  };
}

function Card({ one, model }: { one: Approval; model: ApprovalsModel }): React.ReactElement {
  const trans = useTrans();
  const moment = useMoment();
  const work = workOn(useStore(model.state), one.id);
  const { head, title } = useTitles()(one);
  const id = React.useId();
  const busy = work.busy || one.status === 'running';
  return (
    <article className="pd-card" aria-labelledby={id} aria-busy={busy}>
      <div className="pd-card-head">
        <Icon name="edit" small />
        <b>{head}</b>
        <span className="pd-quiet-text pd-clip" title={plain(one.planner)}>
          {trans.__('%1, %2', plain(one.planner), moment(one.created_at))}
        </span>
      </div>
      <div className="pd-card-in">
        <p className="pd-title" id={id}>
          <bdi>{title}</bdi>
        </p>
        {one.question && (
          <p className="pd-quiet-text pd-asked" dir="auto">
            {plain(one.question)}
          </p>
        )}
        {work.mode === 'editing' ? (
          <textarea
            className="pd-code-edit pd-sql"
            aria-label={trans.__('What is proposed')}
            spellCheck={false}
            autoFocus
            rows={Math.min(16, Math.max(4, work.text.split('\n').length + 1))}
            value={work.text}
            disabled={busy}
            onChange={event => model.type(one.id, event.target.value)}
            onKeyDown={event => {
              if (event.key === 'Escape') {
                event.stopPropagation();
                model.leave(one.id);
              }
            }}
          />
        ) : (
          <Text one={one} />
        )}
        <dl className="pd-kv">
          <dt>{one.kind === 'publish' ? trans.__('What failed') : trans.__('Dry run')}</dt>
          <dd>
            <bdi>{plain(one.dry_run)}</bdi>
          </dd>
          <dt>{trans.__('To undo')}</dt>
          <dd className={one.kind === 'semantics' || one.kind === 'publish' ? undefined : 'pd-mono'}>
            <bdi>{plain(undoOf(one))}</bdi>
          </dd>
          <dt>{trans.__('Expires')}</dt>
          <dd>{moment(one.expires_at)}</dd>
        </dl>
        {work.mode === 'rejecting' && (
          <label className="pd-form">
            {trans.__('Why not? It is kept with the proposal.')}
            <span className="pd-field">
              <input
                autoFocus
                value={work.text}
                onChange={event => model.type(one.id, event.target.value)}
                onKeyDown={event => {
                  if (event.key === 'Escape') {
                    event.stopPropagation();
                    model.leave(one.id);
                  }
                }}
              />
            </span>
          </label>
        )}
        {work.problem && (
          <Message
            icon="error"
            tone="error"
            title={work.mode === 'editing' ? trans.__('This text did not pass.') : trans.__('Not done.')}
            text={plain(work.problem)}
          />
        )}
      </div>
      <div className="pd-card-foot">
        <Buttons one={one} model={model} busy={busy} mode={work.mode} />
      </div>
    </article>
  );
}

function Buttons(props: { one: Approval; model: ApprovalsModel; busy: boolean; mode: string }): React.ReactElement {
  const trans = useTrans();
  const { one, model, mode } = props;
  if (mode === 'approving') {
    return (
      <>
        <span className="pd-spin" />
        <span className="pd-quiet-text">{trans.__('Running')}</span>
        <button type="button" className="pd-stop pd-end" onClick={() => model.stop(one.id)}>
          <span className="pd-sq" />
          {trans.__('Stop')}
        </button>
      </>
    );
  }
  if (one.status === 'running') {
    return <span className="pd-quiet-text">{trans.__('Somebody else has approved it; it is running.')}</span>;
  }
  const quiet = (word: string): React.ReactElement => (
    <button type="button" className="pd-btn pd-quiet" disabled={props.busy} onClick={() => model.leave(one.id)}>
      {word}
    </button>
  );
  if (mode === 'editing') {
    return (
      <>
        <button type="button" className="pd-btn pd-main" disabled={props.busy} onClick={() => model.save(one)}>
          {trans.__('Try and keep')}
        </button>
        {quiet(trans.__('Back'))}
      </>
    );
  }
  if (mode === 'rejecting') {
    return (
      <>
        <button type="button" className="pd-btn pd-main" disabled={props.busy} onClick={() => model.reject(one)}>
          {trans.__('Reject')}
        </button>
        {quiet(trans.__('Back'))}
      </>
    );
  }
  return (
    <>
      <button type="button" className="pd-btn pd-main" onClick={() => model.approve(one)}>
        <Icon name="check" small />
        {trans.__('Approve')}
      </button>
      {one.kind !== 'publish' && (
        <button type="button" className="pd-btn" onClick={() => model.startEdit(one)}>
          {one.kind === 'view' || one.kind === 'table' ? trans.__('Edit SQL') : trans.__('Edit')}
        </button>
      )}
      <button type="button" className="pd-btn pd-quiet" onClick={() => model.startReject(one)}>
        {trans.__('Reject')}
      </button>
    </>
  );
}

/** What would run; where something is replaced, as the difference. */
function Text({ one }: { one: Approval }): React.ReactElement {
  const trans = useTrans();
  if (one.kind === 'model') {
    return <Files diff={one.diff} />;
  }
  const changes = one.kind === 'semantics' || REPLACES.test(one.sql);
  if (!changes) {
    return (
      <pre className="pd-pre pd-sql" tabIndex={0} aria-label={trans.__('What it runs')}>
        {one.kind === 'ingest' || one.kind === 'publish' ? (
          <bdi>
            {one.sql
              .split('\n')
              .map(line => plain(line))
              .join('\n')}
          </bdi>
        ) : (
          <Code sql={one.sql} />
        )}
      </pre>
    );
  }
  return (
    <div className="pd-diff" role="group" tabIndex={0} aria-label={trans.__('What changes')}>
      <Lines lines={diffLines(one.diff)} />
    </div>
  );
}

function Lines({ lines }: { lines: DiffLine[] }): React.ReactElement {
  const trans = useTrans();
  return (
    <>
      {lines.map((line, at) => (
        <span
          key={at}
          className={`pd-ln${line.mark === '+' ? ' pd-add' : line.mark === '-' ? ' pd-del' : ''}`}
          data-m={line.mark === '-' ? '\u2212' : line.mark}
        >
          {line.mark === '-' && <span className="pd-sr">{trans.__('taken away:')} </span>}
          {line.mark === '+' && <span className="pd-sr">{trans.__('added:')} </span>}
          {plain(line.text)}
        </span>
      ))}
    </>
  );
}

/** The files of a model: new ones as they will be, others as the difference. */
export function Files({ diff }: { diff: string }): React.ReactElement {
  const trans = useTrans();
  return (
    <>
      {fileDiffs(diff).map(file => (
        <figure key={file.name} className="pd-model-file">
          <figcaption className="pd-mono">
            <bdi>{plain(file.name)}</bdi>
          </figcaption>
          {file.added ? (
            <pre className="pd-pre pd-sql" tabIndex={0} aria-label={plain(file.name)}>
              <bdi>{file.lines.map(line => plain(line.text)).join('\n')}</bdi>
            </pre>
          ) : (
            <div className="pd-diff" role="group" tabIndex={0} aria-label={trans.__('What changes')}>
              <Lines lines={file.lines} />
            </div>
          )}
        </figure>
      ))}
    </>
  );
}

function Decided({ one }: { one: Approval }): React.ReactElement {
  const trans = useTrans();
  const moment = useMoment();
  const { title } = useTitles()(one);
  const words: Record<Approval['status'], string> = {
    waiting: '',
    running: '',
    done: trans.__('approved'),
    failed: trans.__('failed'),
    rejected: trans.__('rejected'),
    expired: trans.__('expired')
  };
  const bad = one.status === 'failed';
  return (
    <li>
      <Icon name={one.status === 'done' ? 'check' : bad ? 'error' : one.status === 'expired' ? 'clock' : 'x'} small />
      <span className="pd-decided-text">
        <bdi className="pd-clip" title={title}>
          {title}
        </bdi>
        <small>
          {[words[one.status], one.last.who && trans.__('by %1', plain(one.last.who)), moment(one.last.at)]
            .filter(Boolean)
            .join(', ')}
        </small>
        {one.last.detail && one.status !== 'done' && <small dir="auto">{plain(one.last.detail)}</small>}
      </span>
    </li>
  );
}
