"""`hello`, `tables`, `profile`, `rows`: what there is to see."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.panel.protocol import VERSION, Request
from pluto_duck.version import __version__

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk
    from pluto_duck.session import TableInfo
    from pluto_duck.workspace import Result

PAGE, MAX_PAGE = 200, 5_000
CELL = 1_000
"""Characters of one value that a grid is sent."""

_OPERATORS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def hello(desk: Desk, request: Request, session: Workbench) -> None:
    """Who we are. The first frame of a sidebar; from then on it hears of changes."""
    from pluto_duck.plugins import names

    desk.watch(session.versions())
    request.reply("hello", end=True, version=__version__, protocol=VERSION, hosting=session.hosting,
                  workspace={"name": session.workspace.name, "root": str(session.workspace.root)},
                  planner=session.settings["agent.planner"], planners=sorted(names("pluto_duck.planners")),
                  share=session.settings["agent.share"])


def tables(desk: Desk, request: Request, session: Workbench) -> None:
    from pluto_duck.commands.fresh import tables as found

    there = found(session, [])
    request.reply("tables", end=True, tables=[_table(one, there) for one in there])


def _table(table: Any, there: Any) -> dict[str, Any]:
    loaded = there.loaded.get(table.ref.key)
    return {
        "key": table.ref.key, "schema": table.ref.schema, "name": table.ref.name, "sql": table.ref.sql,
        "kind": table.kind, "rows": table.row_estimate, "comment": table.comment, "version": table.version,
        "loaded_at": loaded.finished_at.isoformat() if loaded is not None else None,
        "source": loaded.source if loaded is not None else None,
        "columns": [{"name": one.name, "type": one.type, "nullable": one.nullable, "comment": one.comment,
                     "key": one.name in table.primary_key} for one in table.columns],
    }


def _find(session: Workbench, key: str) -> TableInfo:
    there = session.tables()
    for one in there:
        if one.ref.key == key:
            return one
    raise unknown_name("table", key, [one.ref.key for one in there])


def profile(desk: Desk, request: Request, session: Workbench) -> None:
    """A frame for each column as soon as it is known."""
    from pluto_duck.catalog.explore import explore

    started = time.perf_counter()
    table = _find(session, request.text("table"))
    columns = [str(one) for one in request.items("columns")] or None
    for one in explore(session, table, columns):
        request.reply("column", column=asdict(one))
    request.reply("profiled", end=True, table=table.ref.key, version=table.version,
                  elapsed_s=time.perf_counter() - started)


def rows(desk: Desk, request: Request, session: Workbench) -> None:
    """A window of a table or of what a SELECT returns."""
    offset = request.whole("offset", 0)
    limit = request.whole("limit", PAGE, least=1, most=MAX_PAGE)
    if ("table" in request.frame) == ("sql" in request.frame):
        raise UsageError("rows needs either table or sql.")
    if "table" in request.frame:
        table = _find(session, request.text("table"))
        source, names = table.ref.sql, [one.name for one in table.columns]
    else:
        source = f"({request.text('sql').strip().rstrip(';')}\n)"
        names = [one.name for one in session.query(f"SELECT * FROM {source} AS shown LIMIT 0", read_only=True).columns]
    where = _filters(request.items("filters"), names)
    found = session.query(f"SELECT * FROM {source} AS shown{where}{_order(request.items('order'), names)} "
                          f"LIMIT {limit + 1} OFFSET {offset}", read_only=True)
    shown = shown_rows(found, limit)
    request.reply("rows", end=True, offset=offset, **shown, more=found.row_count > limit)


def _order(wanted: list[Any], names: list[str]) -> str:
    from pluto_duck.workspace import quote

    terms = []
    for one in wanted:
        column = _column(one, names)
        terms.append(f"{quote(column)}{' DESC' if one.get('descending') else ''} NULLS LAST")
    return " ORDER BY " + ", ".join(terms) if terms else ""


def _filters(wanted: list[Any], names: list[str]) -> str:
    from pluto_duck.workspace import quote

    terms = []
    for one in wanted:
        column, op, value = quote(_column(one, names)), one.get("op"), one.get("value")
        if op in ("null", "not null"):
            terms.append(f"{column} IS {op.upper()}")
            continue
        if op == "contains":
            terms.append(f"contains(lower(CAST({column} AS VARCHAR)), lower({_literal(value)}))")
        elif op in _OPERATORS:
            terms.append(f"{column} {_OPERATORS[op]} {_literal(value)}")
        else:
            raise unknown_name("filter", str(op), [*_OPERATORS, "contains", "null", "not null"])
    return " WHERE " + " AND ".join(terms) if terms else ""


def _literal(value: Any) -> str:
    """As text, which DuckDB reads as the type of the column beside it; the Gate takes no parameters."""
    if not isinstance(value, str | int | float | bool):
        raise UsageError("A filter needs a text or a number as its value.")
    return "'" + (str(value).lower() if isinstance(value, bool) else str(value)).replace("'", "''") + "'"


def _column(one: Any, names: list[str]) -> str:
    column = one.get("column") if isinstance(one, Mapping) else None
    if column not in names:
        raise unknown_name("column", str(column), names)
    return str(column)


def shown_rows(result: Result, limit: int) -> dict[str, Any]:
    """Rows as JSON, as exact as REST's; long texts are cut, and that is said."""
    from pluto_duck.display.jsonable import json_rows

    types = [one.type for one in result.columns]
    found: list[list[Any]] = []
    cut = 0
    for batch in result.arrow().slice(0, limit).to_batches() if result.has_rows else ():
        for row in json_rows(batch, types):
            short = [_short(value) for value in row]
            cut += sum(before is not after for before, after in zip(row, short, strict=True))
            found.append(short)
    return {"columns": [{"name": one.name, "type": one.type} for one in result.columns], "count": len(found),
            "rows": found, "cut": cut, "truncated": result.truncated or result.row_count > limit}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= CELL else value[:CELL] + "…"
    if isinstance(value, list | dict):
        import json

        text = json.dumps(value, ensure_ascii=False)
        return value if len(text) <= CELL else text[:CELL] + "…"
    return value
