import assert from 'node:assert/strict';
import test from 'node:test';

import { StringStream } from '@codemirror/language';

import { isSql, startState, token } from '../src/model/tokens';

/** `kind:text` of all tokens that have a kind. */
function coloured(source: string): string[] {
  const state = startState();
  const found: string[] = [];
  for (const line of source.split('\n')) {
    const stream = new StringStream(line, 4, 2);
    while (!stream.eol()) {
      stream.start = stream.pos;
      const kind = token(stream as never, state);
      assert.ok(stream.pos > stream.start, `stands still at ${line.slice(stream.pos)}`);
      if (kind) {
        found.push(`${kind}:${stream.current()}`);
      }
    }
  }
  return found;
}

const only = (source: string, kind: string): string[] =>
  coloured(`%%pluto sql\n${source}`)
    .filter(one => one.startsWith(`${kind}:`))
    .map(one => one.slice(kind.length + 1));

test('the line of the magic is one token', () => {
  assert.deepEqual(coloured('%%pluto sql late_flights\nSELECT 1'), [
    'meta:%%pluto sql late_flights',
    'keyword:SELECT',
    'number:1'
  ]);
});

test('words of the language are keywords, names are not', () => {
  assert.deepEqual(only('select month, t.order from flights as t qualify true', 'keyword'), [
    'select',
    'from',
    'as',
    'qualify',
    'true'
  ]);
  assert.deepEqual(only('SELECT "select", größe', 'variableName'), ['"select"', 'größe']);
});

test('strings go over lines and keep quotes and dollars', () => {
  assert.deepEqual(only("'it''s', 'a\nb' || 'c'", 'string'), ["'it''s'", "'a", "b'", "'c'"]);
  assert.deepEqual(only("$$ a 'b' -- c $$, $x$ $$ $x$", 'string'), ["$$ a 'b' -- c $$", '$x$ $$ $x$']);
});

test('comments nest', () => {
  assert.deepEqual(only('1 -- a\n2 /* b /* c */\nd */ 3', 'comment'), ['-- a', '/* b /* c */', 'd */']);
  assert.deepEqual(only('1 -- a\n2 /* b /* c */\nd */ 3', 'number'), ['1', '2', '3']);
});

test('parameters, numbers and operators', () => {
  assert.deepEqual(only('$month = ? AND x::int >= 1_000.5e-3', 'variableName.special'), ['$month', '?']);
  assert.deepEqual(only('1_000.5e-3 + .5 + 0xFF', 'number'), ['1_000.5e-3', '.5', '0xFF']);
  assert.deepEqual(only('x::int <> 3', 'operator'), ['::', '<>']);
});

test('only a cell that says so is SQL', () => {
  assert.ok(isSql('%%sql\nSELECT'));
  assert.ok(isSql('\n%%pluto sql x'));
  assert.ok(!isSql('SELECT 1'));
  assert.ok(!isSql('%pluto sql SELECT 1'));
});
