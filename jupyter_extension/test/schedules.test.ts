import assert from 'node:assert/strict';
import test from 'node:test';

import { Schedule, SchedulesModel } from '../src/model/schedules';
import { FakeKernel, settled } from './fake';

const nightly = { id: '1', name: 'nightly', state: 'active', last: null } as unknown as Schedule;

test('schedules are listed, and what is done to one is told by the new list', async () => {
  const kernel = new FakeKernel();
  const model = new SchedulesModel(() => kernel.client);
  void model.refresh();
  kernel.reply('schedules', kernel.last('schedules'), { schedules: [nightly], somebody_runs: false });
  await settled();
  assert.deepEqual([model.state.get().schedules, model.state.get().somebody, model.busy], [[nightly], false, false]);
  void model.act(nightly, 'run');
  const asked = kernel.last('set_schedule');
  assert.deepEqual([asked.schedule, asked.act], ['nightly', 'run']);
  const queued = { ...nightly, last: { state: 'queued', at: null, error: '', hint: '' } };
  kernel.reply('schedules', asked, { schedules: [queued], somebody_runs: true });
  await settled();
  assert.equal(model.busy, true);
  void model.act(nightly, 'pause');
  kernel.reply('error', kernel.last('set_schedule'), { code: 'x', message: 'There is none.', hint: '', facts: {} });
  await settled();
  assert.equal(model.state.get().problem, 'There is none.');
  assert.equal(model.state.get().schedules?.length, 1);
});
