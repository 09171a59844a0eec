"""Where the tables that were loaded came from."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pluto_duck.catalog.lineage.model import Kind, Link, Node, Part
from pluto_duck.ingest.attempts import freshness, history
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.blot import blotted

_LATEST = 10_000


def loaded(session: Session, tables: Sequence[TableInfo]) -> Part:
    """Each table's last load that arrived: what it came from, when, how many rows."""
    names = {(one.load_id, one.table): one.source_table for one in history(session, _LATEST)}
    known = {one.ref.key: one for one in tables}
    nodes, links = [], []
    for one in freshness(session):
        table = known.get(one.table)
        if table is None or table.kind != "table":
            continue
        source, inner = _short(session, blotted(one.source)), names.get((one.load_id, one.table), "")
        kind: Kind = "source" if "://" in source and not source.startswith(("http", "s3")) else "file"
        called = f"{inner} in {source}" if kind == "source" and inner else source
        id = f"load:{called}"
        nodes.append(Node(id, kind, called))
        when = one.finished_at.isoformat(timespec="seconds")
        nodes.append(Node(one.table, "table", str(table.ref), facts=(
            ("loaded at", when), ("rows loaded", str(one.rows)), ("mode", one.mode))))
        # By name: what a load leaves out or renames is not in the table to ask about.
        links.append(Link(id, one.table, "load", tuple((column.name, column.name, "same")
                                                       for column in table.columns)))
    return Part(tuple(nodes), tuple(links))


def _short(session: Session, source: str) -> str:
    """A file of the workspace by its name there."""
    return source.removeprefix(f"{session.workspace.root}{os.sep}")
