"""What is exported: a table or a query, its columns, and the same with columns written another way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pluto_duck.errors import ColumnRefused, Refused, UsageError
from pluto_duck.ingest.export.kinds import Kind, parse
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, quote
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import fold

_QUERY = re.compile(r"\s*\(*\s*(?:select|with|from|values|pivot|unpivot|describe|summarize|show|table)\b\s*\S", re.I)


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind

    @property
    def sql(self) -> str:
        return quote(self.name)


@dataclass(frozen=True)
class Rows:
    """A query of the workspace, not run yet."""

    session: Session
    sql: str
    """One SELECT, without a semicolon."""
    columns: tuple[Column, ...]
    ref: TableRef | None = None
    """The table, when it is one."""
    namespace: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.ref) if self.ref else "the query"

    def written(self, way: Callable[[Column], str | None]) -> str:
        """A SELECT with each column as an expression over its own name; None: as it is."""
        expressions = {column.name: way(column) for column in self.columns}
        if not any(expressions.values()):
            return self.sql
        picks = ", ".join(f"{expression or quote(name)} AS {quote(name)}" for name, expression in expressions.items())
        return f"SELECT {picks} FROM (\n{self.sql}\n)"


def rows_of(session: Session, what: str, namespace: Mapping[str, Any] | None = None, *,
            query: bool | None = None) -> Rows:
    """The rows of a table or, where it reads like one or `query` says so, of a SELECT. Raises UnknownName."""
    namespace = namespace or {}
    ref = None
    if query or (query is None and _QUERY.match(what)):
        sql = what.strip().rstrip(";").strip()
        # DESCRIBE alone would run what stands behind a semicolon.
        types = [one.type for one in Parser().statements(sql)]
        if types == ["MULTI"]:
            raise Refused("A PIVOT without IN can't be exported: its columns are not known before it has run.",
                          hint="Name them: PIVOT ... ON a IN (1, 2); or make it a table first.")
        if types != ["SELECT"]:
            raise Refused("An export is of one SELECT" + (f", not of {', '.join(types)}." if types else "."),
                          hint="Run the others by themselves, then export what they made.")
    else:
        ref = TableRef.parse(what)
        # As it was written: a bare name may be a temp table, or stand where USE points.
        sql = f"SELECT * FROM {quote(ref.name) if '.' not in what else ref.sql}"
    described = session.query(f"DESCRIBE\n{sql}", namespace=namespace)
    columns = tuple(Column(str(row[0]), parse(str(row[1]))) for row in described.rows())
    seen: set[str] = set()
    for column in columns:
        if fold(column.name) in seen:
            raise UsageError(f"Two columns are called {column.name}.", hint="Give one of them another name: AS ...")
        seen.add(fold(column.name))
    return Rows(session, sql, columns, ref, namespace)


def refuse(columns: Sequence[Column], why: str) -> None:
    """Raises ColumnRefused when there are any, naming them and the way out."""
    if columns:
        named = ", ".join(f"{column.name} ({column.kind})" for column in columns)
        first = columns[0].sql
        raise ColumnRefused(f"{why}: {named}.", columns=[column.name for column in columns],
                            hint=f"Export it as text: --sql 'SELECT * REPLACE ({first}::VARCHAR AS {first}) FROM ...'")
