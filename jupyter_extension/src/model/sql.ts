/** SQL as text: names, cells, and the parts that are coloured. */

const PLAIN = /^[a-z_][a-z0-9_]*$/;
export const WORDS = new Set(
  (
    'all and any as asc between by case cast create cross delete desc distinct drop else end except exists false ' +
    'filter for from full group having ilike in inner insert intersect into is join lateral left like limit not null ' +
    'nulls offset on or order over partition pivot qualify replace right select semi set summarize table then true ' +
    'union unpivot update using values view when where with within'
  ).split(' ')
);

/** A name as SQL takes it. */
export const quoted = (name: string): string =>
  PLAIN.test(name) && !WORDS.has(name) ? name : `"${name.replace(/"/g, '""')}"`;

/** A table as people write it: by its bare name where that is enough. */
export const nameOf = (table: { schema: string; name: string }): string =>
  !table.schema || table.schema === 'main' ? quoted(table.name) : `${quoted(table.schema)}.${quoted(table.name)}`;

/** The source of a cell that runs some SQL. */
export const cellOf = (sql: string): string => `%%pluto sql\n${sql.trim()}`;

/** A look at a table, every column by its name where there are few. */
export function selectOf(table: { schema: string; name: string; columns: { name: string }[] }): string {
  const columns = table.columns.length <= 12 ? table.columns.map(one => quoted(one.name)).join(', ') : '*';
  return `SELECT ${columns || '*'}\nFROM ${nameOf(table)}\nLIMIT 100`;
}

export interface Piece {
  kind: 'keyword' | 'string' | 'comment' | 'plain';
  text: string;
}

const PIECES = /(--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|([A-Za-z_][A-Za-z0-9_]*)/g;

/** The pieces of some SQL, which together are its text again. */
export function pieces(sql: string): Piece[] {
  const found: Piece[] = [];
  const add = (kind: Piece['kind'], text: string): void => {
    const last = found[found.length - 1];
    if (last && last.kind === kind) {
      last.text += text;
    } else if (text) {
      found.push({ kind, text });
    }
  };
  let at = 0;
  for (const match of sql.matchAll(PIECES)) {
    add('plain', sql.slice(at, match.index));
    at = match.index! + match[0].length;
    if (match[1]) {
      add('comment', match[0]);
    } else if (match[2]) {
      add('string', match[0]);
    } else {
      add(match[4] && WORDS.has(match[4].toLowerCase()) ? 'keyword' : 'plain', match[0]);
    }
  }
  add('plain', sql.slice(at));
  return found;
}
