import assert from 'node:assert/strict';
import test from 'node:test';

import { failureOf, isSame, Mended, MendModel } from '../src/model/mend';
import { FakeKernel, settled } from './fake';

const ERROR = { output_type: 'error', ename: 'UnknownName', evalue: 'There is no column dep_dealy.' };
const FOUND: Mended = {
  sql: 'SELECT dep_dealy',
  problem: { code: 'unknown_name', message: 'There is no column dep_dealy.', hint: '' },
  raw: '',
  swaps: [],
  fixed: 'SELECT dep_delay',
  trial: null,
  planner: 'builtin',
  share: '',
  remark: ''
};

test('only a failed cell of our SQL offers a fix', () => {
  const source = '%%pluto sql\nSELECT dep_dealy';
  assert.equal(failureOf(source, [{ output_type: 'stream' }, ERROR]), ERROR.evalue);
  assert.equal(failureOf(source, [{ output_type: 'execute_result' }]), '');
  assert.equal(failureOf(source, [{ ...ERROR, ename: 'Cancelled' }]), '');
  assert.equal(failureOf('%%sql\nSELECT 1', [ERROR]), '');
  assert.equal(failureOf('1 / 0', [ERROR]), '');
});

test('what is found is shown, and another error than the cell had is told apart', async () => {
  const kernel = new FakeKernel();
  const model = new MendModel(ERROR.evalue);
  model.look(kernel.client, FOUND.sql, { a: 'b' });
  assert.equal(model.state.get().step, 'looking');
  assert.deepEqual(kernel.last('fix').meant, { a: 'b' });
  kernel.reply('fixed', kernel.last('fix'), { ...FOUND });
  await settled();
  assert.equal(model.state.get().found?.fixed, 'SELECT dep_delay');
  assert.ok(isSame(ERROR.evalue, FOUND));
  assert.ok(!isSame('Something else.', FOUND));
  assert.ok(!isSame(ERROR.evalue, { ...FOUND, problem: null }));
});

test('an answer that comes late is not shown', async () => {
  const kernel = new FakeKernel();
  const model = new MendModel(ERROR.evalue);
  model.look(kernel.client, 'SELECT 1');
  const first = kernel.last('fix');
  model.look(kernel.client, 'SELECT 2');
  kernel.reply('fixed', first, { ...FOUND });
  await settled();
  assert.equal(model.state.get().step, 'looking');
  model.fold();
  kernel.reply('fixed', kernel.last('fix'), { ...FOUND });
  await settled();
  assert.deepEqual([model.state.get().step, model.state.get().found], ['offered', null]);
});

test('why there is no fix is said', async () => {
  const kernel = new FakeKernel();
  const model = new MendModel('x');
  model.look(kernel.client, 'SELECT 1');
  kernel.reply('error', kernel.last('fix'), { code: 'usage', message: 'Too long.' });
  await settled();
  assert.equal(model.state.get().problem, 'Too long.');
});
