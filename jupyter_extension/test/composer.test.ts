import assert from 'node:assert/strict';
import test from 'node:test';

import { ChatModel } from '../src/model/chat';
import { ComposerModel } from '../src/model/composer';
import { ConversationsModel } from '../src/model/conversations';
import { dollars, spent } from '../src/model/cost';
import { Answer, Table } from '../src/model/frames';
import { FileEntry, filesIn, folderOf, offers, picked, typedAt, withTable } from '../src/model/mentions';
import { FakeKernel, settled } from './fake';

const table = (name: string, columns: string[], more: Partial<Table> = {}): Table => ({
  key: `main.${name}`,
  schema: 'main',
  name,
  sql: name,
  kind: 'table',
  rows: 1000,
  comment: '',
  loaded_at: null,
  source: null,
  columns: columns.map(one => ({ name: one, type: 'DOUBLE', nullable: true, comment: '', key: false })),
  ...more
});

const TABLES = [
  table('flights', ['carrier', 'month']),
  table('late_flights', ['carrier']),
  table('weather', ['wind_gust', 'wind_speed', 'month']),
  table('odd one', ['a col'], { schema: 'raw' }),
  table('routes_df', ['distance'], { kind: 'frame', schema: '', key: 'frame:routes_df' })
];
const FILES: FileEntry[] = [
  { name: 'sales 1.csv', path: 'data/sales 1.csv', kind: 'file', bytes: 10 },
  { name: 'x.csv', path: 'data/x.csv', kind: 'file', bytes: 10 },
  { name: 'data', path: 'data', kind: 'folder', bytes: null }
];

test('what is typed at the caret is a mention, an address of a mail is none', () => {
  assert.deepEqual(typedAt('number of @fl', 13), { start: 10, query: 'fl' });
  assert.deepEqual(typedAt('@', 1), { start: 0, query: '' });
  assert.deepEqual(typedAt('by @"odd o', 10), { start: 3, query: 'odd o' });
  assert.deepEqual(typedAt('by @weather.wi and more', 14), { start: 3, query: 'weather.wi' });
  assert.deepEqual(typedAt('@data/sa', 8), { start: 0, query: 'data/sa' });
  assert.equal(typedAt('ann@fl', 6), null);
  assert.equal(typedAt('@flights by', 11), null);
});

test('tables come before columns, columns before files; a dot asks for columns of that table', () => {
  const names = (query: string): string[] => offers(query, TABLES, FILES).map(one => one.name);
  assert.deepEqual(names('fl'), ['flights', 'late_flights']);
  assert.deepEqual(names('we'), ['weather']);
  assert.deepEqual(names('weather.wi'), ['weather.wind_gust', 'weather.wind_speed']);
  assert.deepEqual(names('weather.'), ['weather.month', 'weather.wind_gust', 'weather.wind_speed']);
  assert.deepEqual(names('rou'), ['routes_df']);
  assert.deepEqual(names('data/'), ['data/sales 1.csv', 'data/x.csv']);
  assert.equal(names('').length, TABLES.length + FILES.length);
  assert.equal(offers('a col', TABLES)[0].text, '@raw."odd one"."a col"');
  assert.equal(offers('sales', [], FILES)[0].text, '@"data/sales 1.csv"');
});

test('what is picked takes the place of what was typed, with a blank behind it', () => {
  const [offer] = offers('weather.wind_g', TABLES);
  assert.deepEqual(picked('average @weather.wi by', 19, { start: 8, query: 'weather.wi' }, offer), [
    'average @weather.wind_gust by',
    27
  ]);
  assert.deepEqual(picked('@fl', 3, { start: 0, query: 'fl' }, offers('fl', TABLES)[0]), ['@flights ', 9]);
  const [folder] = offers('dat', [], [FILES[2]]);
  assert.deepEqual(picked('@dat', 4, { start: 0, query: 'dat' }, folder), ['@data/', 6]);
  assert.equal(folderOf('data/x'), 'data');
  assert.equal(folderOf('x'), '');
});

test('files of a question are found, and become tables', () => {
  const text = 'sum of @"data/sales 1.csv" and @data/x.csv, not @flights';
  assert.deepEqual(
    filesIn(text, FILES).map(one => one.name),
    ['sales 1.csv', 'x.csv']
  );
  assert.equal(withTable('sum of @"data/sales 1.csv" by day', 'data/sales 1.csv', 'sales_1'), 'sum of @sales_1 by day');
  assert.equal(withTable('rows of @data/x.csv', 'data/x.csv', 'odd one'), 'rows of @"odd one"');
});

test('a file is loaded where it is mentioned; what fails says so', async () => {
  const kernel = new FakeKernel();
  const model = new ComposerModel();
  const loaded: string[] = [];
  model.onLoaded = (path, name) => loaded.push(`${path} ${name}`);
  model.attach(kernel.client);
  model.load('data/x.csv');
  kernel.reply('progress', kernel.last('load'), { rows: 5 }, false);
  assert.equal(model.state.get().load?.rows, 5);
  kernel.reply('loaded', kernel.last('load'), { tables: [{ name: 'x' }], failed: [] });
  await settled();
  assert.deepEqual(loaded, ['data/x.csv x']);
  model.load('data/y.csv');
  kernel.reply('error', kernel.last('load'), { code: 'source', message: 'No lines.', hint: '' });
  await settled();
  assert.deepEqual([model.state.get().load?.state, model.state.get().load?.problem], ['failed', 'No lines.']);
});

test('the model that was chosen is asked, until another planner is', () => {
  const kernel = new FakeKernel();
  const model = new ChatModel();
  model.attach(kernel.client, '/w', async () => '');
  model.planner('openai');
  model.model(' small ');
  return settled().then(() => {
    model.ask('how many');
    assert.deepEqual([kernel.last('ask').planner, kernel.last('ask').model], ['openai', 'small']);
    model.begin();
    assert.equal(model.state.get().model, ' small ');
    model.planner('builtin');
    assert.equal(model.state.get().model, '');
  });
});

const costing = (usd: number, tokens: number, more: Partial<Answer> = {}): Answer =>
  ({ share: 'schema', cost: { input_tokens: tokens, output_tokens: 1, usd, usd_known: true }, ...more }) as Answer;

test('a conversation adds up what its answers cost, and says where a price is not known', () => {
  const free = costing(0, -1, { share: '' });
  assert.deepEqual(spent([costing(0.01, 99), null, free, costing(0.002, 9)]), {
    questions: 2,
    tokens: 110,
    usd: 0.012,
    known: true
  });
  const unknown = costing(0, 9, { cost: { input_tokens: 9, output_tokens: 1, usd: 0, usd_known: false } });
  assert.equal(spent([unknown]).known, false);
  assert.deepEqual([0, 0.00001, 0.0004, 0.0123, 12.345].map(dollars), ['0', '< 0.0001', '0.0004', '0.012', '12.35']);
});

test('conversations: a late reply to an older search is not shown; forgetting is said twice', async () => {
  const kernel = new FakeKernel();
  const model = new ConversationsModel();
  const gone: string[] = [];
  model.onForgotten = id => gone.push(id);
  model.attach(kernel.client);
  void model.search('a');
  const first = kernel.last('conversations');
  void model.search('ab');
  kernel.reply('conversations', kernel.last('conversations'), { conversations: [{ id: '2', title: 'ab' }] });
  kernel.reply('conversations', first, { conversations: [{ id: '1', title: 'a' }] });
  await settled();
  assert.deepEqual(
    model.state.get().list?.map(one => one.id),
    ['2']
  );
  await model.forget();
  assert.equal(kernel.sent.filter(one => one.op === 'forget').length, 0);
  model.startForget('2');
  const forgotten = model.forget();
  kernel.reply('forgotten', kernel.last('forget'), {});
  await forgotten;
  assert.deepEqual([gone, model.state.get().list], [['2'], []]);
});
