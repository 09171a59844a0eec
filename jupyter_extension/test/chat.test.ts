import assert from 'node:assert/strict';
import test from 'node:test';

import { ChatModel, suggestions } from '../src/model/chat';
import { Answer, PanelError, Table } from '../src/model/frames';
import { rememberedBy } from '../src/model/remembered';
import { stepsOf } from '../src/model/steps';
import { FakeKernel, settled } from './fake';

const answer = (more: Partial<Answer> = {}): Answer => ({
  id: 'a1',
  conversation: 'c1',
  status: 'answered',
  question: 'how many',
  planner: 'builtin',
  text: 'Number of flights.',
  sql: 'SELECT count(*) FROM flights',
  assumptions: [],
  evidence: [],
  choices: [],
  unknown_words: [],
  cost: { input_tokens: 0, output_tokens: 0, usd: 0, usd_known: true },
  elapsed_s: 0.01,
  chart: {},
  share: '',
  sent: [],
  verified: '',
  ...more
});

const attached = (): [FakeKernel, ChatModel] => {
  const kernel = new FakeKernel();
  const model = new ChatModel();
  model.attach(kernel.client, '/w', async () => '');
  return [kernel, model];
};

test('steps come while it runs, then the answer; the next question goes on in its conversation', async () => {
  const [kernel, model] = attached();
  model.draft('how many');
  model.ask('how many');
  assert.equal(model.state.get().draft, '');
  assert.equal(kernel.last('ask').conversation, undefined);
  kernel.reply(
    'step',
    kernel.last('ask'),
    { type: 'tool', subtype: 'start', text: 'run_sql', data: { sql: 'SELECT 1' } },
    false
  );
  assert.equal(model.state.get().turns[0].steps.length, 1);
  kernel.reply('answer', kernel.last('ask'), { answer: answer() });
  await settled();
  assert.equal(model.state.get().turns[0].state, 'done');
  model.ask('and by month');
  assert.equal(kernel.last('ask').conversation, 'c1');
});

test('one question at a time', async () => {
  const [kernel, model] = attached();
  model.ask('one');
  model.ask('two');
  assert.equal(kernel.sent.filter(one => one.op === 'ask').length, 1);
  model.stop();
  assert.equal(kernel.last('cancel').target, kernel.last('ask').id);
  kernel.reply('error', kernel.last('ask'), { code: 'cancelled', message: 'Stopped.' });
  await settled();
  assert.equal(model.state.get().turns[0].state, 'stopped');
  model.ask('two');
  assert.equal(kernel.last('ask').question, 'two');
});

test('a restart keeps the question, and another kernel answers it', async () => {
  const [kernel, model] = attached();
  model.ask('how many');
  kernel.client.close(new PanelError('restarted', 'The kernel was restarted.'));
  await settled();
  const [turn] = model.state.get().turns;
  assert.deepEqual([turn.state, turn.problem?.code], ['failed', 'restarted']);
  const next = new FakeKernel();
  model.attach(next.client, '/w', async () => '');
  model.again(turn.key);
  assert.equal(next.last('ask').question, 'how many');
});

test('what is asked before there is a kernel waits for it, and goes on in the conversation of before', async () => {
  const model = new ChatModel();
  model.ask('how many');
  model.draft('and by');
  const [turn] = model.state.get().turns;
  assert.deepEqual([turn.state, turn.sent], ['running', false]);
  model.ask('a second one'); // one at a time
  assert.equal(model.state.get().turns.length, 1);
  const kernel = new FakeKernel();
  model.attach(kernel.client, '/w', async () => 'c1');
  await settled();
  assert.equal(model.state.get().draft, 'and by');
  kernel.reply('conversation', kernel.last('conversation'), { turns: [answer({ question: 'before' })] });
  await settled();
  assert.deepEqual(
    model.state.get().turns.map(one => one.question),
    ['before', 'how many']
  );
  assert.deepEqual([kernel.last('ask').question, kernel.last('ask').conversation], ['how many', 'c1']);
  kernel.reply('answer', kernel.last('ask'), { answer: answer() });
  await settled();
  assert.equal(model.state.get().turns[1].state, 'done');
  assert.equal(kernel.sent.filter(one => one.op === 'ask').length, 1);
});

test('what is asked while the kernel restarts is answered by the next one, unless it is stopped', async () => {
  const [, model] = attached();
  model.attach(null, '', async () => '');
  model.ask('one');
  model.stop();
  assert.equal(model.state.get().turns[0].state, 'stopped');
  model.ask('two');
  const next = new FakeKernel();
  model.attach(next.client, '/w', async () => '');
  assert.equal(next.last('ask').question, 'two');
  assert.equal(next.sent.filter(one => one.op === 'ask').length, 1);
});

test('a new conversation that was begun before the kernel was there stays a new one', async () => {
  const model = new ChatModel();
  model.begin();
  model.ask('how many');
  const kernel = new FakeKernel();
  model.attach(kernel.client, '/w', async () => 'c1');
  await settled();
  assert.equal(kernel.last('ask').conversation, undefined);
  assert.ok(!kernel.sent.some(one => one.op === 'conversation'));
});

test('a question that waits is not sent to another workspace than the one it was asked in', async () => {
  const [, model] = attached();
  model.attach(null, '', async () => '');
  model.ask('how many');
  const other = new FakeKernel();
  model.attach(other.client, '/other', async () => '');
  await settled();
  assert.ok(!other.sent.some(one => one.op === 'ask'));
  const back = new FakeKernel();
  model.attach(back.client, '/w', async () => '');
  assert.equal(back.last('ask').question, 'how many');
});

test('a choice is sent as its number and shown in its words', async () => {
  const [kernel, model] = attached();
  model.ask('flights');
  const choices = [
    { text: 'rows', sql: 'SELECT 1' },
    { text: 'numbers', sql: 'SELECT 2' }
  ];
  kernel.reply('answer', kernel.last('ask'), { answer: answer({ status: 'clarify', choices }) });
  await settled();
  model.choose(model.state.get().turns[0].key, 2);
  assert.equal(kernel.last('reread').choice, 2);
  assert.equal(model.state.get().turns[1].said, 'numbers');
});

test('each workspace has its conversation', async () => {
  const [kernel, model] = attached();
  model.ask('how many');
  kernel.reply('answer', kernel.last('ask'), { answer: answer() });
  await settled();
  model.attach(new FakeKernel().client, '/other', async () => '');
  assert.equal(model.state.get().turns.length, 0);
  model.attach(new FakeKernel().client, '/w', async () => '');
  assert.equal(model.state.get().turns.length, 1);
});

test('a new conversation does not get the answer of the old one', async () => {
  const [kernel, model] = attached();
  model.ask('how many');
  const asked = kernel.last('ask');
  model.begin();
  kernel.reply('answer', asked, { answer: answer() });
  await settled();
  assert.deepEqual([model.state.get().turns.length, model.state.get().conversation], [0, '']);
});

test('the conversation of before comes back, but not over one that was begun meanwhile', async () => {
  const kernel = new FakeKernel();
  const model = new ChatModel();
  model.attach(kernel.client, '/w', async () => 'c1');
  await settled();
  const asked = kernel.last('conversation');
  model.ask('something else');
  kernel.reply('conversation', asked, { turns: [answer()] });
  await settled();
  assert.deepEqual(
    model.state.get().turns.map(one => one.question),
    ['something else']
  );
  const other = new FakeKernel();
  const quiet = new ChatModel();
  quiet.attach(other.client, '/w', async () => 'c1');
  await settled();
  other.reply('conversation', other.last('conversation'), { turns: [answer()] });
  await settled();
  assert.deepEqual([quiet.state.get().turns.length, quiet.state.get().conversation], [1, 'c1']);
});

test('edited SQL keeps the answer beside it', async () => {
  const [kernel, model] = attached();
  model.ask('how many');
  kernel.reply('answer', kernel.last('ask'), { answer: answer() });
  await settled();
  const { key } = model.state.get().turns[0];
  model.startEdit(key);
  model.edit(key, 'SELECT 42');
  model.rerun(key);
  assert.equal(kernel.last('query').sql, 'SELECT 42');
  kernel.reply('error', kernel.last('query'), { code: 'sql', message: 'No such column.' });
  await settled();
  const { edit, answer: kept } = model.state.get().turns[0];
  assert.deepEqual(
    [edit?.state, edit?.problem, kept?.sql],
    ['failed', 'No such column.', 'SELECT count(*) FROM flights']
  );
});

test('events become steps, the last of them current', () => {
  const event = (type: string, subtype: string, text: string, data = {}): never =>
    ({ type, subtype, text, data }) as never;
  const events = [
    event('reasoning', 'start', 'Asking the planner builtin.'),
    event('reasoning', 'chunk', 'average: agg; by: by; carrier: mention'),
    event('tool', 'start', 'run_sql', { sql: 'SELECT 1' })
  ];
  assert.deepEqual(
    stepsOf(events).map(one => [one.kind, one.state]),
    [
      ['asking', 'done'],
      ['words', 'done'],
      ['sql', 'done'],
      ['rows', 'current']
    ]
  );
  assert.deepEqual(stepsOf(events)[1].links, [
    ['average', 'a measure'],
    ['carrier', 'a name here']
  ]);
  const ended = stepsOf([...events, event('tool', 'end', 'run_sql', { rows: 16 })]);
  assert.deepEqual([ended[3].state, ended[3].rows], ['done', 16]);
});

test('questions are made of the largest tables', () => {
  const column = (name: string, type: string): never =>
    ({ name, type, nullable: true, comment: '', key: false }) as never;
  const table = (name: string, rows: number, columns: never[]): Table =>
    ({ name, rows, columns, kind: 'table' }) as never;
  const found = suggestions([
    table('airlines', 16, [column('carrier', 'VARCHAR')]),
    table('flights', 336776, [column('year', 'BIGINT'), column('dep_delay', 'BIGINT'), column('carrier', 'VARCHAR')])
  ]);
  assert.deepEqual(
    found.map(one => one.question),
    ['number of flights by carrier', 'average dep delay by carrier in flights', 'number of airlines by carrier']
  );
  assert.deepEqual(suggestions([]), []);
});

test('a browser that keeps nothing forgets, and says nothing', () => {
  const kept = new Map<string, string>();
  const tab = rememberedBy(() => ({
    getItem: key => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value)
  }));
  tab.put('a', '1');
  assert.deepEqual([tab.get('a'), tab.get('b')], ['1', null]);
  const none = rememberedBy(() => {
    throw new Error('denied');
  });
  none.put('a', '1');
  assert.equal(none.get('a'), null);
});
