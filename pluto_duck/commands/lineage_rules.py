"""What people wrote down about tables, by the columns that it names: checks.yaml, and the metrics, terms and joins of
semantics.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pluto_duck.catalog.lineage import Known, Link, Node, Part
from pluto_duck.catalog.lineage.model import By, Kind
from pluto_duck.catalog.lineage.remembering import Traces
from pluto_duck.workspace import TableRef, quote

if TYPE_CHECKING:
    from pluto_duck.catalog.semantics import Join, Semantics
    from pluto_duck.governance.checks import Check, Checks


def checked(checks: Checks, known: Known, traces: Traces) -> Part:
    """One node for each table, whose columns are its checks."""
    nodes: list[Node] = []
    links: list[Link] = []
    for table in checks.tables:
        id, found = f"checks:{table.key}", checks.of(table)
        nodes.append(Node(id, "check", f"checks of {table}", tuple(one.name for one in found),
                          (("in", "checks.yaml"),)))
        for check in found:
            links += _of_check(check, id, known, traces)
    return Part(tuple(nodes), tuple(links))


def _of_check(check: Check, id: str, known: Known, traces: Traces) -> list[Link]:
    names = ", ".join(map(quote, check.columns)) or "1"
    texts = [(check.table, f"SELECT {names} FROM {check.table.sql}")]
    texts += [(check.table, f"SELECT ({one}\n) FROM {check.table.sql}")
              for one in (check.expression, check.where) if one]
    if check.parent is not None:
        texts.append((check.parent, f"SELECT {', '.join(map(quote, check.parent_columns))} FROM {check.parent.sql}"))
    return [_named(table, id, sql, "check", known, traces, (check.name,)) for table, sql in texts]


def worded(semantics: Semantics, known: Known, traces: Traces) -> Part:
    nodes: list[Node] = []
    links: list[Link] = []

    def word(kind: Kind, name: str, table: TableRef, *texts: str, source: str) -> None:
        id = f"{kind}:{name}"
        nodes.append(Node(id, kind, f"{kind} {name}", facts=(("in", source),)))
        links.extend(_named(table, id, f"SELECT ({text}\n) FROM {table.sql}", "words", known, traces)
                     for text in texts if text)

    for one in semantics.metrics:
        word("metric", one.name, one.table, one.expression, one.filter, quote(one.date) if one.date else "",
             source=one.source)
    for term in semantics.terms:
        word("term", term.name, term.table, term.filter, source=term.source)
    for join in semantics.joins:
        nodes.append(_join(join))
        links += [Link(table.key, nodes[-1].id, "words", named=frozenset({column}), uses=((column, ("join",)),))
                  for table, column in ((join.child, join.child_column), (join.parent, join.parent_column))]
    return Part(tuple(nodes), tuple(links))


def _join(one: Join) -> Node:
    name = f"{one.child}.{one.child_column} = {one.parent}.{one.parent_column}"
    return Node(f"join:{name}", "join", name, facts=(("in", one.source),))


def _named(table: TableRef, id: str, sql: str, by: By, known: Known, traces: Traces, made: Sequence[str] = (),
           ) -> Link:
    """From one table, by the columns of it that a SELECT over it names; what can't be read reads it as a whole."""
    traced = traces.of(sql, known)
    names = sorted({column for key, column in (*traced.named, *traced.uses) if key == table.key and column != "*"})
    return Link(table.key, id, by, tuple((name, below, "computed") for name in names for below in made),
                frozenset(names), () if made else tuple((name, ("filter",)) for name in names),
                whole=bool(traced.problem))


__all__ = ["checked", "worded"]
