import assert from 'node:assert/strict';
import test from 'node:test';

import { drawn, guess, ticks } from '../src/model/chart';
import { Rows, Value } from '../src/model/frames';

const rows = (types: Record<string, string>, ...values: Value[][]): Rows => ({
  columns: Object.entries(types).map(([name, type]) => ({ name, type })),
  rows: values,
  count: values.length,
  truncated: false
});

test('ticks are round and inside', () => {
  assert.deepEqual(ticks(0, 21, 5), [0, 5, 10, 15, 20]);
  assert.deepEqual(ticks(-43, 1301, 3), [0, 500, 1000]);
  assert.deepEqual(ticks(3, 3), [3]);
});

test('bars are sorted as asked, and what is left out is counted', () => {
  const found = drawn(
    { kind: 'bar', x: 'carrier', y: ['n'], sort: 'descending', limit: 2 },
    rows({ carrier: 'VARCHAR', n: 'BIGINT' }, ['AA', 1], ['UA', '30'], ['B6', null], ['DL', 20])
  );
  assert.equal(found?.kind, 'bars');
  assert.deepEqual(found.kind === 'bars' && found.bars.map(one => [one.label, one.to]), [
    ['UA', 1],
    ['DL', 20 / 30]
  ]);
  assert.equal(found.kind === 'bars' && found.left, 1);
});

test('negative bars grow to the left of zero', () => {
  const found = drawn({ kind: 'bar', x: 'k', y: 'v' }, rows({ k: 'VARCHAR', v: 'DOUBLE' }, ['a', -10], ['b', 30]));
  assert.deepEqual(found?.kind === 'bars' && found.bars.map(one => [one.from, one.to]), [
    [0.25, 0],
    [0.25, 1]
  ]);
});

test('a colour makes a line for each of its values, in the order of the axis', () => {
  const found = drawn(
    { kind: 'line', x: 'month', y: ['delay'], color: 'origin' },
    rows(
      { month: 'BIGINT', origin: 'VARCHAR', delay: 'DOUBLE' },
      [2, 'EWR', 10],
      [1, 'EWR', 20],
      [1, 'JFK', 0],
      [3, 'JFK', 5]
    )
  );
  assert.equal(found?.kind, 'lines');
  if (found?.kind === 'lines') {
    assert.deepEqual(
      found.lines.map(one => one.name),
      ['EWR', 'JFK']
    );
    assert.deepEqual(
      found.lines[0].points.map(one => one![0]),
      [0, 0.5]
    );
    assert.deepEqual(
      found.x.map(one => one.text),
      ['1', '2', '3']
    );
  }
});

test('times are columns in their order, and may hang below zero', () => {
  const months = Array.from({ length: 12 }, (_, at): Value[] => [12 - at, at === 0 ? -5 : 10 + at]);
  const found = drawn({ kind: 'bar', x: 'month', y: ['delay'] }, rows({ month: 'BIGINT', delay: 'DOUBLE' }, ...months));
  assert.equal(found?.kind, 'columns');
  if (found?.kind === 'columns') {
    assert.deepEqual(
      found.x.map(one => one.text),
      ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12']
    );
    assert.ok(found.columns[11].low < found.columns[11].high);
    assert.equal(found.columns[11].high, found.columns[0].low); // the zero line
  }
});

const PARTS = rows(
  { carrier: 'VARCHAR', origin: 'VARCHAR', n: 'BIGINT' },
  ['UA', 'EWR', 30],
  ['UA', 'JFK', 10],
  ['DL', 'EWR', 5]
);

test('a colour makes bars side by side, named at their ends', () => {
  const found = drawn({ kind: 'bar', x: 'carrier', y: ['n'], color: 'origin' }, PARTS);
  assert.deepEqual(found?.kind === 'bars' && found.bars.map(one => [one.label, one.of, one.series, one.on]), [
    ['UA', 'EWR', 0, false],
    ['', 'JFK', 1, false],
    ['DL', 'EWR', 0, false]
  ]);
});

test('stacked shares fill each row', () => {
  const found = drawn({ kind: 'bar', x: 'carrier', y: ['n'], color: 'origin', stacked: 'share' }, PARTS);
  assert.deepEqual(found?.kind === 'bars' && found.bars.map(one => [one.from, one.to, one.text, one.on]), [
    [0, 0.75, '75 %', false],
    [0.75, 1, '25 %', true],
    [0, 1, '100 %', false]
  ]);
});

test('what does not fit is not drawn', () => {
  const some = rows({ a: 'VARCHAR', b: 'VARCHAR' }, ['x', 'y'], ['z', 'w']);
  assert.equal(drawn({ kind: 'bar', x: 'nothing', y: ['b'] }, some), null);
  assert.equal(drawn({ kind: 'bar', x: 'a', y: ['b'] }, some), null);
  assert.equal(guess(some), null);
});

test('a label and a measure are bars, a date and a measure a line', () => {
  assert.equal(guess(rows({ c: 'VARCHAR', n: 'BIGINT' }, ['a', 1], ['b', 2]))?.kind, 'bar');
  assert.equal(guess(rows({ n: 'BIGINT' }, [16]))?.kind, 'number');
  assert.equal(guess(rows({ d: 'DATE', n: 'BIGINT' }, ['2013-01-01', 1], ['2013-01-02', 2]))?.kind, 'line');
});
