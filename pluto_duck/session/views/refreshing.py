"""One refresh of a view: its rows, how far it has come and the record of it commit together.

It reads one moment of the database and writes aside, in a transaction of its own: whoever reads the view meanwhile sees
the rows before, and then the rows after. A process that dies leaves one or the other.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pluto_duck.errors import Cancelled, PlutoError, StatementError, UsageError
from pluto_duck.events.tracked import Tracked, text
from pluto_duck.session.capturing import Capturing
from pluto_duck.session.steady import Steady
from pluto_duck.session.targets import EVERYTHING, SCHEMA
from pluto_duck.session.views import store
from pluto_duck.session.views.applying import brought_on, delta, made_anew
from pluto_duck.session.views.definition import Catalog, Sources, catalog_of, sources
from pluto_duck.session.views.plan import Anew, Column, Plan, plan
from pluto_duck.session.views.store import Done, View
from pluto_duck.workspace.protocol import Hello
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.session.handler import SessionHandler
    from pluto_duck.workspace.database import Cursor

TRIES = 3
POLL_S = 0.05

_SETTINGS = ("TimeZone", "Calendar", "default_collation", "default_null_order", "integer_division",
             "ieee_floating_point_ops")
_ASKED = "system.main.left(system.main.md5(system.main.concat_ws('|', " + ", ".join(
    f"system.main.current_setting('{one}')::VARCHAR" for one in _SETTINGS) + ")), 8)"
"""By these one SELECT gives different rows, in a process with another time zone, say."""

On = Callable[["Cursor"], None]
"""Told of the cursor that works, so that it can be interrupted."""


@dataclass(frozen=True)
class Standing:
    """What is true of a view until the shape of something changes: looking it up costs as much as a small refresh."""

    sql: str
    shaped: int
    """The newest commit that changed shapes."""
    plan: Plan
    tracked: Tracked | None
    """The table whose changes it can be kept from."""
    read: Sources
    fits: bool
    """Whether its table has the columns that its definition gives."""


class Refreshing:
    """The views of one open database, and whoever refreshes them; one at a time."""

    def __init__(self, handler: SessionHandler) -> None:
        self._handler = handler
        self._steady = Steady(handler.database.parser)
        self._lock = threading.Lock()
        self._standing: dict[str, Standing] = {}
        """By TableRef.key."""
        self._capturing = Capturing(handler, Hello(uuid.uuid4().hex, "server", os.getpid(), "views"))
        self.ours = f"{quote(handler.ledger.catalog)}._pluto"
        self.known: dict[str, View] = {}
        """By TableRef.key; replaced as a whole."""
        self._wrote: dict[str, int] = {}
        """The commit that wrote the rows of each."""
        cursor = handler.database.cursor()
        try:
            if store.is_there(cursor, handler.ledger.catalog):
                self.known = store.read(cursor, self.ours)
                tokens = {f"{one.token}:0": key for key, one in self.known.items()}
                self._wrote = {tokens[token]: int(seq) for token, seq in cursor.fetchall(
                    f"SELECT token, seq FROM {self.ours}.commits WHERE token IS NOT NULL") if token in tokens}
        finally:
            cursor.close()

    @contextmanager
    def alone(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[None]:
        while not self._lock.acquire(timeout=POLL_S):
            if stopped():
                raise Cancelled("Stopped while another view was refreshed.")
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        self._capturing.close()

    # -- what is fresh ------------------------------------------------------------------------------

    def changed(self, view: View) -> bool:
        """Whether a commit has touched what it reads since it was refreshed, or somebody its own rows."""
        ledger = self._handler.ledger
        if ledger.versions.get(view.key, 0) > self._wrote.get(view.key, 0):
            return True
        return max((ledger.version(key) for key in (*view.sources, EVERYTHING)), default=0) > view.seen_seq

    def stale(self, sql: str) -> list[str]:
        """What whoever reads views by this statement should know of their rows."""
        if not self.known:
            return []
        named = {fold(one.text.replace('"', "")) for one in self._handler.database.parser.tokens(sql)
                 if one.kind in ("identifier", "keyword")}
        return [f"{view.ref} is as of {dt.datetime.fromtimestamp(view.at_ms / 1e3, dt.UTC):%Y-%m-%d %H:%M:%S} UTC; "
                f"what it is made of has changed since (view refresh {view.ref})."
                for view in self.known.values() if fold(view.ref.name) in named and self.changed(view)]

    def waits(self) -> int | None:
        """Up to which commit the views have read that are kept from changes; None where none has anything to read."""
        return min((one.seen_seq for one in self.known.values() if not one.kept and self.changed(one)), default=None)

    def forward(self) -> None:
        """Before the Journal is trimmed: fresh views say so anew, or what goes would look like changes they missed."""
        with self.alone():
            for view in [one for one in self.known.values() if not one.kept and not self.changed(one)]:
                cursor = self._handler.database.cursor()
                try:
                    cursor.execute("BEGIN TRANSACTION")
                    seq, newest, _shaped, _own, _asked = self._moment(cursor, view)
                    if newest <= view.seen_seq < seq:
                        view = replace(view, seen_seq=seq)
                        store.write(cursor, self.ours, view)
                        self._handler.ledger.commit(cursor, frozenset())
                        self.known = {**self.known, view.key: view}
                finally:
                    cursor.close()

    # -- refreshing ---------------------------------------------------------------------------------

    def refresh(self, key: str, *, full: bool = False, run: str = "", on: On = lambda _cursor: None,
                made: View | None = None) -> Done:
        """Under `alone`. `made`: a view that is new; its error is not kept. Raises what DuckDB says."""
        view = made or self.known[key]
        for attempt in range(TRIES):
            started = time.monotonic()
            try:
                try:
                    return self._refresh(view, full=full, run=run, on=on, new=made is not None)
                except Anew as why:
                    return self._refresh(view, full=True, run=run, on=on, new=made is not None, because=str(why))
            except PlutoError as error:
                conflict = isinstance(error, StatementError) and "onflict" in error.message
                if conflict and attempt < TRIES - 1:
                    continue
                if made is None and not isinstance(error, Cancelled):
                    self._failed(view, error, time.monotonic() - started, run)
                raise
        raise AssertionError

    def _refresh(self, view: View, *, full: bool, run: str, on: On, new: bool, because: str = "") -> Done:
        handler, ledger = self._handler, self._handler.ledger
        ledger.notice()
        recording = self._capturing.recording(run)
        cursor = handler.database.cursor()
        on(cursor)
        started = time.perf_counter()
        try:
            with cursor.transaction():
                seq, newest, shaped, own, asked = self._moment(cursor, view)
                whose = own == view.token
                at_ms = int(time.time() * 1000)
                if not new and not full and not view.steady and newest <= view.seen_seq and whose and not view.error:
                    cursor.execute("ROLLBACK")
                    return Done(at_ms, 0, "nothing", "", view.rows, 0, run)

                def write(sql: str) -> None:
                    self._capturing.internal(recording, cursor, sql)

                standing = self._standing.get(view.key)
                if standing is None or standing.sql != view.sql or standing.shaped != shaped or new:
                    standing = self._planned(cursor, view, shaped)
                found, tracked = standing.plan, standing.tracked
                view = replace(view, sources=standing.read.keys, steady=standing.read.unsteady, kept=found.because)
                into = f"{quote(ledger.catalog)}.{view.ref.sql}"
                state = f"{self.ours}.{view.state_table}"
                way, why, changed = "full", because or found.because, 0
                if not why and (new or full):
                    why = "it is new" if new else "it was asked for"
                if not why and not whose:
                    why = "somebody else wrote to it"
                if not why and view.settings != asked:
                    why = "the time zone or another setting is another one"
                if not why and not standing.fits:
                    why = "its columns are others"
                if not why:
                    assert tracked is not None
                    told = delta(ledger.journal, cursor, tracked, view, seq)
                    try:
                        changed = brought_on(cursor, write, found, told, into, state)
                    except PlutoError as error:
                        if isinstance(error, Cancelled):
                            raise
                        raise Anew("its changes could not be added") from error
                    way, rows = "incremental", _rows(cursor, into)
                    reshaped = False
                else:
                    before = _columns(cursor, ledger.catalog, view.ref)
                    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(ledger.catalog)}.{quote(view.ref.schema)}")
                    source = tracked.source(ledger.catalog) if tracked is not None else ""
                    comment = _comment(cursor, ledger.catalog, view.ref)
                    rows = changed = made_anew(cursor, write, found, view.sql, into, state, source)
                    if comment:
                        cursor.execute(f"COMMENT ON TABLE {into} IS {text(comment)}")
                    reshaped = before != _columns(cursor, ledger.catalog, view.ref)
                elapsed_ms = int((time.perf_counter() - started) * 1000)
                view = replace(view, seen_seq=seq, at_ms=at_ms, shape=0 if tracked is None else tracked.shape,
                               token=store.token(asked), rows=rows, elapsed_ms=elapsed_ms, error="", error_seq=0)
                done = Done(at_ms, elapsed_ms, way, why, rows, changed, run)
                store.write(cursor, self.ours, view)
                store.note(cursor, self.ours, view.key, done)
                keys = {view.key} if changed or way == "full" else set()
                if new or reshaped:
                    keys.add(SCHEMA)
                if not keys:
                    view = replace(view, token=own)
                    store.write(cursor, self.ours, view)
                wrote = ledger.commit(cursor, frozenset(keys), token=f"{view.token}:0" if keys else "",
                                      affected=changed, recording=recording, later=True)
                if keys:
                    self._wrote[view.key] = wrote
                self._standing[view.key] = replace(standing, fits=True) if not keys & {SCHEMA} else standing
                self.known = {**self.known, view.key: view}
                return done
        finally:
            cursor.close()

    def _moment(self, cursor: Cursor, view: View) -> tuple[int, int, int, str, str]:
        """The newest commit that the transaction sees, the newest of its sources, the newest that changed shapes,
        the token of the newest of the view, and the settings by which one SELECT gives different rows."""
        mine, read, shapes = (_keys([*keys, EVERYTHING]) for keys in ([view.key], view.sources, [SCHEMA]))
        [(seq, newest, shaped, own, asked)] = cursor.fetchall(
            "SELECT system.main.max(seq), system.main.max(seq) FILTER (system.main.list_has_any(tables, "
            f"{read})), system.main.max(seq) FILTER (system.main.list_has_any(tables, {shapes})), "
            f"system.main.max_by(token, seq) FILTER (system.main.list_has_any(tables, {mine})), {_ASKED} "
            f"FROM {self.ours}.commits")
        return int(seq or 0), int(newest or 0), int(shaped or 0), str(own or "").partition(":")[0], str(asked)

    def _planned(self, cursor: Cursor, view: View, shaped: int) -> Standing:
        parser, ledger = self._handler.database.parser, self._handler.ledger
        catalog = catalog_of(cursor, ledger.catalog)
        read = sources(self._steady, parser, catalog, view.sql)
        refuse_cycle(self.known, view.key, read.keys)
        tracked = None
        why = read.unsteady
        if not why and catalog.views.intersection(read.keys):
            why = "it reads a view"
        if not why and len(read.keys) != 1:
            why = "it reads several tables" if read.keys else "it reads no table"
        if not why:
            tracked = ledger.journal.read(cursor).get(read.keys[0])
        # On another cursor: 2.0 aborts a transaction in which something did not bind.
        trial = self._capturing.shadow()
        if why:
            found = Plan(_described(trial, view.sql), why)
        else:
            source = tracked.source(ledger.catalog) if tracked is not None else _source(ledger.catalog, read.keys[0])
            found = plan(parser, trial, view.sql, source)
        if not found.because and tracked is None:
            table = read.keys[0].removeprefix("main.")
            found = replace(found, because=f"{table} is not tracked (changes track {table})")
        elif not found.because and tracked is not None and _collates(cursor, ledger.catalog, tracked.ref):
            found = replace(found, because="its table compares by a collation")
        fits = _columns(cursor, ledger.catalog, view.ref) == [(one.name, one.type) for one in found.columns]
        return Standing(view.sql, shaped, found, tracked, read, fits)

    def possible(self, cursor: Cursor, sql: str, catalog: Catalog, read: Sources) -> TableRef | None:
        """The table that a view could be kept from, were it tracked. Raises what DuckDB says of the definition."""
        if read.unsteady or len(read.keys) != 1 or read.keys[0] in catalog.views:
            _described(cursor, sql)
            return None
        schema, _, name = read.keys[0].partition(".")
        ref = TableRef(name, schema)
        found = plan(self._handler.database.parser, cursor, sql, _source(catalog.name, ref.key))
        return ref if not found.because and not _collates(cursor, catalog.name, ref) else None

    def _failed(self, view: View, error: PlutoError, elapsed_s: float, run: str) -> None:
        ledger = self._handler.ledger
        view = replace(view, error=error.message[:1_000] or "it failed", error_seq=ledger.seq)
        cursor = self._handler.database.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION")
            store.write(cursor, self.ours, view)
            store.note(cursor, self.ours, view.key, Done(int(time.time() * 1000), int(elapsed_s * 1000), "failed",
                                                         view.error, view.rows, 0, run))
            ledger.commit(cursor, frozenset())
            self.known = {**self.known, view.key: view}
        except PlutoError:
            pass  # a full disk, or the database closes: what failed is told to whoever asked
        finally:
            cursor.close()


def refuse_cycle(known: dict[str, View], key: str, read: tuple[str, ...]) -> None:
    """Raises UsageError where a view would read itself, through whatever others."""
    left, seen = list(read), set[str]()
    while left:
        one = left.pop()
        if one == key:
            raise UsageError(f"{key.removeprefix('main.')} would be made of itself.",
                             hint="Make it of the tables behind it.")
        if one not in seen and one in known:
            seen.add(one)
            left += known[one].sources


def _described(cursor: Cursor, sql: str) -> tuple[Column, ...]:
    return tuple(Column(str(row[0]), str(row[1])) for row in cursor.fetchall(f"DESCRIBE {sql}"))


def _keys(keys: list[str]) -> str:
    return f"[{', '.join(map(text, keys))}]"


def _source(catalog: str, key: str) -> str:
    schema, _, name = key.partition(".")
    return f"{quote(catalog)}.{TableRef(name, schema).sql}"


def _rows(cursor: Cursor, table: str) -> int:
    return int(cursor.fetchall(f"SELECT system.main.count_star() FROM {table}")[0][0])


def _columns(cursor: Cursor, catalog: str, ref: TableRef) -> list[tuple[str, str]]:
    return [(str(name), str(kind)) for name, kind in cursor.fetchall(
        f"SELECT column_name, data_type FROM system.main.duckdb_columns() WHERE database_name = {text(catalog)} "
        f"AND schema_name ILIKE {text(ref.schema)} AND table_name ILIKE {text(ref.name)} ORDER BY column_index")]


def _comment(cursor: Cursor, catalog: str, ref: TableRef) -> str:
    rows = cursor.fetchall(f"SELECT comment FROM system.main.duckdb_tables() WHERE database_name = {text(catalog)} "
                           f"AND schema_name = {text(ref.schema)} AND table_name = {text(ref.name)}")
    return str(rows[0][0] or "") if rows else ""


def _collates(cursor: Cursor, catalog: str, ref: TableRef) -> bool:
    """Equal texts need not be the same there."""
    return bool(cursor.fetchall(
        f"SELECT 1 FROM system.main.duckdb_tables() WHERE database_name = {text(catalog)} AND schema_name ILIKE "
        f"{text(ref.schema)} AND table_name ILIKE {text(ref.name)} AND sql ILIKE '%collate%'"))
