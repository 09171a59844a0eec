"""A Session as a DB-API 2.0 connection: for pandas.read_sql, jupysql and whatever else speaks it.

As in DuckDB's own client each statement commits by itself until BEGIN; `commit` and `rollback` end an
open transaction and do nothing without one. Source: PEP 249.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.workspace import Result

if TYPE_CHECKING:
    from pluto_duck.session import Session

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
"""`?` with a sequence; `$name` with a mapping works too."""

Error = DatabaseError = OperationalError = ProgrammingError = InterfaceError = PlutoError
Params = Mapping[str, Any] | Sequence[Any] | None


class Connection:
    def __init__(self, session: Session, *, owns_session: bool = False) -> None:
        self._session = session
        self._owns_session = owns_session

    def cursor(self) -> Cursor:
        return Cursor(self._session)

    def execute(self, sql: str, params: Params = None) -> Cursor:
        return self.cursor().execute(sql, params)

    def commit(self) -> None:
        if self._session.in_transaction:
            self._session.query("COMMIT")

    def rollback(self) -> None:
        if self._session.in_transaction:
            self._session.query("ROLLBACK")

    def close(self) -> None:
        """Rolls back what is open; closes the session only when the connection made it."""
        self.rollback()
        if self._owns_session:
            self._session.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.rollback() if kind else self.commit()


class Cursor:
    arraysize = 1

    def __init__(self, session: Session) -> None:
        self._session = session
        self._result: Result | None = None
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0

    def execute(self, sql: str, params: Params = None) -> Cursor:
        self._result = self._session.query(sql, params)
        self._rows, self._next = self._result.rows(), 0
        return self

    def executemany(self, sql: str, rows: Sequence[Params]) -> Cursor:
        for row in rows:
            self.execute(sql, row)
        return self

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """(name, DuckDB type, None x 5) for each column; None when the statement returns no rows."""
        if self._result is None or not self._result.has_rows:
            return None
        return [(one.name, one.type, None, None, None, None, None) for one in self._result.columns]

    @property
    def rowcount(self) -> int:
        """Rows written or returned; -1 when it can't be told."""
        if self._result is None:
            return -1
        if self._result.has_rows:
            return self._result.row_count
        return -1 if self._result.affected_rows is None else self._result.affected_rows

    def fetchone(self) -> tuple[Any, ...] | None:
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        if self._result is None:
            raise UsageError("Nothing has been executed on this cursor yet.")
        first = self._next
        self._next = min(len(self._rows), first + (self.arraysize if size is None else size))
        return self._rows[first:self._next]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.fetchmany(len(self._rows))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (row := self.fetchone()) is not None:
            yield row

    def setinputsizes(self, *_: object) -> None:
        """Nothing to prepare."""

    def setoutputsize(self, *_: object) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        self._result, self._rows, self._next = None, [], 0
