import assert from 'node:assert/strict';
import test from 'node:test';

import {
  Approval,
  ApprovalsModel,
  diffLines,
  fileDiffs,
  modelName,
  nameOf,
  nextEnd,
  waiting,
  workOn
} from '../src/model/approvals';
import { FakeKernel, settled } from './fake';

const one = (more: Partial<Approval> = {}): Approval => ({
  id: 'a1',
  kind: 'view',
  target: '"main"."low"',
  version: 'v1',
  sql: 'CREATE VIEW "main"."low" AS SELECT 1',
  body: 'SELECT 1',
  diff: '',
  dry_run: '1 rows',
  rollback: 'DROP VIEW low',
  question: 'q',
  planner: 'p',
  created_at: 1,
  expires_at: Date.now() / 1000 + 3600,
  status: 'waiting',
  last: { what: 'proposed', who: 'p', at: 1, detail: '' },
  ...more
});

const seen = async (...approvals: Approval[]): Promise<[FakeKernel, ApprovalsModel]> => {
  const kernel = new FakeKernel();
  const model = new ApprovalsModel();
  model.attach(kernel.client);
  kernel.reply('approvals', kernel.last('approvals'), { approvals });
  await settled();
  return [kernel, model];
};

test('whoever approves names the text that was seen', async () => {
  const [kernel, model] = await seen(one());
  model.approve(one());
  assert.deepEqual([kernel.last('approve').approval, kernel.last('approve').version], ['a1', 'v1']);
  model.approve(one());
  assert.equal(kernel.sent.filter(frame => frame.op === 'approve').length, 1);
  kernel.reply('approved', kernel.last('approve'), { approval: one({ status: 'done' }) });
  await settled();
  assert.equal(waiting(model.state.get()).length, 0);
  model.attach(null);
});

test('what was edited meanwhile is said and looked at again', async () => {
  const [kernel, model] = await seen(one());
  model.approve(one());
  kernel.reply('error', kernel.last('approve'), { code: 'outdated', message: 'Edited.', hint: 'Read it.' });
  await settled();
  assert.equal(workOn(model.state.get(), 'a1').problem, 'Edited. Read it.');
  kernel.reply('approvals', kernel.last('approvals'), { approvals: [one({ version: 'v2' })] });
  await settled();
  assert.equal(waiting(model.state.get())[0].version, 'v2');
  model.attach(null);
});

test('an edit that does not run keeps what was typed', async () => {
  const [kernel, model] = await seen(one());
  model.startEdit(one());
  model.type('a1', 'SELECT oops');
  model.save(one());
  assert.equal(kernel.last('edit').sql, 'SELECT oops');
  kernel.reply('error', kernel.last('edit'), { code: 'statement', message: 'No oops.', hint: '' });
  await settled();
  const work = workOn(model.state.get(), 'a1');
  assert.deepEqual([work.mode, work.text, work.problem, work.busy], ['editing', 'SELECT oops', 'No oops.', false]);
  model.attach(null);
});

test('an approval that is stopped goes on waiting without a complaint', async () => {
  const [kernel, model] = await seen(one());
  model.approve(one());
  model.stop('a1');
  assert.equal(kernel.last('cancel').target, (kernel.last('approve') as { id?: unknown }).id);
  kernel.reply('error', kernel.last('approve'), { code: 'cancelled', message: 'Stopped.' });
  await settled();
  assert.deepEqual([workOn(model.state.get(), 'a1').problem, workOn(model.state.get(), 'a1').mode], ['', '']);
  model.attach(null);
});

test('names, differences and the next end are read from what came', () => {
  assert.equal(nameOf('"main"."low"'), 'low');
  assert.equal(nameOf('"other"."a ""b"" c.d"'), 'other.a "b" c.d');
  assert.deepEqual(diffLines('--- now\n+++ proposed\n@@ -1,2 +1,2 @@\n a\n-b\n+- c'), [
    { mark: ' ', text: 'a' },
    { mark: '-', text: 'b' },
    { mark: '+', text: '- c' }
  ]);
  const all = [one({ expires_at: 9 }), one({ expires_at: 5 }), one({ status: 'done', expires_at: 1 })];
  assert.equal(nextEnd({ all, work: {}, problem: '' }), 5);
});

test('the files of a model are told apart, and lines that begin with dashes are not lost', () => {
  const diff = [
    '--- models/late.sql',
    '+++ models/late.sql',
    '@@ -1,2 +1,2 @@',
    ' SELECT 1',
    '--- mine',
    '+++ 1',
    '--- nothing yet',
    '+++ models/late.yml',
    '@@ -0,0 +1 @@',
    '+version: 2'
  ].join('\n');
  const found = fileDiffs(diff);
  assert.deepEqual(
    found.map(file => [file.name, file.added]),
    [
      ['models/late.sql', false],
      ['models/late.yml', true]
    ]
  );
  assert.deepEqual(found[0].lines, [
    { mark: ' ', text: 'SELECT 1' },
    { mark: '-', text: '-- mine' },
    { mark: '+', text: '++ 1' }
  ]);
  assert.equal(modelName('dbt/models/marts/late.sql'), 'late');
});
