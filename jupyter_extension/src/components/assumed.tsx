/** What an answer assumed: each can be taken away where it can be read without it. */

import * as React from 'react';

import { ChatModel, Turn } from '../model/chat';
import { plain } from '../model/format';
import { Answer } from '../model/frames';
import { useTrans } from './hooks';
import { Icon } from './icon';

export function Assumed(props: {
  turn: Turn;
  answer: Answer;
  model: ChatModel;
  running: boolean;
}): React.ReactElement | null {
  const trans = useTrans();
  const { answer } = props;
  if (!answer.assumptions.length) {
    return null;
  }
  return (
    <div>
      <span className="pd-lab">{trans.__('Assumed')}</span>
      <ul className="pd-chips" aria-label={trans.__('Assumptions')}>
        {answer.assumptions.map((one, at) => {
          const other = answer.otherwise?.find(reading => reading.assumption === one);
          // A model reads the conversation: it is asked again.
          const again = !other && !!answer.share;
          const how = other
            ? trans.__('Without it: %1', plain(other.text))
            : again
              ? trans.__('Ask %1 again without it', plain(answer.planner))
              : '';
          return (
            <li key={at} className="pd-chip">
              <bdi>{plain(one)}</bdi>
              {how && (
                <button
                  type="button"
                  className="pd-off"
                  disabled={props.running}
                  aria-label={trans.__('Take away: %1', plain(one))}
                  title={how}
                  onClick={() => props.model.without(props.turn.key, at, trans.__('Without: %1', plain(one)))}
                >
                  <Icon name="x" small />
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
