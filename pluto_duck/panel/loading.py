"""`discover`, `load`, `reload`, `loads`, `connections`, `remember`: data in, followed and stopped from the sidebar."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PartlyLoaded, PlutoError, UsageError, unknown_name
from pluto_duck.panel.protocol import Request, for_sidebar

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.ingest import LoadOptions, LoadReport, Progress
    from pluto_duck.panel.desk import Desk

EVERY_S = 0.1
"""Of one table; its end is always told."""
OPTIONS = ("tables", "exclude", "schema", "query", "into", "mode", "key", "where", "skip", "rejects", "cursor",
           "options")
"""The fields of LoadOptions that a sidebar may send."""


@dataclass(frozen=True, repr=False)
class _Place:
    source: str
    shown: str
    secret: str | None
    connector: str | None


def _place(session: Workbench, request: Request) -> _Place:
    """Where from: a saved connection, or an address, whose password comes beside it."""
    from pluto_duck.commands.load_run import apart
    from pluto_duck.ingest.connections import Connections
    from pluto_duck.ingest.connections_address import join

    connector = request.text("connector", "") or None
    name = request.text("connection", "")
    if name:
        known = Connections(session.control, session.workspace)
        found = known.get(name)
        uri = known.uri(found)
        return _Place(uri, found.address, apart(uri)[1], connector or found.connector)
    source = request.text("source").strip()
    if not source:
        raise UsageError("Name a place to read from.", hint="A file, or an address such as postgresql://me@host/shop.")
    if "://" not in source and re.match(r"(?!env:)[A-Za-z]\w*[:=]", source) is None:
        # As the person sees it: the kernel's own folder may be another one.
        source = str(session.workspace.root / Path(source).expanduser())
    password = request.text("password", "")
    if password:
        source = join(apart(source)[0], password)
    shown, secret = apart(source)
    return _Place(source, shown, secret, connector)


def _options(request: Request, connector: str | None) -> LoadOptions:
    from dataclasses import asdict

    from pluto_duck.commands.load_options import of_words
    from pluto_duck.ingest import LoadOptions
    from pluto_duck.ingest.told import told

    given = request.frame.get("options", {})
    if not isinstance(given, Mapping):
        raise UsageError("options must be an object.", hint="For example {\"mode\": \"append\"}.")
    for name in given:
        if name not in OPTIONS:
            raise unknown_name("option", str(name), OPTIONS)
    words = asdict(of_words(request.text("words", ""), connector))
    usual = asdict(LoadOptions())
    # What the line says counts where the form says nothing of its own.
    said = {name: value for name, value in words.items() if value != usual[name]}
    return told(None, {**given, **said, "connector": words["connector"] or connector})


# -- before -------------------------------------------------------------------------------------------


def discover(desk: Desk, request: Request, session: Workbench) -> None:
    """What a load would do, table by table; nothing is written."""
    from pluto_duck.commands.load_run import without
    from pluto_duck.ingest.preview import plan_load

    place = _place(session, request)
    try:
        plan = plan_load(session, place.source, _options(request, place.connector))
    except PlutoError as error:
        raise without(error, place.secret) from None
    request.reply("discovered", end=True, source=plan.source, answers=plan.answers, tables=[{
        "name": one.source_name, "into": one.ref.name, "key": one.ref.key, "schema": one.ref.schema,
        "action": one.action, "rows": one.row_estimate, "bytes": one.size_bytes, "kind": one.kind,
        "primary_key": list(one.key), "said": list(one.said),
        "error": None if one.error is None else _error(one.error),
        "columns": [{"name": column.name, "from": column.source_type, "type": column.type, "note": column.note}
                    for column in one.columns]} for one in plan.tables])


def _error(error: PlutoError) -> dict[str, Any]:
    return {"message": error.message, "hint": for_sidebar(error.hint), "code": error.code}


def connections(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.ingest.connections import Connections

    found = Connections(session.control, session.workspace).all()
    request.reply("connections", end=True, connections=[
        {"name": one.name, "address": one.address, "password": one.password_is} for one in found])


def remember(desk: Desk, request: Request, session: Workbench) -> None:
    """An address under a name; its password goes to the keyring."""
    from pluto_duck.ingest.connections import Connections

    made = Connections(session.control, session.workspace).add(
        request.text("name"), request.text("source").strip(), password=request.text("password", "") or None)
    request.reply("remembered", end=True, name=made.name, address=made.address, password=made.password_is)


# -- doing it -----------------------------------------------------------------------------------------


def load(desk: Desk, request: Request, session: Workbench) -> None:
    """Frames of progress, then what arrived, and what did not, with the reason."""
    from pluto_duck.commands.load_run import perform

    place = _place(session, request)
    options = _options(request, place.connector)
    _reported(request, lambda: perform(session, place.source, options, shown=place.shown, secret=place.secret,
                                       on_progress=_teller(request)))


def reload(desk: Desk, request: Request, session: Workbench) -> None:
    """A table again, from where it came."""
    from pluto_duck.commands.reloading import load_again

    _reported(request, lambda: load_again(session, request.text("table"), on_progress=_teller(request),
                                          password=request.text("password", "") or None))


def _teller(request: Request) -> Callable[[Progress], None]:
    told: dict[str, float] = {}

    def tell(progress: Progress) -> None:
        now = time.monotonic()
        if progress.done or now - told.get(progress.table, 0.0) >= EVERY_S:
            told[progress.table] = now
            request.reply("progress", table=progress.table, rows=progress.rows, total_rows=progress.total_rows,
                          bytes=progress.bytes, done=progress.done)

    return tell


def _reported(request: Request, work: Callable[[], LoadReport]) -> None:
    try:
        report = work()
    except PartlyLoaded as error:
        if error.report is None:
            raise
        report = error.report
    request.reply("loaded", end=True, load_id=report.load_id, source=report.source, rows=report.rows,
                  elapsed_s=report.elapsed_s, notices=list(report.notices), tables=[{
                      "key": one.ref.key, "name": one.ref.name, "sql": one.ref.sql, "source": one.source_name,
                      "rows": one.rows, "mode": one.mode, "rejected": one.rejected, "elapsed_s": one.elapsed_s,
                      "rejects": _rejects(one.ref) if one.rejected else None,
                      "notices": list(one.notices)} for one in report.tables],
                  failed=[{"source": one.source_name, **_error(one.error)} for one in report.failed])


def _rejects(ref: Any) -> str:
    from pluto_duck.ingest.rejects import side_table

    return str(side_table(ref).key)


# -- after --------------------------------------------------------------------------------------------


def loads(desk: Desk, request: Request, session: Workbench) -> None:
    """What was loaded, newest first, the loads that failed too; `again` where a click can do it once more."""
    from pluto_duck.commands.reloading import reason_against
    from pluto_duck.ingest.attempts import freshness, history

    there = {one.ref.key: one.ref for one in session.tables()}
    last = {one.table: one.load_id for one in freshness(session)}
    found = history(session, request.whole("limit", 200, least=1, most=10_000))
    request.reply("loads", end=True, loads=[{
        "load_id": one.load_id, "table": one.table, "name": there[one.table].name if one.table in there else
        one.table.partition(".")[2] or one.source_table, "there": one.table in there, "source": one.source,
        "source_table": one.source_table, "mode": one.mode, "state": one.state, "rows": one.rows,
        "rejected": one.rejected, "error": one.error, "started_at": one.started_at.isoformat(),
        "elapsed_s": None if one.finished_at is None else (one.finished_at - one.started_at).total_seconds(),
        "again": last.get(one.table) == one.load_id and not reason_against(one)} for one in found])
