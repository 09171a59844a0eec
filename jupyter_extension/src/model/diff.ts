/** What two texts differ in: line by line, and word by word where a line was changed. */

export interface DiffPart {
  text: string;
  changed: boolean;
}

export interface DiffLine {
  mark: ' ' | '+' | '\u2212';
  parts: DiffPart[];
}

/** Longer texts are not compared cell by cell: all of the one goes, all of the other comes. */
const MOST = 1500;

/** The longest run of things that both have, as pairs of their places. */
function common<T>(one: T[], other: T[]): [number, number][] {
  if (one.length > MOST || other.length > MOST) {
    return [];
  }
  const table = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1));
  for (let a = one.length - 1; a >= 0; a--) {
    for (let b = other.length - 1; b >= 0; b--) {
      table[a][b] = one[a] === other[b] ? table[a + 1][b + 1] + 1 : Math.max(table[a + 1][b], table[a][b + 1]);
    }
  }
  const found: [number, number][] = [];
  for (let a = 0, b = 0; a < one.length && b < other.length;) {
    if (one[a] === other[b]) {
      found.push([a++, b++]);
    } else if (table[a + 1][b] >= table[a][b + 1]) {
      a += 1;
    } else {
      b += 1;
    }
  }
  return found;
}

const words = (line: string): string[] => line.match(/\w+|\s+|[^\w\s]/g) ?? [];

/** The words of a line, those that the other line has not marked. */
function marked(line: string, kept: Set<number>): DiffPart[] {
  const found: DiffPart[] = [];
  words(line).forEach((text, at) => {
    const changed = !kept.has(at);
    const last = found[found.length - 1];
    if (last && last.changed === changed) {
      last.text += text;
    } else {
      found.push({ text, changed });
    }
  });
  return found;
}

export function diffOf(before: string, after: string): DiffLine[] {
  const one = before ? before.split('\n') : [];
  const other = after ? after.split('\n') : [];
  const found: DiffLine[] = [];
  const whole = (mark: DiffLine['mark'], text: string): void => {
    found.push({ mark, parts: text ? [{ text, changed: false }] : [] });
  };
  const block = (gone: string[], come: string[]): void => {
    const pairs = gone.length === come.length ? gone.map((line, at) => common(words(line), words(come[at]))) : null;
    gone.forEach((line, at) =>
      pairs?.[at].length
        ? found.push({ mark: '\u2212', parts: marked(line, new Set(pairs[at].map(([a]) => a))) })
        : whole('\u2212', line)
    );
    come.forEach((line, at) =>
      pairs?.[at].length
        ? found.push({ mark: '+', parts: marked(line, new Set(pairs[at].map(([, b]) => b))) })
        : whole('+', line)
    );
  };
  let a = 0;
  let b = 0;
  for (const [nextA, nextB] of [...common(one, other), [one.length, other.length] as [number, number]]) {
    block(one.slice(a, nextA), other.slice(b, nextB));
    if (nextA < one.length) {
      whole(' ', one[nextA]);
    }
    a = nextA + 1;
    b = nextB + 1;
  }
  return found;
}
