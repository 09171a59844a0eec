"""Copies of tables for those who must not come near the database: packs, each a DuckDB file of its own.

    snapshots/pack-<id>.duckdb     tables of one moment, under the print of what they hold
    snapshots/pack-<id>.json       written last: a pack without it is none

A table is copied when its version moved; what has not changed stays where it was copied last. All that
is missing for a statement is copied in one transaction, so that everything it reads is of one moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pluto_duck.errors import DatabaseBusy, PlutoError, StatementError, TimedOut, WorkspaceUnusable
from pluto_duck.workspace.database import STORAGE_VERSION, Cursor
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import TableRef, quote

if TYPE_CHECKING:
    from pluto_duck.workspace.folder import Workspace

MOMENTS = 8
"""That are remembered for requests which take an older one."""
GRACE_S = 60.0
"""How long a pack stays after the last of its tables was copied anew: somebody may be about to open it."""
STALE_S = 600.0
"""How long one stays that holds rows which have changed since: deleting data must delete it here, too."""
SPARE_BYTES = 32 << 20
"""Of the disk, that a snapshot must leave."""
COST = 10.0
"""A copy may be this many times as old as making it took, unless the request says otherwise."""
PATIENCE_S = 10.0
"""For others to let go of a pack that is to be closed."""
EVERYTHING = "*"


@dataclass(frozen=True)
class Place:
    """Where a table's copy lies."""

    pack: str
    table: str


@dataclass(frozen=True)
class Moment:
    at: float
    """Seconds of the epoch: nothing that committed later is in it."""
    versions: Mapping[str, int]
    """By TableRef.key, of the tables that it holds."""
    places: Mapping[str, Place]
    shapes: Mapping[str, str] = field(default_factory=dict)
    """What the tables were made by, of those that were asked for."""
    took_s: float = 0.0


@dataclass
class _Pack:
    size: int
    prints: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Print -> (TableRef.key, version)."""
    idle_since: float = 0.0
    """When the last of its tables was copied anew elsewhere; 0: not yet."""
    stale_since: float = 0.0
    """When a table of it was first seen to have changed; 0: not yet."""


class Snapshots:
    """One for each open database. Any thread; one copies at a time and others wait for what it makes."""

    def __init__(self, workspace: Workspace, catalog: str) -> None:
        self.folder = workspace.snapshots
        self._catalog = catalog
        self._commits = f"{quote(catalog)}._pluto.commits"
        self._epoch = uuid.uuid4().hex
        """Stands in for a commit where a table has none, so that no other file's copies are taken for ours."""
        self._lock = threading.Lock()
        self._moments: deque[Moment] = deque(maxlen=MOMENTS)
        self._packs: dict[str, _Pack] | None = None
        self._newest: dict[str, str] = {}
        """TableRef.key -> print of its newest copy."""

    def path(self, place: Place) -> Path:
        return self.folder / f"pack-{place.pack}.duckdb"

    def moment(self, cursor: Cursor, tables: Mapping[TableRef, str], current: Mapping[str, int],
               max_age_s: float | None, *, default_s: float, timeout_s: float | None = None,
               live: Collection[str] = ()) -> tuple[Moment, float]:
        """A moment that holds `tables`, and the second as of which it is: now, where nothing of them has changed.

        `tables`: with what they are made by now: a copy of another shape is none. `current`: their versions now.
        `max_age_s`: what the request says; None: `default_s`, longer where copying takes long. `live`: keys of tables
        whose rows must be those of now, whatever the age of the others may be.
        """
        wanted, shapes = {one.key: one for one in tables}, {one.key: shape for one, shape in tables.items()}
        found = self._known(shapes, current, max_age_s, default_s, live)
        if found is not None:
            return found
        if not self._lock.acquire(timeout=timeout_s if timeout_s else -1):
            raise TimedOut("The snapshot that the statement reads is still being made.", hint="Ask again.")
        try:
            # What another one has made meanwhile began after this one asked, or it does not count as current.
            found = self._known(shapes, current, max_age_s, default_s, live)
            if found is not None:
                return found
            made = self._make(cursor, wanted, shapes)
            return made, made.at
        finally:
            self._lock.release()

    def forget(self, packs: Iterable[str]) -> None:
        """Of files that somebody found damaged or gone."""
        with self._lock:
            for pack in packs:
                self._drop(str(pack))
            self._moments.clear()

    # -- looking ----------------------------------------------------------------------------------

    def _known(self, wanted: Mapping[str, str], current: Mapping[str, int], max_age_s: float | None,
               default_s: float, live: Collection[str]) -> tuple[Moment, float] | None:
        now = time.time()
        for one in reversed(list(self._moments)):
            if not all(key in one.places for key in wanted) or not self._there(one, wanted):
                continue
            if all(one.versions[key] == _version(current, key) for key in wanted):
                return one, now
            if any(one.versions[key] != _version(current, key) for key in live if key in wanted) or any(
                    one.shapes.get(key) != shape for key, shape in wanted.items()):
                continue
            most = max(default_s, COST * one.took_s) if max_age_s is None else max_age_s
            if now - one.at <= most:
                return one, one.at
        return None

    def _there(self, moment: Moment, wanted: Iterable[str]) -> bool:
        packs = {moment.places[key].pack for key in wanted}
        return all(self._whole(pack) for pack in packs)

    def _whole(self, pack: str) -> bool:
        known = (self._packs or {}).get(pack)
        try:
            return known is not None and os.stat(self.folder / f"pack-{pack}.duckdb").st_size == known.size
        except OSError:
            return False

    # -- making -----------------------------------------------------------------------------------

    def _make(self, cursor: Cursor, wanted: Mapping[str, TableRef], shapes: Mapping[str, str]) -> Moment:
        if self._packs is None:
            self._packs = self._found()
        for pack in [one for one in self._packs if not self._whole(one)]:
            self._drop(pack)
        cursor.execute("BEGIN TRANSACTION")
        began, at = time.monotonic(), time.time()
        attached = ""
        try:
            prints, versions = self._prints(cursor)
            there = {one: pack for pack, known in self._packs.items() for one in known.prints}
            missing = {self._print(key, prints): table for key, table in wanted.items()
                       if self._print(key, prints) not in there}
            if missing:
                pack = uuid.uuid4().hex[:16]
                self._room(cursor, missing.values())
                attached = self._copy(cursor, missing, pack)
            cursor.execute("COMMIT")
            if attached:
                _checkpoint(cursor, attached)
        except BaseException as error:
            _try(cursor, "ROLLBACK")
            self._detach(cursor)
            self._clear()
            raise _full(error) from error
        self._detach(cursor)
        if missing:
            self._keep(pack, {print_: (table.key, _version(versions, table.key)) for print_, table in missing.items()})
            there |= dict.fromkeys(missing, pack)
        took_s = time.monotonic() - began if missing else 0.0
        places, held = {}, {}
        for key in {*wanted, *self._newest}:
            print_ = self._print(key, prints)
            if print_ in there:
                places[key] = Place(there[print_], f"t_{print_}")
                held[key] = _version(versions, key)
                self._newest[key] = print_
        moment = Moment(at, held, places, shapes, took_s)
        self._moments.append(moment)
        self._sweep()
        return moment

    def _prints(self, cursor: Cursor) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
        """Key -> (commit, when it was made): the same number may come again in another file."""
        rows = cursor.fetchall(
            "SELECT key, system.main.max(seq), system.main.arg_max(at_ms, seq) FROM "
            f"(SELECT system.main.unnest(tables) AS key, seq, at_ms FROM {self._commits}) GROUP BY key")
        found = {str(key): (int(seq), int(at)) for key, seq, at in rows}
        return found, {key: seq for key, (seq, _at) in found.items()}

    def _print(self, key: str, prints: Mapping[str, tuple[int, int]]) -> str:
        newest = max(prints.get(key, (0, 0)), prints.get(EVERYTHING, (0, 0)))
        said = [key, *newest, "" if newest[0] else self._epoch]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]

    def _room(self, cursor: Cursor, tables: Iterable[TableRef]) -> None:
        """Raises WorkspaceUnusable where the copies would fill the disk: DuckDB stops altogether when it is full."""
        size = 0
        for one in tables:
            rows = cursor.fetchall(
                "SELECT estimated_size * column_count FROM system.main.duckdb_tables() WHERE "
                f"database_name = {_text(self._catalog)} AND schema_name = {_text(one.schema)} "
                f"AND table_name = {_text(one.name)}")
            size += int(rows[0][0] or 0) * 16 if rows else 0
        size = min(size, _size(self.folder.parent / "workspace.duckdb"))
        if shutil.disk_usage(self.folder.parent).free < size + SPARE_BYTES:
            raise no_room()

    def _copy(self, cursor: Cursor, missing: Mapping[str, TableRef], pack: str) -> str:
        """Into a new database, which stays attached."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        making = self.folder / f"making-{pack}.duckdb"
        name = f"pluto_source_{pack}"
        self._attached = name
        cursor.execute(f"ATTACH {_text(str(making))} AS {name} (STORAGE_VERSION {_text(STORAGE_VERSION)})")
        os.chmod(making, 0o600)  # the folder is 0700 already; DuckDB offers no mode
        for print_, table in missing.items():
            cursor.execute(f"CREATE TABLE {name}.main.t_{print_} AS FROM {quote(self._catalog)}.{table.sql}")
        return name

    _attached = ""

    def _detach(self, cursor: Cursor) -> None:
        name, self._attached = self._attached, ""
        if name:
            _try(cursor, f"DETACH {name}")

    def _keep(self, pack: str, prints: dict[str, tuple[str, int]]) -> None:
        making, path = self.folder / f"making-{pack}.duckdb", self.folder / f"pack-{pack}.duckdb"
        if os.path.exists(f"{making}.wal"):
            raise no_room()
        _sync(making)
        size = _size(making)
        os.replace(making, path)
        about = self.folder / f"making-{pack}.json"
        descriptor = os.open(about, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"size": size, "prints": prints}, file)
        _sync(about)
        os.replace(about, self.folder / f"pack-{pack}.json")
        _sync(self.folder)
        assert self._packs is not None
        self._packs[pack] = _Pack(size, prints)

    # -- tidying ----------------------------------------------------------------------------------

    def _found(self) -> dict[str, _Pack]:
        """The packs of an earlier host; what one that was killed left half made goes."""
        found: dict[str, _Pack] = {}
        self._clear()
        with suppress(OSError):
            for path in self.folder.glob("pack-*.duckdb*"):
                about = self.folder / f"{path.name.split('.')[0]}.json"
                try:
                    said = json.loads(about.read_text(encoding="utf-8"))
                    found[path.name.split(".")[0].removeprefix("pack-")] = _Pack(
                        int(said["size"]), {str(print_): (str(key), int(version))
                                            for print_, (key, version) in said["prints"].items()}, time.monotonic())
                except (OSError, ValueError, KeyError, TypeError, AttributeError):
                    path.unlink(missing_ok=True)
        return found

    def _clear(self) -> None:
        """What was left half made: nobody else makes any."""
        with suppress(OSError):
            for path in self.folder.glob("making-*"):
                path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        assert self._packs is not None
        current, now = set(self._newest.values()), time.monotonic()
        for pack, known in list(self._packs.items()):
            if known.prints.keys() & current:
                known.idle_since = 0.0
            elif not known.idle_since:
                known.idle_since = now
            elif now - known.idle_since > GRACE_S:
                self._drop(pack)

    def tidy(self, current: Mapping[str, int], *, at_once: bool = False) -> bool:
        """Removes the copies of what has changed a while ago; False where none is left. `at_once`: for a new host."""
        if not self._lock.acquire(blocking=False):
            return True  # it is making some
        try:
            if self._packs is None:
                if not self.folder.exists():
                    return False
                self._packs = self._found()
            now = time.monotonic()
            for pack, known in list(self._packs.items()):
                if all(_version(current, key) == version for key, version in known.prints.values()):
                    known.stale_since = 0.0
                elif at_once or now - (known.stale_since or now) >= STALE_S:
                    self._drop(pack)
                else:
                    known.stale_since = known.stale_since or now
            return bool(self._packs)
        finally:
            self._lock.release()

    def _drop(self, pack: str) -> None:
        """Whoever has it open reads on: its name goes, not its file."""
        if self._packs is not None:
            self._packs.pop(pack, None)
        for end in ("json", "duckdb"):
            with suppress(OSError):
                (self.folder / f"pack-{pack}.{end}").unlink(missing_ok=True)


def no_room() -> WorkspaceUnusable:
    return WorkspaceUnusable("There is no room on the disk for a snapshot of what the statement reads.",
                             hint="The owner of the workspace must free some space; ask again then.", checked=True)


def _full(error: BaseException) -> BaseException:
    if isinstance(error, StatementError | WorkspaceUnusable) and "No space left" in f"{error.message} {error.hint}" \
            and not error.facts.get("fatal"):
        return no_room()
    return error


def _version(versions: Mapping[str, int], key: str) -> int:
    return max(versions.get(key, 0), versions.get(EVERYTHING, 0))


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size + (os.stat(f"{path}.wal").st_size if os.path.exists(f"{path}.wal") else 0)
    except OSError:
        return 0


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checkpoint(cursor: Cursor, name: str) -> None:
    """Beside others: whoever looks at the catalog holds every attached database until its transaction ends."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            cursor.execute(f"CHECKPOINT {name}")
            return
        except StatementError as error:
            if error.facts.get("engine") != "Transaction":
                raise
            if time.monotonic() > until:
                raise DatabaseBusy("The snapshot that the statement reads could not be closed: other work holds it.",
                                   hint="Ask again.") from error
        time.sleep(0.01)


def _try(cursor: Cursor, statement: str) -> None:
    try:
        cursor.execute(statement)
    except PlutoError:
        pass


def _text(value: str) -> str:
    return to_sql(encode(value))
