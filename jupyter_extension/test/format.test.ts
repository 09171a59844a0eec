import assert from 'node:assert/strict';
import test from 'node:test';

import { brief, bytes, duration, numeral, plain, share, shown, whole } from '../src/model/format';
import { cellOf, nameOf, pieces, quoted, selectOf } from '../src/model/sql';

test('whole numbers are grouped and exact, also beyond 2^53', () => {
  assert.equal(whole(336776), '336,776');
  assert.equal(whole('9007199254740993'), '9,007,199,254,740,993');
  assert.equal(whole(-12), '−12');
  assert.equal(numeral('-12345.6789'), '−12,345.6789');
});

test('a little is never nothing', () => {
  assert.equal(share(0, 100), '0');
  assert.equal(share(1, 1_000_000), '< 0.1 %');
  assert.equal(share(25, 1000), '2.5 %');
  assert.equal(share(999_999, 1_000_000), '> 99.9 %');
  assert.equal(share(5, 5), '100 %');
});

test('sizes, durations and short numbers', () => {
  assert.equal(bytes(8_400_000), '8.4 MB');
  assert.equal(bytes(12_000), '12 kB');
  assert.equal(bytes(999_999), '1.0 MB');
  assert.equal(duration(0.061), '0.06 s');
  assert.equal(duration(240), '4 min');
  assert.equal(brief(12.639), '12.6');
  assert.equal(brief(-4776.4), '−4,776');
  assert.equal(brief(0), '0');
});

test('marks that would turn or hide text are shown', () => {
  assert.equal(plain('a\u202Eb\u0000\u200Bc\nd'), 'a\\u202eb\\u0000\\u200bc⏎d');
  assert.equal(plain('<script>alert(1)</script>'), '<script>alert(1)</script>');
  assert.equal(plain('\u001b[31mred'), '\\u001b[31mred');
});

test('values of a grid are not rounded', () => {
  assert.equal(shown('12.50', 'DECIMAL(10,2)'), '12.50');
  assert.equal(shown(null, 'INTEGER'), 'null');
  assert.equal(shown('2013-01-01T05:00:00Z', 'TIMESTAMP WITH TIME ZONE'), '2013-01-01 05:00:00Z');
  assert.equal(shown({ a: [1] }, 'STRUCT(a INTEGER[])'), '{"a":[1]}');
});

test('names are quoted where SQL needs it', () => {
  assert.equal(quoted('dep_delay'), 'dep_delay');
  assert.equal(quoted('order'), '"order"');
  assert.equal(quoted('a "b"'), '"a ""b"""');
  const table = { schema: 'main', name: 'flights', columns: [{ name: 'from' }, { name: 'n' }] };
  assert.equal(nameOf({ schema: 'other', name: 'A b' }), 'other."A b"');
  assert.equal(nameOf({ schema: '', name: 'df' }), 'df');
  assert.equal(cellOf(selectOf(table)), '%%pluto sql\nSELECT "from", n\nFROM flights\nLIMIT 100');
});

test('the pieces of SQL are its text again', () => {
  const sql = "SELECT 'it''s -- no' AS \"from\" -- yes\nFROM t /* SELECT */";
  assert.equal(
    pieces(sql)
      .map(one => one.text)
      .join(''),
    sql
  );
  assert.deepEqual(
    pieces(sql)
      .filter(one => one.kind !== 'plain')
      .map(one => [one.kind, one.text]),
    [
      ['keyword', 'SELECT'],
      ['string', "'it''s -- no'"],
      ['keyword', 'AS'],
      ['comment', '-- yes'],
      ['keyword', 'FROM'],
      ['comment', '/* SELECT */']
    ]
  );
});
