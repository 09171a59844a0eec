import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../src/model/client';
import { Frame, PanelError } from '../src/model/frames';
import { FakeKernel, settled } from './fake';

test('a request gets its own frames and ends with the last one', async () => {
  const kernel = new FakeKernel();
  const [one, two]: [string[], string[]] = [[], []];
  const first = kernel.client.request('ask', {}, frame => one.push(frame.op));
  const second = kernel.client.request('ask', {}, frame => two.push(frame.op));
  kernel.reply('step', { ...kernel.sent[1] }, {}, false);
  kernel.reply('answer', { ...kernel.sent[1] }, { text: 'two' });
  kernel.reply('answer', { ...kernel.sent[0] }, { text: 'one' });
  assert.equal((await first.done).text, 'one');
  assert.equal((await second.done).text, 'two');
  assert.deepEqual([one, two], [[], ['step']]);
});

test('an error ends a request with its words', async () => {
  const kernel = new FakeKernel();
  const asked = kernel.client.request('tables');
  kernel.reply('error', kernel.last('tables'), { code: 'usage', message: 'No.', hint: 'Try yes.' });
  await assert.rejects(asked.done, (error: PanelError) => {
    assert.deepEqual([error.code, error.message, error.hint], ['usage', 'No.', 'Try yes.']);
    return true;
  });
});

test('cancel names the request, once it is over it asks for nothing', async () => {
  const kernel = new FakeKernel();
  const asked = kernel.client.request('ask');
  asked.cancel();
  assert.equal(kernel.last('cancel').target, asked.id);
  kernel.reply('error', kernel.last('ask'), { code: 'cancelled', message: 'Stopped.' });
  await assert.rejects(asked.done);
  const before = kernel.sent.length;
  asked.cancel();
  assert.equal(kernel.sent.length, before);
});

test('what is open ends when the kernel goes away, and nothing is sent after', async () => {
  const kernel = new FakeKernel();
  const asked = kernel.client.request('ask');
  kernel.client.close(new PanelError('restarted', 'The kernel was restarted.'));
  await assert.rejects(asked.done, { code: 'restarted' });
  await assert.rejects(kernel.client.request('tables').done, { code: 'restarted' });
  assert.equal(kernel.sent.length, 1);
});

test('frames of nobody are news, late ones are nothing', async () => {
  const news: Frame[] = [];
  const client = new Client(
    () => undefined,
    frame => news.push(frame)
  );
  client.receive({ v: 1, op: 'changed', tables: ['main.flights'] });
  client.receive({ v: 1, op: 'rows', re: 99, end: true });
  await settled();
  assert.deepEqual(
    news.map(one => one.op),
    ['changed']
  );
});
