import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PanelError } from '../src/model/frames';
import { Pages, PAGE } from '../src/model/pages';
import { Events, follow } from '../src/model/sse';
import { FakeKernel, settled } from './fake';

test('events are read across the pieces they come in', () => {
  const events = new Events();
  assert.deepEqual(events.take(': here\n\ndata: {"a"'), []);
  assert.deepEqual(events.take(': 1}\n\ndata: two\ndata: lines\n'), ['{"a": 1}']);
  assert.deepEqual(events.take('\nid: 7\r\ndata:tight\r\n\r\n'), ['two\nlines', 'tight']);
});

test('a response is followed to its end, a letter cut in two included', async () => {
  const bytes = new TextEncoder().encode('data: é\n\ndata: last\n\n');
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      [bytes.slice(0, 7), bytes.slice(7)].forEach(piece => controller.enqueue(piece));
      controller.close();
    }
  });
  const found: string[] = [];
  await follow(new Response(body), one => found.push(one));
  assert.deepEqual(found, ['é', 'last']);
});

test('a ping is sent once, and whatever comes answers it', () => {
  const kernel = new FakeKernel();
  const asked = kernel.client.request('tables');
  asked.done.catch(() => undefined);
  assert.ok(kernel.client.waiting);
  kernel.client.ping();
  kernel.client.ping();
  assert.equal(kernel.sent.filter(one => one.op === 'ping').length, 1);
  kernel.reply('pong', kernel.last('ping'));
  assert.ok(kernel.client.heardAt > 0);
  assert.ok(kernel.client.waiting); // the pong is of the ping alone
  kernel.client.ping();
  assert.equal(kernel.sent.filter(one => one.op === 'ping').length, 2);
  kernel.reply('tables', kernel.last('tables'), { tables: [] });
  assert.ok(!kernel.client.waiting);
});

const columns = [{ name: 'i', type: 'INTEGER' }];

function answer(kernel: FakeKernel, count = PAGE): void {
  const asked = kernel.last('rows');
  const rows = Array.from({ length: count }, (_, at) => [Number(asked.offset) + at]);
  kernel.reply('rows', asked, { columns, rows, count, more: true, truncated: false });
}

test('whoever scrolls past thousands of pages gets the last ones, not all', async () => {
  const kernel = new FakeKernel();
  const pages = new Pages(() => kernel.client, { table: 'main.t' }, 1_000_000);
  answer(kernel);
  await settled();
  for (let row = 0; row < 1_000_000; row += 5_000) {
    pages.sight(row, row + 40);
  }
  const asked = (): number => kernel.sent.filter(one => one.op === 'rows').length;
  assert.ok(asked() <= 3, `${asked()} pages were asked for`);
  while (pages.cell(995_039, 0) === undefined) {
    answer(kernel);
    await settled();
    assert.ok(asked() <= 6);
  }
  assert.equal(pages.cell(995_000, 0), 995_000);
});

test('after the connection came back what did not come is asked for again', async () => {
  const first = new FakeKernel();
  const second = new FakeKernel();
  let now = first;
  const pages = new Pages(() => now.client, { table: 'main.t' }, 1_000);
  answer(first);
  await settled();
  pages.sight(400, 440);
  first.client.close(new PanelError('dead', 'The kernel is gone.'));
  await settled();
  assert.equal(pages.state.get().problem, 'The kernel is gone.');
  now = second;
  pages.resume();
  assert.equal(second.last('rows').offset, 400);
  answer(second);
  await settled();
  assert.equal(pages.state.get().problem, '');
  assert.equal(pages.cell(400, 0), 400);
  assert.equal(pages.cell(0, 0), 0); // of before
});

test('a new order stops what is still asked for', async () => {
  const kernel = new FakeKernel();
  const pages = new Pages(() => kernel.client, { table: 'main.t' }, 1_000);
  const old = kernel.last('rows');
  pages.order({ column: 'i', descending: true });
  assert.equal(kernel.last('cancel').target, old.id);
  answer(kernel);
  await settled();
  assert.equal(pages.cell(0, 0), 0);
});
