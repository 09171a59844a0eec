import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ArrowPage } from '../src/model/arrow';
import { Value } from '../src/model/frames';

const FOLDER = join(__dirname, '..', '..', 'test');
const known = JSON.parse(readFileSync(join(FOLDER, 'page.json'), 'utf-8')) as {
  stream: string;
  rows: Value[][];
};
const stream = new Uint8Array(Buffer.from(known.stream, 'base64'));

test('a page reads as its JSON does, to the last digit', () => {
  const page = new ArrowPage(stream);
  assert.equal(page.count, 3);
  assert.deepEqual(
    [0, 1, 2].map(row => page.row(row)),
    known.rows
  );
});

test('a page is read where it lies, at whatever offset', () => {
  const moved = new Uint8Array(stream.length + 3);
  moved.set(stream, 3);
  assert.deepEqual(new ArrowPage(moved.subarray(3)).row(0), known.rows[0]);
});

test('what the stream tells of itself is there', () => {
  const told = JSON.parse(new ArrowPage(stream).metadata.pluto_duck) as { more: boolean; count: number };
  assert.deepEqual([told.more, told.count], [false, 3]);
});

test('no bytes are no rows', () => {
  assert.equal(new ArrowPage(new Uint8Array(0)).count, 0);
});
