/** A column at a glance: its type, its nulls, and a histogram or its most frequent value. */

import * as React from 'react';

import { Profile, TableColumn } from '../model/frames';
import { brief, cut, kindOf, numeral, plain, share, shortType, whole } from '../model/format';
import { quoted } from '../model/sql';
import { IconName } from './drawings';
import { useTrans } from './hooks';
import { Icon } from './icon';

const ICONS: Record<string, IconName> = { number: 'hash', moment: 'clock', text: 'text', other: 'frame' };

export function ColumnRow(props: {
  id: string;
  column: TableColumn;
  profile: Profile | undefined;
  running: boolean;
  open: boolean;
  onOpen: () => void;
  onInsert: () => void;
}): React.ReactElement {
  const trans = useTrans();
  const { column, profile } = props;
  const name = plain(column.name);
  return (
    <>
      <div
        role="row"
        aria-level={2}
        aria-expanded={props.open}
        aria-selected={props.open}
        tabIndex={-1}
        data-pd-row={props.id}
        data-pd-insert={quoted(column.name)}
        className={`pd-col${props.open ? ' pd-sel' : ''}`}
        title={`${name}\n${column.type}${column.comment ? `\n${plain(column.comment)}` : ''}`}
        draggable
        onDragStart={event => {
          event.dataTransfer.setData('text/plain', quoted(column.name));
          event.dataTransfer.effectAllowed = 'copy';
        }}
        onClick={props.onOpen}
        onDoubleClick={props.onInsert}
      >
        <Icon name={ICONS[kindOf(column.type)]} small />
        <span role="gridcell" className="pd-nm">
          <b className="pd-clip">
            <bdi>{name}</bdi>
          </b>
          <small className="pd-clip">{shortType(column.type)}</small>
        </span>
        <span role="gridcell">{profile && <Nulls part={profile.nulls} all={profile.rows} />}</span>
        <span role="gridcell" className="pd-glance">
          {profile ? <Glance profile={profile} /> : props.running && <span className="pd-wait" />}
        </span>
      </div>
      {props.open && (
        <div role="row" aria-level={3}>
          <div role="gridcell" className="pd-detail">
            {profile ? (
              <Detail profile={profile} />
            ) : (
              <p className="pd-note">{props.running ? trans.__('Being profiled …') : trans.__('Not profiled.')}</p>
            )}
          </div>
        </div>
      )}
    </>
  );
}

function Nulls({ part, all }: { part: number; all: number }): React.ReactElement {
  const width = all ? `${(100 * part) / all}%` : '0%';
  return (
    <span className="pd-null">
      <span>{share(part, all)}</span>
      {part > 0 && <i style={{ '--v': width } as React.CSSProperties} />}
    </span>
  );
}

function Glance({ profile }: { profile: Profile }): React.ReactElement | null {
  const trans = useTrans();
  if (profile.bins.length > 1) {
    return <Histogram profile={profile} width={84} height={18} className="pd-hist" />;
  }
  const values = profile.rows - profile.nulls;
  const first = profile.top[0] ?? (profile.low === profile.high ? { value: profile.low, count: values } : undefined);
  if (!values) {
    return <span className="pd-note">{trans.__('empty')}</span>;
  }
  // Nearly every row its own value: which one is the most frequent says nothing.
  if (!first || (first.count <= 1 && values > 1) || (!profile.exact && first.count < values / 500)) {
    return (
      <span className="pd-top pd-many pd-clip">
        {profile.exact ? '' : '≈ '}
        {trans._n('%2 value', '%2 values', profile.distinct, whole(profile.distinct))}
      </span>
    );
  }
  const text = first.value === null ? 'null' : plain(first.value);
  return (
    <span className="pd-top" style={{ '--v': `${(100 * first.count) / values}%` } as React.CSSProperties} title={text}>
      <span className="pd-clip">
        <bdi>{text}</bdi>
      </span>
      <span>{share(first.count, values)}</span>
    </span>
  );
}

function Histogram(props: { profile: Profile; width: number; height: number; className: string }): React.ReactElement {
  const trans = useTrans();
  const { bins, low, high } = props.profile;
  const most = Math.max(...bins.map(one => one.count), 1);
  const step = props.width / bins.length;
  return (
    <svg
      className={props.className}
      viewBox={`0 0 ${props.width} ${props.height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={trans.__('%1 bars from %2 to %3', bins.length, low ?? '', high ?? '')}
    >
      {bins.map((one, at) => {
        const height = one.count ? Math.max(1, (one.count / most) * (props.height - 1)) : 0;
        const width = Math.max(1, step - 1);
        return <rect key={at} x={at * step} y={props.height - height} width={width} height={height} />;
      })}
    </svg>
  );
}

function Detail({ profile }: { profile: Profile }): React.ReactElement {
  const trans = useTrans();
  const number = kindOf(profile.type) === 'number';
  const write = (value: string | null): string =>
    value === null ? '' : number ? brief(value) : plain(value).replace(/ 00:00:00.*$/, '');
  const last = profile.bins[profile.bins.length - 1];
  const facts: [string, string][] = [
    [trans.__('nulls'), whole(profile.nulls)],
    [trans.__('distinct'), `${profile.exact ? '' : '≈ '}${whole(profile.distinct)}`]
  ];
  if (profile.low !== null) {
    facts.push([trans.__('min'), write(profile.low)]);
  }
  if (profile.mean !== null) {
    facts.push([trans.__('mean'), brief(profile.mean)]);
  }
  if (profile.high !== null) {
    facts.push([trans.__('max'), write(profile.high)]);
  }
  return (
    <>
      {profile.bins.length > 1 && (
        <>
          <Histogram profile={profile} width={300} height={56} className="pd-hist pd-big" />
          <div className="pd-axis" aria-hidden="true">
            <span>{write(profile.bins[0].low)}</span>
            <span>
              {write(profile.cut ? last.low : last.high)}
              {profile.cut ? ' +' : ''}
            </span>
          </div>
        </>
      )}
      {profile.top.length > 0 && profile.bins.length < 2 && (
        <ol className="pd-freq">
          {profile.top.map((one, at) => (
            <li key={at} title={one.value ?? 'null'}>
              <span className="pd-top" style={{ '--v': share100(one.count, profile) } as React.CSSProperties}>
                <span className="pd-clip">
                  <bdi>{one.value === null ? 'null' : plain(cut(one.value, 80)) || trans.__('(empty text)')}</bdi>
                </span>
                <span>{whole(one.count)}</span>
              </span>
            </li>
          ))}
        </ol>
      )}
      <dl className="pd-stats" style={{ gridTemplateColumns: `repeat(${facts.length}, auto)` }}>
        {facts.map(([word, value]) => (
          <React.Fragment key={word}>
            <dt>{word}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
      </dl>
      {profile.cut && (
        <p className="pd-note">
          {trans.__('Last bar: %1 rows from %2 to %3.', whole(last.count), numeral(write(last.low)), write(last.high))}
        </p>
      )}
    </>
  );
}

const share100 = (count: number, profile: Profile): string =>
  `${(100 * count) / Math.max(1, profile.rows - profile.nulls)}%`;
