/** What floats above everything until it is closed: a dialog of the browser's own, which keeps the focus in it. */

import * as React from 'react';

import { useTrans } from './hooks';
import { Icon } from './icon';

export function Modal(props: {
  title: string;
  /** Said by the button that closes it. */
  close?: string;
  className?: string;
  onClose: () => void;
  children: React.ReactNode;
}): React.ReactElement {
  const trans = useTrans();
  const node = React.useRef<HTMLDialogElement>(null);
  const id = React.useId();
  const close = props.close ?? trans.__('Close');
  React.useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    node.current!.showModal();
    return () => before?.focus();
  }, []);
  return (
    <dialog
      ref={node}
      className={`pd-dialog ${props.className ?? ''}`}
      aria-labelledby={id}
      onCancel={event => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <header>
        <h2 id={id} tabIndex={-1} autoFocus>
          {props.title}
        </h2>
        <button type="button" className="pd-ib" aria-label={close} title={close} onClick={props.onClose}>
          <Icon name="x" />
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** One of a few, all of them in sight. */
export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}): React.ReactElement {
  const name = React.useId();
  return (
    <fieldset className="pd-seg-set">
      <legend>{props.label}</legend>
      <div className="pd-seg">
        {props.options.map(([value, word]) => (
          <label key={value}>
            <input type="radio" name={name} checked={props.value === value} onChange={() => props.onChange(value)} />
            <span>{word}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** How much of something is done. `part` null: nobody knows how much it is. */
export function Bar({ part, label }: { part: number | null; label: string }): React.ReactElement {
  const percent = part === null ? undefined : Math.floor(100 * part);
  return (
    <div
      className={`pd-prog${part === null ? ' pd-unsure' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      style={{ '--v': `${percent ?? 0}%` } as React.CSSProperties}
    >
      <i />
    </div>
  );
}
