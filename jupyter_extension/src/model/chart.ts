/** A chart as geometry: where its bars, lines and points go. What is drawn is data; nothing in it runs. */

import { ChartSpec, Rows, Value } from './frames';
import { brief, cut, kindOf, plain } from './format';

export const BARS = 20;
/** More lines than this are a tangle. */
export const LINES = 6;

export interface BarMark {
  label: string;
  value: number;
  text: string;
  /** Of the width, from the zero line; negative to its left. */
  from: number;
  to: number;
  /** Which of several series it belongs to, and its name. */
  series: number;
  of: string;
  /** It goes on where the bar before it ends, in the same row. */
  on: boolean;
}

export interface LineMark {
  name: string;
  /** Both 0 to 1; y grows upwards. Null: a gap. */
  points: ([number, number] | null)[];
}

export interface Tick {
  at: number;
  text: string;
}

export type Drawing =
  | { kind: 'bars'; title: string; bars: BarMark[]; left: number; sentence: string }
  | { kind: 'lines' | 'points'; title: string; lines: LineMark[]; x: Tick[]; y: Tick[]; left: number; sentence: string }
  | {
      kind: 'columns';
      title: string;
      /** All 0 to 1; those of a distribution begin at 0, others may hang below zero. */
      columns: { from: number; to: number; low: number; high: number }[];
      x: Tick[];
      y: Tick[];
      sentence: string;
    }
  | { kind: 'number'; title: string; text: string; sentence: string };

const numberOf = (value: Value): number | null => {
  if (value === null || typeof value === 'boolean' || value === '') {
    return null;
  }
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
};

const namesOf = (y: ChartSpec['y']): string[] => (typeof y === 'string' ? [y] : (y ?? []));

/** Round numbers from low to high, about `count` of them. */
export function ticks(low: number, high: number, count = 4): number[] {
  if (!(high > low)) {
    return [low];
  }
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5, 10].find(one => one * power >= raw * 0.999) ?? 10);
  const found: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) {
    found.push(Number(at.toPrecision(12)));
  }
  return found;
}

const ordered = (column: { name: string; type: string }, values: Value[]): boolean =>
  kindOf(column.type) === 'moment' ||
  (kindOf(column.type) === 'number' && /(year|month|week|day|hour|quarter)/i.test(column.name)) ||
  (values.length > 0 && values.every(one => /^\d{4}-(\d\d|Q[1-4]|W\d\d)(-\d\d)?$/.test(String(one))));

/** What the rows say of themselves where nobody proposed a chart: a label and a measure. */
export function guess(rows: Rows): ChartSpec | null {
  const [x, y] = rows.columns;
  if (rows.columns.length === 1 && rows.rows.length === 1 && kindOf(x.type) === 'number') {
    return { kind: 'number', x: x.name };
  }
  if (rows.columns.length !== 2 || rows.rows.length < 2 || rows.rows.length > 400 || kindOf(y.type) !== 'number') {
    return null;
  }
  const kind = kindOf(x.type);
  const ordinal = kind === 'number' && /(year|month|week|day|hour|quarter)/i.test(x.name);
  if (kind === 'moment' || ordinal) {
    return { kind: 'line', x: x.name, y: [y.name] };
  }
  return kind === 'text' && rows.rows.length <= 40 ? { kind: 'bar', x: x.name, y: [y.name] } : null;
}

/** Null: these rows can't be drawn like that. */
export function drawn(spec: ChartSpec, rows: Rows): Drawing | null {
  const at = (name: string): number => rows.columns.findIndex(one => one.name === name);
  const x = at(spec.x);
  if (x < 0) {
    return null;
  }
  const measures = namesOf(spec.y).map(at);
  if (measures.some(one => one < 0)) {
    return null;
  }
  const title = plain(spec.title || namesOf(spec.y).join(', ') || spec.x);
  switch (spec.kind) {
    case 'number':
      return numberDrawn(title, rows, x);
    case 'histogram':
      return columnsDrawn(title, rows, x);
    case 'bar':
      return !measures.length
        ? null
        : spec.color
          ? seriesDrawn(spec, title, rows, x, measures[0], at(spec.color))
          : ordered(
                rows.columns[x],
                rows.rows.map(row => row[x])
              ) && rows.rows.length > 6
            ? timesDrawn(title, rows, x, measures[0])
            : barsDrawn(spec, title, rows, x, measures[0]);
    default:
      return measures.length ? linesDrawn(spec, title, rows, x, measures) : null;
  }
}

const label = (value: Value): string => (value === null ? 'null' : cut(plain(String(value)), 22));

function numberDrawn(title: string, rows: Rows, x: number): Drawing | null {
  const value = numberOf(rows.rows[0]?.[x] ?? null);
  return value === null ? null : { kind: 'number', title, text: brief(value), sentence: `${title}: ${brief(value)}` };
}

function barsDrawn(spec: ChartSpec, title: string, rows: Rows, x: number, y: number): Drawing | null {
  let found = rows.rows
    .map(row => ({ label: label(row[x]), value: numberOf(row[y]) }))
    .filter((one): one is { label: string; value: number } => one.value !== null);
  if (spec.sort) {
    const sign = spec.sort === 'descending' ? -1 : 1;
    found = [...found].sort((a, b) => sign * (a.value - b.value));
  }
  const all = found.length;
  found = found.slice(0, Math.min(spec.limit ?? BARS, BARS));
  if (!found.length) {
    return null;
  }
  const low = Math.min(0, ...found.map(one => one.value));
  const high = Math.max(0, ...found.map(one => one.value));
  const place = (value: number): number => (high > low ? (value - low) / (high - low) : 0);
  const alone = { series: 0, of: '', on: false };
  const bars = found.map(one => ({ ...one, ...alone, text: brief(one.value), from: place(0), to: place(one.value) }));
  const said = bars.slice(0, 6).map(one => `${one.label} ${one.text}`);
  const sentence = `${title}: ${said.join(', ')}${all > said.length ? `, … (${all})` : ''}`;
  return { kind: 'bars', title, bars, left: all - bars.length, sentence };
}

/** Bars side by side, or on each other, for the members of a second dimension. */
function seriesDrawn(spec: ChartSpec, title: string, rows: Rows, x: number, y: number, color: number): Drawing | null {
  if (color < 0) {
    return null;
  }
  const found = rows.rows
    .map(row => ({
      label: moment(row[x], kindOf(rows.columns[x].type)),
      of: label(row[color]),
      value: numberOf(row[y])
    }))
    .filter((one): one is { label: string; of: string; value: number } => one.value !== null);
  const names = [...new Set(found.map(one => one.of))].slice(0, LINES);
  const labels = [...new Set(found.map(one => one.label))];
  const stacked = !!spec.stacked && found.every(one => one.value >= 0);
  const kept = labels.slice(0, stacked ? BARS : Math.max(2, Math.floor(30 / Math.max(1, names.length))));
  const sums = new Map(labels.map(one => [one, 0]));
  found.forEach(one => sums.set(one.label, sums.get(one.label)! + one.value));
  const whole = (one: string): number => (spec.stacked === 'share' ? sums.get(one)! || 1 : 1);
  const sizes = stacked
    ? kept.map(one => sums.get(one)! / whole(one))
    : found.filter(one => kept.includes(one.label)).map(one => one.value);
  const low = Math.min(0, ...sizes);
  const high = Math.max(0, ...sizes);
  if (!names.length || high === low) {
    return null;
  }
  const place = (value: number): number => (value - low) / (high - low);
  const bars: BarMark[] = [];
  for (const one of kept) {
    let at = 0;
    let first = true;
    for (const of of names) {
      const mark = found.find(other => other.label === one && other.of === of);
      if (!mark) {
        continue;
      }
      const value = stacked ? mark.value / whole(one) : mark.value;
      const text = spec.stacked === 'share' ? `${Math.round(100 * value)} %` : brief(mark.value);
      const [from, to] = stacked ? [place(at), place(at + value)] : [place(0), place(value)];
      bars.push({
        label: first ? one : '',
        value,
        text,
        from,
        to,
        series: names.indexOf(of),
        of,
        on: stacked && !first
      });
      at += stacked ? value : 0;
      first = false;
    }
  }
  const said = bars.slice(0, 6).map(one => `${one.label ? `${one.label}: ` : ''}${one.of} ${one.text}`);
  const sentence = `${title}: ${said.join(', ')}${bars.length > said.length ? `, … (${bars.length})` : ''}`;
  return { kind: 'bars', title, bars, left: labels.length - kept.length, sentence };
}

/** A column for each time, in their order. */
function timesDrawn(title: string, rows: Rows, x: number, y: number): Drawing | null {
  const kind = kindOf(rows.columns[x].type);
  const found = rows.rows
    .map(row => ({ at: row[x], value: numberOf(row[y]) }))
    .filter((one): one is { at: Value; value: number } => one.at !== null && one.value !== null);
  if (!found.length) {
    return null;
  }
  found.sort((a, b) => (kind === 'number' ? Number(a.at) - Number(b.at) : String(a.at) < String(b.at) ? -1 : 1));
  const values = found.map(one => one.value);
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const marks = ticks(low, high > low ? high : low + 1, 3);
  const [bottom, top] = [Math.min(low, marks[0]), Math.max(high, marks[marks.length - 1])];
  const up = (value: number): number => (top > bottom ? (value - bottom) / (top - bottom) : 0);
  const count = found.length;
  return {
    kind: 'columns',
    title,
    columns: found.map((one, at) => ({
      from: (at + 0.12) / count,
      to: (at + 0.88) / count,
      low: up(Math.min(0, one.value)),
      high: up(Math.max(0, one.value))
    })),
    x: spread(
      found.map((one, at) => ({ at: (at + 0.5) / count, text: moment(one.at, kind) })),
      count <= 12 ? 12 : 6
    ),
    y: marks.map(one => ({ at: up(one), text: brief(one) })),
    sentence: `${title}: ${found.length} values from ${brief(Math.min(...values))} to ${brief(Math.max(...values))}`
  };
}

function columnsDrawn(title: string, rows: Rows, x: number): Drawing | null {
  const values = rows.rows.map(row => numberOf(row[x])).filter((one): one is number => one !== null);
  if (values.length < 2) {
    return null;
  }
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (low === high) {
    return null;
  }
  const count = Math.max(5, Math.min(24, Math.ceil(Math.sqrt(values.length))));
  const bins = new Array<number>(count).fill(0);
  values.forEach(one => (bins[Math.min(count - 1, Math.floor(((one - low) / (high - low)) * count))] += 1));
  const most = Math.max(...bins);
  return {
    kind: 'columns',
    title,
    columns: bins.map((one, at) => ({ from: at / count, to: (at + 1) / count, low: 0, high: one / most })),
    x: ticks(low, high).map(one => ({ at: (one - low) / (high - low), text: brief(one) })),
    y: ticks(0, most, 3).map(one => ({ at: one / most, text: brief(one) })),
    sentence: `${title}: ${values.length} values from ${brief(low)} to ${brief(high)}`
  };
}

function linesDrawn(spec: ChartSpec, title: string, rows: Rows, x: number, measures: number[]): Drawing | null {
  const color = spec.color ? rows.columns.findIndex(one => one.name === spec.color) : -1;
  const series = new Map<string, [Value, number][]>();
  for (const row of rows.rows) {
    for (const y of measures) {
      const value = numberOf(row[y]);
      const name = color >= 0 ? label(row[color]) : rows.columns[y].name;
      if (value !== null) {
        series.set(name, [...(series.get(name) ?? []), [row[x], value]]);
      }
    }
  }
  const kind = kindOf(rows.columns[x].type);
  const numeric = kind === 'number';
  const key = (value: Value): number =>
    numeric ? (numberOf(value) ?? NaN) : kind === 'moment' ? Date.parse(String(value)) : NaN;
  let places = [...new Set(rows.rows.map(row => row[x]))];
  const scaled = places.every(one => Number.isFinite(key(one)));
  if (scaled) {
    places = places.sort((a, b) => key(a) - key(b));
  }
  if (!places.length || !series.size || (spec.kind === 'line' && places.length < 2)) {
    return null;
  }
  const from = scaled ? key(places[0]) : 0;
  const to = scaled ? key(places[places.length - 1]) : places.length - 1;
  const index = new Map(places.map((one, at) => [one, at]));
  const across = (value: Value): number =>
    to > from ? ((scaled ? key(value) : index.get(value)!) - from) / (to - from) : 0.5;
  const names = [...series.keys()];
  const kept = names.slice(0, LINES);
  const values = kept.flatMap(name => series.get(name)!.map(([, value]) => value));
  const points = spec.kind === 'scatter';
  const low = points ? Math.min(...values) : Math.min(0, ...values);
  const high = Math.max(...values);
  const marks = ticks(low, high > low ? high : low + 1);
  const bottom = Math.min(low, marks[0]);
  const top = Math.max(high, marks[marks.length - 1]);
  const up = (value: number): number => (top > bottom ? (value - bottom) / (top - bottom) : 0.5);
  const lines = kept.map(name => ({
    name: plain(name),
    points: [...series.get(name)!]
      .sort((a, b) => across(a[0]) - across(b[0]))
      .map(([one, value]): [number, number] => [across(one), up(value)])
  }));
  const xTicks =
    numeric && scaled && places.length > 12
      ? ticks(from, to).map(one => ({ at: (one - from) / (to - from), text: brief(one) }))
      : spread(places, 6).map(one => ({ at: across(one), text: moment(one, kind) }));
  return {
    kind: points ? 'points' : 'lines',
    title,
    lines,
    x: xTicks,
    y: marks.map(one => ({ at: up(one), text: brief(one) })),
    left: names.length - kept.length,
    sentence: `${title}: ${lines.map(one => one.name).join(', ')}; from ${brief(Math.min(...values))} to ${brief(high)}`
  };
}

/** Some of the values, the first and the last among them. */
function spread<T>(all: T[], count: number): T[] {
  if (all.length <= count) {
    return all;
  }
  const step = Math.ceil((all.length - 1) / (count - 1));
  return all.filter((_, at) => at % step === 0);
}

const moment = (value: Value, kind: string): string =>
  kind === 'moment'
    ? String(value)
        .replace(/T00:00:00.*$/, '')
        .replace('T', ' ')
        .slice(0, 16)
    : cut(label(value), 12);
