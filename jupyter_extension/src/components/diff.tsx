/** A change of some text, line by line, always with its signs. */

import * as React from 'react';

import { diffOf } from '../model/diff';
import { plain } from '../model/format';

const CLASSES = { ' ': '', '+': ' pd-come', '\u2212': ' pd-gone' };

export function Diff(props: { before: string; after: string; label: string }): React.ReactElement {
  const lines = React.useMemo(() => diffOf(props.before, props.after), [props.before, props.after]);
  return (
    <div className="pd-change" role="group" tabIndex={0} aria-label={props.label}>
      {lines.map((line, at) => (
        <div key={at} className={`pd-line-of${CLASSES[line.mark]}`}>
          <span className="pd-sign">{line.mark}</span>
          <bdi>
            {line.parts.map((part, index) =>
              !part.changed ? (
                plain(part.text)
              ) : line.mark === '+' ? (
                <ins key={index}>{plain(part.text)}</ins>
              ) : (
                <del key={index}>{plain(part.text)}</del>
              )
            )}
          </bdi>
        </div>
      ))}
    </div>
  );
}
