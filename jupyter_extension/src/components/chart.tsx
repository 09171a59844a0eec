/** A drawing of `model/chart`, in the theme's colours. Series differ by stroke and carry their name. */

import * as React from 'react';

import { Drawing } from '../model/chart';
import { cut } from '../model/format';
import { useTrans } from './hooks';

const WIDTH = 328;

export function Chart({ drawing }: { drawing: Drawing }): React.ReactElement {
  const trans = useTrans();
  return (
    <figure className="pd-fig">
      <figcaption className="pd-t pd-clip" title={drawing.title}>
        {drawing.title}
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

function Bars({ drawing }: { drawing: Extract<Drawing, { kind: 'bars' }> }): React.ReactElement {
  const { bars } = drawing;
  const longest = Math.max(...bars.map(one => one.label.length));
  const texts = Math.max(...bars.map(one => one.text.length));
  const left = Math.min(124, 8 + longest * 6.1);
  const right = WIDTH - 8 - texts * 6.6;
  const best = bars.reduce((found, one) => (Math.abs(one.value) > Math.abs(found.value) ? one : found), bars[0]);
  const place = (share: number): number => left + 8 + share * (right - left - 8);
  const height = bars.length * 22;
  return (
    <svg className="pd-chart" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={drawing.sentence}>
      {bars.map((one, at) => {
        const [from, to] = [place(Math.min(one.from, one.to)), place(Math.max(one.from, one.to))];
        const strong = one === best ? 'pd-on' : '';
        return (
          <g key={at}>
            <text x={left} y={at * 22 + 15} textAnchor="end" className={strong}>
              {cut(one.label, 19)}
            </text>
            <rect
              x={from}
              y={at * 22 + 3}
              width={Math.max(1, to - from)}
              height={16}
              rx={1}
              className={one === best ? 'pd-strong' : 'pd-mark'}
            />
            <text x={to + 6} y={at * 22 + 15} className={strong}>
              {one.text}
            </text>
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
        const height = one.height * (TALL - BOTTOM - TOP);
        const x = left + one.from * (right - left);
        const width = Math.max(1, (one.to - one.from) * (right - left) - 1);
        return <rect key={at} className="pd-mark" x={x} y={TALL - BOTTOM - height} width={width} height={height} />;
      })}
    </svg>
  );
}
