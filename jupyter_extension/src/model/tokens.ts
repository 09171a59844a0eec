/** DuckDB's SQL in tokens, line by line: what an editor colours. */

import { sqlCell } from './cell';
import { WORDS } from './sql';

/** What is needed of CodeMirror's stream over one line. */
export interface LineStream {
  match(pattern: RegExp): unknown;
  next(): string | void;
  skipToEnd(): void;
  current(): string;
}

export interface TokenState {
  /** Still in the line of the magic. */
  head: boolean;
  /** How deep in comments, which nest. */
  comment: number;
  /** What ends the string that goes on: a quote or a dollar tag. */
  until: string;
}

export const startState = (): TokenState => ({ head: true, comment: 0, until: '' });

const MORE = new Set(
  (
    'asof anti attach begin by call checkpoint columns commit copy describe detach escape exclude explain export ' +
    'fetch glob grouping grouping_sets if ignore import install interval load materialized merge natural next ' +
    'nothing only over partition positional pragma preceding prepare recursive rename respect returning rollback rollup ' +
    'rows sample show similar some sql summarize tablesample temp temporary ties to transaction truncate try_cast ' +
    'unbounded unnest use vacuum view window current_date current_timestamp'
  ).split(' ')
);

const ESCAPED = /[.*+?^${}()|[\]\\]/g;

/** The token's kind in CodeMirror's words; null: plain text. */
export function token(stream: LineStream, state: TokenState): string | null {
  if (state.head) {
    if (stream.match(/^\s+$/)) {
      return null; // an empty line in front of it
    }
    state.head = false;
    stream.skipToEnd();
    return 'meta';
  }
  if (state.comment) {
    return inComment(stream, state);
  }
  if (state.until) {
    return inString(stream, state);
  }
  if (stream.match(/^\s+/)) {
    return null;
  }
  if (stream.match(/^--.*/)) {
    return 'comment';
  }
  if (stream.match(/^\/\*/)) {
    state.comment = 1;
    return inComment(stream, state);
  }
  if (stream.match(/^[eExXbB]?'/)) {
    state.until = "'";
    return inString(stream, state);
  }
  if (stream.match(/^\$(?:[A-Za-z_]\w*)?\$/)) {
    state.until = stream.current();
    return inString(stream, state);
  }
  if (stream.match(/^\$\w+/) || stream.match(/^\?/)) {
    return 'variableName.special';
  }
  if (stream.match(/^"(?:[^"]|"")*"?/)) {
    return 'variableName';
  }
  if (stream.match(/^(?:0x[\da-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?)/)) {
    return 'number';
  }
  if (stream.match(/^\.\s*[A-Za-z_]\w*/)) {
    return 'variableName'; // after a dot every word is a name
  }
  if (stream.match(/^[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/)) {
    const word = stream.current().toLowerCase();
    return WORDS.has(word) || MORE.has(word) ? 'keyword' : 'variableName';
  }
  if (stream.match(/^[-+*/%=<>!|&^~@:]+/)) {
    return 'operator';
  }
  stream.next();
  return stream.current() && '()[]{}'.includes(stream.current()) ? 'bracket' : null;
}

function inComment(stream: LineStream, state: TokenState): string {
  while (state.comment && stream.match(/^.*?(\/\*|\*\/)/)) {
    state.comment += stream.current().endsWith('/*') ? 1 : -1;
  }
  if (state.comment) {
    stream.skipToEnd();
  }
  return 'comment';
}

function inString(stream: LineStream, state: TokenState): string {
  const end = state.until === "'" ? "(?:[^']|'')*'(?!')" : `.*?${state.until.replace(ESCAPED, '\\$&')}`;
  if (stream.match(new RegExp(`^${end}`))) {
    state.until = '';
  } else {
    stream.skipToEnd();
  }
  return 'string';
}

/** Whether a text, of which this is the beginning, is a cell of SQL. */
export const isSql = (beginning: string): boolean => /^\s*%%/.test(beginning) && sqlCell(beginning) !== null;
