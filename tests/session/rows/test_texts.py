"""Rows as JSON straight from DuckDB: the very bytes and tags of the long way, or that way itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pluto_duck.api.rows.forms import objects
from pluto_duck.session import Session, TableRef
from pluto_duck.session.rows import TextsFound
from pluto_duck.session.rows.tags import tags
from pluto_duck.workspace import Workspace

VALUES = {
    "TINYINT": ["-128", "0"], "SMALLINT": ["-32768"], "INTEGER": ["2147483647"], "UTINYINT": ["255"],
    "USMALLINT": ["65535"], "UINTEGER": ["4294967295"],
    "BIGINT": ["9007199254740991", "9007199254740992", "-9007199254740992", "-9223372036854775808"],
    "UBIGINT": ["18446744073709551615", "1"], "HUGEINT": ["-170141183460469231731687303715884105728", "7"],
    "BOOLEAN": ["true", "false"],
    "DOUBLE": ["1e300", "-0.0", "0.1", "1e16", "12345678.9", "5e-324", "'nan'", "'inf'", "'-inf'", "1.0"],
    "DECIMAL(20,2)": ["-123456789012345678.90", "0"], "DECIMAL(38,0)": ["99999999999999999999999999999999999999"],
    "DECIMAL(10,9)": ["0.000000001", "0"], "DECIMAL(4,1)": ["-0.5"],
    "VARCHAR": ["''", "'a \"quote\" \\ and a\ttab'", "'naïve 鴨 🦆'", "chr(0)", "chr(31) || chr(127) || chr(8232)",
                "'%s %d %%'"],
    "UUID": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "DATE": ["'2024-02-29'", "'0001-01-02'", "'9999-12-30'"],
    "TIMESTAMP": ["'2024-01-01 00:00:00'", "'2024-01-01 12:34:56.789'", "'2024-01-01 00:00:00.000001'",
                  "'0001-01-01 00:00:00.1'", "'1969-12-31 23:59:59.999990'"]}
FAR = {"DATE": ["'infinity'", "'-infinity'", "'9999-12-31'", "'0001-01-01'", "'20000-01-01'", "'0044-03-15 (BC)'"],
       "TIMESTAMP": ["'infinity'", "'-infinity'", "'20000-01-01 00:00:00.000001'", "'0044-03-15 (BC) 00:00:00'"]}
OTHERS = {"FLOAT": "0.1", "TIMESTAMPTZ": "'2024-03-31 02:30:00+00'", "TIME": "'24:00:00'", "BLOB": "'x'", "INTERVAL": "'1 day'",
          "INTEGER[]": "[1, NULL]", "UHUGEINT": "1", "TIMESTAMP_NS": "'2024-01-01 00:00:00.000000001'",
          "STRUCT(a INTEGER)": "{'a': 1}", "BIT": "'0101'", "ENUM('a', 'b')": "'a'"}


@pytest.fixture
def session(workspace: Workspace) -> Iterator[Session]:
    with Session.open(workspace.root) as found:
        yield found


def long(session: Session, table: TableRef, keys: list[list[str]]) -> list[tuple[str, str] | None]:
    found = session.by_key(table, keys)
    rows = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in objects(found.result)]
    marks = tags(found.result.arrow(), found.result.columns)
    return [None if at is None else (rows[at], marks[at]) for at in found.at]


def made(session: Session, kind: str, values: list[str]) -> tuple[TableRef, list[list[str]]]:
    session.query(f'CREATE OR REPLACE TABLE odd (id INTEGER PRIMARY KEY, v {kind}, "a ""name"" of 100%s" VARCHAR)')
    rows = ", ".join(f"({i}, CAST({one} AS {kind}), 'x')" for i, one in enumerate([*values, "NULL"]))
    session.query(f"INSERT INTO odd VALUES {rows}")
    return TableRef("odd"), [[str(i)] for i in range(len(values) + 2)]


@pytest.mark.parametrize("kind", VALUES)
def test_they_are_those_of_the_long_way(session: Session, kind: str) -> None:
    table, keys = made(session, kind, VALUES[kind])
    for asked in (keys, *([one] for one in keys)):
        short = session.texts_by_key(table, asked)
        assert isinstance(short, TextsFound), "it is the short way"
        assert list(short.rows) == long(session, table, asked)
    assert short.rows == (None,), "the last key is nobody's"


@pytest.mark.parametrize("kind", FAR)
def test_values_that_python_has_no_word_for_go_the_long_way(session: Session, kind: str) -> None:
    for value in FAR[kind]:
        table, keys = made(session, kind, [value])
        assert not isinstance(session.texts_by_key(table, keys[:1]), TextsFound), value
        assert isinstance(session.texts_by_key(table, keys[1:2]), TextsFound), "it is the value, not the table"


@pytest.mark.parametrize("kind", OTHERS)
def test_other_types_go_the_long_way(session: Session, kind: str) -> None:
    table, keys = made(session, kind, [OTHERS[kind]])
    found = session.texts_by_key(table, keys)
    assert not isinstance(found, TextsFound)
    assert found.at == session.by_key(table, keys).at == (0, 1, None)


def test_keys_are_told_apart_as_ever(session: Session) -> None:
    session.query("CREATE TABLE pairs (a VARCHAR, b INTEGER, n INTEGER, PRIMARY KEY (a, b)); "
                  "INSERT INTO pairs VALUES ('x', 1, 10), ('x', 2, 20), ('y, z', 1, 30)")
    asked = [["x", "2"], ["x", "007"], ["y, z", "1"], ["x", "1"], ["x", "nope"], ["x"], ["x", "01"]]
    short = session.texts_by_key(TableRef("pairs"), asked, ("n",))
    assert isinstance(short, TextsFound)
    assert [one and one[0] for one in short.rows] == ['{"n":20}', None, '{"n":30}', '{"n":10}', None, None, '{"n":10}']
    assert sorted(short.errors) == [4, 5]
    session.query("CREATE TABLE loose (id VARCHAR COLLATE NOCASE PRIMARY KEY, n INTEGER); "
                  "INSERT INTO loose VALUES ('A', 1), ('b', 2)")
    for keys in ([["a"], ["B"]], [["a"]], [["A"], ["a"]]):
        found = session.texts_by_key(TableRef("loose"), keys)
        rows = found.rows if isinstance(found, TextsFound) else [at is not None or None for at in found.at]
        assert [one is not None for one in rows] == [at is not None for at in session.by_key(TableRef("loose"), keys).at]
