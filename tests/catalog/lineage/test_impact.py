"""What DuckDB would not drop, and chains that are longer than Python's stack."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pluto_duck.catalog.lineage import Lineage, Link, Node, Part, impact, refusal, seen
from pluto_duck.catalog.lineage.model import DEEPEST
from pluto_duck.display.lineage import impact_text, text
from pluto_duck.errors import PlutoError
from pluto_duck.session import ColumnInfo, Session, TableInfo, TableRef

TABLES = (
    "t (a INT, b INT, c INT)", "t (a INT PRIMARY KEY, b INT NOT NULL)", "t (a INT, b INT PRIMARY KEY, c INT)",
    "t (a INT, b INT UNIQUE, c INT)", "t (a INT, b INT, c INT, CHECK (a > b))", "t (a INT, b INT, PRIMARY KEY (b, a))",
    "t (a INT)", "t (a INT REFERENCES p(id), b INT)", 't ("A b" INT, "c""d" INT PRIMARY KEY)')


@pytest.mark.parametrize("table", [*TABLES, "index", "referenced"])
def test_what_duckdb_would_not_drop_is_what_it_does_not(session: Session, table: str) -> None:
    session.query("CREATE TABLE p (id INT PRIMARY KEY, x INT)")
    if table == "referenced":
        session.query("CREATE TABLE t (k INT PRIMARY KEY, x INT); CREATE TABLE u (a INT REFERENCES t(k))")
    elif table == "index":
        session.query("CREATE TABLE t (a INT, b INT, c INT); CREATE INDEX i ON t (b)")
    else:
        session.query(f"CREATE TABLE {table}")
    info = next(one for one in session.tables() if one.ref.name == "t")
    for column in (None, *(one.name for one in info.columns)):
        said = refusal(session, info, column)
        drop = "DROP TABLE t" if column is None else 'ALTER TABLE t DROP COLUMN "{}"'.format(column.replace('"', '""'))
        session.query("BEGIN")
        try:
            session.query(drop)
            dropped = True
        except PlutoError:
            dropped = False
        session.query("ROLLBACK")
        assert dropped == (not said), (column, said)


def test_a_refusal_is_told_first() -> None:
    lineage = Lineage([Part((Node("main.t", "table", "t", ("a",)), Node("main.v", "view", "v", ("a",))),
                            (Link("main.t", "main.v", "view", (("a", "a", "same"),), frozenset("a")),))])
    found = impact(lineage, "main.t", "a", refused="a primary key depends on it")
    assert [one.what for one in found.effects] == ["refused", "breaks"]
    assert impact_text(found).endswith("DuckDB would not drop it as it is. Else 1 would break or fail.")


def test_a_chain_longer_than_the_stack_is_followed_as_far_as_makes_sense() -> None:
    count = 3_000
    nodes = tuple(Node(f"main.v{i}", "view", f"v{i}", ("a",)) for i in range(count))
    links = tuple(Link(f"main.v{i}", f"main.v{i + 1}", "view", (("a", "a", "same"),)) for i in range(count - 1))
    lineage = Lineage([Part(nodes, links)])
    around = lineage.around("main.v1500", "a")
    assert (len(around.nodes), around.more) == (2 * DEEPEST + 1, True)
    assert "There is more" in text(around)
    assert len(impact(lineage, "main.v0", "a").effects) == count - 1
    assert len(seen(lineage, []).nodes) == 0


def test_many_ways_through_what_is_hidden_are_one() -> None:
    """40 floors of two views each, all of which read both of the floor below: 2 ** 40 ways."""
    floors = [["main.t"], *([f"main.v{i}", f"main.w{i}"] for i in range(40)), ["main.last"]]
    nodes = tuple(Node(one, "view", one, ("a", "secret")) for floor in floors for one in floor)
    links = tuple(Link(above, below, "view", (("a", "a", "computed"), ("secret", "secret", "same")))
                  for lower, upper in pairwise(floors) for above in lower for below in upper)
    shown = [TableInfo(TableRef(name), "view", (ColumnInfo("a", "INT"),), None, 0) for name in ("t", "last")]
    found = seen(Lineage([Part(nodes, links)]), shown)
    assert set(found.nodes) == {"main.t", "main.last"}
    (link,) = found.links
    assert (link.above, link.below, link.columns) == ("main.t", "main.last", (("a", "a", "computed"),))


def test_a_long_way_through_what_is_hidden() -> None:
    count = 3_000
    nodes = tuple(Node(f"main.v{i}", "view", f"v{i}", ("a",)) for i in range(count))
    links = tuple(Link(f"main.v{i}", f"main.v{i + 1}", "view", (("a", "a", "same"),)) for i in range(count - 1))
    cycle = Link(f"main.v{count - 2}", "main.v5", "view", (("a", "a", "same"),))
    shown = [TableInfo(TableRef(name), "view", (ColumnInfo("a", "INT"),), None, 0) for name in ("v0", f"v{count - 1}")]
    (link,) = seen(Lineage([Part(nodes, (*links, cycle))]), shown).links
    assert (link.above, link.below) == ("main.v0", f"main.v{count - 1}")
