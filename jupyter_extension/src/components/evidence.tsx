/** What stands below an answer: how it came about. */

import * as React from 'react';

import { dollars, tokensOf } from '../model/cost';
import { duration, plain, whole } from '../model/format';
import { Answer } from '../model/frames';
import { useTrans } from './hooks';
import { Icon } from './icon';

/** Who answered, how long it took, and what left the machine. */
export function Evidence(props: {
  answer: Answer;
  edited?: boolean;
  elapsed?: number;
  children?: React.ReactNode;
}): React.ReactElement {
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
      {props.children}
    </div>
  );
}
