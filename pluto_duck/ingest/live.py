"""Live sources: a database that is attached instead of copied, read-only, by a name that the workspace keeps.

Kept are the name, the kind and the address without its password. The host attaches it while a statement
that names it runs (`session/live.py`); this module says with what, out of the caller's environment.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from pluto_duck.errors import PlutoError, Refused, Untrusted, UsageError, unknown_name
from pluto_duck.governance.seal import is_sealed, seal
from pluto_duck.ingest.connections import Connections
from pluto_duck.ingest.connections_address import split
from pluto_duck.ingest.connectors import Connector, SourceTable
from pluto_duck.ingest.live_risks import Risk, risks
from pluto_duck.ingest.sources import from_environment, open_source
from pluto_duck.session import NativeSource, Session
from pluto_duck.session.live import asked, lacking
from pluto_duck.session.watch import unwatch, watch
from pluto_duck.workspace import ControlStore, Request, TableRef
from pluto_duck.workspace.tableref import fold

MIGRATIONS = (
    """CREATE TABLE live_sources (
        name TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, connection TEXT NOT NULL, connector TEXT NOT NULL,
        tables TEXT NOT NULL, added_at REAL NOT NULL, seal TEXT NOT NULL)""",
)
_ROOM = "live"
HOOK = "live"
KEPT_TABLES = 5_000
"""Of each source, for listing them without asking it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_TAKEN = frozenset({"main", "system", "temp", "memory", "pg_catalog", "information_schema", "public"})


_RECENT: WeakKeyDictionary[Session, dict[tuple[str, str, str], tuple[float, Any]]] = WeakKeyDictionary()
RECENT_S = 60.0
"""A password that was changed is noticed after so long."""


@runtime_checkable
class Attachable(Protocol):
    """A connector whose `native` is for one load: with `live` it says what attaches the source for other readers.
    It may connect to find out, and must not need to have been entered."""

    def live(self, name: str) -> NativeSource | None: ...


@runtime_checkable
class Glancing(Protocol):
    """A connector whose `discover` reads values, and that can tell most without."""

    def glance(self, tables: Sequence[str] | None = None, *, schema: str | None = None) -> list[SourceTable]: ...


@dataclass(frozen=True)
class LiveTable:
    """A table of a live source as it was when attached; in lists it stands beside a TableInfo."""

    source: str
    schema: str
    name: str
    row_estimate: int | None
    size_bytes: int | None
    columns: tuple[str, ...]
    kind: str = "live"

    @property
    def ref(self) -> TableRef:
        return TableRef(self.name, ".".join(filter(None, (self.source, self.schema))))


@dataclass(frozen=True)
class LiveSource:
    name: str
    address: str
    """Without a password; `env:NAME` as it was given."""
    connector: str
    """"" where the address tells."""
    connection: str = ""
    """The saved connection it came from."""
    tables: tuple[LiveTable, ...] = ()
    """As they were when it was attached."""
    added_at: float = 0.0
    mark: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """What the seal is on."""
        return "live", self.name, self.address, self.connection, self.connector


@dataclass(frozen=True)
class Attached:
    """What `attach` made."""

    source: LiveSource
    risks: tuple[Risk, ...]


def attach(session: Session, uri: str, *, name: str | None = None, connector: str | None = None,
           connection: str | None = None, replacing: bool = False) -> Attached:
    """Attaches a database under a name of its own and remembers it. `connection`: a saved one, instead of `uri`.

    Raises Refused for an address with a password (it would have to be kept) and for a source that can only
    be copied.
    """
    address, password = split(Connections(session.control, session.workspace).get(connection).address
                              if connection else uri)
    if password is not None:
        raise Refused("That address holds a password, and a live source is kept by its address.",
                      hint="Save it first, the password goes to the keyring: pluto-duck connections add NAME URI, then "
                           "--live --from NAME. Or keep the whole address in a variable: --live env:NAME")
    draft = LiveSource(name or "", _absolute(address), connector or "", connection or "")
    opened, shown = _connector(session, draft)
    draft = replace(draft, name=_name(session, name, _suggested(draft, shown), replacing))
    _refuse_own(session, opened)
    native = _native(opened, draft.name)
    if native is None:
        raise Refused(f"{shown} can't be attached live: its kind ({opened.kind}) can only be copied.",
                      hint="Leave --live out: ingest copies it.")
    there = session.look_at_live(asked(draft.name, shown, native))
    with opened:
        exact = _discovered(opened, list(dict.fromkeys(one[0] for one in there)))
    kept = _kept(draft.name, there, exact)
    source = replace(draft, tables=kept, added_at=time.time(), mark=seal(session.workspace, *draft.parts))
    _save(session.control, source)
    return Attached(source, risks(opened.kind, exact, there))


def detach(session: Session, name: str) -> LiveSource:
    """Forgets a live source; statements that read it now end in peace. Raises UnknownName."""
    found = get(session.control, name)
    with session.control.connection(_ROOM, MIGRATIONS) as db:
        db.execute("DELETE FROM live_sources WHERE name = ?", (found.name,))
    unwatch(session.control, HOOK, found.name)
    return found


def sources(control: ControlStore) -> list[LiveSource]:
    """By name."""
    rows = control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM live_sources ORDER BY name").fetchall()
    return [LiveSource(row["name"], row["address"], row["connector"], row["connection"],
                       _tables(row["name"], row["tables"]), row["added_at"], row["seal"]) for row in rows]


def _tables(source: str, text: str) -> tuple[LiveTable, ...]:
    return tuple(LiveTable(source, schema, name, rows, size, tuple(columns))
                 for schema, name, rows, size, columns in json.loads(text))


def get(control: ControlStore, name: str) -> LiveSource:
    there = sources(control)
    for one in there:
        if fold(one.name) == fold(name):
            return one
    raise unknown_name("live source", name, [one.name for one in there])


def live_tables(session: Session) -> list[LiveTable]:
    """The tables of all live sources; asks none of them."""
    return [one for source in sources(session.control) for one in source.tables]


def opening(session: Session, source: LiveSource) -> tuple[Connector, str]:
    """A connector on a live source that has not connected yet, and the address as it may be shown."""
    _refuse_foreign(session, source)
    return _connector(session, source)


def _refuse_foreign(session: Session, source: LiveSource) -> None:
    """Raises Untrusted for one that this user did not attach on this machine: the records of a cloned folder
    must not make anybody connect anywhere."""
    if not is_sealed(session.workspace, source.mark, *source.parts):
        raise Untrusted(f"The live source {source.name} ({source.address}) came with this folder: you did not attach "
                        "it here.", hint=f"If you want it: pluto-duck detach {source.name}, then pluto-duck ingest "
                                         f"--live {source.address} --into {source.name}")


def before_query(session: Session, request: Request, names: Sequence[str]) -> tuple[Request, tuple[str, ...]]:
    """The hook: adds to an owner's statement what opens the live sources that it names."""
    if request.args["read_only"]:
        return request, ()
    wanted = []
    for source in sources(session.control):
        if fold(source.name) in names:
            try:
                wanted.append(_asked(session, source))
            except PlutoError as error:
                wanted.append(lacking(source.name, error))
    return replace(request, args={**request.args, "live": wanted}), ()


def place(session: Session, source: LiveSource) -> tuple[str, str | None]:
    """(the whole address, never to be shown, and the connector's name), for copying from a live source."""
    _refuse_foreign(session, source)
    return _place(session, source)


def _place(session: Session, source: LiveSource) -> tuple[str, str | None]:
    if not source.connection:
        return source.address, source.connector or None
    saved = Connections(session.control, session.workspace)
    found = saved.get(source.connection)
    if _absolute(found.address) != source.address:
        raise Refused(f"The connection {found.name} leads elsewhere ({found.address}) than when {source.name} was "
                      "attached.", hint=f"Attach it anew: pluto-duck detach {source.name}, then ingest --live.")
    return saved.uri(found), source.connector or found.connector


def _connector(session: Session, source: LiveSource) -> tuple[Connector, str]:
    uri, connector = _place(session, source)
    opened, shown = open_source(uri, connector)
    return opened, source.address if source.connection else shown


def _save(control: ControlStore, source: LiveSource) -> None:
    tables = json.dumps([[one.schema, one.name, one.row_estimate, one.size_bytes, one.columns]
                         for one in source.tables])
    with control.connection(_ROOM, MIGRATIONS) as db:
        db.execute("INSERT OR REPLACE INTO live_sources VALUES (?, ?, ?, ?, ?, ?, ?)",
                   (source.name, source.address, source.connection, source.connector, tables, source.added_at,
                    source.mark))
    watch(control, HOOK, source.name)


def _native(connector: Connector, name: str) -> NativeSource | None:
    """What attaches it outside of any load, by a connector that has not been entered."""
    made = connector.live(name) if isinstance(connector, Attachable) else connector.native(name)
    # A file is read by a function: there is nothing to attach.
    return made if made is not None and any(one.startswith("ATTACH ") for one in made.open) else None


def _asked(session: Session, source: LiveSource) -> Any:
    """What the host needs to attach a source. It may have cost a connection, so it serves for a while."""
    _refuse_foreign(session, source)
    uri, kind = _place(session, source)
    kept = _RECENT.setdefault(session, {})
    key = (source.name, from_environment(uri), kind or "")
    if key in kept and time.monotonic() - kept[key][0] < RECENT_S:
        return kept[key][1]
    connector, shown = open_source(uri, kind)
    native = _native(connector, source.name)
    if native is None:
        raise Refused(f"{source.address} can't be attached live any more: it can only be copied.")
    made = asked(source.name, source.address if source.connection else shown, native)
    kept[key] = (time.monotonic(), made)
    return made


def _discovered(connector: Connector, schemas: Sequence[str]) -> list[SourceTable]:
    """What a copy would hold of these schemas, as far as the connector can tell."""
    found: list[SourceTable] = []
    for schema in schemas:
        try:
            found += looked_up(connector, None, schema if len(schemas) > 1 or schema != "main" else None)
        except PlutoError:
            pass  # a schema of the source's own, or one without a table that may be read
    return found


def looked_up(connector: Connector, tables: Sequence[str] | None, schema: str | None) -> list[SourceTable]:
    """What `discover` says, without reading values where the connector can do without: they may be gigabytes."""
    if isinstance(connector, Glancing):
        return connector.glance(tables, schema=schema)
    return connector.discover(tables, schema=schema)


def _kept(name: str, there: Sequence[tuple[str, str, str, str]], exact: Sequence[SourceTable]) -> tuple[LiveTable, ...]:
    known = {(one.schema or "main", one.name): one for one in exact}
    columns: dict[tuple[str, str], list[str]] = {}
    for schema, table, column, _type in there:
        columns.setdefault((schema, table), []).append(column)
    found = []
    for (schema, table), names in list(columns.items())[:KEPT_TABLES]:
        same = known.get((schema, table))
        found.append(LiveTable(name, schema, table, same.row_estimate if same else None,
                               same.size_bytes if same else None, tuple(names)))
    return tuple(found)


# -- names ----------------------------------------------------------------------------------------

def _name(session: Session, given: str | None, suggested: str, replacing: bool) -> str:
    """The name to attach under, in lower case; raises UsageError for one that leads elsewhere already."""
    name = fold(given or suggested)
    again = "Choose a name: --into NAME"
    if not _NAME.match(name):
        raise UsageError(f"{given or suggested!r} can't be the name of a live source." if name else
                         "That source has no name of its own.",
                         hint=f"Letters, digits and _, beginning with a letter. {again}")
    if name in _TAKEN or name.startswith("pluto_"):
        raise UsageError(f"The name {name} is kept for DuckDB's and our own catalogs.", hint=again)
    if any(fold(one.name) == name for one in sources(session.control)) and not replacing:
        raise UsageError(f"There is a live source {name} already.",
                         hint=f"{again}, or remove it first: pluto-duck detach {name}")
    text = {"name": name}
    if session.query("SELECT 1 FROM system.main.duckdb_keywords() WHERE keyword_name = $name "
                     "AND keyword_category = 'reserved'", text).rows():
        raise UsageError(f"{name} is a word of SQL, and would have to be quoted each time.", hint=again)
    if session.query("SELECT 1 FROM system.main.duckdb_databases() WHERE database_name = $name", text).rows():
        raise UsageError(f"A database is attached as {name} already.", hint=again)
    if any(fold(one.ref.schema) == name for one in session.tables()) or session.query(
            "SELECT 1 FROM system.main.duckdb_schemas() WHERE database_name = system.main.current_database() "
            "AND schema_name = $name", text).rows():
        raise UsageError(f"{name} is a schema of this workspace: {name}.orders would mean two things.", hint=again)
    return name


def _suggested(source: LiveSource, shown: str) -> str:
    """From the connection's name, else the last part of the address: the database or the file."""
    if source.connection:
        return source.connection
    dbname = re.search(r"\bdbname\s*=\s*'?(\w+)", shown)
    last = dbname[1] if dbname else re.split(r"[/\\:]", re.split(r"[?#]", shown)[0].rstrip("/"))[-1]
    return re.sub(r"\W", "_", last.partition(".")[0], flags=re.ASCII)


def _absolute(address: str) -> str:
    """A path as it is from anywhere: the host runs in another folder."""
    if "://" in address or address.startswith("env:") or not Path(address).expanduser().exists():
        return address
    return os.path.abspath(os.path.expanduser(address))


def _refuse_own(session: Session, connector: Connector) -> None:
    """The host has these files open itself: a second door to them would drop its locks."""
    path = Path(re.sub(r"^\w+:(//)?", "", connector.source)).expanduser()
    if path.exists() and path.resolve().is_relative_to(session.workspace.folder.resolve()):
        raise Refused(f"{path.name} is one of this workspace's own files.", hint="Its tables can be read by name.")
