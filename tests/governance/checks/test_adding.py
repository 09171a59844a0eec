"""Checks added to a file: what a person wrote stays as it is, letter for letter."""

from __future__ import annotations

import difflib

import pytest

from pluto_duck.errors import UsageError
from pluto_duck.governance.checks.reading import read
from pluto_duck.governance.checks.writing import START, Entry, added, listed
from pluto_duck.workspace import TableRef

ORDERS, LINES = TableRef("orders"), TableRef("lines", "raw data")
ENTRIES = [Entry(ORDERS, "not_null", "[a, b]", "warn"), Entry(LINES, "unique", listed(['odd "x", y']))]


@pytest.mark.parametrize("text", [
    "", START, 'version: "1"', "version: 1\ntables:\n", "version: 1\ntables: {}\n# the end".replace(" {}", ""),
    "version: 1\ntables:\n  orders:\n    - unique: id   # ours\n\n# the end\n",
    "version: 1\ntables:\n  orders:\n  - unique: id\n    severity: warn\n  other:\n  - unique: id",
    "version: 1\ntables:\n    ORDERS:   # nothing yet\n    # and a remark\n    other:\n        - row_count: {min: 1,\n            max: 3}  # two lines\n",
    "version: 1\r\ntables:\r\n  orders:\r\n    - sql: |\r\n        a > 0\r\n        AND b > 0\r\n\r\n    # behind it\r\n",
    "tables:\n  orders:\n    - sql: >\n        a\n  other:\n    - unique: id\nversion: '1'\n",
    "version: 1\ntables:\n  orders:\n    publish: checked  # always\n    checks:\n      - unique: id\n  other:\n    - unique: id\n",
    "version: 1\ntables:\n  orders:\n    on_failure: approve\n    publish: checked\n",
    "version: 1\ntables:\n  orders:\n    checks:\n    publish: checked\n",
    "version: 1\ntables:\n  '\"raw data\".lines':\n    - unique: id\n"])
def test_what_stands_there_stays(text: str) -> None:
    after = added(text, ENTRIES)
    gone = [one for one in difflib.ndiff((text or START).splitlines(), after.splitlines()) if one.startswith("-")]
    assert gone == []
    assert ("\r\n" in after) == ("\r\n" in text)
    before, found = read(text or START), read(after)
    for table in before.tables:
        assert [one.name for one in found.of(table)][:len(before.of(table))] == [one.name for one in before.of(table)]
    assert [(one.kind, one.columns, one.severity) for one in found.of(ORDERS)][-2:] == [
        ("not_null", ("a",), "warn"), ("not_null", ("b",), "warn")]
    assert [(one.kind, one.columns) for one in found.of(LINES)][-1:] == [("unique", ('odd "x", y',))]


@pytest.mark.parametrize("text", ["version: 1\ntables: {orders: [{unique: id}]}", "version: 1\ntables:\n  orders: [{unique: id}]\n",
                                  "version: 1\ntables:\n  orders: []\n"])
def test_what_can_not_be_added_to_is_left_alone(text: str) -> None:
    with pytest.raises(UsageError, match="can't be added to"):
        added(text, ENTRIES)
