"""Where the values that were read are kept: a file of the workspace that many processes share and none depends on.

It is a cache: whoever finds it damaged or strange begins a new one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.workspace.sqlite import connect

FILE = "values.sqlite"
_VERSION = 2
_BUSY_S = 2.0
_SCHEMA = (
    "CREATE TABLE tables (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, version INTEGER NOT NULL, "
    "shape TEXT NOT NULL, large TEXT NOT NULL)",
    'CREATE TABLE found ("key" TEXT NOT NULL, "table" INTEGER NOT NULL, "column" TEXT NOT NULL, "text" TEXT NOT NULL, '
    'PRIMARY KEY ("key", "table", "column", "text")) WITHOUT ROWID',
    'CREATE INDEX found_table ON found ("table")',
    'CREATE TABLE words (word TEXT NOT NULL, "key" TEXT NOT NULL, "table" INTEGER NOT NULL, '
    'PRIMARY KEY (word, "key", "table")) WITHOUT ROWID',
    'CREATE INDEX words_table ON words ("table")',
    "CREATE TABLE tested (pair TEXT PRIMARY KEY, tried INTEGER NOT NULL, found INTEGER NOT NULL) WITHOUT ROWID",
)
_TABLES = ("tables", "found", "words", "tested")

Found = tuple[str, str, str]
"""A table's key, a column, a value as it stands in the data."""


@dataclass(frozen=True)
class Kept:
    """What is known of one table."""

    version: int
    shape: str
    """Its rows and columns when it was read: a version alone could come again with another file."""
    large: tuple[str, ...]


class ValueStore:
    """One connection, for one thread at a time; open another for work side by side."""

    def __init__(self, path: Path | None) -> None:
        """None: in memory."""
        self._lock = threading.Lock()
        self._path = path
        try:
            self._db = _open(path)
        except (sqlite3.Error, OSError):
            self._db = _anew(path)

    def kept(self) -> dict[str, Kept]:
        rows = self._rows("SELECT key, version, shape, large FROM tables")
        try:
            return {key: Kept(version, shape, tuple(json.loads(large))) for key, version, shape, large in rows}
        except (ValueError, TypeError):
            self._begin_anew()
            return {}

    def put(self, table: str, kept: Kept, values: Iterable[tuple[str, str, str]]) -> bool:
        """Replaces what is known of a table; (folded text, column, text) each. False where another one is writing."""
        rows = list(values)
        try:
            return self._put(table, kept, rows)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            self._begin_anew()
            return self._put(table, kept, rows)

    def _put(self, table: str, kept: Kept, values: list[tuple[str, str, str]]) -> bool:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            try:
                self._replace(table, kept, values)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        return True

    def _replace(self, table: str, kept: Kept, values: list[tuple[str, str, str]]) -> None:
        run = self._db.execute
        run("INSERT INTO tables (key, version, shape, large) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "version = excluded.version, shape = excluded.shape, large = excluded.large",
            (table, kept.version, kept.shape, json.dumps(kept.large)))
        (number,) = run("SELECT id FROM tables WHERE key = ?", (table,)).fetchone()
        run('DELETE FROM found WHERE "table" = ?', (number,))
        run('DELETE FROM words WHERE "table" = ?', (number,))
        self._db.executemany("INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?)",
                             ((key, number, column, text) for key, column, text in sorted(values)))
        self._db.executemany("INSERT OR IGNORE INTO words VALUES (?, ?, ?)",
                             sorted({(word, key, number) for key, _column, _text in values for word in key.split()}))

    def forget(self, gone: Iterable[str]) -> None:
        """Tables that are no more."""
        for key in gone:
            if self.put(key, Kept(-1, "", ()), ()):
                self._rows("DELETE FROM tables WHERE key = ?", key)

    def tested(self) -> dict[str, tuple[int, int]]:
        """How many values of one column were tried, and found in another: by a text that names both as they were."""
        return {pair: (tried, found) for pair, tried, found in self._rows("SELECT pair, tried, found FROM tested")}

    def put_tested(self, tested: Mapping[str, tuple[int, int]]) -> None:
        """These and no others; nothing where another one is writing: it is a cache."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return
            try:
                self._db.execute("DELETE FROM tested")
                self._db.executemany("INSERT INTO tested VALUES (?, ?, ?)",
                                     ((pair, *counts) for pair, counts in sorted(tested.items())))
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def exact(self, key: str) -> list[Found]:
        return self._rows('SELECT t.key, f."column", f."text" FROM found f JOIN tables t ON t.id = f."table" '
                          'WHERE f."key" = ? ORDER BY t.key, f."column", f."text"', key)

    def with_word(self, word: str) -> list[str]:
        return [key for (key,) in self._rows('SELECT DISTINCT "key" FROM words WHERE word = ?', word)]

    def of(self, table: str, column: str) -> list[str]:
        return [text for (text,) in self._rows(
            'SELECT f."text" FROM found f JOIN tables t ON t.id = f."table" WHERE t.key = ? AND f."column" = ? '
            'ORDER BY f."text"', table, column)]

    def keys(self) -> list[str]:
        return [key for (key,) in self._rows('SELECT DISTINCT "key" FROM found')]

    def words(self) -> list[str]:
        return [word for (word,) in self._rows("SELECT DISTINCT word FROM words")]

    def count(self) -> Iterator[tuple[str, str, int]]:
        """Table, column, number of values."""
        yield from self._rows('SELECT t.key, f."column", count(*) FROM found f JOIN tables t ON t.id = f."table" '
                              'GROUP BY t.key, f."column"')

    def moment(self) -> tuple[int, int]:
        """Another one after each change, by whomever."""
        (others,) = self._rows("PRAGMA data_version")[0]
        return others, self._db.total_changes

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _rows(self, sql: str, *params: object) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, params).fetchall()
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise  # locked, closed: the file is whole
            self._begin_anew()
            with self._lock:
                return self._db.execute(sql, params).fetchall()

    def _begin_anew(self) -> None:
        """A page in the middle may be torn, after a power cut for one: what could be opened is damaged all the same."""
        with self._lock:
            self._db.close()
            self._db = _anew(self._path)


def _anew(path: Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            _remove(path)
        return _open(path)
    except (sqlite3.Error, OSError):
        return _open(None)  # a full or read-only disk: each process reads for itself


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        if path.is_symlink():
            path.unlink()  # a cloned folder must not choose the file that we write
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    db = connect(path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        if path is not None:
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            _create(db)
        for name in _TABLES:  # one by one: together they make a product that takes hours where one of them is empty
            db.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        for name in _TABLES:
            db.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("COMMIT")


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
