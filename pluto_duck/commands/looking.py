"""What a sidebar looks at: who we are, the tables, what their columns hold, a window of rows.

The doors of the sidebar, the kernel's comm and REST, answer with these; what they tell is plain JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.version import __version__

if TYPE_CHECKING:
    from pluto_duck.display.page import Page
    from pluto_duck.ingest.attempts import Freshness
    from pluto_duck.session import ColumnInfo, Session, TableInfo
    from pluto_duck.workspace import Column

PAGE, MAX_PAGE = 200, 5_000
_OPERATORS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def hello(session: Session) -> dict[str, Any]:
    from pluto_duck.agent.planners.choosing import planners as asked
    from pluto_duck.plugins import names

    return {"version": __version__, "hosting": session.hosting,
            "workspace": {"name": session.workspace.name, "root": str(session.workspace.root)},
            "planner": session.settings["agent.planner"], "planners": sorted(names("pluto_duck.planners")),
            "share": session.settings["agent.share"], "asks": [vars(one) for one in asked(session.settings)]}


def tables(session: Session) -> list[dict[str, Any]]:
    from pluto_duck.commands.fresh import tables as found

    if session.actor is not None:  # where a table came from is not told by any grant
        return [told(one) for one in session.tables()]
    there = found(session, [])
    return [told(one, there.loaded.get(one.ref.key)) for one in there]


def told(table: Any, loaded: Freshness | None = None) -> dict[str, Any]:
    """A table as JSON."""
    return {
        "key": table.ref.key, "schema": table.ref.schema, "name": table.ref.name, "sql": table.ref.sql,
        "kind": table.kind, "rows": table.row_estimate, "comment": table.comment, "version": table.version,
        "loaded_at": loaded.finished_at.isoformat() if loaded is not None else None,
        "source": loaded.source if loaded is not None else None,
        "columns": [{"name": one.name, "type": one.type, "nullable": one.nullable, "comment": one.comment,
                     "key": one.name in table.primary_key} for one in table.columns],
    }


def find(session: Session, key: str) -> TableInfo:
    there = session.tables()
    for one in there:
        if one.ref.key == key:
            return one
    raise unknown_name("table", key, [one.ref.key for one in there])


def profile(session: Session, table: TableInfo, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """What each column holds, as soon as it is known."""
    from pluto_duck.catalog.explore import explore

    for one in explore(session, table, list(columns) if columns else None):
        yield asdict(one)


def rows(session: Session, *, table: str | None = None, sql: str | None = None, offset: int = 0, limit: int = PAGE,
         order: Sequence[Any] = (), filters: Sequence[Any] = (), timeout_s: float | None = None) -> tuple[Page, bool]:
    """A window of a table or of what a SELECT returns, and whether there are more rows behind it.

    `order`: {"column", "descending"} each; `filters`: {"column", "op", "value"} each, all of which must hold.
    """
    from pluto_duck.display.page import Page

    if (table is None) == (sql is None):
        raise UsageError("rows needs either table or sql.")
    columns: Sequence[ColumnInfo | Column]
    if table is not None:
        found = find(session, table)
        source, columns = found.ref.sql, found.columns
    else:
        source = f"({str(sql).strip().rstrip(';')}\n)"
        columns = session.query(f"SELECT * FROM {source} AS shown LIMIT 0", read_only=True,
                                timeout_s=timeout_s).columns
    names = [one.name for one in columns]
    result = session.query(f"SELECT {_picked(columns)} FROM {source} AS shown{_filters(filters, names)}"
                           f"{_order(order, names)} LIMIT {limit + 1} OFFSET {offset}",
                           read_only=True, timeout_s=timeout_s)
    page = Page.of(result, limit)
    return replace(page, columns=tuple((one.name, one.type) for one in columns)), result.row_count > limit


def _picked(columns: Sequence[ColumnInfo | Column]) -> str:
    """Long texts are cut where they are: a page of them need not cross a process whole."""
    from pluto_duck.display.page import CELL
    from pluto_duck.workspace import quote

    texts = [quote(one.name) for one in columns if one.type == "VARCHAR"]
    if not texts:
        return "*"
    return "* REPLACE (" + ", ".join(f"left(shown.{one}, {CELL + 1}) AS {one}" for one in texts) + ")"


def _order(wanted: Sequence[Any], names: list[str]) -> str:
    from pluto_duck.workspace import quote

    terms = []
    for one in wanted:
        column = _column(one, names)
        terms.append(f"shown.{quote(column)}{' DESC' if one.get('descending') else ''} NULLS LAST")
    return " ORDER BY " + ", ".join(terms) if terms else ""


def _filters(wanted: Sequence[Any], names: list[str]) -> str:
    from pluto_duck.workspace import quote

    terms = []
    for one in wanted:
        column, op, value = f"shown.{quote(_column(one, names))}", str(one.get("op")), one.get("value")
        if op in ("null", "not null"):
            terms.append(f"{column} IS {op.upper()}")
            continue
        if op == "contains":
            terms.append(f"contains(lower(CAST({column} AS VARCHAR)), lower({_literal(value)}))")
        elif op in _OPERATORS:
            terms.append(f"{column} {_OPERATORS[op]} {_literal(value)}")
        else:
            raise unknown_name("filter", op, [*_OPERATORS, "contains", "null", "not null"])
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
