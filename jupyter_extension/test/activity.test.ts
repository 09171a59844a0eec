import assert from 'node:assert/strict';
import test from 'node:test';

import { ActivityModel, age, clock, foremost, shortLabel, Statement } from '../src/model/activity';
import { FakeKernel, settled } from './fake';

const statement = (id: string, label = 'notebook', elapsed_s = 2): Statement => ({
  id,
  label,
  role: 'kernel',
  pid: 1,
  sql: 'SELECT 1',
  elapsed_s,
  progress: -1
});

test('it asks what runs when a kernel comes, and forgets it when the kernel goes', async () => {
  const kernel = new FakeKernel();
  const model = new ActivityModel(() => 1000);
  model.attach(kernel.client);
  kernel.reply('running', kernel.last('running'), { hosting: 'guest', statements: [statement('a')] });
  await settled();
  assert.deepEqual([model.state.get().statements.map(one => one.id), model.state.get().at], [['a'], 1000]);
  model.attach(null);
  assert.deepEqual(model.state.get().statements, []);
});

test('a kernel that does not know the question is no trouble', async () => {
  const kernel = new FakeKernel();
  const model = new ActivityModel();
  model.attach(kernel.client);
  kernel.reply('error', kernel.last('running'), { code: 'unknown_name', message: 'There is no operation running.' });
  await settled();
  assert.deepEqual([model.state.get().statements, model.state.get().problem], [[], '']);
});

test('a stop is asked for once and shown until the statement is gone', async () => {
  const kernel = new FakeKernel();
  const model = new ActivityModel();
  model.attach(kernel.client);
  model.news({ v: 1, op: 'running', statements: [statement('a'), statement('b')] });
  model.stop('a');
  model.stop('a');
  assert.equal(kernel.sent.filter(one => one.op === 'stop').length, 1);
  assert.equal(kernel.last('stop').statement, 'a');
  model.news({ v: 1, op: 'running', statements: [statement('a'), statement('b')] });
  assert.deepEqual([...model.state.get().stopping], ['a']);
  kernel.reply('stopped', kernel.last('stop'), { stopped: true, statements: [statement('b')] });
  await settled();
  assert.deepEqual([model.state.get().statements.map(one => one.id), [...model.state.get().stopping]], [['b'], []]);
});

test('a stop that fails says why and may be asked for again', async () => {
  const kernel = new FakeKernel();
  const model = new ActivityModel();
  model.attach(kernel.client);
  model.news({ v: 1, op: 'running', statements: [statement('a')] });
  model.stop('a');
  kernel.reply('error', kernel.last('stop'), { code: 'host_lost', message: 'The host went away.' });
  await settled();
  assert.deepEqual([model.state.get().problem, [...model.state.get().stopping]], ['The host went away.', []]);
});

test('who has the database open is passed on', () => {
  const model = new ActivityModel();
  const heard: string[] = [];
  model.onHosting = hosting => heard.push(hosting);
  model.news({ v: 1, op: 'running', hosting: 'host', statements: [] });
  model.news({ v: 1, op: 'running', statements: [] });
  assert.deepEqual(heard, ['host']);
});

test('the one that a person waits for comes before those of the sidebar', () => {
  assert.equal(foremost([]), undefined);
  assert.equal(foremost([statement('a', 'sidebar', 9), statement('b', 'shell', 2)])?.id, 'b');
  assert.equal(foremost([statement('a', 'sidebar', 9)])?.id, 'a');
});

test('times grow calmly', () => {
  assert.deepEqual([4.27, 42.9, 185.2].map(clock), ['4.2 s', '42 s', '3 min 5 s']);
  assert.equal(age(statement('a', '', 2), 1000, 2500), 3.5);
  assert.equal(age(statement('a', '', 2), 1000, 900), 2, 'a clock that was set back');
});

test('labels lose the folders of their path', () => {
  assert.equal(shortLabel('notebook /home/me/my work/delays.ipynb'), 'notebook delays.ipynb');
  assert.equal(shortLabel('notebook delays.ipynb'), 'notebook delays.ipynb');
  assert.equal(shortLabel('pluto-duck query'), 'pluto-duck query');
});
