"""`hello`, `tables`, `profile`, `rows`: what there is to see."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pluto_duck.commands import looking
from pluto_duck.panel.protocol import VERSION, Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk


def hello(desk: Desk, request: Request, session: Workbench) -> None:
    """Who we are. The first frame of a sidebar; from then on it hears of changes."""
    desk.watch(session.versions())
    request.reply("hello", end=True, protocol=VERSION, **looking.hello(session))


def tables(desk: Desk, request: Request, session: Workbench) -> None:
    request.reply("tables", end=True, tables=looking.tables(session))


def profile(desk: Desk, request: Request, session: Workbench) -> None:
    """A frame for each column as soon as it is known."""
    started = time.perf_counter()
    table = looking.find(session, request.text("table"))
    for column in looking.profile(session, table, [str(one) for one in request.items("columns")]):
        request.reply("column", column=column)
    request.reply("profiled", end=True, table=table.ref.key, version=table.version,
                  elapsed_s=time.perf_counter() - started)


def rows(desk: Desk, request: Request, session: Workbench) -> None:
    """A window of a table or of what a SELECT returns; `arrow`: its values as an Arrow stream in a buffer."""
    table, sql = (request.text(name) if name in request.frame else None for name in ("table", "sql"))
    offset, limit = request.whole("offset", 0), request.whole("limit", looking.PAGE, least=1, most=looking.MAX_PAGE)
    page, more = looking.rows(
        session, table=table, sql=sql, offset=offset, limit=limit, order=request.items("order"),
        filters=request.items("filters"))
    if request.flag("arrow"):
        facts, stream = page.arrow()
        request.reply("rows", end=True, offset=offset, more=more, buffers=(stream,), **facts)
    else:
        request.reply("rows", end=True, offset=offset, more=more, **page.json())
