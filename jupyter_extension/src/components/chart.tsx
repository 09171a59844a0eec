/** A drawing of `model/chart`, in the theme's colours. Series differ by stroke and carry their name. */

import * as React from 'react';

import { BarMark, Drawing } from '../model/chart';
import { cut } from '../model/format';
import { IconName } from './drawings';
import { useTrans } from './hooks';
import { Icon } from './icon';

const WIDTH = 328;

const KINDS: Record<string, IconName> = { bar: 'bars', line: 'line', scatter: 'dots', histogram: 'hist2' };

/** The ways in which the rows can be drawn; nothing where there is one. */
function Switch(props: { kinds: string[]; chosen: number; onChoose: (at: number) => void }): React.ReactElement | null {
  const trans = useTrans();
  const words: Record<string, string> = {
    bar: trans.__('Bars'),
    line: trans.__('Lines'),
    scatter: trans.__('Points'),
    histogram: trans.__('Distribution')
  };
  if (props.kinds.length < 2) {
    return null;
  }
  return (
    <span className="pd-switch" role="group" aria-label={trans.__('Type of chart')}>
      {props.kinds.map((kind, at) => (
        <button
          key={kind}
          type="button"
          className="pd-ib pd-s"
          aria-pressed={at === props.chosen}
          aria-label={words[kind] ?? kind}
          title={words[kind] ?? kind}
          onClick={() => props.onChoose(at)}
        >
          <Icon name={KINDS[kind] ?? 'bars'} />
        </button>
      ))}
    </span>
  );
}

export function Chart({
  drawing,
  kinds = [],
  chosen = 0,
  partial = 0,
  onChoose = () => undefined
}: {
  drawing: Drawing;
  kinds?: string[];
  chosen?: number;
  /** How many rows it is drawn from, where there are more. */
  partial?: number;
  onChoose?: (at: number) => void;
}): React.ReactElement {
  const trans = useTrans();
  return (
    <figure className="pd-fig">
      <figcaption className="pd-fighead">
        <span className="pd-t pd-clip" title={drawing.title}>
          {drawing.title}
        </span>
        <Switch kinds={kinds} chosen={chosen} onChoose={onChoose} />
      </figcaption>
      {drawing.kind === 'bars' ? (
        <Bars drawing={drawing} />
      ) : drawing.kind === 'number' ? (
        <div className="pd-number">{drawing.text}</div>
      ) : drawing.kind === 'columns' ? (
        <Columns drawing={drawing} />
      ) : (
        <Lines drawing={drawing} />
      )}
      {partial > 0 && drawing.kind !== 'number' && (
        <p className="pd-note">
          {trans.__('Drawn from the first %1 rows; there are more.', partial.toLocaleString('en'))}
        </p>
      )}
      {'left' in drawing && drawing.left > 0 && (
        <p className="pd-note">
          {trans._n(
            '%1 more is not drawn; the rows have it.',
            '%1 more are not drawn; the rows have them.',
            drawing.left
          )}
        </p>
      )}
    </figure>
  );
}

const LINE = 22;
/** Of a group each bar but its last. */
const TIGHT = 15;

function Bars({ drawing }: { drawing: Extract<Drawing, { kind: 'bars' }> }): React.ReactElement {
  const { bars } = drawing;
  const several = bars.some(one => one.series > 0);
  const stacked = bars.some(one => one.on);
  const longest = Math.max(...bars.map(one => one.label.length));
  const end = (one: BarMark): string => (several && !stacked ? `${one.text} ${cut(one.of, 14)}` : one.text);
  const texts = stacked ? 0 : Math.max(...bars.map(one => end(one).length));
  const left = Math.min(124, 8 + longest * 6.7);
  const right = WIDTH - 8 - texts * 7;
  const best = bars.reduce((found, one) => (Math.abs(one.value) > Math.abs(found.value) ? one : found), bars[0]);
  const place = (share: number): number => left + 8 + share * (right - left - 8);
  let y = stacked ? 14 : 0;
  const placed = bars.map((one, at) => {
    if (at && !one.on) {
      y += several && !stacked && !one.label ? TIGHT : LINE;
    }
    return { one, y };
  });
  const height = (placed[placed.length - 1]?.y ?? 0) + LINE;
  const tall = several && !stacked ? TIGHT - 2 : 16;
  let named = -Infinity;
  return (
    <svg className="pd-chart" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={drawing.sentence}>
      {placed.map(({ one, y }, at) => {
        const [from, to] = [place(Math.min(one.from, one.to)), place(Math.max(one.from, one.to))];
        const strong = one === best && !several ? 'pd-on' : '';
        const mark = several ? `pd-s${one.series % 4}` : one === best ? 'pd-strong' : 'pd-mark';
        // The segments of the first row carry their names, as far as they do not stand on each other.
        const names = stacked && y === placed[0].y && (from + to) / 2 - one.of.length * 3.1 > named;
        if (names) {
          named = (from + to) / 2 + one.of.length * 3.1 + 4;
        }
        return (
          <g key={at}>
            {one.label && (
              <text x={left} y={y + 15} textAnchor="end" className={strong}>
                {cut(one.label, 19)}
              </text>
            )}
            <rect x={from} y={y + 3} width={Math.max(1, to - from)} height={tall} rx={1} className={mark}>
              <title>{[one.of, one.text].filter(Boolean).join(' ')}</title>
            </rect>
            {names && (
              <text x={(from + to) / 2} y={y - 2} textAnchor="middle">
                {cut(one.of, 14)}
              </text>
            )}
            {!stacked && (
              <text x={to + 6} y={y + (several ? 13 : 15)} className={strong}>
                {end(one)}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

const TALL = 150;
const TOP = 8;
const BOTTOM = 20;

function Axes(props: {
  x: { at: number; text: string }[];
  y: { at: number; text: string }[];
  left: number;
  right: number;
}): React.ReactElement {
  const { left, right } = props;
  const up = (at: number): number => TALL - BOTTOM - at * (TALL - BOTTOM - TOP);
  let free = -Infinity;
  return (
    <g>
      {props.y.map(one => (
        <g key={one.at}>
          <line className="pd-gl" x1={left} x2={right} y1={up(one.at)} y2={up(one.at)} />
          <text x={left - 6} y={up(one.at) + 4} textAnchor="end">
            {one.text}
          </text>
        </g>
      ))}
      {props.x.map(one => {
        const middle = left + one.at * (right - left);
        const half = one.text.length * 3.1;
        const at = Math.min(WIDTH - half, Math.max(half, middle));
        if (at - half < free) {
          return null; // it would stand on its neighbour
        }
        free = at + half + 6;
        return (
          <text key={one.at} x={at} y={TALL - 4} textAnchor="middle">
            {one.text}
          </text>
        );
      })}
    </g>
  );
}

function Lines({ drawing }: { drawing: Extract<Drawing, { kind: 'lines' | 'points' }> }): React.ReactElement {
  const named = drawing.lines.length > 1;
  const wide = Math.max(0, ...drawing.y.map(one => one.text.length));
  const left = 10 + wide * 6.3;
  const right = WIDTH - (named ? 10 + Math.min(90, Math.max(...drawing.lines.map(one => one.name.length)) * 6.2) : 6);
  const across = (at: number): number => left + at * (right - left);
  const up = (at: number): number => TALL - BOTTOM - at * (TALL - BOTTOM - TOP);
  // Names at the ends of the lines, moved apart where two would stand on each other.
  const ends = drawing.lines
    .map((line, at) => ({ name: line.name, at, y: up(line.points[line.points.length - 1]?.[1] ?? 0) }))
    .sort((a, b) => a.y - b.y);
  ends.forEach((one, at) => {
    if (at && one.y - ends[at - 1].y < 12) {
      one.y = ends[at - 1].y + 12;
    }
  });
  const over = Math.max(0, (ends[ends.length - 1]?.y ?? 0) - (TALL - BOTTOM));
  return (
    <svg className="pd-chart" viewBox={`0 0 ${WIDTH} ${TALL}`} role="img" aria-label={drawing.sentence}>
      <Axes x={drawing.x} y={drawing.y} left={left} right={right} />
      {drawing.lines.map((line, at) =>
        drawing.kind === 'points' ? (
          <g key={line.name} className={`pd-p${at % 3}`}>
            {line.points.map((one, index) => one && <circle key={index} cx={across(one[0])} cy={up(one[1])} r={2.2} />)}
          </g>
        ) : (
          <polyline
            key={line.name}
            className={`pd-l${Math.min(at, 2)}`}
            points={line.points.map(one => one && `${across(one[0]).toFixed(1)},${up(one[1]).toFixed(1)}`).join(' ')}
          />
        )
      )}
      {named &&
        ends.map(one => (
          <text key={one.name} x={right + 6} y={one.y + 4 - over} className={one.at === 0 ? 'pd-on' : ''}>
            {cut(one.name, 14)}
          </text>
        ))}
    </svg>
  );
}

function Columns({ drawing }: { drawing: Extract<Drawing, { kind: 'columns' }> }): React.ReactElement {
  const left = 10 + Math.max(0, ...drawing.y.map(one => one.text.length)) * 6.3;
  const right = WIDTH - 6;
  return (
    <svg className="pd-chart" viewBox={`0 0 ${WIDTH} ${TALL}`} role="img" aria-label={drawing.sentence}>
      <Axes x={drawing.x} y={drawing.y} left={left} right={right} />
      {drawing.columns.map((one, at) => {
        const tall = TALL - BOTTOM - TOP;
        const height = Math.max(0.5, (one.high - one.low) * tall);
        const x = left + one.from * (right - left);
        const width = Math.max(1, (one.to - one.from) * (right - left) - 1);
        return (
          <rect key={at} className="pd-mark" x={x} y={TALL - BOTTOM - one.high * tall} width={width} height={height} />
        );
      })}
    </svg>
  );
}
