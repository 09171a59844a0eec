/** A button with a few more things to do behind it. */

import * as React from 'react';

import { IconName } from './drawings';
import { Icon } from './icon';

export interface Item {
  icon: IconName;
  label: string;
  /** Stands above it: a new group begins. */
  group?: string;
  disabled?: boolean;
  run(): void;
}

export function Menu(props: { label: string; items: Item[] }): React.ReactElement {
  const [open, setOpen] = React.useState(false);
  const button = React.useRef<HTMLButtonElement>(null);
  const list = React.useRef<HTMLDivElement>(null);
  const entries = (): HTMLElement[] => [
    ...(list.current?.querySelectorAll<HTMLElement>('[role=menuitem]:not([disabled])') ?? [])
  ];
  React.useLayoutEffect(() => {
    if (open) {
      const there = list.current!;
      const room = there.closest('.pd-log, .pd-panel')?.getBoundingClientRect().top ?? 0;
      there.classList.toggle('pd-down', there.getBoundingClientRect().top < room);
      entries()[0]?.focus();
      there.scrollIntoView({ block: 'nearest' });
    }
  }, [open]);
  const close = (back: boolean): void => {
    setOpen(false);
    if (back) {
      button.current?.focus();
    }
  };
  return (
    <span
      className="pd-menu"
      onBlur={event => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) {
          setOpen(false);
        }
      }}
      onKeyDown={event => {
        const all = entries();
        const at = all.indexOf(document.activeElement as HTMLElement);
        const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
        if (open && event.key === 'Escape') {
          event.stopPropagation();
          close(true);
        } else if (open && to !== undefined && all.length) {
          event.preventDefault();
          all[to % all.length].focus();
        }
      }}
    >
      <button
        ref={button}
        type="button"
        className="pd-ib"
        aria-label={props.label}
        title={props.label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="more" />
      </button>
      {open && (
        <div ref={list} className="pd-menu-list" role="menu" aria-label={props.label}>
          {props.items.map(one => (
            <React.Fragment key={one.label}>
              {one.group && (
                <span className="pd-group" role="presentation">
                  {one.group}
                </span>
              )}
              <button
                type="button"
                role="menuitem"
                tabIndex={-1}
                disabled={one.disabled}
                onClick={() => {
                  close(true);
                  one.run();
                }}
              >
                <Icon name={one.icon} small />
                <span>{one.label}</span>
              </button>
            </React.Fragment>
          ))}
        </div>
      )}
    </span>
  );
}
