"""Tables that a statement of the history made (CREATE TABLE ... AS SELECT, INSERT INTO ... SELECT), or that are the
kept rows of a view.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from pluto_duck.catalog.lineage import Known, Link, Node, Part, links_of
from pluto_duck.catalog.lineage.remembering import Traces
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace import TableRef

_MAKES = re.compile(r"\b(create\s+(or\s+replace\s+)?(temp\w*\s+)?table|insert\s+(or\s+\w+\s+)?into)\b", re.IGNORECASE)
MAX_SQL = 100_000


def materialized(session: Session, tables: Sequence[TableInfo]) -> Part:
    """Which tables are the kept rows of views; what they are made of stands with the other views."""
    try:
        found = session.internal(["SELECT table_key, refresh FROM _pluto.views ORDER BY table_key"])[0]
    except PlutoError:
        return Part()  # nobody has made one yet
    there = {one.ref.key: one for one in tables}
    return Part(tuple(Node(key, there[key].kind, str(there[key].ref), facts=(("kept view", f"refreshed {refresh}"),))
                      for key, refresh in found if key in there))


def makes(text: str) -> bool:
    """As far as its words tell."""
    return len(text) <= MAX_SQL and _MAKES.search(text) is not None


def written(texts: Iterable[tuple[str, str]], tables: Sequence[TableInfo], known: Known, traces: Traces) -> Part:
    """`texts`: (SQL that ran, when), newest first. Each table by the newest statement that made it, and by what was
    inserted since."""
    there = {one.ref.key: one for one in tables if one.kind == "table"}
    made: set[str] = set()
    nodes: list[Node] = []
    links: list[Link] = []
    for text, when in texts:
        for key, columns, select, anew in _writes(text):
            table = there.get(key)
            if table is None or key in made:
                continue
            names = columns or tuple(one.name for one in table.columns)
            traced = traces.of(select, known)
            if not traced.problem:
                part = links_of(traced, key, names, "statement")
                nodes += [*part.nodes, Node(key, "table", str(table.ref), facts=(("made by SQL at", when),))]
                links += [one for one in part.links if one.above != key]
            if anew:
                made.add(key)
    return Part(tuple(nodes), tuple(links))


@lru_cache(maxsize=4_096)
def _writes(text: str) -> list[tuple[str, tuple[str, ...], str, bool]]:
    """(key of the table, columns that are named, SELECT, whether the table is made anew), the last one first."""
    if not makes(text):
        return []
    import sqlglot
    from sqlglot import expressions

    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return []
    found = []
    for one in reversed(statements):
        if not isinstance(one, expressions.Create | expressions.Insert):
            continue
        made = isinstance(one, expressions.Create)
        if (made and one.args.get("kind") != "TABLE") or not isinstance(one.expression, expressions.Query):
            continue
        target, columns = one.this, tuple[str, ...]()
        if isinstance(target, expressions.Schema):
            columns = tuple(column.name for column in target.expressions)
            target = target.this
        if isinstance(target, expressions.Table) and target.name:
            select = one.expression.sql(dialect="duckdb")
            if one.args.get("with_") or one.args.get("with"):
                select = f"{(one.args.get('with_') or one.args['with']).sql(dialect='duckdb')} {select}"
            found.append((TableRef(target.name, target.db or "main").key, columns, select, made))
    return found
