"""The record of runs and their events in control.sqlite."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pluto_duck.errors import RunError
from pluto_duck.runs.model import Column, Run, RunEvent, Status
from pluto_duck.workspace import ControlStore
from pluto_duck.workspace.blot import blotted

MIGRATIONS = (
    """CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        text TEXT NOT NULL, status TEXT NOT NULL, owner TEXT NOT NULL, created_at REAL NOT NULL,
        started_at REAL, finished_at REAL, deadline_s REAL, cancel_requested INTEGER NOT NULL DEFAULT 0,
        error TEXT, columns TEXT, row_count INTEGER NOT NULL DEFAULT 0, batches INTEGER NOT NULL DEFAULT 0,
        size INTEGER NOT NULL DEFAULT 0, facts TEXT NOT NULL DEFAULT '{}')""",
    "CREATE INDEX runs_unfinished ON runs (owner) WHERE status IN ('queued', 'running')",
    """CREATE TABLE run_events (
        run_id TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, type TEXT NOT NULL,
        subtype TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (run_id, seq)) WITHOUT ROWID""",
    "ALTER TABLE runs ADD COLUMN actor TEXT NOT NULL DEFAULT ''",
)

_ROOM = "runs"
_ACTIVE = "status IN ('queued', 'running')"


class RunStore:
    """Every change of a run's state writes its event in the same transaction."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._idle = threading.Condition()
        self._users = 0
        self._closed = False

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Closing a SQLite connection that another thread is in ends the process: `close` waits for these."""
        with self._idle:
            if self._closed:
                raise RunError("This door to the workspace has been closed.", hint="Open it again.")
            self._users += 1
        try:
            yield
        finally:
            with self._idle:
                self._users -= 1
                self._idle.notify_all()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._using(), self._control.connection(_ROOM, MIGRATIONS) as db:
            yield db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._using():
            yield self._control.read(_ROOM, MIGRATIONS)

    def after_fork(self) -> None:
        """In a child: whoever was inside stayed in the parent."""
        self._idle, self._users = threading.Condition(), 0

    def close(self) -> None:
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: self._users == 0)
        self._control.close()

    # -- writing ----------------------------------------------------------------------------------

    def insert(self, *, run_id: str, kind: str, text: str, owner: str, deadline_s: float | None,
               actor: str = "") -> None:
        now = time.time()
        with self._writing() as db:
            db.execute("INSERT INTO runs (run_id, kind, text, status, owner, created_at, deadline_s, actor) VALUES "
                       "(?, ?, ?, 'queued', ?, ?, ?, ?)",
                       (run_id, kind, blotted(text), owner, now, deadline_s, actor))
            _append(db, run_id, now, "run", "start", {"status": "queued", "kind": kind})

    def begin(self, run_id: str) -> bool:
        """queued -> running; False when it was cancelled meanwhile."""
        now = time.time()
        with self._writing() as db:
            changed = db.execute("UPDATE runs SET status = 'running', started_at = ? WHERE run_id = ? "
                                 "AND status = 'queued' AND cancel_requested = 0", (now, run_id)).rowcount
            if changed:
                _append(db, run_id, now, "run", "chunk", {"status": "running"})
        return bool(changed)

    def append(self, run_id: str, type: str, subtype: str, content: dict[str, Any]) -> int:
        """The event's sequence number; 0 when the run has ended already."""
        with self._writing() as db:
            if not _is_active(db, run_id):
                return 0
            return _append(db, run_id, time.time(), type, subtype, content)

    def note(self, run_id: str, facts: dict[str, Any]) -> None:
        """Facts that are known before the run has ended; those it ends with take their place."""
        with self._writing() as db:
            if _is_active(db, run_id):
                db.execute("UPDATE runs SET facts = ? WHERE run_id = ?", (json.dumps(facts, default=str), run_id))

    def rows_start(self, run_id: str, columns: Sequence[Column]) -> None:
        listed = [{"name": one.name, "type": one.type} for one in columns]
        with self._writing() as db:
            if _is_active(db, run_id):
                db.execute("UPDATE runs SET columns = ? WHERE run_id = ?", (json.dumps(listed), run_id))
                _append(db, run_id, time.time(), "rows", "start", {"columns": listed})

    def rows_chunk(self, run_id: str, *, batch: int, offset: int, count: int, size: int) -> None:
        """One more batch is complete in the rows file, whose first `size` bytes may be read."""
        with self._writing() as db:
            if _is_active(db, run_id):
                db.execute("UPDATE runs SET row_count = ?, batches = ?, size = ? WHERE run_id = ?",
                           (offset + count, batch + 1, size, run_id))
                _append(db, run_id, time.time(), "rows", "chunk",
                        {"batch": batch, "offset": offset, "count": count, "size": size})

    def rows_end(self, run_id: str, *, size: int, count: int, truncated: bool) -> None:
        with self._writing() as db:
            if _is_active(db, run_id):
                db.execute("UPDATE runs SET size = ? WHERE run_id = ?", (size, run_id))
                _append(db, run_id, time.time(), "rows", "end", {"count": count, "truncated": truncated})

    def rows_whole(self, run_id: str, columns: Sequence[Column], batches: Sequence[tuple[int, int]], *, size: int,
                   truncated: bool) -> None:
        """All of them at once, as `rows_start`, `rows_chunk` and `rows_end` would have told it."""
        listed = [{"name": one.name, "type": one.type} for one in columns]
        now, offset = time.time(), 0
        with self._writing() as db:
            if not _is_active(db, run_id):
                return
            _append(db, run_id, now, "rows", "start", {"columns": listed})
            for number, (count, end) in enumerate(batches):
                _append(db, run_id, now, "rows", "chunk",
                        {"batch": number, "offset": offset, "count": count, "size": end})
                offset += count
            _append(db, run_id, now, "rows", "end", {"count": offset, "truncated": truncated})
            db.execute("UPDATE runs SET columns = ?, row_count = ?, batches = ?, size = ? WHERE run_id = ?",
                       (json.dumps(listed), offset, len(batches), size, run_id))

    def finish(self, run_id: str, status: Status, *, error: dict[str, Any] | None = None,
               facts: dict[str, Any] | None = None, row_count: int | None = None) -> bool:
        """Writes the last state and the last event; False when the run had ended before. `row_count`: of rows that
        went elsewhere than into the run's own file."""
        now = time.time()
        with self._writing() as db:
            row = db.execute(f"SELECT started_at, row_count FROM runs WHERE run_id = ? AND {_ACTIVE}",
                             (run_id,)).fetchone()
            if row is None:
                return False
            row_count = row["row_count"] if row_count is None else row_count
            db.execute("UPDATE runs SET status = ?, finished_at = ?, error = ?, facts = ?, row_count = ? "
                       "WHERE run_id = ?",
                       (status, now, _kept_error(error), json.dumps(facts or {}, default=str), row_count, run_id))
            content: dict[str, Any] = {
                "status": status, "elapsed_s": round(now - row["started_at"], 6) if row["started_at"] else 0.0,
                "row_count": row_count, **(facts or {})}
            if error is not None:
                content["error"] = _blotted_all(error)
            _append(db, run_id, now, "run", "end" if status == "succeeded" else "error", content)
        return True

    def record(self, *, run_id: str, kind: str, text: str, status: Status, elapsed_s: float, row_count: int,
               error: dict[str, Any] | None, facts: dict[str, Any]) -> None:
        """A run that was done elsewhere, whole."""
        now = time.time()
        with self._writing() as db:
            db.execute("INSERT INTO runs (run_id, kind, text, status, owner, created_at, started_at, finished_at, "
                       "error, row_count, facts) VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?)",
                       (run_id, kind, blotted(text), status, now - elapsed_s, now - elapsed_s, now,
                        _kept_error(error), row_count, json.dumps(facts, default=str)))
            _append(db, run_id, now - elapsed_s, "run", "start", {"status": "running", "kind": kind})
            content = {"status": status, "elapsed_s": round(elapsed_s, 6), "row_count": row_count, **facts}
            _append(db, run_id, now, "run", "end" if status == "succeeded" else "error",
                    content | ({"error": _blotted_all(error)} if error else {}))

    def request_cancel(self, run_id: str) -> None:
        with self._writing() as db:
            db.execute(f"UPDATE runs SET cancel_requested = 1 WHERE run_id = ? AND {_ACTIVE}", (run_id,))

    def forget_before(self, at: float) -> list[str]:
        """Removes runs that finished before then; their ids."""
        with self._writing() as db:
            gone = [row[0] for row in db.execute("SELECT run_id FROM runs WHERE finished_at < ?", (at,))]
            db.executemany("DELETE FROM run_events WHERE run_id = ?", [(one,) for one in gone])
            db.executemany("DELETE FROM runs WHERE run_id = ?", [(one,) for one in gone])
        return gone

    def forget_but(self, most: int) -> list[str]:
        """Removes the oldest of more finished runs than that; their ids."""
        with self._writing() as db:
            row = db.execute(f"SELECT number FROM runs WHERE NOT ({_ACTIVE}) ORDER BY number DESC LIMIT 1 OFFSET ?",
                             (most,)).fetchone()
            if row is None:
                return []
            gone = [one[0] for one in db.execute(f"SELECT run_id FROM runs WHERE number <= ? AND NOT ({_ACTIVE})",
                                                 (row[0],))]
            db.executemany("DELETE FROM run_events WHERE run_id = ?", [(one,) for one in gone])
            db.executemany("DELETE FROM runs WHERE run_id = ?", [(one,) for one in gone])
        return gone

    # -- reading ----------------------------------------------------------------------------------

    def get(self, run_id: str) -> tuple[Run, str] | None:
        """The run and its owner."""
        with self._reading() as db:
            row = db.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return (_run(row), row["owner"]) if row else None

    def list(self, limit: int, before: int | None, status: str | None) -> list[Run]:
        with self._reading() as db:
            rows = db.execute("SELECT * FROM runs WHERE (? IS NULL OR number < ?) AND (? IS NULL OR status = ?) "
                              "ORDER BY number DESC LIMIT ?", (before, before, status, status, limit)).fetchall()
        return [_run(row) for row in rows]

    def succeeded(self, kinds: Sequence[str], limit: int) -> Sequence[tuple[str, str, float, str]]:
        """(kind, text, seconds since 1970 when it was begun, facts as JSON), newest first: a tenth of what whole runs
        cost."""
        with self._reading() as db:
            return [tuple(row) for row in db.execute(
                f"SELECT kind, text, created_at, facts FROM runs WHERE status = 'succeeded' AND kind IN "
                f"({', '.join('?' * len(kinds))}) ORDER BY number DESC LIMIT ?", (*kinds, limit)).fetchall()]

    def events(self, run_id: str, after: int, limit: int) -> Sequence[RunEvent]:
        with self._reading() as db:
            rows = db.execute("SELECT * FROM run_events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?",
                              (run_id, after, limit)).fetchall()
        return [RunEvent(row["run_id"], row["seq"], _utc(row["at"]), row["type"], row["subtype"],
                         json.loads(row["content"])) for row in rows]

    def cache_counts(self) -> dict[str, int]:
        with self._reading() as db:
            return {row[0]: row[1] for row in db.execute(
                "SELECT json_extract(facts, '$.cache'), count(*) FROM runs WHERE kind = 'sql' "
                "AND json_extract(facts, '$.cache') IS NOT NULL GROUP BY 1")}

    def unfinished(self) -> Sequence[tuple[str, str]]:
        """(run_id, owner)"""
        with self._reading() as db:
            return [(row[0], row[1]) for row in db.execute(f"SELECT run_id, owner FROM runs WHERE {_ACTIVE}")]

    def cancels(self, owner: str) -> Sequence[str]:
        with self._reading() as db:
            return [row[0] for row in db.execute(
                f"SELECT run_id FROM runs WHERE owner = ? AND cancel_requested = 1 AND {_ACTIVE}", (owner,))]

    def change_mark(self) -> int:
        """Differs from the last call of this thread when any other connection, of any process, has
        committed since; costs a few microseconds."""
        with self._reading() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def known(self) -> set[str]:
        with self._reading() as db:
            return {row[0] for row in db.execute("SELECT run_id FROM runs")}


def _is_active(db: sqlite3.Connection, run_id: str) -> bool:
    return db.execute(f"SELECT 1 FROM runs WHERE run_id = ? AND {_ACTIVE}", (run_id,)).fetchone() is not None


def _append(db: sqlite3.Connection, run_id: str, at: float, type: str, subtype: str, content: dict[str, Any]) -> int:
    row = db.execute("INSERT INTO run_events SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ? FROM run_events "
                     "WHERE run_id = ? RETURNING seq",
                     (run_id, at, type, subtype, json.dumps(content, default=str), run_id)).fetchone()
    return int(row[0])


def _kept_error(error: dict[str, Any] | None) -> str | None:
    return json.dumps(_blotted_all(error), default=str) if error else None


def _blotted_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _blotted_all(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_blotted_all(one) for one in value]
    return blotted(value) if isinstance(value, str) else value


def _utc(at: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(at, dt.UTC)


def _run(row: sqlite3.Row) -> Run:
    columns = json.loads(row["columns"]) if row["columns"] else None
    return Run(
        run_id=row["run_id"], number=row["number"], kind=row["kind"], text=row["text"], status=row["status"],
        created_at=_utc(row["created_at"]),
        started_at=_utc(row["started_at"]) if row["started_at"] is not None else None,
        finished_at=_utc(row["finished_at"]) if row["finished_at"] is not None else None,
        deadline_s=row["deadline_s"], error=json.loads(row["error"]) if row["error"] else None,
        columns=tuple(Column(c["name"], c["type"]) for c in columns) if columns is not None else None,
        row_count=row["row_count"], batches=row["batches"], size=row["size"], facts=json.loads(row["facts"]),
        actor=row["actor"])
