import assert from 'node:assert/strict';
import { test } from 'node:test';

import { diffOf } from '../src/model/diff';

const lines = (before: string, after: string): string[] =>
  diffOf(before, after).map(
    one => one.mark + one.parts.map(part => (part.changed ? `[${part.text}]` : part.text)).join('')
  );

test('of a changed line the words that differ are marked', () => {
  assert.deepEqual(
    lines(
      'SELECT carrier,\n  avg(dep_dealy) AS late\nFROM flights',
      'SELECT carrier,\n  avg(dep_delay) AS late\nFROM flights'
    ),
    ['\u0020SELECT carrier,', '\u2212  avg([dep_dealy]) AS late', '+  avg([dep_delay]) AS late', ' FROM flights']
  );
});

test('lines that come and go are whole', () => {
  assert.deepEqual(lines('a\nb\nc', 'a\nc\nd'), [' a', '\u2212b', ' c', '+d']);
  assert.deepEqual(lines('a', 'a\nGROUP BY ALL'), [' a', '+GROUP BY ALL']);
  assert.deepEqual(lines('', 'a'), ['+a']);
});

test('nothing differs', () => {
  assert.deepEqual(lines('a\nb', 'a\nb'), [' a', ' b']);
});

test('a text of any length is told', () => {
  const long = Array.from({ length: 4000 }, (_, at) => `line ${at}`).join('\n');
  assert.equal(diffOf(long, `${long}\nmore`).length, 8001);
});
