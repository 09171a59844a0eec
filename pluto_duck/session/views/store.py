"""Views that are kept as rows, in `_pluto`: what each is made of and how far it has come commit with its rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from pluto_duck.events.tracked import text
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import TableRef

HISTORY = 100
"""Refreshes of each view that are remembered."""

_SETUP = (
    "CREATE TABLE IF NOT EXISTS {0}.views (id BIGINT NOT NULL, table_key VARCHAR NOT NULL, "
    "schema_name VARCHAR NOT NULL, view_name VARCHAR NOT NULL, sql VARCHAR NOT NULL, refresh VARCHAR NOT NULL, "
    "sources VARCHAR[] NOT NULL, steady VARCHAR NOT NULL, kept VARCHAR NOT NULL, seen_seq BIGINT NOT NULL, "
    "at_ms BIGINT NOT NULL, shape BIGINT NOT NULL, token VARCHAR NOT NULL, rows BIGINT NOT NULL, "
    "elapsed_ms BIGINT NOT NULL, error VARCHAR NOT NULL, error_seq BIGINT NOT NULL)",
    # Light records: a run of the control store would cost each of them a transaction of its own there.
    "CREATE TABLE IF NOT EXISTS {0}.view_refreshes (n BIGINT NOT NULL, table_key VARCHAR NOT NULL, "
    "at_ms BIGINT NOT NULL, elapsed_ms BIGINT NOT NULL, way VARCHAR NOT NULL, because VARCHAR NOT NULL, "
    "rows BIGINT NOT NULL, changed BIGINT NOT NULL, run VARCHAR NOT NULL)",
)


@dataclass(frozen=True)
class View:
    id: int
    ref: TableRef
    sql: str
    refresh: str
    sources: tuple[str, ...] = ()
    """TableRef.key of each table and view that it reads, those behind views among them."""
    steady: str = ""
    """Why versions of its sources don't tell whether it is fresh; "" where they do."""
    kept: str = ""
    """Why it is made anew each time; "" where it is kept from changes."""
    seen_seq: int = 0
    """The newest commit that is in it."""
    at_ms: int = 0
    shape: int = 0
    """That of its source, as the Journal numbers shapes; 0 where it is made anew each time."""
    token: str = ""
    """Of the commit that wrote its rows: another one after it means that somebody else did. It ends with `settings`."""
    rows: int = 0
    elapsed_ms: int = 0
    error: str = ""
    error_seq: int = 0
    """The newest commit when it failed."""

    @property
    def key(self) -> str:
        return self.ref.key

    @property
    def settings(self) -> str:
        """A print of those by which its rows were computed: changes that are added by others would not fit to them."""
        return self.token.partition("-")[2]

    @property
    def state_table(self) -> str:
        """In `_pluto`: what sums and averages are made of."""
        return f"view_state_{self.id}"


@dataclass(frozen=True)
class Done:
    """One refresh."""

    at_ms: int
    elapsed_ms: int
    way: str
    because: str
    rows: int
    changed: int
    run: str = ""


def token(settings: str) -> str:
    return f"{uuid.uuid4().hex}-{settings}"


def is_there(cursor: Cursor, catalog: str) -> bool:
    return bool(cursor.fetchall(
        f"SELECT 1 FROM system.main.duckdb_tables() WHERE database_name = {text(catalog)} "
        "AND schema_name = '_pluto' AND table_name = 'views'"))


def set_up(cursor: Cursor, ours: str) -> None:
    """`ours`: the schema _pluto in SQL. In the open transaction."""
    for statement in _SETUP:
        cursor.execute(statement.format(ours))


def read(cursor: Cursor, ours: str) -> dict[str, View]:
    rows = cursor.fetchall(
        "SELECT id, schema_name, view_name, sql, refresh, sources, steady, kept, seen_seq, at_ms, shape, token, rows, "
        f"elapsed_ms, error, error_seq FROM {ours}.views ORDER BY table_key")
    found = (View(number, TableRef(name, schema), sql, refresh, tuple(sources), *rest)
             for number, schema, name, sql, refresh, sources, *rest in rows)
    return {one.key: one for one in found}


def write(cursor: Cursor, ours: str, view: View) -> None:
    forget(cursor, ours, view.key, history=False)
    texts = ", ".join(text(one) for one in (view.key, view.ref.schema, view.ref.name, view.sql, view.refresh))
    cursor.execute(
        f"INSERT INTO {ours}.views VALUES ({view.id}, {texts}, {_list(view.sources)}, {text(view.steady)}, "
        f"{text(view.kept)}, {view.seen_seq}, {view.at_ms}, {view.shape}, {text(view.token)}, {view.rows}, "
        f"{view.elapsed_ms}, {text(view.error)}, {view.error_seq})")


def forget(cursor: Cursor, ours: str, key: str, *, history: bool = True) -> None:
    for table in ("views", "view_refreshes") if history else ("views",):
        cursor.execute(f"DELETE FROM {ours}.{table} WHERE table_key = {text(key)}")


def note(cursor: Cursor, ours: str, key: str, done: Done) -> None:
    log = f"{ours}.view_refreshes"
    cursor.execute(f"INSERT INTO {log} SELECT coalesce(system.main.max(n), 0) + 1, {text(key)}, {done.at_ms}, "
                   f"{done.elapsed_ms}, {text(done.way)}, {text(done.because)}, {done.rows}, {done.changed}, "
                   f"{text(done.run)} FROM {log} WHERE table_key = {text(key)}")
    if done.at_ms % 10 == 0:
        cursor.execute(f"DELETE FROM {log} WHERE table_key = {text(key)} AND n <= (SELECT "
                       f"system.main.max(n) - {HISTORY} FROM {log} WHERE table_key = {text(key)})")


def history(cursor: Cursor, ours: str, key: str, limit: int = HISTORY) -> list[Done]:
    return [Done(*row) for row in cursor.fetchall(
        f"SELECT at_ms, elapsed_ms, way, because, rows, changed, run FROM {ours}.view_refreshes "
        f"WHERE table_key = {text(key)} ORDER BY n DESC LIMIT {limit}")]


def _list(keys: Iterable[str]) -> str:
    return f"[{', '.join(map(text, keys))}]::VARCHAR[]"
