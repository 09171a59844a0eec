/** The SQL of a cell, and the line in front of it that makes it one. */

import { ChartSpec } from './frames';

export interface SqlCell {
  /** `pluto` is ours; `sql` belongs to jupysql or another. */
  magic: 'pluto' | 'sql';
  /** The variable that its rows are bound to. */
  name: string;
  sql: string;
  /** Where the SQL begins. */
  start: number;
}

const CELL = /^(\s*%%(pluto[ \t]+sql|sql)(?![^\s])[ \t]*([^\n]*))(\n|$)/;
const LINE = /^(\s*%pluto[ \t]+sql[ \t]+)([^\n]*\S)\s*$/;

/** Null: no SQL. */
export function sqlCell(source: string): SqlCell | null {
  const cell = CELL.exec(source);
  if (cell) {
    const magic = cell[2] === 'sql' ? 'sql' : 'pluto';
    const name = magic === 'pluto' && /^\w+$/.test(cell[3].trim()) ? cell[3].trim() : '';
    return { magic, name, sql: source.slice(cell[0].length), start: cell[0].length };
  }
  const line = LINE.exec(source);
  return line && { magic: 'pluto', name: '', sql: line[2], start: line[1].length };
}

/** The SQL of a `%%pluto sql` cell. */
export const ourSql = (source: string): SqlCell | null => {
  const found = sqlCell(source);
  return found?.magic === 'pluto' ? found : null;
};

/** The same cell with other SQL; more lines than one make a line into a cell. */
export function withSql(source: string, sql: string): string {
  const found = sqlCell(source);
  if (!found) {
    return source;
  }
  const head = source.slice(0, found.start);
  if (LINE.test(source) && sql.includes('\n')) {
    return `%%pluto sql\n${sql}`;
  }
  return head.endsWith('\n') || LINE.test(source) ? head + sql : `${head}\n${sql}`;
}

/** The same cell with its rows bound to a name. */
export function withName(source: string, name: string): string {
  const found = ourSql(source);
  return !found || found.name ? source : `%%pluto sql ${name}\n${found.sql}`;
}

/** A name for rows that none of these cells uses. */
export function freeName(sources: string[]): string {
  const taken = new Set(sources.map(one => ourSql(one)?.name).filter(Boolean));
  let number = 1;
  while (taken.has(`rows_${number}`)) {
    number += 1;
  }
  return `rows_${number}`;
}

/** Offsets of Python count characters, those of editors count halves of them beyond the first 65,536. */
export const pointsBefore = (text: string, at: number): number => [...text.slice(0, at)].length;

export function offsetOf(text: string, points: number): number {
  let at = 0;
  for (const one of text) {
    if (points-- <= 0) {
      break;
    }
    at += one.length;
  }
  return at;
}

const SAFE = /^[\w@%+=:,./-]+$/;

/** One word of a line that is split as in a shell. */
const word = (text: string): string => (SAFE.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`);

/** The line that draws the rows bound to a name. */
export function chartLine(name: string, spec: ChartSpec): string {
  const parts: [string, unknown][] = [
    ['kind', spec.kind],
    ['x', spec.x],
    ['y', Array.isArray(spec.y) ? spec.y.join(',') : spec.y],
    ['color', spec.color],
    ['sort', spec.sort],
    ['limit', spec.limit]
  ];
  const given = parts.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return `%pluto chart ${name} ${given.map(([key, value]) => word(`${key}=${String(value)}`)).join(' ')}`;
}

/** What was selected, as a question may begin: one line, not endless. */
export function selected(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
