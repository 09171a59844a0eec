import assert from 'node:assert/strict';
import test from 'node:test';

import { ExportModel, fileName } from '../src/model/exporting';
import { apart, IngestModel, part, PART, remaining, Run, whereOf } from '../src/model/ingest';
import { Load, loadsFound } from '../src/model/loads';
import { FakeKernel, settled } from './fake';

const planned = (name: string, action = 'create'): object => ({
  name,
  into: name,
  key: `main.${name}`,
  action,
  rows: 10,
  bytes: null,
  kind: 'table',
  primary_key: [],
  said: [],
  error: null,
  columns: []
});

async function looked(...tables: object[]): Promise<[FakeKernel, IngestModel]> {
  const kernel = new FakeKernel();
  const model = new IngestModel();
  model.attach(kernel.client);
  model.show();
  model.change({ where: 'postgres', source: 'postgresql://me:s%40cret@db/shop' });
  model.look();
  kernel.reply('discovered', kernel.last('discover'), { tables, answers: 'PostgreSQL 18' });
  await settled();
  return [kernel, model];
}

test('a password that was typed into an address is taken out of it', async () => {
  assert.deepEqual(apart('postgresql://me:a%2Fb@h:1/d'), { address: 'postgresql://me@h:1/d', password: 'a/b' });
  assert.deepEqual(apart('data/a:b@c.csv'), { address: 'data/a:b@c.csv', password: '' });
  assert.equal(apart('mysql://me:50%@h/d').password, '50%');
  const [kernel, model] = await looked(planned('orders'));
  const asked = kernel.last('discover');
  assert.equal(asked.source, 'postgresql://me@db/shop');
  assert.equal(asked.password, 's@cret');
  assert.equal(model.state.get().source, 'postgresql://me@db/shop');
  model.hide();
  assert.equal(model.state.get().password, '');
});

test('what is picked is loaded, one table under the name that was given', async () => {
  const [kernel, model] = await looked(planned('orders'), planned('customers'));
  assert.deepEqual([...model.state.get().picked], ['orders', 'customers']);
  model.pick('customers', false);
  assert.equal(model.state.get().into, 'orders');
  model.change({ into: 'bookings' });
  void model.load();
  await settled();
  const asked = kernel.last('load');
  assert.deepEqual(asked.options, { mode: 'replace', tables: ['orders'], into: 'bookings' });
  assert.equal(asked.password, 's@cret');
  const tell = (rows: number, done = false): void =>
    kernel.reply('progress', asked, { table: 'orders', rows, total_rows: 100, bytes: 5, done }, false);
  tell(25);
  const run = (): Run => model.state.get().run!;
  assert.equal(part(run()), 0.25);
  assert.equal(Math.round(remaining(run(), run().began + 2000)!), 6);
  assert.equal(remaining(run(), run().began + 500), null);
  tell(150); // the source's estimate was too low
  assert.equal(part(run()), 0.99);
  kernel.reply('loaded', asked, { rows: 150, elapsed_s: 1, tables: [], failed: [], notices: [] });
  await settled();
  assert.equal(run().state, 'done');
  assert.equal(model.running, false);
});

test('a load goes on when the dialog is closed, and is stopped from anywhere', async () => {
  const [kernel, model] = await looked(planned('orders'));
  void model.load();
  await settled();
  model.hide();
  assert.equal(model.running, true);
  model.show({ source: 'other.csv' }); // shows the one that runs
  assert.equal(model.state.get().run?.what, 'orders');
  model.stop();
  assert.equal(kernel.last('cancel').target, kernel.last('load').id);
  kernel.reply('error', kernel.last('load'), { code: 'cancelled', message: 'Stopped.', facts: {} });
  await settled();
  assert.equal(model.state.get().run?.state, 'stopped');
});

test('a failure has its hint, and asks for a password where one is missing', async () => {
  const [kernel, model] = await looked(planned('orders'));
  model.hide();
  model.reload('main.orders', 'orders');
  kernel.reply('error', kernel.last('reload'), {
    code: 'source',
    message: 'refused the password',
    hint: 'Say it.',
    facts: { reason: 'password' }
  });
  await settled();
  const { run } = model.state.get();
  assert.equal(run?.state, 'failed');
  assert.deepEqual([run?.problem?.hint, run?.problem?.password], ['Say it.', true]);
  model.reload('main.orders', 'orders', 'pw');
  assert.equal(kernel.last('reload').password, 'pw');
  model.attach(null);
  assert.equal(model.state.get().run?.problem?.code, 'gone');
});

test('a file goes up in parts, and stops between them', async () => {
  const kernel = new FakeKernel();
  const model = new IngestModel();
  model.attach(kernel.client);
  const bytes = new Uint8Array(PART + 10).fill(65);
  const file = {
    name: 'a.csv',
    size: bytes.length,
    slice: (from: number, to: number) => new Blob([bytes.slice(from, to)])
  };
  const going = model.upload(file);
  const until = async (count: number): Promise<void> => {
    while (kernel.sent.filter(one => one.op === 'upload').length < count) {
      await settled();
    }
  };
  await until(1);
  assert.equal(kernel.last('upload').last, false);
  kernel.reply('uploaded', kernel.last('upload'), { path: '', size: PART });
  await until(2);
  assert.equal(kernel.last('upload').at, PART);
  assert.equal(kernel.last('upload').last, true);
  kernel.reply('uploaded', kernel.last('upload'), { path: 'uploads/a.csv', size: bytes.length });
  await going;
  assert.equal(kernel.last('discover').source, 'uploads/a.csv');
  void model.upload(file);
  await until(3);
  model.stopUpload();
  kernel.reply('uploaded', kernel.last('upload'), { path: '', size: PART });
  await until(4);
  assert.equal(kernel.last('upload').stop, true);
});

test('places are told apart by their addresses', () => {
  const cases: [string, string][] = [
    ['postgresql://h/d', 'postgres'],
    ['host=h dbname=d', 'postgres'],
    ['https://example.org/a.csv', 'url'],
    ['s3://b/a', 'url'],
    ['/w/a.duckdb', 'database'],
    ['mysql://h/d', 'database'],
    ['/w/a.csv', 'file']
  ];
  cases.forEach(([source, where]) => assert.equal(whereOf(source), where, source));
});

test('an export follows its kind in the name, and hands over all parts', async () => {
  const kernel = new FakeKernel();
  const saved: [string, number][] = [];
  const model = new ExportModel(
    () => kernel.client,
    { table: 'main.t' },
    't/../\u202ex',
    (name, parts) => saved.push([name, parts.reduce((sum, one) => sum + one.length, 0)])
  );
  model.change({ format: 'parquet' });
  assert.equal(model.state.get().path, 'exports/t_.._x.parquet');
  model.start();
  const asked = kernel.last('export');
  assert.equal(asked.target, undefined);
  kernel.reply('part', asked, { buffers: [new DataView(new ArrayBuffer(8), 2, 5)] }, false);
  kernel.reply('part', asked, { buffers: [new ArrayBuffer(3)] }, false);
  kernel.reply('exported', asked, { rows: 1, bytes: 8, target: '', notices: [] });
  await settled();
  assert.deepEqual(saved, [['t_.._x.parquet', 8]]);
  assert.equal(fileName('', 'csv'), 'rows.csv');
});

test('the history is searched by table, source and state', () => {
  const loads = [
    { name: 'orders', source: 'postgresql://db/shop', state: 'failed' },
    { name: 'people', source: '/w/people.csv', state: 'succeeded' }
  ] as Load[];
  assert.deepEqual(
    loadsFound(loads, 'SHOP').map(one => one.name),
    ['orders']
  );
  assert.deepEqual(
    loadsFound(loads, 'fail').map(one => one.name),
    ['orders']
  );
  assert.equal(loadsFound(loads, ' ').length, 2);
});
