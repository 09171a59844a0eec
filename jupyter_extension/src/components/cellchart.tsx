/** The rows of a cell as a chart, in each way that fits them. */

import * as React from 'react';

import { drawn, guess } from '../model/chart';
import { plain, whole } from '../model/format';
import { ChartSpec, Rows } from '../model/frames';
import { Message } from './banner';
import { Chart } from './chart';
import { useTrans } from './hooks';

export interface Drawable {
  rows: Rows;
  charts: ChartSpec[];
}

export function CellChart(props: {
  label: string;
  read: () => Promise<Drawable>;
  insert: (spec: ChartSpec) => void;
}): React.ReactElement {
  const trans = useTrans();
  const [found, setFound] = React.useState<Drawable | null>(null);
  const [at, setAt] = React.useState(0);
  const [problem, setProblem] = React.useState('');
  React.useEffect(() => {
    props.read().then(setFound, error => setProblem(String((error as Error).message)));
  }, []);
  const charts = React.useMemo(() => {
    const rough = found && guess(found.rows);
    const all = found?.charts.length ? found.charts : rough ? [rough] : [];
    return found ? all.filter(one => drawn(one, found.rows)) : [];
  }, [found]);
  const spec = charts[Math.min(at, charts.length - 1)];
  const names: Record<ChartSpec['kind'], string> = {
    bar: trans.__('Bars'),
    line: trans.__('Line'),
    scatter: trans.__('Points'),
    histogram: trans.__('Histogram'),
    number: trans.__('Number')
  };
  return (
    <section className="pd-panel" aria-label={props.label} aria-busy={!found && !problem}>
      <div className="pd-gridbar">
        <span role="group" aria-label={trans.__('Kind of chart')} className="pd-kinds">
          {(charts.length > 1 ? charts : []).map((one, index) => (
            <button
              key={index}
              type="button"
              className={`pd-btn${index === at ? '' : ' pd-quiet'}`}
              aria-pressed={index === at}
              onClick={() => setAt(index)}
            >
              {names[one.kind]}
            </button>
          ))}
        </span>
        <span className="pd-note pd-end" role="status">
          {found
            ? trans._n('%2 row', '%2 rows', found.rows.rows.length, whole(found.rows.rows.length)) +
              (found.rows.truncated ? ` ${trans.__('of more')}` : '')
            : problem
              ? ''
              : trans.__('Reading …')}
        </span>
        {spec && (
          <button type="button" className="pd-btn" onClick={() => props.insert(spec)}>
            {trans.__('Insert as cell')}
          </button>
        )}
      </div>
      {problem && (
        <div className="pd-banners pd-above">
          <Message icon="error" tone="error" title={plain(problem)} />
        </div>
      )}
      {found && !spec && (
        <div className="pd-banners pd-above">
          <Message
            icon="bars"
            title={trans.__('No chart fits these rows.')}
            text={trans.__('It takes a few rows with a measure, by a group or over time.')}
          />
        </div>
      )}
      {found && spec && (
        <div className="pd-cell-chart">
          <Chart drawing={drawn(spec, found.rows)!} />
        </div>
      )}
    </section>
  );
}
