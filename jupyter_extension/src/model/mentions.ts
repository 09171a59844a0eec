/** `@flights`, `@weather.wind_gust`, `@"data/sales 1.csv"` in a question: what may be meant, and how it is written. */

import { Profiled } from './data';
import { share, shortType, whole } from './format';
import { Table } from './frames';

export interface FileEntry {
  name: string;
  /** From the workspace's folder on. */
  path: string;
  kind: string;
  bytes: number | null;
}

export interface Offer {
  kind: 'table' | 'view' | 'frame' | 'column' | 'file' | 'folder';
  /** As it is shown: weather.wind_gust. */
  name: string;
  /** As it is written, with its @. */
  text: string;
  detail: string;
}

export interface Typed {
  /** Where its @ stands. */
  start: number;
  /** What follows it, without quotes. */
  query: string;
}

const MOST = 30;
const PLAIN = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const PLAIN_PATH = /^[\p{L}\p{N}_./-]*[\p{L}\p{N}_]$/u;
const TYPED = /(?:^|[^\p{L}\p{N}_@])@((?:"(?:[^"]|"")*"?|[\p{L}\p{N}_./-])*)$/u;
const FILES = /(^|[^\p{L}\p{N}_@])@(?:"([^"]+)"|([\p{L}\p{N}_./-]*[\p{L}\p{N}_]))/gu;

/** The mention that is being typed at the caret; null: none is. */
export function typedAt(text: string, caret: number): Typed | null {
  const match = TYPED.exec(text.slice(0, caret));
  return match ? { start: caret - match[1].length - 1, query: match[1].replace(/"/g, '') } : null;
}

const part = (name: string): string => (PLAIN.test(name) ? name : `"${name.replace(/"/g, '""')}"`);
const called = (table: Table): string =>
  table.schema && table.schema !== 'main' ? `${table.schema}.${table.name}` : table.name;
const writtenTable = (table: Table): string =>
  `@${table.schema && table.schema !== 'main' ? `${part(table.schema)}.` : ''}${part(table.name)}`;
const writtenFile = (path: string): string => (PLAIN_PATH.test(path) ? `@${path}` : `@"${path}"`);

/** The folder whose files a query goes through. */
export const folderOf = (query: string): string => query.slice(0, Math.max(0, query.lastIndexOf('/')));

/** 0: begins with it, 1: a word of it does, 2: it stands somewhere; null: nowhere. */
function rank(name: string, wanted: string): number | null {
  const at = name.toLowerCase().indexOf(wanted);
  return at < 0 ? null : at === 0 ? 0 : /[^\p{L}\p{N}]/u.test(name[at - 1]) ? 1 : 2;
}

/** Best first: tables and DataFrames, then columns, then files. */
export function offers(
  query: string,
  tables: Table[],
  files: FileEntry[] = [],
  profiles: Record<string, Profiled> = {}
): Offer[] {
  const wanted = query.toLowerCase();
  const found: { offer: Offer; order: number }[] = [];
  const add = (offer: Offer, place: number | null, orders: number[]): void => {
    if (place !== null) {
      found.push({ offer, order: orders[place] });
    }
  };
  for (const table of tables) {
    const name = called(table);
    const kind = table.kind === 'frame' ? 'frame' : table.kind === 'view' ? 'view' : 'table';
    const rows = table.rows === null || kind === 'view' ? '' : whole(table.rows);
    add({ kind, name, text: writtenTable(table), detail: rows }, rank(name, wanted), [0, 1, 6]);
    const whole_ = `${name}.`.toLowerCase();
    const within = wanted.startsWith(whole_);
    if (!wanted || (wanted.length < 2 && !within)) {
      continue;
    }
    for (const column of table.columns) {
      const place = within ? rank(column.name, wanted.slice(whole_.length)) : rank(column.name, wanted);
      const known = profiles[table.key]?.columns[column.name];
      const nulls = known && known.nulls ? `${share(known.nulls, known.rows)} null` : '';
      const text = `${writtenTable(table)}.${part(column.name)}`;
      add(
        { kind: 'column', name: `${name}.${column.name}`, text, detail: nulls || shortType(column.type) },
        place,
        [3, 4, 7]
      );
    }
  }
  for (const file of files) {
    if (file.kind === 'file' || file.kind === 'folder') {
      const text = file.kind === 'folder' ? `@${file.path}/` : writtenFile(file.path);
      add({ kind: file.kind, name: file.path, text, detail: '' }, rank(file.path, wanted), [5, 5, 8]);
    }
  }
  return found
    .sort((a, b) => a.order - b.order || a.offer.name.localeCompare(b.offer.name))
    .slice(0, MOST)
    .map(one => one.offer);
}

/** The text with what was picked in place of what was typed, and where the caret goes. */
export function picked(text: string, caret: number, typed: Typed, offer: Offer): [string, number] {
  const before = text.slice(0, typed.start) + offer.text;
  if (offer.kind === 'folder') {
    return [before + text.slice(caret), before.length];
  }
  const after = text.slice(caret);
  return /^\s/.test(after) ? [before + after, before.length + 1] : [`${before} ${after}`, before.length + 1];
}

/** The files among these that a question mentions. */
export function filesIn(text: string, known: FileEntry[]): FileEntry[] {
  const paths = [...text.matchAll(FILES)].map(one => one[2] ?? one[3]);
  return known.filter(one => one.kind === 'file' && paths.includes(one.path));
}

/** The question with a table in place of a file. */
export const withTable = (text: string, path: string, table: string): string =>
  text.replace(FILES, (whole_: string, before: string, quoted?: string, plain?: string) =>
    (quoted ?? plain) === path ? `${before}@${part(table)}` : whole_
  );
