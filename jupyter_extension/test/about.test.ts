import assert from 'node:assert/strict';
import test from 'node:test';

import { AboutModel, coloured, countsOf, Details } from '../src/model/about';
import { age } from '../src/model/format';
import { FakeKernel, settled } from './fake';

const nothing = { up: [], down: [], more: false, made: null, loaded: null, scans: [] };

test('a table is looked at once, and again when something was written', async () => {
  const kernel = new FakeKernel();
  const model = new AboutModel();
  model.attach(kernel.client, '/w');
  kernel.reply('states', kernel.last('states'), {
    states: { 'main.a': { score: 50, passed: 1, warned: 0, failed: 1 } }
  });
  await settled();
  assert.equal(model.state.get().health['main.a'].failed, 1);
  const asked = (): number => kernel.sent.filter(one => one.op === 'details').length;
  void model.of('main.a');
  void model.of('main.a');
  assert.equal(asked(), 1);
  kernel.reply('details', kernel.last('details'), nothing);
  await settled();
  void model.of('main.a');
  assert.equal(asked(), 1);
  void model.of('main.b');
  kernel.reply('details', kernel.last('details'), nothing);
  await settled();
  void model.look(['main.a']); // b is not open any more
  assert.equal(asked(), 3);
  assert.deepEqual(Object.keys(model.state.get().details), ['main.a']);
  model.attach(new FakeKernel().client, '/elsewhere');
  assert.deepEqual(model.state.get().details, {});
});

test('what would break is told of the table that was asked for last', async () => {
  const kernel = new FakeKernel();
  const model = new AboutModel();
  model.attach(kernel.client, '/w');
  void model.without('main.a', 'x', 'a.x');
  const first = kernel.last('impact');
  void model.without('main.b', '', 'b');
  kernel.reply('impact', first, { effects: [{ id: 'v', what: 'breaks' }] });
  await settled();
  assert.equal(model.state.get().impact?.effects, null);
  assert.equal(kernel.last('impact').column, undefined);
  kernel.reply('error', kernel.last('impact'), { code: 'name', message: 'There is no table b.', hint: '', facts: {} });
  await settled();
  assert.equal(model.state.get().impact?.problem, 'There is no table b.');
});

test('broken checks count as failed, and a picture takes the colours of the theme', () => {
  const scans = [
    { counts: { passed: 2, broken: 1 } },
    { counts: { failed: 1, warned: 3 } }
  ] as unknown as Details['scans'];
  assert.deepEqual(countsOf(scans), { passed: 2, warned: 3, failed: 2 });
  const svg = '<rect fill="var(--jp-layout-color0, #ffffff)" stroke="var(--jp-border-color1, #afb8c1)"/>';
  const dark = coloured(svg, name => (name === '--jp-layout-color0' ? '#111' : ''));
  assert.equal(dark, '<rect fill="#111" stroke="#afb8c1"/>');
  assert.deepEqual([12, 150, 9000, 900_000].map(age), ['12 s', '3 min', '3 h', '10 d']);
});
