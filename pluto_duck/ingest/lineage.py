"""Where the tables that were loaded came from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pluto_duck.catalog.lineage.model import Kind, Link, Node, Part
from pluto_duck.catalog.lineage.openlineage.datasets import source
from pluto_duck.ingest.attempts import freshness, history
from pluto_duck.ingest.connections import Connections
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.blot import blotted

_LATEST = 10_000


def addresses(session: Session) -> dict[str, str]:
    """The name of each saved connection by its address, which holds no password."""
    return {one.address: one.name for one in Connections(session.control, session.workspace).all()}


def loaded(session: Session, tables: Sequence[TableInfo], saved: Mapping[str, str]) -> Part:
    """Each table's last load that arrived: what it came from, when, how many rows. `saved`: of `addresses`."""
    names = {(one.load_id, one.table): one.source_table for one in history(session, _LATEST)}
    known = {one.ref.key: one for one in tables}
    nodes, links = [], []
    for one in freshness(session):
        table = known.get(one.table)
        if table is None or table.kind != "table":
            continue
        node = _source(_short(session, blotted(one.source)), names.get((one.load_id, one.table), ""),
                       saved.get(one.source, ""))
        nodes.append(node)
        when = one.finished_at.isoformat(timespec="seconds")
        nodes.append(Node(one.table, "table", str(table.ref), facts=(
            ("loaded at", when), ("rows loaded", str(one.rows)), ("mode", one.mode))))
        # By name: what a load leaves out or renames is not in the table to ask about.
        links.append(Link(node.id, one.table, "load", tuple((column.name, column.name, "same")
                                                            for column in table.columns)))
    return Part(tuple(nodes), tuple(links))


def _source(address: str, table: str, connection: str) -> Node:
    """A table of a database as OpenLineage calls it: postgres://host:5432/shop.public.orders."""
    kind: Kind = "source" if "://" in address and not address.startswith(("http", "s3")) else "file"
    called = address
    if kind == "source" and table:
        origin = source(address, table)
        called = f"{table} in {address}" if origin.namespace == "file" else f"{origin.namespace}/{origin.name}"
    return Node(f"load:{called}", kind, called, facts=(("connection", connection),) if connection else ())


def _short(session: Session, source: str) -> str:
    """A file of the workspace by its name there."""
    return source.removeprefix(f"{session.workspace.root}{os.sep}")
