/** Rather no answer than a wrong one: what is not known, what can be answered, what can be done about it. */

import * as React from 'react';

import { ChatModel, Turn } from '../model/chat';
import { plain } from '../model/format';
import { Answer } from '../model/frames';
import { Evidence } from './evidence';
import { useTrans } from './hooks';
import { Icon } from './icon';
import { Define, Proposal } from './keeping';
import { Menu } from './menu';
import type { ChatActions } from './turn';

export function Declined(props: {
  turn: Turn;
  answer: Answer;
  model: ChatModel;
  actions: ChatActions;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, answer, model, actions } = props;
  const [word] = answer.unknown_words;
  const unknown = !!word && /^I don.t know the words?/.test(answer.text);
  const next = turn.kept.next ?? [];
  const others = actions.planners().filter(one => one !== answer.planner);
  return (
    <div className="pd-a">
      <p className="pd-title pd-warn">
        <Icon name="help" />
        <span>{unknown ? trans.__('I don’t know the word “%1”', plain(word)) : trans.__('I can’t answer that')}</span>
      </p>
      <p>
        {!unknown
          ? plain(answer.text)
          : answer.unknown_words.length > 1
            ? trans.__('Nor these: %1. No table, column, value or saved term here has those names.', rest(answer))
            : trans.__('No table, column, value or saved term here has that name. The other words are known.')}
      </p>
      {next.length > 0 && (
        <div>
          <span className="pd-lab">{trans.__('I can answer these')}</span>
          <div className="pd-list pd-close">
            {next.map(one => (
              <button key={one.question} type="button" className="pd-opt" onClick={() => model.ask(one.question)}>
                <span>{plain(one.question)}</span>
                <small>{plain(one.table)}</small>
                <Icon name="arrow" />
              </button>
            ))}
          </div>
        </div>
      )}
      {turn.kept.form === 'define' ? (
        <Define turn={turn} model={model} word={word ?? ''} tables={actions.tables()} />
      ) : turn.kept.proposal ? (
        <Proposal turn={turn} model={model} first={turn.kept.proposal} approvals={actions.approvals} />
      ) : null}
      <div className="pd-do">
        {unknown && turn.kept.form !== 'define' && !turn.kept.proposal && (
          <button type="button" className="pd-btn" onClick={() => model.answers.open(turn.key, 'define')}>
            <Icon name="edit" small />
            {trans.__('Define “%1”', plain(word))}
          </button>
        )}
        <button type="button" className="pd-btn pd-quiet" onClick={() => actions.draft(answer.question)}>
          {trans.__('Say it with other words')}
        </button>
        {others.length > 0 && (
          <Menu
            label={trans.__('Use another planner')}
            items={others.map(one => ({
              icon: 'out' as const,
              label: trans.__('Ask %1', one),
              run: () => {
                model.planner(one);
                model.ask(answer.question);
              }
            }))}
          />
        )}
      </div>
      <Evidence answer={answer} />
    </div>
  );
}

const rest = (answer: Answer): string => answer.unknown_words.slice(1).map(plain).join(', ');
