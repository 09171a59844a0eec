import assert from 'node:assert/strict';
import test from 'node:test';

import { isOff, planRows, PlanStep } from '../src/model/plan';

const step = (name: string, seconds: number | null, steps: PlanStep[] = []): PlanStep => ({
  name,
  facts: [],
  estimate: 100,
  rows: null,
  seconds,
  steps
});

test('a plan is rows from the result down', () => {
  const rows = planRows(step('Join', 1, [step('Scan', 2), step('Filter', 0, [step('Scan', 1)])]));
  assert.deepEqual(
    rows.map(one => [one.key, one.level, one.step.name, one.share]),
    [
      ['0', 0, 'Join', 0.25],
      ['0.0', 1, 'Scan', 0.5],
      ['0.1', 1, 'Filter', 0],
      ['0.1.0', 2, 'Scan', 0.25]
    ]
  );
  assert.equal(planRows(step('Scan', null))[0].share, null);
});

test('an estimate that is far off is told', () => {
  assert.ok(isOff({ ...step('Scan', 1), estimate: 100, rows: 5000 }));
  assert.ok(!isOff({ ...step('Scan', 1), estimate: 100, rows: 500 }));
  assert.ok(!isOff({ ...step('Scan', 1), estimate: 1, rows: 50 }), 'of few rows nobody cares');
  assert.ok(!isOff({ ...step('Scan', 1), estimate: null, rows: 50000 }));
});
