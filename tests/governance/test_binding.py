"""Values take the places of parameters in a text that must pass the Gate: what a prepared statement would give, and
nothing that a value says becomes SQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from pluto_duck.errors import PlutoError, Refused, StatementError, UsageError
from pluto_duck.governance.binding import Bound
from pluto_duck.governance.gate import Gate
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.parser import Parser

HOSTILE = ("'", "''; DROP TABLE t; --", "\\", "$m", "$$", "?", "a\0b", "line\nbreak", "ü中\u202e", "/*", "--", "')) OR 1=1 --",
           "$region", "$m$ x $m$", '"', "[1, 2]", "{'a': 1}")


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(Parser())


@pytest.fixture(scope="module")
def data() -> Iterator[Any]:
    made = duckdb.connect()
    made.execute("CREATE TABLE t AS SELECT i AS n, 'v' || i AS s, DATE '2024-01-01' + i::INT AS d, [i, i + 1] AS l, "
                 "{'a': i} AS st, '{\"a\": [1, 2]}'::JSON AS j, (i * 1.5)::DECIMAL(9, 2) AS m FROM range(5) r(i)")
    yield made
    made.close()


def bound(gate: Gate, sql: str, params: dict[str, Any] | list[Any]) -> Bound:
    named = params if isinstance(params, dict) else dict(enumerate(params, 1))
    return gate.bound(sql, {str(name): encode(value) for name, value in named.items()})


@pytest.mark.parametrize(("sql", "values"), [
    ("SELECT n FROM t WHERE n = $p", [3, "3", 3.0, None]), ("SELECT n FROM t WHERE d >= $p", ["2024-01-03", dt.date(2024, 1, 4)]),
    ("SELECT typeof($p) AS x", [3, "3", 3.5, None, True, [1], ["a"], [], {"a": 1}, 2**40, 2**70, -5, Decimal("1.50")]),
    ("SELECT n FROM t WHERE n IN $p", [[1, 2], []]), ("SELECT n FROM t WHERE s NOT IN $p", [["v1", "v'2"]]),
    ("SELECT n FROM t WHERE n IN ($p)", [1]), ("SELECT n FROM t WHERE n = ANY($p)", [[1, 2]]),
    ("SELECT n FROM t ORDER BY n LIMIT $p", [2, "2", None]), ("SELECT n FROM t ORDER BY n LIMIT 3 OFFSET $p", [2]),
    ("SELECT -$p AS a, 1-$p AS b, 1 -$p AS c, - - $p AS d, -(-$p) AS e", [5, -5]), ("SELECT l[$p] FROM t", [1]),
    ("SELECT st[$p] FROM t", ["a"]), ("SELECT j->$p AS x, j->>$p AS y FROM t", ["$.a", "a"]),
    ("SELECT $p::INT AS x", ["7", 7]), ("SELECT $p.a AS x", [{"a": 1}]), ("SELECT $p[1] AS x", [[4, 5]]),
    ("SELECT m * $p AS x FROM t", [2, 1.5, "2"]), ("SELECT d + $p AS x FROM t", [1]), ("SELECT s LIKE $p AS x FROM t", ["v%"]),
    ("SELECT * FROM range($p)", [3]), ("SELECT n FROM t WHERE $p IS NULL OR s = $p", [None, "v1"]),
    ("SELECT quantile_cont(n, $p) AS x FROM t", [0.5]), ("SELECT INTERVAL ($p) DAY AS x", [3]), ("VALUES ($p)", ["a"]),
    ("SELECT sum(n) FILTER (WHERE n > $p) AS x FROM t", [1]), ("SELECT n FROM t ORDER BY $p", [1, "n"]),
    ("SELECT count(*) FROM t GROUP BY $p", [1]), ("SELECT DISTINCT ON ($p) n FROM t", [1]),
    ("SELECT $p || '$p' || $$ $p $$ || $a$ $p $a$ AS \"$p\" -- $p ?\n /* $p */", list(HOSTILE))])
def test_it_is_what_a_prepared_statement_gives(gate: Gate, data: Any, sql: str, values: list[Any]) -> None:
    def ran(*statements: str) -> Any:
        try:
            for one in statements:
                data.execute(one)
            return [column[0] for column in data.description] if " AS " in sql else "", data.fetchall()
        except duckdb.Error:
            return "it does not run"

    for value in values:
        prepared = ran(f"PREPARE q AS {sql}", f"EXECUTE q(p := {to_sql(encode(value))})")
        try:
            made: Any = ran(bound(gate, sql, {"p": value}).sql)
        except UsageError:
            made = "it does not run"
        assert made == prepared, (sql, value)


def test_whatever_a_value_says_stays_a_value(gate: Gate, data: Any) -> None:
    for value in HOSTILE:
        for sql, params in (("SELECT $m, ':$m', $m", {"m": value}), ("SELECT ?, ':$m', $1", [value])):
            assert data.execute(bound(gate, sql, params).sql).fetchall() == [(value, ":$m", value)]
    for number in (-5, -0.5, float("-inf"), Decimal("-1.5"), -(2**70)):
        assert data.execute(bound(gate, "SELECT 1-$m, 2 AS after", {"m": number}).sql).fetchall()[0][1] == 2


@pytest.mark.parametrize(("sql", "params", "text"), [
    ('SELECT $"my ""n", $É', {'my "n': 1, "É": 2}, "SELECT (1), (2)"), ("SELECT $M, $m", {"M": 1}, "SELECT (1), (1)"),
    ("SELECT $select", {"select": 1}, "SELECT (1)"), ("SELECT $2, $1", ["a", "b"], "SELECT ('b'), ('a')"),
    ("SELECT ?::INT, ?|?", [1, 2, 3], "SELECT (1)::INT, (2)|(3)"), ("SELECT $m; -- $m", {"m": 1}, "SELECT (1)"),
    ("SELECT 'é', $m", {"m": "é"}, "SELECT 'é', ('é')"), ("SELECT '$m'", {}, "SELECT '$m'"),
    ("SELECT $m", {"m": 1, "more": 2}, "SELECT (1)")])
def test_names_are_those_of_duckdb(gate: Gate, sql: str, params: Any, text: str) -> None:
    assert bound(gate, sql, params).sql == text


@pytest.mark.parametrize(("sql", "params", "error"), [
    ("SELECT $region", {}, UsageError), ("SELECT $m, $n", {"m": 1}, UsageError), ("SELECT ?, ?", [1], UsageError),
    ("SELECT $M", {"m": 1}, UsageError), ("SELECT $ m", {"m": 1}, UsageError), ("SELECT $/**/m", {"m": 1}, UsageError),
    ("SELECT * FROM $t", {"t": "secret"}, StatementError), ("SELECT 1 $t", {"t": "x"}, StatementError),
    ("SELECT DATE $d", {"d": "2024-01-01"}, StatementError), ("SELECT x.$c FROM t", {"c": "n"}, StatementError),
    ("SELECT $m$n", {"m": 1, "n": 2}, StatementError), ("SELECT $m; SELECT 1", {"m": 1}, Refused),
    ("INSERT INTO t VALUES ($m)", {"m": 1}, Refused), ("SET VARIABLE x = $m", {"m": 1}, Refused),
    ("IMPORT DATABASE $m", {"m": "/"}, Refused)])
def test_what_cannot_be_bound_is_refused(gate: Gate, sql: str, params: Any, error: type[PlutoError]) -> None:
    with pytest.raises(error):
        bound(gate, sql, params)


def test_an_error_shows_the_line_as_it_was_written(gate: Gate, data: Any) -> None:
    from pluto_duck.workspace.engine_errors import translate

    for sql in ("SELECT $m, nothere FROM t", "SELECT $m,\n $m || 'é' || nothere\nFROM t", "SELECT s FROM t WHERE s = $m AND nothere = $m",
                "SELECT " + "$m || " * 60 + "nothere FROM t"):
        for value in ("secret", "two\nlines, secret", "é" * 200):
            made = bound(gate, sql, {"m": value})
            with pytest.raises(duckdb.Error) as raised:
                data.execute(made.sql)
            position = str(made.told(translate(raised.value, made.sql)).facts["position"])
            assert "secret" not in position
            assert "éé" not in position
            if position:  # none, where DuckDB's own window leaves the place open
                line, column = map(int, re.findall(r"\d+", position))
                assert sql.split("\n")[line - 1][column - 1:].startswith("nothere"), position
