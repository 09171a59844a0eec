"""A page says the same as JSON and as Arrow, to the last digit."""

from __future__ import annotations

import json
from typing import Any

import pyarrow
import pytest

from pluto_duck.display.page import CELL, Page
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

VALUES = """SELECT * FROM (VALUES
    (1, 9007199254740993::BIGINT, 18446744073709551615::UBIGINT, 170141183460469231731687303715884105727::HUGEINT,
     12345678901234567890.1234567890::DECIMAL(38, 10), 0.0000001::DECIMAL(18, 10), 0.1::FLOAT, 'nan'::DOUBLE, TRUE),
    (NULL, -9007199254740993, 0, -1, -0.5, NULL, '-inf'::FLOAT, 0.1, NULL)) AS t(a, b, c, d, e, f, g, h, i),
    (SELECT TIMESTAMP '2013-01-01 05:15:00.123456' AS ts, TIMESTAMPTZ '2013-01-01 05:15:00+02' AS tz,
            TIMESTAMP_NS '2013-01-01 05:15:00.123456789' AS ns, 'infinity'::DATE AS day, TIME '05:15:00.5' AS clock,
            INTERVAL 3 DAY AS gap, '\\xAA'::BLOB AS blob, '101'::BIT AS bits, uuid() AS u,
            'b'::ENUM('a', 'b') AS e2, [1, NULL, 9007199254740993]::BIGINT[] AS list, {'x': 1.50, 'y': NULL} AS pair,
            MAP {'k': 1} AS pairs, 'a\u202eb <b>\u00e9\U0001F986' AS words, '' AS empty, NULL AS nothing)"""


def decoded(stream: bytes) -> list[list[Any]]:
    """As the browser does it."""
    table = pyarrow.ipc.open_stream(stream).read_all()
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        assert str(field.type) in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                                   "double", "string", "null")
        values = column.to_pylist()
        if (field.metadata or {}).get(b"pluto_duck") == b"json":
            values = [None if one is None else json.loads(one) for one in values]
        elif pyarrow.types.is_integer(field.type):
            values = [str(one) if one is not None and abs(one) > 2**53 - 1 else one for one in values]
        elif str(field.type) == "double":
            values = [{"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(one), one) for one in values]
        columns.append(values)
    return [list(row) for row in zip(*columns, strict=True)]


def test_arrow_has_every_value_that_json_has(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        page = Page.of(session.query(VALUES), 10)
    plain = page.json()
    facts, stream = page.arrow()
    assert decoded(stream) == json.loads(json.dumps(plain.pop("rows")))
    assert facts == plain
    assert facts["count"] == 2


@pytest.mark.parametrize("kind", ["VARCHAR", "BLOB", "VARCHAR[]"])
def test_long_values_are_cut_and_counted_in_both(workspace: Workspace, kind: str) -> None:
    with Session.open(workspace.root) as session:
        page = Page.of(session.query("SELECT CASE i WHEN 0 THEN 'é' ELSE repeat('é\U0001F986', 5000) END AS x FROM range(3) AS r(i)"
                                     if kind == "VARCHAR" else
                                     f"SELECT CASE i WHEN 0 THEN x1 ELSE x2 END AS x FROM range(3) AS r(i), (SELECT "
                                     f"{'[chr(233)]' if kind.endswith(']') else 'encode(chr(97))'} AS x1, "
                                     f"{'[repeat(chr(233), 5000)]' if kind.endswith(']') else 'encode(repeat(chr(97), 5000))'} AS x2)"), 10)
    plain, (facts, stream) = page.json(), page.arrow()
    assert plain["cut"] == facts["cut"] == 2
    rows = decoded(stream)
    assert rows == plain["rows"]
    assert len(rows[1][0]) == CELL + 1
    assert rows[1][0].endswith("…")


def test_no_rows_and_no_columns_are_pages_too(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        none = Page.of(session.query("SELECT 1 AS a, 'x' AS b WHERE FALSE"), 10)
        done = Page.of(session.query("CREATE TABLE t (i INTEGER)"), 10)
    assert decoded(none.arrow()[1]) == none.json()["rows"] == []
    assert done.count == 0
    assert done.arrow()[0]["count"] == 0
