"""What the text of a write tells of the rows that it will write."""

from __future__ import annotations

import pytest

from pluto_duck.events.writes import write_of
from pluto_duck.workspace.parser import Parser

PARSER = Parser()


@pytest.mark.parametrize(("sql", "picks"), [
    ("UPDATE t SET a = 1 WHERE b > 2 OR c", "t WHERE (b > 2 OR c\n)"),
    ("update s.t as x set (a, b) = (1, 2) where x.\"é\" between 1 and 2 -- end",
     "s.t as x WHERE (x.\"é\" between 1 and 2\n)"),
    ("UPDATE t SET a = (SELECT max(b) FROM u WHERE u.i = 1) WHERE t.i IN (1, 2);", "t WHERE (t.i IN (1, 2)\n)"),
    ("DELETE FROM t", "t"),
    ("DELETE FROM \"a b\" x WHERE x.c LIKE '%;%' ;", "\"a b\" x WHERE (x.c LIKE '%;%'\n)"),
    ("UPDATE t SET a = 1", "t"),
    # One row by its key, rows that others decide about, and what a second look might see otherwise:
    ("UPDATE t SET a = 1 WHERE id = 7", ""),
    ("UPDATE t SET a = u.a FROM u WHERE u.id = t.id AND u.b > 1", ""),
    ("UPDATE t SET a = 1 WHERE b IN (SELECT b FROM u LIMIT 1)", ""),
    ("UPDATE t SET a = 1 WHERE b > 1 RETURNING a", ""),
    ("UPDATE t SET a = $1 WHERE b > 2 AND c", ""),
    ("DELETE FROM t USING u WHERE u.id = t.id AND u.b > 1", ""),
    ("WITH x AS (SELECT 1) DELETE FROM t WHERE a > 1 AND b", ""),
    ("DELETE FROM t WHERE rowid > 5 AND a", ""),
])
def test_a_condition_of_single_rows_tells_them_beforehand(sql: str, picks: str) -> None:
    (statement,) = PARSER.statements(sql)
    assert write_of(statement, PARSER).picks == picks


@pytest.mark.parametrize(("sql", "point"), [
    ("UPDATE t SET a = 1 WHERE id = 7", ("id", "7")), ("update s.t x set a = (select 1 from u) where \"Id\" = 'a b';", ("id", "'a b'")),
    ("DELETE FROM t WHERE id = 7.5 -- end", ("id", "7.5")), ("UPDATE t SET a = $1 WHERE id = $2", ("id", "")),
    ("UPDATE t SET a = u.a FROM u WHERE id = 7", ("", "")), ("DELETE FROM t USING u WHERE id = 7", ("", "")),
    ("UPDATE t SET a = 1 WHERE id = other", ("", "")), ("UPDATE t SET a = 1 WHERE id = -7", ("", "")),
    ("UPDATE t SET a = 1 WHERE id = 7 OR true", ("", "")), ("UPDATE t SET a = 1 WHERE 7 = id", ("", "")),
    ("UPDATE t SET a = 1 WHERE id > 7", ("", "")), ("UPDATE t SET a = 1", ("", "")),
    ("WITH x AS (SELECT 1) UPDATE t SET a = 1 WHERE id = 7", ("", ""))])
def test_a_condition_that_names_one_key_is_known(sql: str, point: tuple[str, str]) -> None:
    (statement,) = PARSER.statements(sql)
    found = write_of(statement, PARSER)
    assert (found.point, found.point_value) == point


def test_what_the_condition_calls_is_known() -> None:
    (statement,) = PARSER.statements("DELETE FROM t WHERE Random () < 0.5 OR a.lower() = upper(b) OR main.\"My\"(c)")
    assert write_of(statement, PARSER).calls == {"random", "lower", "upper", "my", "or"} - {"or"}
