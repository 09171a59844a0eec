/** Numbers, sizes and texts as they are shown. */

import { Value } from './frames';

const GROUP = /\B(?=(\d{3})+(?!\d))/g;

/** Whole numbers with grouped thousands and a real minus; from the text where it is beyond 2^53. */
export function whole(value: number | string): string {
  const text = String(value);
  return /^-?\d+$/.test(text) ? text.replace('-', '\u2212').replace(GROUP, ',') : text;
}

/** A number as it is, its whole part grouped. */
export function numeral(value: number | string): string {
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(String(value));
  if (!match) {
    return String(value).replace(/^-/, '\u2212');
  }
  return (match[1] ? '\u2212' : '') + match[2].replace(GROUP, ',') + (match[3] ?? '');
}

/** A few significant digits, for axes and statistics. */
export function brief(value: number | string): string {
  const number = Number(value);
  if (!Number.isFinite(number)) {
    return String(value);
  }
  const size = Math.abs(number);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) {
    return number.toExponential(1).replace('-', '\u2212');
  }
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4;
  return numeral(String(Number(number.toFixed(digits))));
}

/** "8.4 MB", in powers of 1,000 as DuckDB says them. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** "2.5 %"; a little is never nothing, and nearly all is not all. */
export function share(part: number, all: number): string {
  if (!all || !part) {
    return '0';
  }
  const percent = (100 * part) / all;
  if (percent < 0.1) {
    return '< 0.1 %';
  }
  if (part < all && percent > 99.9) {
    return '> 99.9 %';
  }
  return `${percent >= 99.95 ? '100' : percent.toFixed(1)} %`;
}

/** "0.04 s", "12 s", "3 min". */
export function duration(seconds: number): string {
  if (seconds < 9.995) {
    return `${seconds.toFixed(2)} s`;
  }
  return seconds < 100 ? `${seconds.toFixed(seconds < 20 ? 1 : 0)} s` : `${Math.round(seconds / 60)} min`;
}

/* C0, C1, zero-width, bidirectional and line-separating marks: they would change how the rest is read. */
// eslint-disable-next-line no-control-regex
const MARKS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const NAMED: Record<string, string> = { '\n': '\u23ce', '\t': '\u21e5', '\r': '\u240d' };

/** Text in which nothing is hidden and nothing turns the rest around. */
export function plain(text: string): string {
  return text.replace(MARKS, one => NAMED[one] ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const NUMBERS = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL)/;
const MOMENTS = /^(DATE|TIME|TIMESTAMP|INTERVAL)/;

export function kindOf(type: string): 'number' | 'moment' | 'text' | 'other' {
  const name = type.toUpperCase();
  if (name.endsWith(']')) {
    return 'other';
  }
  if (NUMBERS.test(name)) {
    return 'number';
  }
  if (MOMENTS.test(name)) {
    return 'moment';
  }
  return /^(VARCHAR|ENUM|UUID|BOOLEAN)/.test(name) ? 'text' : 'other';
}

/** A type name that fits beside a column's name. */
export function shortType(type: string): string {
  const name = type.replace('TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ');
  return name.length > 24 ? `${name.replace(/\(.*$/s, '')}(…)` : name;
}

/** A value of a grid; numbers are not rounded. */
export function shown(value: Value, type: string): string {
  if (value === null) {
    return 'null';
  }
  if (kindOf(type) === 'number' && (typeof value === 'number' || typeof value === 'string')) {
    return numeral(value);
  }
  if (kindOf(type) === 'moment' && typeof value === 'string') {
    return value.replace('T', ' ').replace(/ 00:00:00(Z?)$/, ' 00:00$1');
  }
  return plain(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** `text` cut after `length` characters. */
export const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

/** How long ago, as people say it: "20 s", "5 min", "3 h", "12 days". */
export function age(seconds: number): string {
  for (const [unit, length, most] of [
    ['s', 1, 100],
    ['min', 60, 100],
    ['h', 3600, 48]
  ] as const) {
    if (seconds < most * length) {
      return `${Math.max(0, Math.round(seconds / length))} ${unit}`;
    }
  }
  return `${whole(Math.round(seconds / 86_400))} d`;
}
