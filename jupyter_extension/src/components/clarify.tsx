/** A question with several readings: one is chosen, and folds to a line that can be opened again. */

import * as React from 'react';

import { ChatModel, Turn } from '../model/chat';
import { plain } from '../model/format';
import { Answer } from '../model/frames';
import { useTrans } from './hooks';
import { Icon } from './icon';

export function Clarify(props: { turn: Turn; last: boolean; model: ChatModel; answer: Answer }): React.ReactElement {
  const trans = useTrans();
  const { answer, turn, last, model } = props;
  const title = React.useId();
  const [again, setAgain] = React.useState(false);
  // The last word counts: a choice may have been changed.
  const chosen = model.state
    .get()
    .turns.filter(one => one.how?.answer === answer.id && one.how.choice)
    .pop()?.how?.choice;
  if (!last && !again) {
    const text = chosen ? answer.choices[chosen - 1]?.text : '';
    return (
      <div className="pd-past">
        <Icon name={text ? 'check' : 'help'} small />
        <span className="pd-clip" title={plain(text || answer.text)}>
          {plain(text || answer.text)}
        </span>
        <button type="button" className="pd-link" onClick={() => setAgain(true)}>
          {chosen ? trans.__('Change') : trans.__('Choose')}
        </button>
      </div>
    );
  }
  const choose = (number: number): void => {
    setAgain(false);
    model.choose(turn.key, number);
  };
  return (
    <div
      role="group"
      aria-labelledby={title}
      onKeyDown={event => {
        const number = Number(event.key);
        if (number >= 1 && number <= answer.choices.length) {
          choose(number);
        } else if (event.key === 'Escape' && again) {
          event.stopPropagation();
          setAgain(false);
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
            className={`pd-opt${chosen === at + 1 ? ' pd-chosen' : ''}`}
            title={one.sql}
            autoFocus={again && at === 0}
            onClick={() => choose(at + 1)}
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
