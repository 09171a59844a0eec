/** One question and what came of it. */

import * as React from 'react';

import { drawn, guess } from '../model/chart';
import { ChatModel, Turn } from '../model/chat';
import { dollars, tokensOf } from '../model/cost';
import { Answer, ChartSpec, Rows } from '../model/frames';
import { duration, plain, whole } from '../model/format';
import { settings } from '../model/settings';
import { Shown, stepsOf } from '../model/steps';
import { Message } from './banner';
import { Chart } from './chart';
import { Result, tabbed } from './grid';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { SqlBox, SqlEditor } from './sql';

export interface ChatActions {
  load(): void;
  retry(): void;
  insert(sql: string, answer: Answer): void;
  /** Undefined where the plugin for it is switched off. */
  readonly grid: ((sql: string, title: string) => void) | undefined;
  copy(text: string): void;
  /** A text as a file of the browser's downloads. */
  save(name: string, text: string): void;
}

export function TurnView(props: {
  turn: Turn;
  last: boolean;
  busy: boolean;
  model: ChatModel;
  actions: ChatActions;
}): React.ReactElement {
  const { turn, model } = props;
  const answer = turn.answer;
  return (
    <article className="pd-turn" aria-busy={turn.state === 'running'}>
      <Question turn={turn} />
      {turn.state === 'running' && <Running {...props} />}
      {(turn.state === 'stopped' || turn.state === 'failed') && <Ended turn={turn} model={model} />}
      {answer?.status === 'clarify' && <Clarify {...props} answer={answer} />}
      {answer?.status === 'declined' && <Declined answer={answer} model={model} />}
      {(answer?.status === 'answered' || answer?.status === 'assumed') && <Answered {...props} answer={answer} />}
    </article>
  );
}

/** The words that were not understood are marked in what was asked. */
function Question({ turn }: { turn: Turn }): React.ReactElement {
  const unknown = turn.answer?.unknown_words ?? [];
  const text = plain(turn.said || turn.question);
  const parts = unknown.length
    ? text.split(new RegExp(`(${unknown.map(one => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})`, 'i'))
    : [text];
  const known = (one: string): boolean => unknown.some(word => word.toLowerCase() === one.toLowerCase());
  return (
    <div className="pd-q" dir="auto">
      {parts.map((one, at) =>
        known(one) ? (
          <b key={at} className="pd-unknown">
            {one}
          </b>
        ) : (
          one
        )
      )}
    </div>
  );
}

function useSteps(): (step: Shown) => string {
  const trans = useTrans();
  return step => {
    switch (step.kind) {
      case 'asking':
        return step.state === 'current' ? trans.__('Reading the question') : trans.__('Read the question');
      case 'words':
        return trans.__('Found the words');
      case 'sql':
        return trans._n('Wrote SQL, %1 line', 'Wrote SQL, %1 lines', step.sql.split('\n').length);
      case 'rows':
        return step.state === 'current'
          ? trans.__('Running')
          : trans._n('%2 row', '%2 rows', step.rows, whole(step.rows));
      case 'thought':
        return trans.__('Thinking');
      case 'tool':
        return plain(step.text.replace(/_/g, ' '));
      case 'problem':
        return plain(step.text);
    }
  };
}

function Steps({ turn, actions }: { turn: Turn; actions: ChatActions }): React.ReactElement {
  const write = useSteps();
  return (
    <ol className="pd-steps">
      {stepsOf(turn.steps).map((step, at) => (
        <li key={at} aria-current={step.state === 'current' ? 'step' : undefined}>
          {step.state === 'current' ? (
            <span className="pd-dot">
              <span className="pd-spin" />
            </span>
          ) : (
            <Icon name={step.state === 'failed' ? 'warn' : 'check'} />
          )}
          <span>{write(step)}</span>
          {step.links.length > 0 && (
            <div className="pd-sub pd-links">
              {step.links.map(([word, kind], index) => (
                <React.Fragment key={index}>
                  <span className="pd-clip">{plain(word)}</span>
                  <Icon name="arrow" small />
                  <span>{kind}</span>
                </React.Fragment>
              ))}
            </div>
          )}
          {step.sql && (
            <div className="pd-sub">
              <SqlBox sql={step.sql} onCopy={actions.copy} />
            </div>
          )}
          {step.kind === 'thought' && <p className="pd-sub">{plain(step.text)}</p>}
        </li>
      ))}
    </ol>
  );
}

function Running(props: { turn: Turn; busy: boolean; actions: ChatActions }): React.ReactElement {
  const trans = useTrans();
  return (
    <>
      {props.turn.steps.length === 0 ? (
        <ol className="pd-steps">
          <li aria-current="step">
            <span className="pd-dot">
              <span className="pd-spin" />
            </span>
            <span>{props.turn.sent ? trans.__('Asking') : trans.__('Waiting for the kernel')}</span>
          </li>
        </ol>
      ) : (
        <Steps turn={props.turn} actions={props.actions} />
      )}
      {props.busy && (
        <Message
          icon="clock"
          title={trans.__('A cell is running.')}
          text={trans.__('This answer does not wait for it.')}
        />
      )}
    </>
  );
}

function Ended({ turn, model }: { turn: Turn; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  if (turn.state === 'stopped') {
    return (
      <div className="pd-past">
        <span>{trans.__('Stopped. Nothing was changed.')}</span>
        <button type="button" className="pd-link" onClick={() => model.again(turn.key)}>
          {trans.__('Ask again')}
        </button>
      </div>
    );
  }
  const gone = ['restarted', 'dead', 'left', 'closed', 'gone'].includes(turn.problem?.code ?? '');
  return (
    <Message
      icon="error"
      tone="error"
      title={gone ? trans.__('There was no kernel to answer.') : trans.__('That did not work.')}
      text={[turn.problem?.text, turn.problem?.hint, gone ? trans.__('The question is kept.') : '']
        .filter(Boolean)
        .join(' ')}
      action={trans.__('Ask again')}
      onAction={() => model.again(turn.key)}
    />
  );
}

function Clarify(props: { turn: Turn; last: boolean; model: ChatModel; answer: Answer }): React.ReactElement {
  const trans = useTrans();
  const { answer, turn, last, model } = props;
  const title = React.useId();
  const list = React.useRef<HTMLDivElement>(null);
  if (!last) {
    return <p className="pd-note">{plain(answer.text)}</p>;
  }
  return (
    <div
      role="group"
      aria-labelledby={title}
      ref={list}
      onKeyDown={event => {
        const number = Number(event.key);
        if (number >= 1 && number <= answer.choices.length) {
          model.choose(turn.key, number);
        }
      }}
    >
      <p className="pd-title" id={title}>
        <Icon name="help" />
        <span>{plain(answer.text)}</span>
      </p>
      <div className="pd-list">
        {answer.choices.map((one, at) => (
          <button
            key={at}
            type="button"
            className="pd-opt"
            title={one.sql}
            onClick={() => model.choose(turn.key, at + 1)}
          >
            <span>{plain(one.text)}</span>
            <kbd>{at + 1}</kbd>
          </button>
        ))}
      </div>
      <p className="pd-note">{trans.__('Or say it in your own words below.')}</p>
    </div>
  );
}

function Declined({ answer, model }: { answer: Answer; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const [word] = answer.unknown_words;
  return (
    <div className="pd-a">
      <p className="pd-title pd-warn">
        <Icon name="help" />
        <span>{word ? trans.__('I don’t know the word “%1”', plain(word)) : trans.__('I can’t answer that')}</span>
      </p>
      <p>
        {word && /^I don.t know the word/.test(answer.text)
          ? trans.__('No table, column, value or saved term here has that name.')
          : plain(answer.text)}
      </p>
      <div className="pd-do">
        <button type="button" className="pd-btn" onClick={() => model.draft(answer.question)}>
          <Icon name="edit" small />
          {trans.__('Say it with other words')}
        </button>
      </div>
      <Evidence answer={answer} />
    </div>
  );
}

const specOf = (answer: Answer, rows: Rows): ChartSpec | null =>
  'kind' in answer.chart ? (answer.chart as ChartSpec) : guess(rows);

function Answered(props: {
  turn: Turn;
  last: boolean;
  model: ChatModel;
  actions: ChatActions;
  answer: Answer;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model, actions, answer } = props;
  const [steps, setSteps] = React.useState(false);
  const { charts } = useStore(settings);
  const edit = turn.edit;
  const rows = edit ? edit.rows : turn.rows;
  const spec = React.useMemo(() => (rows && !edit ? specOf(answer, rows) : null), [rows, answer, edit]);
  const drawing = React.useMemo(() => (spec && rows ? drawn(spec, rows) : null), [spec, rows]);
  const sql = edit ? edit.sql : answer.sql;
  return (
    <div className="pd-a">
      <p>{plain(answer.text)}</p>
      {answer.assumptions.length > 0 && (
        <div>
          <span className="pd-lab">{trans.__('Assumed')}</span>
          <ul className="pd-chips" aria-label={trans.__('Assumptions')}>
            {answer.assumptions.map((one, at) => (
              <li key={at} className="pd-chip">
                {plain(one)}
              </li>
            ))}
          </ul>
        </div>
      )}
      {edit ? (
        <SqlEditor
          sql={edit.sql}
          running={edit.state === 'running'}
          onChange={text => model.edit(turn.key, text)}
          onRun={() => model.rerun(turn.key)}
          onStop={() => model.stopEdit(turn.key)}
          onCancel={() => model.endEdit(turn.key)}
        />
      ) : (
        <SqlBox
          sql={answer.sql}
          note={trans.__('checked, read only')}
          onEdit={() => model.startEdit(turn.key)}
          onCopy={actions.copy}
        />
      )}
      {edit?.state === 'stopped' && <p className="pd-past">{trans.__('Stopped.')}</p>}
      {edit?.problem && (
        <Message icon="error" tone="error" title={trans.__('This SQL did not run.')} text={plain(edit.problem)} />
      )}
      {drawing && (charts || drawing.kind === 'number') && <Chart drawing={drawing} />}
      {rows && rows.columns.length > 0 && drawing?.kind !== 'number' && (
        <Result
          rows={rows}
          onOpen={actions.grid && (() => actions.grid!(sql, answer.question))}
          onCopy={() => actions.copy(tabbed(rows.columns, rows.rows))}
        />
      )}
      {!rows && !edit && (
        <div className="pd-past">
          <span>{trans.__('Its rows are not kept.')}</span>
          <button type="button" className="pd-link" onClick={() => model.fetchRows(turn.key)}>
            {trans.__('Show rows')}
          </button>
        </div>
      )}
      {answer.finding && !edit && <p>{plain(answer.finding)}</p>}
      <div className="pd-do">
        <button type="button" className="pd-btn" onClick={() => actions.insert(sql, answer)}>
          <Icon name="insert" small />
          {trans.__('Insert as SQL cell')}
        </button>
        {turn.steps.length > 0 && (
          <button type="button" className="pd-btn pd-quiet" aria-expanded={steps} onClick={() => setSteps(!steps)}>
            {steps ? trans.__('Hide steps') : trans.__('Steps')}
          </button>
        )}
        <span className="pd-end">
          {(['up', 'down'] as const).map(one => {
            const word = one === 'up' ? trans.__('Right answer') : trans.__('Wrong answer');
            return (
              <button
                key={one}
                type="button"
                className="pd-ib"
                disabled={!answer.id}
                aria-label={word}
                title={word}
                aria-pressed={turn.rating === one}
                onClick={() => model.rate(turn.key, one)}
              >
                <Icon name={one} />
              </button>
            );
          })}
        </span>
      </div>
      {steps && <Steps turn={turn} actions={actions} />}
      <Evidence answer={answer} edited={!!edit && edit.sql !== answer.sql} elapsed={turn.edit?.rows?.elapsed_s} />
    </div>
  );
}

/** Who answered, how long it took, and what left the machine. */
function Evidence(props: { answer: Answer; edited?: boolean; elapsed?: number }): React.ReactElement {
  const trans = useTrans();
  const { answer } = props;
  const { cost } = answer;
  const parts = [
    duration(props.elapsed ?? answer.elapsed_s),
    props.edited ? trans.__('edited by you') : answer.verified ? trans.__('a verified question') : plain(answer.planner)
  ];
  const tokens = whole(tokensOf(answer));
  if (!cost.usd_known) {
    parts.push(trans.__('%1 tokens, price not known', tokens));
  } else if (tokensOf(answer) > 0) {
    parts.push(trans.__('%1 tokens', tokens), `${dollars(cost.usd)} USD`);
  }
  parts.push(answer.share ? trans.__('a model saw: %1', answer.share) : trans.__('nothing left this machine'));
  return (
    <div className="pd-ev">
      <Icon name={answer.share ? 'out' : 'shield'} small />
      <span>{parts.join(', ')}</span>
    </div>
  );
}
