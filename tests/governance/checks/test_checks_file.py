"""checks.yaml as text: what it may say, and what is told, by line, of what it may not."""

from __future__ import annotations

import pytest

from pluto_duck.governance.checks import Checks, Outcome, score
from pluto_duck.governance.checks.reading import ChecksError, read
from pluto_duck.workspace import TableRef

GOOD = """
version: 1
tables:
  orders:
    - primary_key: [id, line]
    - not_null: [customer, amount]
      severity: warn
      at_most: 0.5%
    - accepted_values: {column: status, values: [open, NO, 1_0]}
    - relationship: {column: customer, to: '"My schema".customers.id'}
    - freshness: {within: 2d}
    - sql: amount > 0
      name: positive
      dimension: consistency
  sales.lines:
"""


def test_what_is_written_is_what_is_read() -> None:
    found = read(GOOD)
    assert [one.name for one in found.checks] == ["primary_key(id, line)", "not_null(customer)", "not_null(amount)",
                                                  "accepted_values(status)", "relationship(customer)", "freshness", "positive"]
    key, customer, _, status, link, fresh, positive = found.checks
    assert (key.columns, key.severity, key.dimension, key.line) == (("id", "line"), "error", "uniqueness", 5)
    assert (customer.severity, customer.at_most, customer.percent, customer.line) == ("warn", 0.5, True, 6)
    assert status.values == ("open", "NO", "1_0")
    assert (link.parent, link.parent_columns) == (TableRef("customers", "My schema"), ("id",))
    assert (fresh.columns, fresh.within_s) == ((), 172_800)
    assert (positive.expression, positive.dimension) == ("amount > 0", "consistency")
    assert found.tables == (TableRef("orders"),)


def test_what_is_asked_of_a_load_stands_beside_the_checks() -> None:
    found = read("version: 1\ntables:\n  orders:\n    publish: checked\n    on_failure: approve\n    checks:\n"
                 "      - unique: id\n  lines:\n    - unique: id\n  bare:\n    publish: checked\n")
    assert [(str(one.table), one.name, one.line) for one in found.checks] == [
        ("orders", "unique(id)", 7), ("lines", "unique(id)", 9)]
    orders, lines = found.published(TableRef("Orders")), found.published(TableRef("lines"))
    assert (orders.checked, orders.on_failure) == (True, "approve")
    assert (lines.checked, lines.on_failure) == (False, "stop")
    assert found.published(TableRef("bare")).checked


@pytest.mark.parametrize(("entry", "says"), [
    ("- not_nul: id", "line 4: 'not_nul' has no meaning here"), ("- id", "line 4: a check is a kind"),
    ("- not_null: id\n      unique: id", "line 4: not_null and unique are two checks"),
    ("- severity: warn", "line 4: no check stands here"), ("- not_null: [id, id]", "line 4: a column stands there twice"),
    ("- not_null: id\n      severity: fatal", "line 5: 'fatal' is no severity"),
    ("- not_null: id\n      dimension: beauty", "line 5: 'beauty' is no dimension"),
    ("- not_null: id\n      at_most: few", "line 5: 'few' is no number of rows"),
    ("- not_null: id\n      at_most: 101%", "line 5: '101%' is no number of rows"),
    ("- not_null: [id, b]\n      name: x", "line 5: there is another check 'x'"),
    ("- range: {column: a}", "line 4: min or max is missing"), ("- range: a", "line 4: range needs column"),
    ("- range: {column: a, mni: 3}", "line 4: 'mni' has no meaning here"),
    ("- range: {min: 3}", "line 4: column is missing"), ("- range: {column: [a, b], min: 3}", "range is about one column"),
    ("- accepted_values: {column: a, values: []}", "line 4: values must be a list"),
    ("- row_count: {min: 1.5}", "line 4: a number of rows is whole"),
    ("- row_count: {min: 1}\n      at_most: 3", "line 5: row_count is not about single rows"),
    ("- freshness: {within: soon}", "line 4: 'soon' is no length of time"),
    ("- freshness: {within: 0d}", "line 4: '0d' is no length of time"),
    ("- relationship: {column: a, to: b}", "line 4: b is not table.column"),
    ("- relationship: {column: [a, b], to: c.d}", "line 4: there must be as many columns"),
    ("- sql: ''", "line 4: sql must be a text"), ("- unique: {}", "line 4: this must be the name of a column"),
])
def test_what_can_not_be_is_told_by_its_line(entry: str, says: str) -> None:
    text = f'version: "1"\ntables:\n  t:\n    {entry}\n'
    with pytest.raises(ChecksError, match=says) as told:
        read(text)
    assert told.value.message.startswith("checks.yaml, line ")
    assert told.value.hint


@pytest.mark.parametrize(("text", "says"), [
    ("version: 2", "the version must be 1"), ("tables: {}", "the version must be 1"), ("- a", "must be a mapping"),
    ("version: 1\ntables: [a]", "line 2: tables must be names"), ("version: 1\ntables:\n  t: x", "line 3: t must have a list"),
    ("version: 1\ntables:\n  t:\n    publish: maybe", "line 4: 'maybe' is no publish"),
    ("version: 1\ntables:\n  t:\n    publish: checked\n    on_failure: weep", "line 5: 'weep' is no on_failure"),
    ("version: 1\ntables:\n  t:\n    published: yes", "line 4: 'published' has no meaning here"),
    ("version: 1\ntables:\n  t:\n    checks:\n      - not_nul: a", "line 5: 'not_nul' has no meaning"),
    ("version: 1\ntables:\n  t: []\n  T: []", "line 4: T is the same table as t"),
    ("version: 1\ntables:\n  a.b.c: []", "line 3: .*not the name of a table"),
    ("version: 1\nowner: me", "line 2: 'owner' has no meaning here"), ("version: 1\n\tx: 1", "line 2 is no YAML"),
    ("version: 1\ntables: {a: [], a: []}", "a stands there twice"), ("a: &x 1\nb: *x", "aliases"),
])
def test_a_file_that_is_none(text: str, says: str) -> None:
    with pytest.raises(ChecksError, match=says):
        read(text)


def test_an_empty_file_asks_for_nothing() -> None:
    assert read('version: "1"') == Checks()
    assert read('version: "1"\ntables:\n') == Checks()


def test_a_score_weighs_what_must_be_more_than_what_should_be() -> None:
    must, should = read("version: 1\ntables:\n  t:\n    - not_null: a\n    - not_null: b\n      severity: warn").checks
    assert score([Outcome(must, "passed"), Outcome(should, "warned")]) == 75
    assert score([Outcome(must, "failed"), Outcome(should, "passed")]) == 25
    assert score([Outcome(must, "passed"), Outcome(should, "broken")]) == 75
    assert score([]) == 100
