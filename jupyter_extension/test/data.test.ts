import assert from 'node:assert/strict';
import test from 'node:test';

import { DataModel, found } from '../src/model/data';
import { Table } from '../src/model/frames';
import { PAGE, Pages } from '../src/model/pages';
import { FakeKernel, settled } from './fake';

const table = (name: string, ...columns: string[]): Table =>
  ({
    key: `main.${name}`,
    schema: 'main',
    name,
    sql: name,
    kind: 'table',
    rows: 1,
    columns: columns.map(one => ({ name: one, type: 'INTEGER' }))
  }) as never;

async function shown(...tables: Table[]): Promise<[FakeKernel, DataModel]> {
  const kernel = new FakeKernel();
  const model = new DataModel();
  model.attach(kernel.client, '/w');
  kernel.reply('tables', kernel.last('tables'), { tables });
  await settled();
  return [kernel, model];
}

test('a search leaves tables by their names and by their columns', () => {
  const tables = [table('flights', 'carrier', 'visits'), table('weather', 'visib', 'temp')];
  assert.deepEqual(
    found(tables, 'visi').map(one => [one.name, one.columns.map(column => column.name)]),
    [
      ['flights', ['visits']],
      ['weather', ['visib']]
    ]
  );
  assert.equal(found(tables, 'WEATH')[0].columns.length, 2);
  assert.deepEqual(found(tables, 'nothing'), []);
});

test('a profile begins when a table opens, and stops when it closes', async () => {
  const [kernel, model] = await shown(table('flights', 'carrier'));
  assert.equal(kernel.sent.filter(one => one.op === 'profile').length, 0);
  model.toggle('main.flights');
  kernel.reply('column', kernel.last('profile'), { column: { name: 'carrier', rows: 3 } }, false);
  assert.equal(model.state.get().profiles['main.flights'].columns.carrier.rows, 3);
  model.toggle('main.flights');
  assert.equal(kernel.last('cancel').target, kernel.last('profile').id);
  kernel.reply('error', kernel.last('profile'), { code: 'cancelled', message: 'Stopped.' });
  await settled();
  assert.equal(model.state.get().profiles['main.flights'].state, 'stopped');
});

test('a table that was written to is profiled anew', async () => {
  const [kernel, model] = await shown(table('flights', 'carrier'));
  model.toggle('main.flights');
  kernel.reply('profiled', kernel.last('profile'), { elapsed_s: 0.1 });
  await settled();
  model.changed(['main.flights']);
  kernel.reply('tables', kernel.last('tables'), { tables: [table('flights', 'carrier')] });
  await settled();
  assert.equal(kernel.sent.filter(one => one.op === 'profile').length, 2);
});

test('only the pages in sight are fetched, and a new order forgets them', async () => {
  const kernel = new FakeKernel();
  const pages = new Pages(() => kernel.client, { table: 'main.flights' }, 1_000_000);
  const rows = (from: number): object => ({
    columns: [{ name: 'i', type: 'BIGINT' }],
    rows: Array.from({ length: PAGE }, (_, at) => [from + at]),
    count: PAGE,
    more: true
  });
  kernel.reply('rows', kernel.last('rows'), rows(0) as never);
  await settled();
  pages.sight(500_000, 500_040);
  assert.equal(kernel.last('rows').offset, 500_000);
  const late = kernel.last('rows');
  pages.order({ column: 'i', descending: true });
  kernel.reply('rows', late, rows(500_000) as never);
  await settled();
  assert.equal(pages.row(500_000), undefined);
  assert.deepEqual(kernel.last('rows').order, [{ column: 'i', descending: true }]);
  assert.equal(pages.state.get().count, 1_000_000);
});

test('of a SELECT the end is found by reading on', async () => {
  const kernel = new FakeKernel();
  const pages = new Pages(() => kernel.client, { sql: 'SELECT 1' });
  const reply = (count: number, more: boolean): void =>
    kernel.reply('rows', kernel.last('rows'), { columns: [], rows: Array(count).fill([1]), count, more });
  reply(PAGE, true);
  await settled();
  assert.deepEqual([pages.state.get().count, pages.state.get().complete], [PAGE + 1, false]);
  pages.sight(150, PAGE + 1);
  reply(7, false);
  await settled();
  assert.deepEqual([pages.state.get().count, pages.state.get().complete], [PAGE + 7, true]);
});

test('of two lists of tables the one that was asked for last counts', async () => {
  const kernel = new FakeKernel();
  const model = new DataModel();
  model.attach(kernel.client, '/work');
  const first = kernel.last('tables');
  model.changed([]);
  const second = kernel.last('tables');
  kernel.reply('tables', second, { tables: [] });
  await settled();
  kernel.reply('tables', first, { tables: [{ key: 'main.gone', columns: [] }] });
  await settled();
  assert.deepEqual(model.state.get().tables, []);
});

test('whoever waits for a list that another one overtook has the newer one', async () => {
  const [kernel, model] = await shown();
  let done = false;
  const waiting = model.refresh().then(() => (done = true));
  const first = kernel.last('tables');
  model.changed([]);
  kernel.reply('tables', first, { tables: [] });
  await settled();
  assert.equal(done, false);
  kernel.reply('tables', kernel.last('tables'), { tables: [table('orders')] });
  await waiting;
  assert.deepEqual(
    model.state.get().tables!.map(one => one.name),
    ['orders']
  );
});

test('sizes come after the list, and once for each state of the tables', async () => {
  const [kernel, model] = await shown({ ...table('orders'), version: 3 } as Table);
  kernel.reply('sizes', kernel.last('sizes'), { sizes: { 'main.orders': 4096 } });
  await settled();
  assert.equal(model.state.get().tables![0].bytes, 4096);
  const count = (): number => kernel.sent.filter(one => one.op === 'sizes').length;
  for (const version of [3, 4]) {
    void model.refresh();
    kernel.reply('tables', kernel.last('tables'), { tables: [{ ...table('orders'), version }] });
    await settled();
    assert.equal(model.state.get().tables![0].bytes, 4096);
    assert.equal(count(), version - 2);
  }
});

test('a copy takes the rows as they are sorted and filtered', async () => {
  const kernel = new FakeKernel();
  const pages = new Pages(() => kernel.client, { table: 'main.t' });
  pages.order({ column: 'a', descending: true });
  pages.filter('b', 'x');
  const asked = pages.first(1000);
  const { offset, limit, order, filters } = kernel.last('rows');
  assert.deepEqual([offset, limit], [0, 1000]);
  assert.deepEqual(order, [{ column: 'a', descending: true }]);
  assert.deepEqual(filters, [{ column: 'b', op: 'contains', value: 'x' }]);
  kernel.reply('rows', kernel.last('rows'), { columns: [], rows: [], count: 0 });
  assert.equal((await asked)?.count, 0);
});
