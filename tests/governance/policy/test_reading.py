"""policy.yaml as text: what it may say, and what is told, by line, of what it may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pluto_duck.governance.policy.file import text_of
from pluto_duck.governance.policy.reading import PolicyError, read
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.globs import fits_table

GOOD = """
version: "1"
roles:
  analyst:
    description: Reads one region.
    grants:
      - tables: [orders, "sales.*"]
        actions: [read, ask]
        columns: "*"
        hide: card_number
        rows: region = $region
        masks:
          email: partial
          phone: {partial: {first: 0, last: 3}}
          name: {expression: "left(name, 1)"}
          notes: null
          id: hash
      - tables: orders
        actions: insert
"""


def test_what_is_written_is_what_is_read() -> None:
    policy, _data, lines = read(GOOD)
    first, second = policy.roles["analyst"].grants
    assert first.tables == ["orders", "sales.*"]
    assert (first.actions, second.actions) == (["read", "ask"], ["insert"])
    assert {name: str(mask) for name, mask in first.masks.items()} == {
        "email": "partial (first 1, last 0)", "phone": "partial (first 0, last 3)",
        "name": "expression left(name, 1)", "notes": "null", "id": "hash"}
    assert [lines["roles", "analyst", "grants", str(i)] for i in (0, 1)] == [7, 18]


@pytest.mark.parametrize(("text", "says"), [
    ("roles: {}", "line 1, version: is missing"),
    ("version: 2", "version"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - tables: t", "line 5, roles.a.grants.0.actions: is missing"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - {tables: t, actions: reed}", "line 5"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - {tables: t, actions: read, filter: x}", "is no word of a policy"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - {tables: [], actions: read}", "tables"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - {tables: a.b.c, actions: read}", "no pattern of tables"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - {tables: t, actions: read, masks: {x: md5}}", "a mask is"),
    ("version: 1\nroles:\n  a:\n    grants:\n      - {tables: t, actions: approve, rows: x = 1}", "belong to a grant"),
    ("version: 1\nroles:\n  a:\n    grants: []\n  a:\n    grants: []", "line 5: a stands there twice"),
    ("version: 1\nroles:\n  owner: {}", "can't be defined"),
    ("version: 1\nroles:\n  'a b': {}", "no name of a role"),
    ("version: 1\nroles: &x\n  a: {}\nmore: *x", "aliases"),
    ("version: 1\nroles: !!python/object:os.system {}", "tags"),
    ("version: 1\nroles:\n  <<: {a: {}}", "plain word"),
    ("- version", "must be a mapping"),
    ("version: [", "is no YAML"),
    ("version: 1\nroles: " + "[" * 50 + "]" * 50, "nested too deep"),
    ("version: 1\nroles: " + "[" * 100_000, "nested too deep"),
    ("x" * 1_000_001, "larger than"),
])
def test_what_makes_no_sense_is_told_by_its_line(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as error:
        read(text)
    assert says in str(error.value)


def test_words_that_yaml_would_change_stay_words() -> None:
    policy, data, _lines = read("version: 1\nroles:\n  no:\n    grants:\n      - {tables: null, actions: read, "
                                "columns: [yes, 1_0]}")
    assert policy.roles["no"].grants[0].tables == ["null"]
    assert data["roles"]["no"]["grants"][0]["columns"] == ["yes", "1_0"]


@pytest.mark.parametrize(("glob", "table", "fits"), [
    ("orders", "orders", True), ("ORDERS", "orders", True), ("orders", "raw.orders", False),
    ("*", "orders", True), ("*", "raw.orders", False), ("*.*", "raw.orders", True), ("raw.*", "raw.orders", True),
    ("o?ders", "orders", True), ("o[r]ders", "orders", False), ('"a.b"', '"a.b"', True), ("a*", '"a.b"', True),
    ("*.*", "_pluto.commits", False), ("_pluto.*", "_pluto.commits", False), ("_PLUTO.commits", "_pluto.commits", False),
    ("\u212aeys", "keys", False),
])
def test_a_glob_fits_names_as_duckdb_compares_them(glob: str, table: str, fits: bool) -> None:
    assert fits_table(glob, TableRef.parse(table)) is fits


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "policy.yaml")
    with pytest.raises(PolicyError, match="no plain file"):
        text_of(tmp_path / "policy.yaml")
