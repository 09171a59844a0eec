"""Entries put into a semantic file: what is added is there, all else is as it was."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pluto_duck.catalog.semantics.nodes import read
from pluto_duck.catalog.semantics.writing import added, flow, scalar

FILE = """\
# my words 🦆
version: 1
tables:
  orders:   # what is bought
    name: order
    synonyms: [purchase]   # more?
    columns:
      amt: {name: ä 🦆 amount}
      x:
      y: {}

  # who buys
  customers:
joins:
  - {from: a.b, to: c.d}  # the first
list:
- one
# the end
"""


@pytest.mark.parametrize(("path", "value"), [
    (("tables", "orders", "synonyms"), ["sale"]), (("tables", "orders", "columns", "amt", "unit"), "EUR"),
    (("tables", "orders", "columns", "amt", "synonyms"), ["price", "no"]), (("tables", "orders", "columns", "x", "name"), "no"),
    (("tables", "orders", "columns", "x"), {"name": "z"}), (("tables", "orders", "columns", "y", "name"), "y: #"),
    (("tables", "customers", "date"), "on"), (("tables", "new"), {"name": "new", "columns": {"a": {"hidden": True}}}),
    (("joins",), {"from": "x.y", "to": "z.z"}), (("list",), ["two"]), (("metrics", "a b"), {"table": "t", "expression": "count(*)"}),
    (("questions",), {"question": "How many?", "sql": "SELECT 1"}),
])
def test_an_entry_is_added_and_nothing_else_changes(path: tuple[str, ...], value: Any) -> None:
    text = added(FILE, path, value)
    said = before = yaml.safe_load(text)
    for step in path[:-1]:
        said = said[step]
    last = said[path[-1]]
    if isinstance(last, list):
        assert last[-1] == (value[-1] if isinstance(value, list) else value)
        del last[len(last) - (len(value) if isinstance(value, list) else 1):]
        if not last:
            del said[path[-1]]
    else:
        assert last == value
        del said[path[-1]]
    emptied = yaml.safe_load(FILE)
    assert _without_nothing(before) == _without_nothing(emptied)
    assert [line for line in FILE.splitlines() if "#" in line and line not in text.splitlines() and "[" not in line] == []


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: one for key, below in value.items() if (one := _without_nothing(below)) not in (None, {}, [])}
    return value


def test_what_is_there_is_not_added_again() -> None:
    assert added(FILE, ("tables", "orders", "synonyms"), ["purchase"]) == FILE
    assert added(FILE, ("tables", "orders", "name"), "other") == FILE


def test_an_empty_file_begins_with_the_entry() -> None:
    assert yaml.safe_load(added("# mine\n", ("terms", "t"), {"table": "a"})) == {"terms": {"t": {"table": "a"}}}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_text_comes_back_from_yaml_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"a: {scalar(text)}") == {"a": text}
    node = read(f"a: {flow([text])}")
    assert node is not None
    assert [one.text for _key, one in node.pairs for one in one.items] == [text]
