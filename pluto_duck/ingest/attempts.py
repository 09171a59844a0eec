"""Every load that was tried, whatever became of it; `_pluto.loads` has those whose rows are there.

An attempt is alive while its load holds the claim on the table. One that is not, and has not ended, was
killed: whoever looks next writes that down.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.errors import WorkspaceUnusable
from pluto_duck.governance.seal import is_sealed, seal
from pluto_duck.ingest.claims import holder
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.records import literal
from pluto_duck.session import Session
from pluto_duck.workspace.blot import blotted

MIGRATIONS = (
    "CREATE TABLE load_attempts (load_id TEXT NOT NULL, table_key TEXT NOT NULL, source_table TEXT NOT NULL, "
    "source TEXT NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL, rows INTEGER, error TEXT, pid INTEGER NOT NULL, "
    "started_at REAL NOT NULL, finished_at REAL, PRIMARY KEY (load_id, table_key))",
    "CREATE INDEX load_attempts_by_time ON load_attempts (started_at)",
    "ALTER TABLE load_attempts ADD COLUMN rejected INTEGER",
    "ALTER TABLE load_attempts ADD COLUMN recipe TEXT",
)
KEEP = 10_000
"""Attempts; older ones are forgotten."""

_COLUMNS = ("load_id, table_key, source_table, source, mode, state, rows, error, pid, started_at, finished_at, "
            "rejected, recipe")

AttemptState = Literal["running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True)
class Attempt:
    load_id: str
    table: str
    """TableRef.key; "" where the source failed before it told its tables."""
    source_table: str
    source: str
    mode: str
    state: AttemptState
    rows: int | None
    error: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    rejected: int = 0
    """Rows that could not be read."""
    recipe: Mapping[str, Any] | None = None
    """The options that differ from the defaults, as ingest.toml has them; None where they are not known to be this
    user's, or hold a secret."""


@dataclass(frozen=True)
class Freshness:
    """The last load of a table that arrived."""

    table: str
    """TableRef.key"""
    rows: int
    mode: str
    source: str
    finished_at: dt.datetime
    age_s: float
    load_id: str


class Attempts:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._control = session.control

    def begin(self, load_id: str, source: str, options: LoadOptions, tables: Sequence[tuple[str, str]]) -> None:
        """`tables`: (key, the source's name)."""
        now, recipe = time.time(), _recipe(self._session, source, options)
        with self._writing() as db:
            db.executemany(f"INSERT OR REPLACE INTO load_attempts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, 'running', NULL, "
                           "NULL, ?, ?, NULL, NULL, ?)", [
                (load_id, key, name, source, options.mode, os.getpid(), now, recipe) for key, name in tables])

    def succeeded(self, load_id: str, source: str, options: LoadOptions, tables: Sequence[tuple[str, str]],
                  began: float) -> None:
        """Notes what began and ended at once, with no row."""
        recipe = _recipe(self._session, source, options)
        with suppress(WorkspaceUnusable), self._writing() as db:
            db.executemany(f"INSERT OR REPLACE INTO load_attempts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, 'succeeded', 0, "
                           "'', ?, ?, ?, 0, ?)", [
                (load_id, key, name, source, options.mode, os.getpid(), began, time.time(), recipe)
                for key, name in tables])

    def end(self, load_id: str, ended: Sequence[tuple[str, AttemptState, int | None, str, int]]) -> None:
        """(key, state, rows, error, rejected rows) for each table. Where it can't be written (the disk is full),
        whoever looks next finds out."""
        now = time.time()
        with suppress(WorkspaceUnusable), self._writing() as db:
            db.executemany("UPDATE load_attempts SET state = ?, rows = ?, error = ?, finished_at = ?, rejected = ? "
                           "WHERE load_id = ? AND table_key = ?",
                           [(state, rows, error, now, rejected, load_id, key)
                            for key, state, rows, error, rejected in ended])
            db.execute("DELETE FROM load_attempts WHERE rowid <= (SELECT max(rowid) FROM load_attempts) - ?", (KEEP,))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._control.connection("loads", MIGRATIONS) as db:
                yield db
        except sqlite3.Error as error:
            raise WorkspaceUnusable(f"{self._control.path} can't be written: {error}.",
                                    hint="Check the folder's permissions and free space.") from error


def history(session: Session, limit: int = 50) -> list[Attempt]:
    """The latest attempts, newest first."""
    _bury(session)
    db = session.control.read("loads", MIGRATIONS)
    rows = db.execute("SELECT * FROM load_attempts ORDER BY started_at DESC, rowid DESC LIMIT ?",
                      (limit,)).fetchall()
    return [Attempt(row["load_id"], row["table_key"], row["source_table"], row["source"], row["mode"], row["state"],
                    row["rows"], row["error"] or "", _moment(row["started_at"]),
                    None if row["finished_at"] is None else _moment(row["finished_at"]), row["rejected"] or 0,
                    _read(session, row["source"], row["recipe"])) for row in rows]


def _recipe(session: Session, source: str, options: LoadOptions) -> str | None:
    """None for what can't be loaded again from the text of its source."""
    from pluto_duck.ingest.recipe import written

    kept = written("", uri="", connection=None, options=options)
    keys = {key: value for key, value in kept.items() if key not in ("name", "uri")}
    if blotted(text := json.dumps(keys)) != text:
        return None  # a password in --where, say
    return json.dumps({"options": keys, "seal": seal(session.workspace, "load", source, keys)})


def _read(session: Session, source: str, recipe: str | None) -> Mapping[str, Any] | None:
    """The folder may be somebody else's: what was not loaded here, by this user, is not done again."""
    if recipe is None:
        return None
    found = json.loads(recipe)
    keys: Mapping[str, Any] = found["options"]
    return keys if is_sealed(session.workspace, found["seal"], "load", source, keys) else None


def freshness(session: Session) -> list[Freshness]:
    """Each table that is there and was loaded, by name."""
    found = session.internal([
        "SELECT table_key, last.rows, last.mode, last.source, epoch_us(last.finished_at), last.load_id FROM ("
        "SELECT table_key, arg_max({'rows': rows, 'mode': mode, 'source': source, 'finished_at': finished_at, "
        "'load_id': load_id}, finished_at) AS last FROM _pluto.loads GROUP BY table_key) ORDER BY table_key"])[0]
    there = {one.ref.key for one in session.tables()}
    now = time.time()
    return [Freshness(key, rows, mode, source, _moment(at / 1e6), max(0.0, now - at / 1e6), load_id)
            for key, rows, mode, source, at, load_id in found if key in there]


def _bury(session: Session) -> None:
    """Attempts whose process is gone have failed, unless the commit came before the end."""
    db = session.control.read("loads", MIGRATIONS)
    running = db.execute("SELECT load_id, table_key, pid FROM load_attempts WHERE state = 'running'").fetchall()
    dead = [row for row in running if holder(session.workspace, row["table_key"]) != row["load_id"]]
    if not dead:
        return
    ids = ", ".join(sorted({literal(row["load_id"]) for row in dead}))
    arrived: dict[tuple[Any, Any], Any] = {(load_id, key): rows for load_id, key, rows in session.internal([
        f"SELECT load_id, table_key, rows FROM _pluto.loads WHERE load_id IN ({ids})"])[0]}
    # Where it can't be written (the disk is full), the next one to look does it.
    with suppress(sqlite3.Error), session.control.connection("loads", MIGRATIONS) as db:
        for row in dead:
            key = row["load_id"], row["table_key"]
            state, error = ("succeeded", None) if key in arrived else (
                "failed", f"The process that ran it (pid {row['pid']}) ended before it was done.")
            # Not when it has ended itself meanwhile.
            db.execute("UPDATE load_attempts SET state = ?, rows = ?, error = ?, finished_at = ? "
                       "WHERE load_id = ? AND table_key = ? AND state = 'running'",
                       (state, arrived.get(key), error, time.time(), *key))


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


