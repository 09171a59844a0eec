/** The way to an answer as a list of steps, made from the events as they come. */

import { Step } from './frames';

export type StepKind = 'asking' | 'words' | 'sql' | 'rows' | 'tool' | 'thought' | 'problem';

export interface Shown {
  kind: StepKind;
  state: 'done' | 'current' | 'failed';
  /** A name, a thought, what went wrong. */
  text: string;
  /** Words and what each was taken for. */
  links: [string, string][];
  sql: string;
  rows: number;
}

const shown = (kind: StepKind, state: Shown['state'], more: Partial<Shown> = {}): Shown => ({
  kind,
  state,
  text: '',
  links: [],
  sql: '',
  rows: 0,
  ...more
});

const MARKS = /^[^:;]+: [a-z ]+(; [^:;]+: [a-z ]+)*$/;

/** Where the answer is still on its way, the last step is the current one. */
export function stepsOf(events: Step[]): Shown[] {
  const found: Shown[] = [];
  const end = (state: 'done' | 'failed'): void => {
    const last = found[found.length - 1];
    if (last?.state === 'current') {
      last.state = state;
    }
  };
  for (const { type, subtype, text, data } of events) {
    const key = `${type} ${subtype}`;
    if (key === 'reasoning start') {
      found.push(shown('asking', 'current', { text }));
    } else if (key === 'reasoning chunk') {
      const links = linksOf(text);
      if (MARKS.test(text) && !links.length) {
        continue;
      }
      const last = found[found.length - 1];
      if (!links.length && last?.kind === 'thought') {
        last.text += text; // a model thinks in pieces
      } else {
        end('done');
        found.push(links.length ? shown('words', 'done', { links }) : shown('thought', 'current', { text }));
      }
    } else if (key === 'tool start') {
      end('done');
      const sql = typeof data.sql === 'string' ? data.sql : '';
      found.push(sql ? shown('sql', 'done', { sql }) : shown('tool', 'current', { text }));
      if (sql) {
        found.push(shown('rows', 'current'));
      }
    } else if (key === 'tool end') {
      const last = found[found.length - 1];
      if (last?.kind === 'rows' && typeof data.rows === 'number') {
        last.rows = data.rows;
      }
      end('done');
    } else if (key === 'tool error' || key === 'reasoning error') {
      end('failed');
      found.push(shown('problem', 'failed', { text: String(data.message ?? text) }));
    } else if (type === 'message') {
      end('done');
    }
  }
  return found;
}

/** What a planner calls the kinds of words, in words; the others hold a sentence together and say nothing. */
const KINDS: Record<string, string> = {
  agg: 'a measure',
  mention: 'a name here',
  metric: 'a metric',
  number: 'a number',
  period: 'a period',
  table: 'a table',
  column: 'a column',
  value: 'a value',
  unknown: 'not known'
};

/** "flights: table; by month: column" as pairs; nothing where it is something else. */
function linksOf(text: string): [string, string][] {
  const pairs = text.split('; ').map(one => /^(.+): ([a-z ]+)$/.exec(one));
  if (!pairs.every(one => one)) {
    return [];
  }
  const links = pairs.map((one): [string, string] => [one![1], one![2]]);
  return links.flatMap(([word, kind]): [string, string][] => (kind in KINDS ? [[word, KINDS[kind]]] : []));
}
