/** A table's lineage as a picture, the same in words, and its tables to go to. */

import * as React from 'react';

import { AboutModel, coloured, Neighbour } from '../model/about';
import { told } from '../model/data';
import { plain } from '../model/format';
import { Message } from './banner';
import { NeighbourName } from './about';
import { useTrans } from './hooks';
import { Icon } from './icon';

const colour = (name: string): string => getComputedStyle(document.body).getPropertyValue(name).trim();

/** Another number with each theme. */
function useTheme(): number {
  const [number, next] = React.useReducer((before: number) => before + 1, 0);
  React.useEffect(() => {
    const watch = new MutationObserver(next);
    watch.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-name'] });
    return () => watch.disconnect();
  }, []);
  return number;
}

export function LineageView(props: {
  table: string;
  column: string;
  name: string;
  model: AboutModel;
  onOpen: (key: string) => void;
}): React.ReactElement {
  const trans = useTrans();
  const theme = useTheme();
  const [found, setFound] = React.useState<{ svg: string; text: string; nodes: Neighbour[] } | null>(null);
  const [problem, setProblem] = React.useState('');
  const [round, again] = React.useReducer((before: number) => before + 1, 0);
  React.useEffect(() => {
    let here = true;
    setProblem('');
    props.model.picture(props.table, props.column).then(
      one => here && setFound(one),
      error => here && setProblem(told(error))
    );
    return () => {
      here = false;
    };
  }, [props.table, props.column, round]);
  const source = React.useMemo(
    () => found && `data:image/svg+xml;charset=utf-8,${encodeURIComponent(coloured(found.svg, colour))}`,
    [found, theme]
  );
  const tables = found?.nodes.filter(one => one.table && one.table !== props.table) ?? [];
  return (
    <section className="pd-panel pd-lineage" aria-label={trans.__('Lineage of %1', plain(props.name))}>
      <div className="pd-gridbar">
        <span className="pd-note" role="status">
          {found
            ? trans._n('%2 step', '%2 steps', found.nodes.length - 1, String(Math.max(0, found.nodes.length - 1)))
            : problem
              ? ''
              : trans.__('Looking …')}
        </span>
        <button
          type="button"
          className="pd-ib pd-end"
          aria-label={trans.__('Refresh')}
          title={trans.__('Refresh')}
          onClick={again}
        >
          <Icon name="refresh" />
        </button>
      </div>
      {problem && (
        <div className="pd-banners">
          <Message icon="error" tone="error" title={trans.__('That could not be found out.')} text={plain(problem)} />
        </div>
      )}
      {found && !found.svg && <p className="pd-note pd-pad">{trans.__('Nothing is known of where it comes from.')}</p>}
      {found?.svg && (
        <div className="pd-scroll pd-picture" tabIndex={0} role="region" aria-label={trans.__('Picture')}>
          <img src={source!} alt={found.text} />
          {tables.length > 0 && (
            <p className="pd-about-list pd-pad">
              <span className="pd-note">{trans.__('Tables in it')}</span>
              {tables.map(one => (
                <NeighbourName key={one.id} one={one} onOpen={props.onOpen} />
              ))}
            </p>
          )}
          <details className="pd-pad">
            <summary>{trans.__('In words')}</summary>
            <pre className="pd-pre" tabIndex={0}>
              {found.text.split('\n').map(plain).join('\n')}
            </pre>
          </details>
        </div>
      )}
    </section>
  );
}
