"""Copies of live tables, exact because they are loaded, brought up to date when older than their time to live.

A statement that names a stale copy waits while it is loaded anew, if that takes no longer than the setting
`cache.wait_s` by what it took last time. Else, and where the source is down, the old rows are served with their
age: an analysis must not stop because somebody else's server does.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pluto_duck.errors import Cancelled, PlutoError, Refused, UnknownName, Untrusted, UsageError, unknown_name
from pluto_duck.governance.seal import is_sealed, seal
from pluto_duck.ingest import live
from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.ingest.live import LiveSource
from pluto_duck.ingest.load import ingest
from pluto_duck.ingest.options import LoadOptions, Progress
from pluto_duck.ingest.spans import span_text
from pluto_duck.session import Session
from pluto_duck.session.watch import unwatch, watch
from pluto_duck.workspace import ControlStore, Request, TableRef
from pluto_duck.workspace.tableref import fold

MIGRATIONS = (
    """CREATE TABLE caches (
        key TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, schema TEXT NOT NULL, source TEXT NOT NULL,
        source_schema TEXT NOT NULL, source_table TEXT NOT NULL, where_sql TEXT NOT NULL, ttl_s REAL,
        version INTEGER NOT NULL, rows INTEGER NOT NULL, refreshed_at REAL NOT NULL, elapsed_s REAL NOT NULL,
        tried_at REAL NOT NULL, failure TEXT NOT NULL, claimed_at REAL NOT NULL, seal TEXT NOT NULL,
        skip TEXT NOT NULL, casts TEXT NOT NULL)""",
)
_ROOM = "caches"
HOOK = "cache"
AGAIN_S = 60.0
"""After a failure the source is left in peace this long, or for the ttl where that is shorter."""
CLAIM_S = 600.0
"""A refresh that was begun this long ago and said nothing since belongs to a process that is gone."""

_READS = ("select", "from", "with", "pivot", "unpivot", "summarize", "describe", "create", "insert", "copy", "explain",
          "table", "values", "merge", "update", "delete", "(", "execute", "call", "export")

now: Callable[[], float] = time.time


@dataclass(frozen=True)
class Cache:
    ref: TableRef
    source: str
    source_schema: str
    """"" for the source's own default."""
    source_table: str
    where: str
    ttl_s: float | None
    """None: only refreshed when somebody says so."""
    skip: tuple[str, ...] = ()
    """Columns that are left out."""
    cast: Mapping[str, str] = field(default_factory=dict)
    """Column -> type of the source that it is carried as."""
    version: int = 0
    """Of the table after the last load: another one means that somebody else wrote to it."""
    rows: int = 0
    refreshed_at: float = 0.0
    """Seconds since 1970."""
    elapsed_s: float = 0.0
    tried_at: float = 0.0
    failure: str = ""
    """Why the last try brought nothing; "" when it did."""
    mark: str = ""

    @property
    def origin(self) -> str:
        return ".".join(filter(None, (self.source, self.source_schema, self.source_table)))

    @property
    def parts(self) -> tuple[object, ...]:
        ttl_s = None if self.ttl_s is None else float(self.ttl_s)
        return ("cache", self.ref.key, self.source, self.source_schema, self.source_table, self.where, ttl_s,
                list(self.skip), dict(self.cast))

    @property
    def age_s(self) -> float:
        return max(0.0, now() - self.refreshed_at)

    @property
    def row_count(self) -> int:
        """As a Result has it, for the history."""
        return self.rows

    @property
    def stale(self) -> bool:
        return self.ttl_s is not None and self.age_s > self.ttl_s


@dataclass(frozen=True)
class Estimate:
    """What a cache would copy, before it does; the source's own numbers."""

    cache: Cache
    rows: int | None
    size_bytes: int | None
    asks: bool
    """Larger than the setting `ingest.ask_above_mb`, and without a filter."""


def estimate(session: Session, table: str, *, ttl_s: float | None = None, where: str = "",
             name: str | None = None, skip: Sequence[str] = (), cast: Mapping[str, str] | None = None) -> Estimate:
    """What `create` would do. `table`: shop.public.orders or shop.orders. Raises UnknownName, UsageError."""
    source_name, _, rest = table.partition(".")
    source = live.get(session.control, source_name)
    if not rest:
        raise UsageError(f"{table} is a live source, not a table.", hint=f"For example: {_first(source)}")
    found = _find(session, source, TableRef.parse(rest), given=rest)
    ref = TableRef.parse(name) if name else TableRef(found.name)
    made = Cache(ref, source.name, found.schema, found.name, where, ttl_s, tuple(skip), dict(cast or {}))
    there = known(session.control, ref)
    if there is None and any(one.ref.key == ref.key for one in session.tables()):
        raise UsageError(f"There is a table {ref} already, which is no copy of {made.origin}.",
                         hint="Give the copy another name: --as NAME")
    if there is not None and there.origin != made.origin:
        raise UsageError(f"{ref} is a copy of {there.origin} already.", hint="Give this one another name: --as NAME")
    size = found.size_bytes
    limit = float(session.settings["ingest.ask_above_mb"]) * 1e6
    return Estimate(made, found.row_estimate, size, not where and size is not None and size > limit)


def create(session: Session, wanted: Estimate, *, on_progress: Callable[[Progress], None] | None = None) -> Cache:
    """Copies the rows and remembers the copy, or what it holds instead of before."""
    cache = replace(wanted.cache, mark=seal(session.workspace, *wanted.cache.parts))
    loaded = _load(session, cache, on_progress)
    _save(session.control, loaded)
    watch(session.control, HOOK, cache.ref.name)
    return loaded


def refresh(session: Session, cache: Cache, *, overwrite: bool = False,
            on_progress: Callable[[Progress], None] | None = None) -> Cache:
    """Loads a copy anew, whatever its age. Refused where somebody wrote to it since, unless `overwrite`."""
    if not overwrite and _changed(session, cache):
        raise Refused(f"{cache.ref} was written to since it was copied from {cache.origin}; that would be lost.",
                      hint=f"Keep it: pluto-duck cache --remove {cache.ref} (the table stays). Lose it: --yes")
    if not _claim(session.control, cache):
        raise Refused(f"{cache.ref} is being refreshed at this moment.", hint="Look again: pluto-duck cache --list")
    try:
        fresh = _load(session, cache, on_progress)
    except PlutoError as error:
        _save(session.control, replace(cache, tried_at=now(), failure=error.message))
        raise
    except BaseException:
        _save(session.control, cache)
        raise
    _save(session.control, fresh)
    return fresh


def remove(session: Session, name: str) -> Cache:
    """Forgets that a table is a copy; its rows stay."""
    cache = get(session.control, name)
    with session.control.connection(_ROOM, MIGRATIONS) as db:
        db.execute("DELETE FROM caches WHERE key = ?", (cache.ref.key,))
    if not any(fold(one.ref.name) == fold(cache.ref.name) for one in caches(session.control)):
        unwatch(session.control, HOOK, cache.ref.name)
    return cache


def caches(control: ControlStore, source: str | None = None) -> list[Cache]:
    """By name; those of one live source."""
    rows = control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM caches ORDER BY key").fetchall()
    return [Cache(TableRef(row["name"], row["schema"]), row["source"], row["source_schema"], row["source_table"],
                  row["where_sql"], row["ttl_s"], tuple(json.loads(row["skip"])), json.loads(row["casts"]),
                  row["version"], row["rows"], row["refreshed_at"], row["elapsed_s"], row["tried_at"], row["failure"],
                  row["seal"])
            for row in rows if source in (None, row["source"])]


def known(control: ControlStore, ref: TableRef) -> Cache | None:
    return next((one for one in caches(control) if one.ref.key == ref.key), None)


def get(control: ControlStore, name: str) -> Cache:
    """By the name of the copy, or of what it is copied from. Raises UnknownName."""
    there = caches(control)
    for one in there:
        if fold(name) in (fold(str(one.ref)), one.ref.key, fold(one.origin)):
            return one
    raise unknown_name("cached table", name, [str(one.ref) for one in there])


def trusted(session: Session, cache: Cache) -> bool:
    """False for one that came with a cloned folder."""
    return is_sealed(session.workspace, cache.mark, *cache.parts)


# -- at the next use ------------------------------------------------------------------------------

def before_query(session: Session, request: Request, names: Sequence[str]) -> tuple[Request, tuple[str, ...]]:
    """The hook: refreshes the stale copies that a statement names, or tells their age."""
    if not request.args["sql"].lstrip().lower().startswith(_READS):
        return request, ()
    stale = [one for one in caches(session.control) if fold(one.ref.name) in names and one.stale]
    return request, tuple(filter(None, (_freshened(session, one) for one in stale)))


def _freshened(session: Session, cache: Cache) -> str:
    """Refreshes if that is allowed and quick enough; what to tell otherwise."""
    wait_s = float(session.settings["cache.wait_s"])
    command = f"pluto-duck cache --refresh {cache.ref}"
    assert cache.ttl_s is not None
    if not trusted(session, cache):
        return _aged(cache, f"It came with this folder; cache {cache.origin} yourself to have it refreshed.")
    if session.in_transaction:
        return _aged(cache, "It is not refreshed while a transaction is open.")
    if cache.failure and now() - cache.tried_at < min(AGAIN_S, cache.ttl_s):
        return _aged(cache, f"The last refresh failed: {cache.failure}")
    if cache.elapsed_s > wait_s:
        return _aged(cache, f"A refresh takes about {span_text(cache.elapsed_s)}: {command}")
    try:
        _refresh_within(session, cache, wait_s)
    except Cancelled:
        _save(session.control, replace(cache, tried_at=now(), elapsed_s=max(cache.elapsed_s, 2 * wait_s)))
        return _aged(cache, f"A refresh takes longer than {span_text(wait_s)}: {command}")
    except Refused as error:
        return _aged(cache, error.message)
    except PlutoError as error:
        return _aged(cache, f"The refresh failed: {error.message}")
    return ""


def _refresh_within(session: Session, cache: Cache, wait_s: float) -> None:
    with Session(session.workspace, session.settings, role=session.role, label=f"refreshing {cache.ref}") as own:
        own.watching = False
        timer = threading.Timer(wait_s, own.interrupt)
        timer.daemon = True
        timer.start()
        try:
            refresh(own, cache)
        finally:
            timer.cancel()


def _aged(cache: Cache, why: str) -> str:
    return f"{cache.ref} is a copy from {span_text(cache.age_s)} ago. {why}"


# -- loading --------------------------------------------------------------------------------------

def _load(session: Session, cache: Cache, on_progress: Callable[[Progress], None] | None) -> Cache:
    if not trusted(session, cache):
        raise Untrusted(f"The copy {cache.ref} came with this folder: you did not make it here.",
                        hint=f"pluto-duck cache --remove {cache.ref}, then cache {cache.origin} yourself.")
    uri, connector = live.place(session, live.get(session.control, cache.source))
    begun = now()
    report = ingest(session, uri, LoadOptions(
        tables=(cache.source_table,), schema=cache.source_schema or None, into=cache.ref.sql, where=cache.where or None,
        skip=cache.skip, cast=cache.cast, connector=connector), on_progress=on_progress)
    return replace(cache, version=session.versions().get(cache.ref.key, 0), rows=report.rows, refreshed_at=begun,
                   elapsed_s=report.elapsed_s, tried_at=begun, failure="")


def _changed(session: Session, cache: Cache) -> bool:
    there = any(one.ref.key == cache.ref.key for one in session.tables())
    return there and session.versions().get(cache.ref.key, 0) != cache.version


def _claim(control: ControlStore, cache: Cache) -> bool:
    """True for the one that may refresh it now."""
    with control.connection(_ROOM, MIGRATIONS) as db:
        return db.execute("UPDATE caches SET claimed_at = ? WHERE key = ? AND claimed_at < ?",
                          (time.time(), cache.ref.key, time.time() - CLAIM_S)).rowcount == 1


def _save(control: ControlStore, cache: Cache) -> None:
    with control.connection(_ROOM, MIGRATIONS) as db:
        db.execute("INSERT OR REPLACE INTO caches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
                   (cache.ref.key, cache.ref.name, cache.ref.schema, cache.source, cache.source_schema,
                    cache.source_table, cache.where, cache.ttl_s, cache.version, cache.rows, cache.refreshed_at,
                    cache.elapsed_s, cache.tried_at, cache.failure, cache.mark, json.dumps(cache.skip),
                    json.dumps(dict(cache.cast))))


def _find(session: Session, source: LiveSource, ref: TableRef, *, given: str) -> SourceTable:
    """The table at the source itself, as it is now."""
    there = [one for one in source.tables if fold(one.name) == fold(ref.name)
             and ("." not in given or fold(one.schema) == fold(ref.schema))]
    # One that is newer than the list is asked for as it was written.
    schema, name = (there[0].schema, there[0].name) if there else (ref.schema if "." in given else "", ref.name)
    connector, _shown = live.opening(session, source)
    with connector:
        try:
            return live.looked_up(connector, [name], schema or None)[0]
        except UnknownName:
            if schema != "main":
                raise
            # DuckDB shows sources without schemas as if they had this one.
            return replace(live.looked_up(connector, [name], None)[0], schema="")


def _first(source: LiveSource) -> str:
    return str(source.tables[0].ref) if source.tables else f"{source.name}.orders"
