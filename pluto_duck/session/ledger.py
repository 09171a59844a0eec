"""The bookkeeping row that commits with every write: token, affected rows, versions of the tables.

`_pluto.commits` answers two questions. Did this token commit (a guest lost its host in the middle of a
write)? And what is the version of this table (anything cached hangs on it)?
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from pluto_duck.errors import PlutoError, WorkspaceUnusable
from pluto_duck.events.journal import Journal
from pluto_duck.events.recording import Recording
from pluto_duck.events.seal import Seal
from pluto_duck.session.targets import EVERYTHING, SCHEMA
from pluto_duck.workspace.database import WAL_BYTES, Cursor, Database
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.tableref import quote

# Functions by their full names: a macro of the user's may be called max, and must not keep the file shut.
_LATEST = ("SELECT key, system.main.max(seq) FROM (SELECT system.main.unnest(tables) AS key, seq FROM {}) "
           "GROUP BY key")
_SETUP = (
    "CREATE SCHEMA IF NOT EXISTS _pluto",
    "CREATE TABLE IF NOT EXISTS _pluto.commits "
    "(seq BIGINT NOT NULL, token VARCHAR, affected BIGINT, tables VARCHAR[], at_ms BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS _pluto.loads "
    "(load_id VARCHAR NOT NULL, table_key VARCHAR NOT NULL, source VARCHAR NOT NULL, mode VARCHAR NOT NULL, "
    "rows BIGINT NOT NULL, started_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ NOT NULL)",
    # What a source says of its tables and DuckDB can't enforce without forbidding to replace them.
    "CREATE TABLE IF NOT EXISTS _pluto.known_keys "
    "(table_key VARCHAR NOT NULL, schema_name VARCHAR NOT NULL, table_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, "
    "columns VARCHAR[] NOT NULL, to_schema VARCHAR, to_table VARCHAR, to_columns VARCHAR[])",
    # How far an incremental load has come; it commits with the rows.
    "CREATE TABLE IF NOT EXISTS _pluto.ingest_state "
    "(source VARCHAR NOT NULL, source_table VARCHAR NOT NULL, table_key VARCHAR NOT NULL, cursor_column VARCHAR, "
    "last_value VARCHAR, source_state VARCHAR, selection VARCHAR NOT NULL, schema_hash VARCHAR NOT NULL, "
    "load_id VARCHAR NOT NULL, token VARCHAR NOT NULL, target_gone BOOLEAN NOT NULL, pulse VARCHAR)",
    # What changes are known by outside, wherever the file is moved.
    "CREATE TABLE IF NOT EXISTS _pluto.identity AS SELECT system.main.left(system.main.replace("
    "CAST(system.main.gen_random_uuid() AS VARCHAR), '-', ''), 16) AS id",
)

KEEP_MS = 3_600_000
"""Tokens are kept an hour: no guest retries a write that long."""


class Ledger:
    """One for each open database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        found = database.mark()
        cursor = database.cursor()
        try:
            # By its full name: USE moves a session elsewhere, our rows stay here.
            self.catalog = str(cursor.fetchall("SELECT system.main.current_database()")[0][0])
            self._ours = f"{quote(self.catalog)}._pluto"
            self._commits = f"{self._ours}.commits"
            for statement in _SETUP:
                cursor.execute(statement)
            self._check_shape(cursor)
            self.workspace_id = str(cursor.fetchall(f"SELECT id FROM {self._ours}.identity")[0][0])
            self.versions: dict[str, int] = {
                row[0]: row[1] for row in cursor.fetchall(_LATEST.format(self._commits))}
            self.noted: set[str] = {str(row[0]) for row in cursor.fetchall(
                f"SELECT table_key FROM {self._ours}.known_keys UNION SELECT table_key FROM {self._ours}.ingest_state")}
            """Tables of which `_pluto` knows more than their version, and perhaps some others."""
            self._seq = int(cursor.fetchall(f"SELECT system.main.max(seq) FROM {self._commits}")[0][0] or 0)
        finally:
            cursor.close()
        self.journal = Journal(database, self.catalog)
        self.listeners: list[Callable[[frozenset[str]], None]] = []
        """Told of the keys of each commit, from the thread that made it; they must be quick."""
        self._seal = Seal(database.workspace.folder)
        self._since_trim = 0
        self._bulks = 0
        self._sealing = False
        """Whether nothing more is written before the file is closed."""
        self._mark = found
        strange = bool(self.journal.tracked) and not self._seal.holds(self._seq, found)
        if not strange:
            self._moving()
        self._trim_now()
        # Opening a file does not checkpoint it: repeated kills would add up their logs.
        database.checkpoint()
        if strange:
            # Somebody wrote while no host ran: we can't tell what. Until it is said, the seal stays as it is.
            self._mark = (-1, b"")
            with suppress(PlutoError):
                self.notice()
        else:
            self._marked()
        database.on_closed.append(self._closed)

    def _trim_now(self) -> None:
        cursor = self._database.cursor()
        try:
            self._trim(cursor)
        finally:
            cursor.close()

    def _marked(self) -> None:
        """Under the commit lock: all that stands in the file now is known."""
        self._mark = self._database.mark()
        if self.journal.tracked:
            self._seal.write(self._seq, self._mark)

    def _moving(self) -> None:
        """Before our own checkpoint."""
        if self.journal.tracked:
            self._seal.write(self._seq, self._mark, moving=True)

    def _closed(self) -> None:
        # What was committed past us since the last commit must be noticed by the next host.
        if self._sealing and self.journal.tracked:
            self._seal.write(self._seq, self._database.mark())
        self._seal.close()

    def leave(self) -> None:
        """The host closes: notices what was written past us, and writes the log into the file."""
        self.notice()
        with self._database.commit_lock:
            if self._database.mark() == self._mark:
                self._moving()
                self._database.checkpoint()
                self._marked()
                self._sealing = True

    def bulk(self, on: bool) -> None:
        """Of a hundred small tables loaded one by one each commit would checkpoint: two thirds of their time."""
        with self._database.commit_lock:
            self._bulks += 1 if on else -1
            # What was committed past us meanwhile must still be noticed.
            if not on and not self._bulks and self._database.mark() == self._mark:
                self._moving()
                self._database.checkpoint()
                self._marked()

    def _check_shape(self, cursor: Cursor) -> None:
        """A file made by someone else may hold a `_pluto` of its own."""
        try:
            rows = cursor.fetchall(f"SELECT seq, token, affected, tables, at_ms FROM {self._commits} "
                                   f"WHERE seq < 0 OR seq > {2**62} LIMIT 1")
        except PlutoError as error:
            raise WorkspaceUnusable(f"The schema _pluto of {self._database.path} was not made by pluto-duck.",
                                    hint="Drop it there with the DuckDB shell, then open it again.") from error
        if rows:
            raise WorkspaceUnusable(f"The records in _pluto.commits of {self._database.path} are not of our making.",
                                    hint="Drop the schema _pluto with the DuckDB shell, then open it again.")

    def _trim(self, cursor: Cursor) -> None:
        # The newest row of each table stays: it is that table's version.
        old = int(time.time() * 1000) - KEEP_MS
        cursor.execute(
            f"DELETE FROM {self._commits} WHERE at_ms < {old} AND seq NOT IN "
            f"(SELECT seq FROM ({_LATEST.format(self._commits)}) AS latest(key, seq))")

    def find(self, cursor: Cursor, token: str) -> dict[int, int | None]:
        """The statements of a call that committed: number in the call -> affected rows."""
        prefix = to_sql({"t": "str", "v": f"{token}:"})
        rows = cursor.fetchall(
            f"SELECT token, affected FROM {self._commits} WHERE system.main.starts_with(token, {prefix})")
        return {int(found.rpartition(":")[2]): affected for found, affected in rows}

    def commit(self, cursor: Cursor, keys: frozenset[str], *, token: str = "", affected: int | None = None,
               more: Sequence[tuple[str, int]] = (), recording: Recording | None = None,
               later: bool = False) -> int:
        """Writes the row and commits the cursor's open transaction; the new sequence number. `more`: tokens and
        affected rows of others whose changes commit with it. `recording`: what was taken down of tracked tables.
        `later`: a log that has grown long is written into the file within a second, by `tend`, not at once.

        One commit at a time: the order of `seq` is the order of commits.
        """
        if recording is not None and recording.remade:
            recording.finish(cursor, self.versions)
        changed = False
        with self._database.commit_lock:
            self._database.refuse_intruder()
            foreign = self._database.mark() != self._mark
            if foreign:
                # Someone wrote on a native connection since our last commit: we can't tell what.
                keys = keys | {EVERYTHING, SCHEMA}
            seq = self._seq + 1
            tables = to_sql({"t": "list", "v": [{"t": "str", "v": key} for key in sorted(keys)]})
            now = int(time.time() * 1000)
            others = "".join(f", ({seq}, {to_sql({'t': 'str', 'v': one})}, {int(count)}, []::VARCHAR[], {now})"
                             for one, count in more)
            cursor.execute(
                f"INSERT INTO {self._commits} VALUES ({seq}, {to_sql({'t': 'str', 'v': token}) if token else 'NULL'}, "
                f"{'NULL' if affected is None else int(affected)}, {tables}::VARCHAR[], {now}){others}")
            if self.journal.tracked or (recording is not None and recording.adopted):
                recording = recording or Recording(self.journal, self._seq)
                told = recording.closing(cursor, keys, anything=EVERYTHING in keys and not foreign, foreign=foreign,
                                         seq=seq, at_ms=now, versions=self.versions)
                if told:
                    changed = True
                    cursor.execute(told)
            try:
                cursor.execute("COMMIT")
            except WorkspaceUnusable as error:
                # A full disk stops DuckDB after the commit, in the checkpoint: nobody must write it again.
                if "COMMIT succeeded and is durable" not in error.message:
                    raise
            self._seq = seq
            if recording is not None:
                self.journal.adopt(recording.adopted, seq, recording.told(seq, now) if changed else None,
                                   changes=changed)
            for key in keys:
                self.versions[key] = seq
                if key.startswith("_pluto.change"):
                    self.journal.recent.forget(seq)  # somebody has put the Journal's own tables right
            if not later and not self._bulks and self._database.wal_size() > WAL_BYTES:
                self._moving()
                self._database.checkpoint()
            self._since_trim += 1
            if self._since_trim >= 5_000:
                self._since_trim = 0
                self._moving()
                self._trim(cursor)
            self._marked()
        if changed:
            self.journal.committed(seq)
        for listener in self.listeners:
            listener(keys)
        return seq

    @property
    def seq(self) -> int:
        """The newest commit."""
        return self._seq

    def notice(self, wait_s: float = 0.0) -> bool:
        """Counts what was committed past us, by a prepared INSERT or on a native connection, as a change of
        everything, now instead of with the next commit. False where a commit is under way for longer than `wait_s`:
        it looks itself, when it has ended."""
        lock = self._database.commit_lock
        if not (lock.acquire(timeout=wait_s) if wait_s else lock.acquire(blocking=False)):
            return False
        foreign = self._database.mark() != self._mark
        self._database.commit_lock.release()
        if foreign:
            cursor = self._database.cursor()
            try:
                cursor.execute("BEGIN TRANSACTION")
                self.commit(cursor, frozenset({EVERYTHING, SCHEMA}))
            finally:
                cursor.close()
        return True

    def tend(self) -> None:
        """Now and then: a log that native connections alone have filled is as long to replay as any other. Our own
        commits look at it themselves, but where a transaction was in the way."""
        lock = self._database.commit_lock
        if self._bulks or self._database.wal_size() <= WAL_BYTES or not self.notice():
            return
        if self._database.wal_size() > WAL_BYTES and lock.acquire(blocking=False):
            try:
                if not self._bulks and self._database.mark() == self._mark:
                    self._moving()
                    self._database.checkpoint()
                    self._marked()
            finally:
                lock.release()

    def version(self, key: str) -> int:
        """The version of a table; 0 before its first write through us."""
        return max(self.versions.get(key, 0), self.versions.get(EVERYTHING, 0))
