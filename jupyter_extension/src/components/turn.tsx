/** One question and what came of it. */

import * as React from 'react';

import { ApprovalsModel, Built } from '../model/approvals';
import { ChatModel, Turn } from '../model/chat';
import { plain } from '../model/format';
import { Answer } from '../model/frames';
import { Answered } from './answered';
import { Message } from './banner';
import { Clarify } from './clarify';
import { Declined } from './declined';
import { useTrans } from './hooks';
import { FoldedSteps, Steps } from './steps';

export interface ChatActions {
  load(): void;
  retry(): void;
  insert(sql: string, answer: Answer): void;
  /** Undefined where the plugin for it is switched off. */
  readonly grid: ((sql: string, title: string) => void) | undefined;
  copy(text: string): void;
  /** A text as a file of the browser's downloads. */
  save(name: string, text: string): void;
  /** A cell of any source; `facts` are kept in its metadata. */
  insertCell(source: string, answer: Answer): void;
  /** A picture of a chart, as text or in pixels. */
  picture(svg: SVGSVGElement, format: 'svg' | 'png'): Promise<void>;
  /** Names of the planners that there are. */
  planners(): string[];
  approvals: ApprovalsModel;
  /** Builds a model that was approved, and shows it. */
  build(built: Built): void;
  /** What a word can be defined over. */
  tables(): { name: string; columns: string[] }[];
  /** Into the composer, which then has the focus. */
  draft(question: string): void;
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
      {turn.state === 'done' && turn.steps.length > 0 && answer?.status !== 'clarify' && (
        <FoldedSteps turn={turn} onCopy={props.actions.copy} />
      )}
      {turn.state === 'running' && <Running {...props} />}
      {(turn.state === 'stopped' || turn.state === 'failed') && <Ended turn={turn} model={model} />}
      {answer?.status === 'clarify' && <Clarify {...props} answer={answer} />}
      {answer?.status === 'declined' && <Declined {...props} answer={answer} />}
      {(answer?.status === 'answered' || answer?.status === 'assumed') && <Answered {...props} answer={answer} />}
    </article>
  );
}

/** The words that were not understood are marked in what was asked. */
function Question({ turn }: { turn: Turn }): React.ReactElement {
  const unknown = turn.answer?.unknown_words ?? [];
  const text = plain(turn.how?.without ? turn.question : turn.said || turn.question);
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
      {turn.how?.without && <small className="pd-without">{plain(turn.said)}</small>}
    </div>
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
        <Steps turn={props.turn} onCopy={props.actions.copy} />
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
