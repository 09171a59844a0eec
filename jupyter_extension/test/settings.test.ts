import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { DataModel } from '../src/model/data';
import { DEFAULTS, sends, settings, settingsFrom } from '../src/model/settings';
import { FakeKernel, settled } from './fake';

test('the defaults are those of the schema, and each setting has one', () => {
  const schema = JSON.parse(readFileSync('schema/plugin.json', 'utf8'));
  const said = Object.entries(schema.properties as Record<string, { default: unknown }>);
  assert.deepEqual(Object.fromEntries(said.map(([name, one]) => [name, one.default])), DEFAULTS);
});

test('what a file of settings says wrong is left out', () => {
  assert.deepEqual(settingsFrom({ rows: 'many', charts: 'no', askWith: 'F1', openAtStart: 3 }), DEFAULTS);
  assert.deepEqual(settingsFrom({ rows: 12, charts: false, askWith: 'Ctrl+Enter' }), {
    ...DEFAULTS,
    rows: 12,
    charts: false,
    askWith: 'Ctrl+Enter'
  });
  assert.equal(settingsFrom({ rows: 0 }).rows, 6);
});

test('Enter asks, or Ctrl+Enter alone, and Shift+Enter never', () => {
  const press = { key: 'Enter', shiftKey: false, ctrlKey: false, metaKey: false };
  assert.deepEqual(
    [press, { ...press, ctrlKey: true }, { ...press, metaKey: true }, { ...press, shiftKey: true }].map(one => [
      sends(one, 'Enter'),
      sends(one, 'Ctrl+Enter')
    ]),
    [
      [true, false],
      [true, true],
      [true, true],
      [false, false]
    ]
  );
});

test('without profiles none is asked for, and the tables that are open get theirs when it is set again', async () => {
  const kernel = new FakeKernel();
  const model = new DataModel();
  settings.update({ profiles: false });
  model.attach(kernel.client, '/w');
  kernel.reply('tables', kernel.last('tables'), { tables: [{ key: 'main.a', name: 'a', columns: [] }] });
  await settled();
  model.toggle('main.a');
  assert.equal(kernel.sent.filter(one => one.op === 'profile').length, 0);
  settings.update({ profiles: true });
  assert.equal(kernel.sent.filter(one => one.op === 'profile').length, 1);
});
