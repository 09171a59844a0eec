/** A table or the rows of an answer in a tab of their own: sorted, filtered, scrolled to the last row. */

import * as React from 'react';

import { whole } from '../model/format';
import { Pages } from '../model/pages';
import { Message } from './banner';
import { Grid, Order } from './grid';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

export function Preview({ pages, label }: { pages: Pages; label: string }): React.ReactElement {
  const trans = useTrans();
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
          {state.loading
            ? trans.__('Reading …')
            : trans._n('%2 row', '%2 rows', state.count, `${whole(state.count)}${state.complete ? '' : '+'}`)}
          {`, ${trans._n('%2 column', '%2 columns', state.columns.length, whole(state.columns.length))}`}
        </span>
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
