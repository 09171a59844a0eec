import assert from 'node:assert/strict';
import test from 'node:test';

import {
  chartLine,
  freeName,
  offsetOf,
  ourSql,
  pointsBefore,
  selected,
  sqlCell,
  withName,
  withSql
} from '../src/model/cell';

test('a cell of SQL is told by its first line', () => {
  assert.deepEqual(sqlCell('%%pluto sql late\nSELECT 1'), { magic: 'pluto', name: 'late', sql: 'SELECT 1', start: 17 });
  assert.deepEqual(sqlCell('\n  %%pluto  sql\nSELECT 1')?.sql, 'SELECT 1');
  assert.deepEqual(sqlCell('%%pluto sql'), { magic: 'pluto', name: '', sql: '', start: 11 });
  assert.equal(sqlCell('%%sql --with x\nSELECT 1')?.magic, 'sql');
  assert.deepEqual(sqlCell('%pluto sql SELECT 1 '), { magic: 'pluto', name: '', sql: 'SELECT 1', start: 11 });
  for (const other of [
    '',
    'SELECT 1',
    '%%pluto ask\nx',
    '%%pluto sqlx\nx',
    '%%sqlite\nx',
    'x = 1\n%%pluto sql\nx',
    '%sql SELECT 1'
  ]) {
    assert.equal(sqlCell(other), null, other);
  }
  assert.equal(ourSql('%%sql\nSELECT 1'), null);
});

test('other SQL goes below the same line', () => {
  assert.equal(withSql('%%pluto sql late\nSELECT 1', 'SELECT 2'), '%%pluto sql late\nSELECT 2');
  assert.equal(withSql('%%pluto sql', 'SELECT 2'), '%%pluto sql\nSELECT 2');
  assert.equal(withSql('%pluto sql SELECT 1', 'SELECT 2'), '%pluto sql SELECT 2');
  assert.equal(withSql('%pluto sql SELECT 1', 'SELECT 2\nFROM t'), '%%pluto sql\nSELECT 2\nFROM t');
  assert.equal(withSql('print(1)', 'SELECT 2'), 'print(1)');
});

test('rows get a name that is free, and keep the one they have', () => {
  assert.equal(withName('%%pluto sql\nSELECT 1', 'rows_1'), '%%pluto sql rows_1\nSELECT 1');
  assert.equal(withName('%%pluto sql late\nSELECT 1', 'rows_1'), '%%pluto sql late\nSELECT 1');
  assert.equal(freeName(['%%pluto sql rows_1\nSELECT 1', 'rows_2 = 1']), 'rows_2');
});

test('offsets are counted in characters, as Python does', () => {
  const text = "SELECT '🦆' AS duck";
  assert.equal(pointsBefore(text, text.length), text.length - 1);
  assert.equal(offsetOf(text, pointsBefore(text, 13)), 13);
  assert.equal(offsetOf('ab', 9), 2);
});

test('a chart becomes a line that anybody can edit', () => {
  assert.equal(
    chartLine('late', { kind: 'bar', x: 'carrier', y: ['n', 'total'], sort: 'descending', title: 'x' }),
    '%pluto chart late kind=bar x=carrier y=n,total sort=descending'
  );
  assert.equal(
    chartLine('late', { kind: 'line', x: "day's name", y: 'n' }),
    `%pluto chart late kind=line 'x=day'"'"'s name' y=n`
  );
});

test('a selection is one line', () => {
  assert.equal(selected('  carrier\n\tUA '), 'carrier UA');
  assert.equal(selected('x'.repeat(400)).length, 300);
});
