/** What is made of an answer: a view, a verified question, a word that is known from now on. */

import * as React from 'react';

import { Form } from '../model/answers';
import { Approval, ApprovalsModel, Built, modelName, nameOf as shortName, workOn } from '../model/approvals';
import { ChatModel, Turn } from '../model/chat';
import { plain } from '../model/format';

import { Files, oneLine } from './approvals';
import { Message } from './banner';
import { Diff } from './diff';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

/** A name for a view, of the words of a question. */
export const nameOf = (question: string): string =>
  question
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^(the_|what_|which_|show_)+/, '')
    .replace(/^_+|_+$/g, '')
    .slice(0, 40)
    .replace(/_+$/, '')
    .replace(/^(\d)/, 'v_$1') || 'new_view';

/** A form below an answer. Enter in a field sends it nowhere: focus must be on its button. */
function Frame(props: {
  turn: Turn;
  model: ChatModel;
  title: string;
  action: string;
  ready: boolean;
  onDo: () => void;
  children: React.ReactNode;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model } = props;
  const title = React.useId();
  const close = (): void => model.answers.open(turn.key, '');
  return (
    <div
      className="pd-made"
      role="group"
      aria-labelledby={title}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          close();
        }
      }}
    >
      <p className="pd-made-title" id={title}>
        {props.title}
      </p>
      {props.children}
      {turn.kept.problem && <Message icon="error" tone="error" title={turn.kept.problem.text} />}
      <div className="pd-do">
        <button type="button" className="pd-btn pd-main" disabled={!props.ready || turn.kept.busy} onClick={props.onDo}>
          {props.action}
        </button>
        <button type="button" className="pd-btn pd-quiet" onClick={close}>
          {trans.__('Cancel')}
        </button>
      </div>
    </div>
  );
}

function Field(props: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  mono?: boolean;
  hint?: string;
  focus?: boolean;
}): React.ReactElement {
  return (
    <label className="pd-made-label">
      <span>{props.label}</span>
      <span className="pd-field">
        <input
          className={props.mono ? 'pd-mono' : ''}
          value={props.value}
          spellCheck={false}
          autoFocus={props.focus}
          onChange={event => props.onChange(event.target.value)}
        />
      </span>
      {props.hint && <small className="pd-note">{props.hint}</small>}
    </label>
  );
}

export function SaveView(props: { turn: Turn; model: ChatModel; sql: string }): React.ReactElement {
  const trans = useTrans();
  const { turn, model, sql } = props;
  const [name, setName] = React.useState(nameOf(turn.question));
  return (
    <Frame
      turn={turn}
      model={model}
      title={trans.__('Save as view')}
      action={trans.__('Propose this view')}
      ready={!!name.trim()}
      onDo={() => void model.answers.propose(turn.key, 'view', name.trim(), sql)}
    >
      <Field label={trans.__('Name')} value={name} onChange={setName} mono focus />
      <p className="pd-note">{trans.__('It is tried first, and made when you approve it.')}</p>
    </Frame>
  );
}

const MADE = ['view', 'table', 'incremental'] as const;

export function KeepModel(props: { turn: Turn; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const { turn, model } = props;
  const [name, setName] = React.useState(nameOf(turn.question));
  const [description, setDescription] = React.useState(turn.question);
  const [made, setMade] = React.useState<(typeof MADE)[number]>('view');
  const [key, setKey] = React.useState('');
  const taken = turn.kept.problem?.code === 'replaceable';
  const words = {
    view: trans.__('a view, worked out anew each time'),
    table: trans.__('a table, as of its last build'),
    incremental: trans.__('a table that takes what is new')
  };
  return (
    <Frame
      turn={turn}
      model={model}
      title={trans.__('Keep as model')}
      action={taken ? trans.__('Propose it in its place') : trans.__('Propose this model')}
      ready={!!name.trim()}
      onDo={() =>
        void model.answers.proposeModel(turn.key, name.trim(), {
          as: made,
          description: description.trim(),
          replace: taken,
          ...(made === 'incremental' && key.trim() ? { key: key.split(',').map(one => one.trim()) } : {})
        })
      }
    >
      <Field
        label={trans.__('Name')}
        value={name}
        onChange={text => {
          setName(text);
          if (turn.kept.problem) {
            model.answers.open(turn.key, 'model');
          }
        }}
        mono
        focus
      />
      <Field label={trans.__('Description')} value={description} onChange={setDescription} />
      <label className="pd-made-label">
        <span>{trans.__('dbt makes it as')}</span>
        <select
          className="pd-made-select"
          value={made}
          onChange={event => setMade(event.target.value as (typeof MADE)[number])}
        >
          {MADE.map(one => (
            <option key={one} value={one}>
              {words[one]}
            </option>
          ))}
        </select>
      </label>
      {made === 'incremental' && (
        <Field
          label={trans.__('Key')}
          value={key}
          onChange={setKey}
          mono
          hint={trans.__('The column that names a row; empty: the one that the data say.')}
        />
      )}
      <p className="pd-note">
        {trans.__('Its files, with tests that the data suggest, are shown first and written when you approve.')}
      </p>
    </Frame>
  );
}

export function SaveVerified(props: { turn: Turn; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const { turn, model } = props;
  const [question, setQuestion] = React.useState(turn.question);
  const taken = turn.kept.problem?.code === 'refused';
  return (
    <Frame
      turn={turn}
      model={model}
      title={trans.__('Save as verified')}
      action={taken ? trans.__('Replace its SQL') : trans.__('Vouch for this SQL')}
      ready={!!question.trim()}
      onDo={() => void model.answers.verify(turn.key, question.trim(), taken)}
    >
      <Field
        label={trans.__('Question, in whole words')}
        value={question}
        onChange={text => {
          setQuestion(text);
          if (turn.kept.problem) {
            model.answers.open(turn.key, 'verify');
          }
        }}
        focus
      />
      <p className="pd-note">
        {trans.__('Whoever asks this gets this SQL, and no planner is asked. It stands in semantics.yaml.')}
      </p>
    </Frame>
  );
}

export function WrongNote(props: { turn: Turn; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const [note, setNote] = React.useState('');
  return (
    <Frame
      turn={props.turn}
      model={props.model}
      title={trans.__('What is wrong with it?')}
      action={trans.__('Keep this note')}
      ready={!!note.trim()}
      onDo={() => void props.model.answers.note(props.turn.key, note.trim())}
    >
      <Field label={trans.__('Note')} value={note} onChange={setNote} focus />
      <p className="pd-note">{trans.__('It is kept with the answer and changes nothing by itself.')}</p>
    </Frame>
  );
}

type Sort = 'figure' | 'condition';

/** What a word means, for semantics.yaml: a figure over a table, or a condition on its rows. */
export function Define(props: {
  turn: Turn;
  model: ChatModel;
  word: string;
  tables: { name: string; columns: string[] }[];
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model, tables } = props;
  const [word, setWord] = React.useState(props.word);
  const [sort, setSort] = React.useState<Sort>('figure');
  const [table, setTable] = React.useState(tables[0]?.name ?? '');
  const [text, setText] = React.useState('');
  const columns = tables.find(one => one.name === table)?.columns ?? [];
  const body = sort === 'figure' ? { table, expression: text.trim() } : { table, filter: text.trim() };
  const target = `${sort === 'figure' ? 'metrics' : 'terms'}.${word.trim()}`;
  return (
    <Frame
      turn={turn}
      model={model}
      title={trans.__('Define “%1”', plain(props.word))}
      action={trans.__('Propose this meaning')}
      ready={!!word.trim() && !!text.trim() && !!table}
      onDo={() => void model.answers.propose(turn.key, 'semantics', target, body)}
    >
      <div className="pd-made-seg" role="radiogroup" aria-label={trans.__('What it is')}>
        {(['figure', 'condition'] as const).map(one => (
          <label key={one}>
            <input type="radio" name={`pd-sort-${turn.key}`} checked={sort === one} onChange={() => setSort(one)} />
            <span>{one === 'figure' ? trans.__('a figure') : trans.__('a condition')}</span>
          </label>
        ))}
      </div>
      <Field label={trans.__('Word')} value={word} onChange={setWord} />
      <label className="pd-made-label">
        <span>{sort === 'figure' ? trans.__('Measured over the rows of') : trans.__('Holds for rows of')}</span>
        <select className="pd-made-select" value={table} onChange={event => setTable(event.target.value)}>
          {tables.map(one => (
            <option key={one.name} value={one.name}>
              {plain(one.name)}
            </option>
          ))}
        </select>
      </label>
      <Field
        label={sort === 'figure' ? trans.__('As SQL, columns inside sums or counts') : trans.__('As SQL, a condition')}
        value={text}
        onChange={setText}
        mono
        focus
        hint={
          columns.length
            ? trans.__('Columns: %1', columns.slice(0, 8).join(', ') + (columns.length > 8 ? ', …' : ''))
            : ''
        }
      />
      <p className="pd-note">{trans.__('It is tried first, and goes into semantics.yaml when you approve it.')}</p>
    </Frame>
  );
}

/** What was proposed here, and what has become of it. */
export function Proposal(props: {
  turn: Turn;
  model: ChatModel;
  first: Approval;
  approvals: ApprovalsModel;
  onBuild?: (built: Built) => void;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model, approvals, onBuild } = props;
  const state = useStore(approvals.state);
  const one = state.all?.find(other => other.id === props.first.id) ?? props.first;
  const work = workOn(state, one.id);
  const view = one.kind === 'view';
  const files = one.kind === 'model';
  const waiting = one.status === 'waiting';
  const states: Record<Approval['status'], string> = {
    waiting: trans.__('waits for approval'),
    running: trans.__('is being run'),
    done: trans.__('approved and done'),
    failed: trans.__('approved, and failed'),
    rejected: trans.__('rejected'),
    expired: trans.__('expired')
  };
  return (
    <article className="pd-made" aria-label={trans.__('Proposal')} data-pd-status={one.status}>
      <p className="pd-made-title">
        <Icon
          name={
            one.status === 'done'
              ? 'check'
              : one.status === 'failed'
                ? 'error'
                : view
                  ? 'view'
                  : files
                    ? 'build'
                    : 'text'
          }
          small
        />
        <span className="pd-clip">
          {view
            ? trans.__('View %1', plain(shortName(one.target)))
            : files
              ? trans.__('Model %1', plain(modelName(one.target)))
              : trans.__('Meaning of %1', plain(one.target.replace(/^\w+\./, '')))}
        </span>
        <small className="pd-state" role="status">
          {states[one.status]}
        </small>
      </p>
      {waiting && (
        <>
          {files ? (
            <Files diff={one.diff} />
          ) : (
            <Diff before={beforeOf(one)} after={one.sql} label={trans.__('What approving it does')} />
          )}
          <dl className="pd-facts">
            <dt>{trans.__('Dry run')}</dt>
            <dd>{plain(one.dry_run)}</dd>
            <dt>{trans.__('To undo')}</dt>
            <dd className={view || files ? 'pd-mono' : ''}>
              {plain(files ? oneLine(one.rollback) : one.rollback.split('\n')[0])}
            </dd>
          </dl>
        </>
      )}
      {one.moved && (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('What is there has changed since: it can’t be approved any more.')}
          text={trans.__('Reject it, and keep the answer once more.')}
        />
      )}
      {work.problem && <Message icon="error" tone="error" title={work.problem} />}
      {waiting && (
        <div className="pd-do">
          <button
            type="button"
            className="pd-btn pd-main"
            disabled={work.busy || one.moved}
            onClick={() => approvals.approve(one)}
          >
            <Icon name="check" small />
            {trans.__('Approve')}
          </button>
          {files && (
            <button
              type="button"
              className="pd-btn"
              disabled={work.busy}
              onClick={() => {
                approvals.startEdit(one);
                model.show('approvals');
              }}
            >
              {trans.__('Edit')}
            </button>
          )}
          <button type="button" className="pd-btn pd-quiet" disabled={work.busy} onClick={() => approvals.reject(one)}>
            {trans.__('Reject')}
          </button>
        </div>
      )}
      {one.status === 'done' && (
        <div className="pd-do">
          {files && one.build && onBuild && (
            <button type="button" className="pd-btn pd-main" onClick={() => onBuild(one.build!)}>
              {trans.__('Build it')}
            </button>
          )}
          {!view && !files && (
            <button type="button" className="pd-btn" onClick={() => model.again(turn.key)}>
              {trans.__('Ask again')}
            </button>
          )}
          <span className="pd-note">
            {view || files
              ? trans.__('To undo: %1', plain(files ? oneLine(one.rollback) : one.rollback))
              : trans.__('To undo: take its lines out of semantics.yaml.')}
          </span>
        </div>
      )}
    </article>
  );
}

/** What is there now, of the unified diff that comes with it. */
const beforeOf = (one: Approval): string =>
  one.diff
    .split('\n')
    .filter(line => line.startsWith('-') && !line.startsWith('---'))
    .map(line => line.slice(1))
    .join('\n');

export function Forms(props: { turn: Turn; model: ChatModel; sql: string }): React.ReactElement | null {
  const forms: Partial<Record<Form, React.ReactElement>> = {
    view: <SaveView {...props} />,
    model: <KeepModel turn={props.turn} model={props.model} />,
    verify: <SaveVerified turn={props.turn} model={props.model} />,
    note: <WrongNote turn={props.turn} model={props.model} />
  };
  return forms[props.turn.kept.form] ?? null;
}
