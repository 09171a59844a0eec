"""`details`, `states`, `impact`, `picture`: where a table comes from, what hangs on it, and how good it is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pluto_duck.panel.frames import PREFIX
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pluto_duck.catalog.lineage import Branch, Lineage
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.governance.checks.store import Scan
    from pluto_duck.panel.desk import Desk
    from pluto_duck.session import TableInfo

MOST = 30
"""Neighbours in each direction, and checks that did not pass: the picture and `check` have all of them."""
SCANS = 20


def details(desk: Desk, request: Request, session: Workbench) -> None:
    """One step up and down, what makes it, its last load, its checks."""
    from pluto_duck.commands import looking
    from pluto_duck.commands.lineage import whole
    from pluto_duck.transform.dbt.made import made_by

    key = request.text("table")
    if key.startswith(PREFIX):
        request.reply("details", end=True, up=[], down=[], more=False, made=None, loaded=None, scans=[])
        return
    table = looking.find(session, key)
    known, made = whole(session), made_by(session.workspace, table.ref.key)
    around = known.around(table.ref.key, depth=1) if table.ref.key in known.nodes else None
    request.reply("details", end=True, loaded=_loaded(session, table), scans=_scans(session, table),
                  made=made and {"kind": made.kind, "name": made.name, "materialized": made.materialized,
                                 "path": made.path, "folder": str(made.folder or "")},
                  up=_steps(known, around.up if around else ()), down=_steps(known, around.down if around else ()),
                  more=bool(around and max(len(around.up), len(around.down)) > MOST))


def _steps(known: Lineage, branches: Iterable[Branch]) -> list[dict[str, Any]]:
    found = {one.node.id: {"id": one.node.id, "kind": one.node.kind, "name": one.node.name, "by": one.by,
                           "table": one.node.id if one.node.kind in ("table", "view") else ""} for one in branches}
    return list(found.values())[:MOST]


def _loaded(session: Workbench, table: TableInfo) -> dict[str, Any] | None:
    from pluto_duck.commands.fresh import described

    one = described(session, table).loaded
    return None if one is None else {"at": one.finished_at.isoformat(), "age_s": one.age_s, "rows": one.rows,
                                     "mode": one.mode, "source": one.source}


def _scans(session: Workbench, table: TableInfo) -> list[dict[str, Any]]:
    """The last one of each source: our own checks, dbt's tests, the age of dbt's sources."""
    from pluto_duck.governance.checks.store import CheckStore

    last: dict[str, Scan] = {}
    for one in CheckStore(session.control).history(table.ref, limit=SCANS):
        last.setdefault(one.source, one)
    return [{"source": one.source, "at": dt.datetime.fromtimestamp(one.at, dt.UTC).isoformat(), "score": one.score,
             "counts": one.counts(), "wrong": [
                 {"name": result.name, "kind": result.kind, "status": result.status, "failing": result.failing,
                  "says": result.says, "sample": result.sample}
                 for result in one.results if result.status != "passed"][:MOST]} for one in last.values()]


def states(desk: Desk, request: Request, session: Workbench) -> None:
    """Of each table that was checked, how its last checks came out."""
    from pluto_duck.governance.checks.store import CheckStore

    found: dict[str, dict[str, Any]] = {}
    for one in CheckStore(session.control).latest():
        there = found.setdefault(one.table_key, {"score": 100.0, "passed": 0, "warned": 0, "failed": 0})
        counts = one.counts()
        there["score"] = min(there["score"], one.score)
        there["passed"] += counts["passed"]
        there["warned"] += counts["warned"]
        there["failed"] += counts["failed"] + counts["broken"]
    request.reply("states", end=True, states=found)


def impact(desk: Desk, request: Request, session: Workbench) -> None:
    """What would break without a table, or without its `column`."""
    from pluto_duck.commands import looking
    from pluto_duck.commands.lineage import broken, column_of, impact_object, whole

    table, column = looking.find(session, request.text("table")), request.text("column", "")
    known = whole(session)
    if table.ref.key not in known.nodes:
        request.reply("impact", end=True, start=table.ref.key, column=column or None, effects=[])
        return
    name = column_of(known.nodes[table.ref.key], column) if column else None
    request.reply("impact", end=True, **impact_object(broken(session, known, table.ref.key, name)))


def picture(desk: Desk, request: Request, session: Workbench) -> None:
    """Of what a table, or its `column`, is made of and what is made of it: an SVG, and the same in words."""
    from pluto_duck.commands import looking
    from pluto_duck.commands.lineage import column_of, whole
    from pluto_duck.display.lineage import text
    from pluto_duck.display.lineage_svg import svg

    table, column = looking.find(session, request.text("table")), request.text("column", "")
    known = whole(session)
    if table.ref.key not in known.nodes:
        request.reply("picture", end=True, svg="", text="", nodes=[])
        return
    around = known.around(table.ref.key, column_of(known.nodes[table.ref.key], column) if column else None)
    request.reply("picture", end=True, svg=svg(around), text=text(around), nodes=[
        {"id": one.id, "kind": one.kind, "name": one.name, "by": "",
         "table": one.id if one.kind in ("table", "view") else ""} for one in around.nodes])
