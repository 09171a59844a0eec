"""`hello`, `tables`, `sizes`, `profile`, `rows`: what there is to see."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pluto_duck.commands import looking
from pluto_duck.errors import UnknownName
from pluto_duck.panel.frames import PREFIX, Lent, frames
from pluto_duck.panel.protocol import VERSION, Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.display.page import Page
    from pluto_duck.panel.desk import Desk


def hello(desk: Desk, request: Request, session: Workbench) -> None:
    """Who we are. The first frame of a sidebar; from then on it hears of changes."""
    desk.watch(session.versions(), (str(session.workspace.root), session.hosting))
    request.reply("hello", end=True, protocol=VERSION, home=str(Path.home()), **looking.hello(session))


def tables(desk: Desk, request: Request, session: Workbench) -> None:
    """With the DataFrames of the notebook that no table hides, and where the tables came from."""
    from pluto_duck.panel.sources import sources

    there = looking.tables(session)
    taken = {one["name"].casefold() for one in there}
    frames = [looking.told(one) | {"key": f"{PREFIX}{one.ref.name}", "schema": "", "kind": "frame", "bytes": size}
              for one, size in desk.frames.tables(session, desk.namespace(), taken)]
    request.reply("tables", end=True, tables=[*there, *frames], sources=sources(session, there))


def sizes(desk: Desk, request: Request, session: Workbench) -> None:
    """Bytes in the file of each table, by key: asked for after the list, which does not wait for it."""
    from pluto_duck.catalog.sizes import sizes as found

    request.reply("sizes", end=True, sizes=found(session, session.tables()))


def named(desk: Desk, session: Workbench, key: str) -> str:
    """The table of that key as a statement of ours names it."""
    if key.startswith(PREFIX):
        return desk.frames.find(session, desk.namespace(), key).ref.sql
    return looking.find(session, key).ref.sql


def profile(desk: Desk, request: Request, session: Workbench) -> None:
    """A frame for each column as soon as it is known."""
    started = time.perf_counter()
    key = request.text("table")
    lent = _lent(desk, session) if key.startswith(PREFIX) else session
    table = desk.frames.find(session, desk.namespace(), key) if lent is not session else looking.find(session, key)
    for column in looking.profile(lent, table, [str(one) for one in request.items("columns")]):
        request.reply("column", column=column)
    request.reply("profiled", end=True, table=key, version=table.version,
                  elapsed_s=time.perf_counter() - started)


def _lent(desk: Desk, session: Workbench) -> Workbench:
    return cast("Workbench", Lent(session, desk.namespace()))


def rows(desk: Desk, request: Request, session: Workbench) -> None:
    """A window of a table or of what a SELECT returns; `arrow`: its values as an Arrow stream in a buffer."""
    table, sql = (request.text(name) if name in request.frame else None for name in ("table", "sql"))
    if table is not None and table.startswith(PREFIX):
        sql, session = f"SELECT * FROM {named(desk, session, table)}", _lent(desk, session)
        table = None
    offset, limit = request.whole("offset", 0), request.whole("limit", looking.PAGE, least=1, most=looking.MAX_PAGE)

    def window(asked: Workbench) -> tuple[Page, bool]:
        return looking.rows(asked, table=table, sql=sql, offset=offset, limit=limit, order=request.items("order"),
                            filters=request.items("filters"))

    try:
        page, more = window(session)
    except UnknownName as error:
        # The SQL of an answer about a DataFrame names it, as a cell would.
        if sql is None or error.facts.get("name") not in frames(desk.namespace()):
            raise
        page, more = window(_lent(desk, session))
    if request.flag("arrow"):
        facts, stream = page.arrow()
        request.reply("rows", end=True, offset=offset, more=more, buffers=(stream,), **facts)
    else:
        request.reply("rows", end=True, offset=offset, more=more, **page.json())
