/** The way to an answer: each step as it happens, one line once the answer is there. */

import * as React from 'react';

import { Turn } from '../model/chat';
import { plain, whole } from '../model/format';
import { Shown, stepsOf } from '../model/steps';
import { useTrans } from './hooks';
import { Chevron, Icon } from './icon';
import { SqlBox } from './sql';

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

export function Steps({ turn, onCopy }: { turn: Turn; onCopy: (text: string) => void }): React.ReactElement {
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
              <SqlBox sql={step.sql} onCopy={onCopy} />
            </div>
          )}
          {step.kind === 'thought' && <p className="pd-sub">{plain(step.text)}</p>}
        </li>
      ))}
    </ol>
  );
}

export function FoldedSteps(props: { turn: Turn; onCopy: (text: string) => void }): React.ReactElement | null {
  const trans = useTrans();
  const write = useSteps();
  const [open, setOpen] = React.useState(false);
  const steps = stepsOf(props.turn.steps);
  if (!steps.length) {
    return null;
  }
  return (
    <div className="pd-folded">
      <button
        type="button"
        className="pd-foldup"
        aria-expanded={open}
        aria-label={trans._n('%1 step', '%1 steps', steps.length)}
        onClick={() => setOpen(!open)}
      >
        <Chevron open={open} />
        <span className="pd-count">{trans._n('%1 step', '%1 steps', steps.length)}</span>
        {!open && <span className="pd-clip">{steps.slice(1).map(write).join(', ')}</span>}
      </button>
      {open && <Steps turn={props.turn} onCopy={props.onCopy} />}
    </div>
  );
}
