"""Where dbt-duckdb runs its SQL: a Session instead of a file of its own. Lives in dbt's process alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from dbt.adapters.contracts.connection import AdapterResponse, Connection
from dbt.adapters.duckdb import environments
from dbt.adapters.duckdb.credentials import DuckDBCredentials

from pluto_duck.errors import ChecksFailed, PlutoError
from pluto_duck.governance.checks import TableReport
from pluto_duck.session import Session, dbapi
from pluto_duck.session.auditing import Expected, expected
from pluto_duck.transform.dbt.auditor import Auditor

_LEAVES_TRACES = re.compile(r"\b(temp|temporary|set|use|pragma|prepare|attach|load)\b", re.IGNORECASE)
"""Words of statements that may leave something behind in their session. More than enough is only slower."""


class SessionCursor(dbapi.Cursor):
    """As dbt uses a cursor: one for each connection, errors with their hint, a transaction known to the session."""

    clean = True
    """Nothing but what is in the database tells what ran here."""

    def execute(self, sql: str, params: Any = None) -> SessionCursor:
        self.clean = self.clean and _LEAVES_TRACES.search(sql) is None
        if _is(sql, "COMMIT", "ROLLBACK") and not self._session.in_transaction:
            return self
        if _is(sql, "BEGIN") and self._session.in_transaction:
            return self
        reports: Sequence[TableReport] = ()
        if _is(sql, "COMMIT"):
            reports = self._audited()
        elif _is(sql, "BEGIN", "ROLLBACK"):
            self._auditor.written.clear()
        else:
            self._auditor.heard(sql)
        try:
            super().execute(sql, None if params is None else list(params))
        except PlutoError as error:
            raise RuntimeError("\n".join(_said(error))) from error
        self._auditor.published(reports)
        return self

    @cached_property
    def _auditor(self) -> Auditor:
        return Auditor(self._session, SessionEnvironment.expected)

    def _audited(self) -> Sequence[TableReport]:
        try:
            return self._auditor.audit()
        except ChecksFailed as error:
            self.rollback()
            raise RuntimeError("\n".join(_said(self._auditor.kept(error)))) from error

    def rollback(self) -> None:
        self._auditor.written.clear()
        if self._session.in_transaction:
            self._session.query("ROLLBACK")

    def interrupt(self) -> None:
        self._session.interrupt()

    def relation(self, local: Any, name: str) -> Any:
        """A table of the workspace, in the private instance `local`."""
        return local.from_arrow(self._session.query(f"SELECT * FROM {name}").arrow())


class Writer:
    """The connection that a python model's own `materialize` writes with."""

    def __init__(self, cursor: SessionCursor) -> None:
        self._session = cursor._session
        self._frames: dict[str, Any] = {}

    def register(self, name: str, frame: Any) -> None:
        self._frames[name] = frame

    def unregister(self, name: str) -> None:
        del self._frames[name]

    def execute(self, sql: str) -> None:
        self._session.query(sql, namespace=self._frames)


class Handle:
    def __init__(self, session: Session) -> None:
        self.session = session
        self._cursor = SessionCursor(session)

    def cursor(self) -> SessionCursor:
        return self._cursor

    def rollback(self) -> None:
        self._cursor.rollback()

    def commit(self) -> None:
        self._cursor.execute("COMMIT")

    def close(self) -> None:
        if self._cursor.clean and not self.session.in_transaction:
            SessionEnvironment.idle.append(self.session)
        else:
            self.session.close()


class SessionEnvironment(environments.Environment):  # type: ignore[misc]
    expected: ClassVar[Expected | None] = None
    keeper: ClassVar[Session]
    """Stays open between dbt's own: without one each of them would look for the host again."""
    idle: ClassVar[list[Session]] = []
    """dbt closes its connection after each node, and opening one takes 3 ms of each side's time."""

    def handle(self) -> Handle:
        try:
            return Handle(self.idle.pop())
        except IndexError:
            pass
        made = Handle(Session(self.keeper.workspace, self.keeper.settings, label="dbt"))
        for name, value in (self.creds.settings or {}).items():
            made.session.query(f"SET {name} = {_text(value)}")
        for one in self.creds.attach or []:
            made.session.query(one.to_sql())
        return made

    @classmethod
    def is_cancelable(cls) -> bool:
        return True

    @classmethod
    def cancel(cls, connection: Connection) -> None:
        connection.handle.session.interrupt()

    def submit_python_job(self, handle: Handle, parsed_model: dict[str, Any], compiled_code: str) -> AdapterResponse:
        from pluto_duck.transform.dbt.python_models import run

        run(handle.cursor(), parsed_model["alias"], compiled_code)
        return AdapterResponse(_message="OK")

    def load_source(self, plugin_name: str, source_config: Any) -> str:
        raise RuntimeError(f"The source plug-in {plugin_name} of dbt-duckdb would read past the workspace.\n"
                           "  hint: pluto-duck ingest brings the data in; then declare the table as the source.")

    def store_relation(self, plugin_name: str, target_config: Any) -> None:
        raise RuntimeError(f"The plug-in {plugin_name} of dbt-duckdb would write past the workspace.\n"
                           "  hint: pluto-duck export writes tables to files and databases.")


def install(workspace: Path, database: Path, *, check: bool = False) -> None:
    """From now on dbt-duckdb's connections to the workspace's file are Sessions; others stay what they are."""
    SessionEnvironment.keeper = Session.open(workspace, label="dbt")
    SessionEnvironment.expected = expected(SessionEnvironment.keeper.workspace, check=check)
    create = environments.create

    def chosen(creds: DuckDBCredentials) -> Any:
        return SessionEnvironment(creds) if Path(creds.path) == database else create(creds)

    environments.create = chosen


def _said(error: PlutoError) -> list[str]:
    """With the line that DuckDB stopped at: it is how the place in the model is found."""
    at = str(error.facts.get("position") or "").partition("\n")[0]
    return [error.message, *([f"  hint: {error.hint}"] if error.hint else []), *([f"  {at}"] if at else [])]


def _is(sql: str, *words: str) -> bool:
    return sql.strip().rstrip(";").upper() in (*words, *(f"{one} TRANSACTION" for one in words))


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


