/** A table or the rows of an answer in a tab of their own: sorted, filtered, scrolled to the last row. */

import * as React from 'react';

import { told } from '../model/data';
import { whole } from '../model/format';
import { Pages } from '../model/pages';
import { Message } from './banner';
import { Grid, Order, tabbed } from './grid';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

/** Rows that a copy takes at most. */
const COPIED = 1000;

export function Preview(props: {
  pages: Pages;
  label: string;
  onCopy: (text: string) => void;
  /** Undefined where the plugin for it is switched off. */
  onExport: (() => void) | undefined;
}): React.ReactElement {
  const trans = useTrans();
  const { pages, label } = props;
  const [copied, setCopied] = React.useState('');
  const state = useStore(pages.state);
  const [text, setText] = React.useState('');
  const column = state.filter.column || state.columns[0]?.name || '';
  React.useEffect(() => {
    if (text !== state.filter.text) {
      const timer = setTimeout(() => pages.filter(column, text), 250);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [text]);
  const copy = async (): Promise<void> => {
    try {
      const rows = await pages.first(COPIED);
      if (rows) {
        props.onCopy(tabbed(rows.columns, rows.rows));
        const first = rows.more ? trans.__('The first %1 rows copied', whole(rows.count)) : '';
        setCopied(first || trans._n('%2 row copied', '%2 rows copied', rows.count, whole(rows.count)));
      }
    } catch (error) {
      setCopied(told(error));
    }
  };
  React.useEffect(() => setCopied(''), [state.filter, state.order]);
  return (
    <section className="pd-panel" aria-label={label}>
      <div className="pd-gridbar">
        <label className="pd-field pd-grow">
          <Icon name="filter" small />
          <input
            type="search"
            aria-label={trans.__('Filter rows')}
            placeholder={trans.__('Rows that contain …')}
            value={text}
            onChange={event => setText(event.target.value)}
          />
        </label>
        <label className="pd-in-label">
          {trans.__('in')}{' '}
          <select
            className="pd-plan"
            aria-label={trans.__('Column of the filter')}
            value={column}
            onChange={event => pages.filter(event.target.value, text)}
          >
            {state.columns.map((one, at) => (
              <option key={at} value={one.name}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        <span className="pd-note pd-end" role="status">
          {copied && `${copied}, `}
          {state.loading
            ? trans.__('Reading …')
            : trans._n('%2 row', '%2 rows', state.count, `${whole(state.count)}${state.complete ? '' : '+'}`)}
          {`, ${trans._n('%2 column', '%2 columns', state.columns.length, whole(state.columns.length))}`}
        </span>
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('Copy rows')}
          title={trans.__('Copy the rows as they are sorted and filtered, %1 at most', whole(COPIED))}
          onClick={() => void copy()}
        >
          <Icon name="copy" />
        </button>
        {props.onExport && (
          <button
            type="button"
            className="pd-ib"
            aria-label={trans.__('Export all rows …')}
            title={trans.__('Export all rows …')}
            onClick={props.onExport}
          >
            <Icon name="out" />
          </button>
        )}
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={() => pages.refresh()}
        >
          <Icon name="refresh" />
        </button>
      </div>
      {state.problem && (
        <div className="pd-banners pd-above">
          <Message icon="error" tone="error" title={trans.__('These rows could not be read.')} text={state.problem} />
        </div>
      )}
      <Grid
        columns={state.columns}
        count={state.count}
        cell={pages.cell}
        page={pages.page}
        onSight={pages.sight}
        order={state.order}
        onOrder={(order: Order | null) => pages.order(order)}
        label={label}
      />
    </section>
  );
}
