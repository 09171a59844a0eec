import assert from 'node:assert/strict';
import test from 'node:test';

import { Build, BuildNode, BuildsModel, jupyterPath, partOf, Watched, wishesOf } from '../src/model/builds';
import { Frame } from '../src/model/frames';
import { FakeKernel, settled } from './fake';

const PROJECTS = [{ key: 'shop', name: 'shop', folder: '/w/shop' }];
const build = (state: string, run = 'r1'): object => ({
  run,
  text: 'dbt build in shop',
  state,
  at: new Date().toISOString(),
  elapsed_s: 0,
  counts: {},
  project: 'shop'
});
const node = (name: string, status: string, more: object = {}): object => ({
  node: `model.shop.${name}`,
  name,
  kind: 'model',
  status,
  elapsed_s: 1,
  message: '',
  ...more
});

async function attached(builds: object[] = []): Promise<[FakeKernel, BuildsModel]> {
  const kernel = new FakeKernel();
  const model = new BuildsModel();
  model.attach(kernel.client, '/w');
  kernel.reply('builds', kernel.last('builds'), { builds });
  void model.look();
  kernel.reply('projects', kernel.last('projects'), { projects: PROJECTS, missing: null });
  await settled();
  return [kernel, model];
}

const shown = (model: BuildsModel): Watched => model.state.get().shown!;
const say = (kernel: FakeKernel, asked: Frame, one: object): void =>
  kernel.reply('node', asked, { node: one, at: '' }, false);

test('a build is started with what was chosen, followed node by node, and its end says where it failed', async () => {
  const [kernel, model] = await attached();
  const ends: string[] = [];
  model.onEnd = one => ends.push(one.state);
  model.change({ select: 'orders+', full: true, verb: 'test' });
  void model.start();
  const wanted = { project: 'shop', command: 'test', select: 'orders+', exclude: '', full_refresh: false };
  const asked = kernel.last('build');
  Object.entries(wanted).forEach(([name, value]) => assert.equal(asked[name], value, name));
  kernel.reply('started', asked, { run: build('queued') });
  await settled();
  assert.equal(model.running, true);
  void model.start(); // one at a time
  assert.equal(kernel.sent.filter(one => one.op === 'build').length, 1);
  const follow = kernel.last('follow');
  assert.equal(partOf(shown(model)), null);
  say(kernel, follow, node('a', 'running'));
  say(kernel, follow, node('b', 'running', { total: 4 }));
  say(kernel, follow, node('a', 'ok', { total: 4, rows: 7, table: 'main.a' }));
  kernel.reply('log', follow, { text: 'Concurrency: 4' }, false);
  assert.equal(shown(model).state, 'running');
  assert.equal(partOf(shown(model)), 0.25);
  assert.deepEqual(
    shown(model).nodes.map((one: BuildNode) => [one.name, one.status]),
    [
      ['a', 'ok'],
      ['b', 'running']
    ]
  );
  kernel.reply('built', follow, {
    build: { ...build('failed'), elapsed_s: 3 },
    error: { message: '1 of 3 nodes failed: b', hint: '' },
    folder: '/w/shop',
    nodes: [node('b', 'failed', { compiled: 'select x', line: 1 }), node('a', 'ok'), node('c', 'skipped')]
  });
  await settled();
  assert.deepEqual(ends, ['failed']);
  assert.deepEqual(
    shown(model).nodes.map(one => [one.name, one.status, one.line ?? one.rows ?? null]),
    [
      ['a', 'ok', 7],
      ['b', 'failed', 1],
      ['c', 'skipped', null]
    ]
  );
  assert.deepEqual(shown(model).log, ['Concurrency: 4']);
});

test('after a reload the build that goes on is found and followed, and can be stopped', async () => {
  const [kernel, model] = await attached([build('succeeded', 'r0'), build('running', 'r1')]);
  assert.equal(shown(model).run, 'r1');
  say(kernel, kernel.last('follow'), node('a', 'running'));
  void model.stop();
  assert.equal(shown(model).stopping, true);
  assert.equal(kernel.last('halt').run, 'r1');
  kernel.reply('halted', kernel.last('halt'), { build: build('running') });
  kernel.reply('built', kernel.last('follow'), { build: build('cancelled'), error: null, folder: '', nodes: [] });
  await settled();
  assert.equal(shown(model).state, 'cancelled');
  assert.equal(shown(model).nodes[0].status, 'skipped');
  assert.equal(model.running, false);
  model.dismiss();
  assert.equal(model.state.get().shown, null);
});

test('another kernel of the same workspace follows it anew, that of another one forgets it', async () => {
  const [, model] = await attached([build('running')]);
  const other = new FakeKernel();
  model.attach(other.client, '/w');
  other.reply('builds', other.last('builds'), { builds: [build('running')] });
  await settled();
  say(other, other.last('follow'), node('a', 'running'));
  assert.equal(shown(model).nodes.length, 1);
  model.attach(new FakeKernel().client, '/elsewhere');
  assert.equal(model.state.get().shown, null);
});

test('what could not be started says why, and an earlier one is done once more', async () => {
  const [kernel, model] = await attached();
  void model.start();
  kernel.reply('error', kernel.last('build'), { code: 'busy', message: 'dbt is at work.', hint: 'Wait.', facts: {} });
  await settled();
  assert.equal(model.state.get().problem?.message, 'dbt is at work.');
  assert.equal(model.state.get().starting, false);
  void model.again({
    ...build('failed'),
    text: 'dbt run --select a b --exclude tag:x --full-refresh in shop'
  } as Build);
  const asked = kernel.last('build');
  assert.deepEqual(
    [asked.command, asked.select, asked.exclude, asked.full_refresh, asked.project],
    ['run', 'a b', 'tag:x', true, 'shop']
  );
  assert.deepEqual(wishesOf('dbt docs', PROJECTS), { verb: 'build', select: '', exclude: '', full: false });
});

test('a file is opened where Jupyter shows it', () => {
  assert.equal(jupyterPath('~/work', '/home/me', '/home/me/work/shop/a.sql'), 'shop/a.sql');
  assert.equal(jupyterPath('/srv/', '/home/me', '/srv/shop/a.sql'), 'shop/a.sql');
  assert.equal(jupyterPath('C:\\w', 'C:\\Users\\me', 'C:\\w\\shop/a.sql'), 'shop/a.sql');
  assert.equal(jupyterPath('/srv', '', '/srv2/a.sql'), '');
  assert.equal(jupyterPath('', '', '/a.sql'), '');
});
