"""`complete`, `format`, `plan`, `draw`: help with the SQL of a cell. Nothing of it changes any data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk
    from pluto_duck.workspace.parser import Statement

MOST = 200
"""Candidates that a list shows; typing on narrows it."""
ROWS = 5_000
"""Of a chart."""


def complete(desk: Desk, request: Request, session: Workbench) -> None:
    """{sql, at}: what may stand at that character."""
    from pluto_duck.commands.completing import complete_sql

    sql = request.text("sql", "")
    at = min(request.whole("at", len(sql)), len(sql))
    tables, names = session.tables(), _names(desk)
    taken = {one.ref.name.casefold() for one in tables}
    frames = [one for one, _bytes in desk.frames.tables(session, names, taken)]
    fragment, found = complete_sql(sql[:at], sql, [*tables, *frames], names.items())
    known = {one.ref.name for one in frames}
    request.reply("completions", end=True, start=at - len(fragment), end_at=at, more=len(found) > MOST, candidates=[
        asdict(one) | ({"kind": "variable"} if one.text in known else {}) for one in found[:MOST]])


def format(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.commands.formatting import laid_out

    request.reply("formatted", end=True, sql=laid_out(request.text("sql")))


def plan(desk: Desk, request: Request, session: Workbench) -> None:
    """`measured`: the statement is run; of a SELECT alone."""
    from pluto_duck.commands.planning import plan as made

    sql, names = request.text("sql"), _names(desk)
    found = made(session, sql, params=_parameters(_statements(sql), names), namespace=names,
                 measured=request.flag("measured"))
    request.reply("planned", end=True, plan=asdict(found))


def draw(desk: Desk, request: Request, session: Workbench) -> None:
    """The rows of a SELECT and the charts that fit them, the best one first."""
    from pluto_duck.display.page import Page
    from pluto_duck.panel.asking import charts

    sql, names = request.text("sql"), _names(desk)
    statements = _statements(sql)
    others = [one.type for one in statements if one.type != "SELECT"]
    if others or not statements:
        raise Refused(f"A chart is drawn of a SELECT; running this again would {others[0]}." if others
                      else "There is no SQL to draw.", hint="Put the SELECT into a cell of its own.")
    result = session.query(sql, _parameters(statements, names), namespace=names, max_rows=ROWS)
    request.reply("drawing", end=True, rows=Page.of(result, ROWS).json(), charts=charts(result))


def _statements(sql: str) -> list[Statement]:
    from pluto_duck.workspace.parser import Parser

    return Parser().statements(sql)


def _names(desk: Desk) -> Mapping[str, Any]:
    """Those of the notebook as they are now: cells go on binding some."""
    for _ in range(5):
        try:
            return {name: value for name, value in dict(desk.namespace()).items() if not name.startswith("_")}
        except RuntimeError:
            continue
    return {}


def _parameters(statements: list[Statement], names: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = {name for one in statements for name in one.parameters}
    return {name: names[name] for name in wanted if name in names} or None
