"""SQL laid out anew: only white space and the case of keywords change."""

from __future__ import annotations

import pytest

from pluto_duck.commands.formatting import laid_out
from pluto_duck.errors import StatementError
from pluto_duck.workspace.parser import Parser

PARSER = Parser()
TEXTS = [
    ("select a from t", "SELECT a\nFROM t"),
    ("select a.b as select, t.order from a", "SELECT a.b AS select, t.order\nFROM a"),  # names may be words
    ("SELECT left(a, 2), replace(b, 'x', 'y') from t", "SELECT left(a, 2), replace(b, 'x', 'y')\nFROM t"),
    ("select x::int, a=-1, [1,2], {'k': v}, x.y[1] from t",
     "SELECT x::int, a = -1, [1, 2], {'k': v}, x.y[1]\nFROM t"),
    ("select a is distinct from b from t", "SELECT a IS DISTINCT FROM b\nFROM t"),
    ("from flights select month, count(*) group by all", "FROM flights\nSELECT month, count(*)\nGROUP BY ALL"),
    ("create table t as select 1; drop table t;", "CREATE TABLE t AS\nSELECT 1;\nDROP TABLE t;"),
    ("insert into t values (1,2),(3,4)", "INSERT INTO t\nVALUES (1, 2), (3, 4)"),
    ("select 1 from t left join u on t.a=u.a and u.b full outer join w using (c)",
     "SELECT 1\nFROM t\nLEFT JOIN u ON t.a = u.a AND u.b\nFULL OUTER JOIN w USING (c)"),
    ("with a as (select b, c from d where e > 1 and f is not null), g as (select 1) select * from a, g",
     "WITH\n  a AS (\n    SELECT b, c\n    FROM d\n    WHERE e > 1 AND f IS NOT NULL\n  ),\n  g AS (SELECT 1)\n"
     "SELECT *\nFROM a, g"),
    ("-- head\nselect a, -- the a\n b /* x */ from t -- tail",
     "-- head\nSELECT\n  a,\n  -- the a\n  b\n/* x */\nFROM t\n-- tail"),
    ("select $$a 'b' -- c$$, 'it''s', \"Order\", $m from t", "SELECT $$a 'b' -- c$$, 'it''s', \"Order\", $m\nFROM t"),
    ("", ""), ("-- only this", "-- only this"),
    ("select a from t where aaaaaaaaaaaaaaaaaaaaaaaaaa = 1 and bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb between 1 and 2 or "
     "ccccccccccccccccc",
     "SELECT a\nFROM t\nWHERE aaaaaaaaaaaaaaaaaaaaaaaaaa = 1\n  AND bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb BETWEEN 1 AND 2\n"
     "  OR ccccccccccccccccc"),
]


@pytest.mark.parametrize(("sql", "wanted"), TEXTS)
def test_a_clause_stands_on_a_line_of_its_own(sql: str, wanted: str) -> None:
    assert laid_out(sql, PARSER) == wanted


@pytest.mark.parametrize("sql", [one for one, _wanted in TEXTS])
def test_laying_out_twice_changes_nothing_more(sql: str) -> None:
    once = laid_out(sql, PARSER)
    assert laid_out(once, PARSER) == once


def test_all_that_was_ever_asked_here_keeps_its_tokens() -> None:
    """The SQL that our own questions are answered by, of all shapes."""
    import re
    from pathlib import Path

    said = " ".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parents[1] / "agent").glob("*.py"))
    found = {one for one in re.findall(r'"(SELECT [^"\\\n]{20,400})"', said) if "{" not in one}
    laid = 0
    for sql in sorted(found):
        try:
            PARSER.statements(sql)
        except StatementError:
            continue
        done = laid_out(sql, PARSER)
        before, after = ([one.text.lower() for one in PARSER.tokens(text)] for text in (sql, done))
        assert before == after
        laid += 1
    assert laid > 20


def test_what_does_not_parse_says_where() -> None:
    with pytest.raises(StatementError, match="selec"):
        laid_out("selec 1", PARSER)
