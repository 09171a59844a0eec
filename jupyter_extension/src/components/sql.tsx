/** The SQL of an answer: always there, one line or open, and a person's to change. */

import * as React from 'react';

import { pieces } from '../model/sql';
import { plain } from '../model/format';
import { settings } from '../model/settings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

export function Code({ sql }: { sql: string }): React.ReactElement {
  return (
    <>
      {pieces(sql).map((one, at) => (
        <span key={at} className={`pd-${one.kind}`}>
          {one.text.split('\n').map(plain).join('\n')}
        </span>
      ))}
    </>
  );
}

export function SqlBox(props: {
  sql: string;
  note?: string;
  onEdit?: () => void;
  onCopy: (text: string) => void;
}): React.ReactElement {
  const trans = useTrans();
  const { openSql } = useStore(settings);
  const [open, setOpen] = React.useState(openSql);
  React.useEffect(() => setOpen(openSql), [openSql]);
  const lines = props.sql.split('\n').length;
  return (
    <div className="pd-sql">
      <div className="pd-bar">
        <button type="button" className="pd-tog" aria-expanded={open} onClick={() => setOpen(!open)}>
          <svg className={`pd-icon pd-chev${open ? ' pd-open' : ''}`} viewBox="0 0 16 16" aria-hidden="true">
            <path d="m6 3.5 4.5 4.5L6 12.5" />
          </svg>
          <b>SQL</b>
          {open ? (
            <span className="pd-quiet-text">{props.note}</span>
          ) : (
            <>
              <span className="pd-one pd-clip">{plain(props.sql.replace(/\s+/g, ' '))}</span>
              <span className="pd-note">{trans._n('%1 line', '%1 lines', lines)}</span>
            </>
          )}
        </button>
        {props.onEdit && (
          <button
            type="button"
            className="pd-ib pd-s"
            aria-label={trans.__('Edit SQL')}
            title={trans.__('Edit SQL')}
            onClick={props.onEdit}
          >
            <Icon name="edit" />
          </button>
        )}
        <button
          type="button"
          className="pd-ib pd-s"
          aria-label={trans.__('Copy SQL')}
          title={trans.__('Copy SQL')}
          onClick={() => props.onCopy(props.sql)}
        >
          <Icon name="copy" />
        </button>
      </div>
      {open && (
        <pre className="pd-pre" tabIndex={0} aria-label="SQL">
          <Code sql={props.sql} />
        </pre>
      )}
    </div>
  );
}

export function SqlEditor(props: {
  sql: string;
  running: boolean;
  onChange: (sql: string) => void;
  onRun: () => void;
  onStop: () => void;
  onCancel: () => void;
}): React.ReactElement {
  const trans = useTrans();
  const lines = Math.min(16, Math.max(3, props.sql.split('\n').length));
  return (
    <div className="pd-sql pd-editing">
      <textarea
        className="pd-code-edit"
        aria-label={trans.__('SQL of this answer')}
        spellCheck={false}
        rows={lines}
        value={props.sql}
        autoFocus
        onChange={event => props.onChange(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey || event.shiftKey)) {
            event.preventDefault();
            props.onRun();
          } else if (event.key === 'Escape') {
            event.stopPropagation();
            props.onCancel();
          }
        }}
      />
      <div className="pd-do pd-in">
        {props.running ? (
          <button type="button" className="pd-btn" onClick={props.onStop}>
            <span className="pd-sq" />
            {trans.__('Stop')}
          </button>
        ) : (
          <button type="button" className="pd-btn pd-main" title={trans.__('Ctrl+Enter')} onClick={props.onRun}>
            {trans.__('Run')}
          </button>
        )}
        <button type="button" className="pd-btn pd-quiet" onClick={props.onCancel}>
          {trans.__('Back to the answer')}
        </button>
      </div>
    </div>
  );
}
