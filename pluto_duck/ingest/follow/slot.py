"""What following needs at the source: a slot, which keeps what has not been read, and publications, which say of what.

Both carry one name, made of the workspace and the database, so that nobody else's are ever touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.postgres_address import Address, psycopg
from pluto_duck.ingest.follow.messages import lsn_of
from pluto_duck.ingest.follow.state import Server
from pluto_duck.workspace import quote

PREFIX = "pluto_duck_"
ADDED = "_added"
"""Ends the name of the second publication: of tables of which only what is added comes."""

_ASKED = """
SELECT current_setting('wal_level'), current_user, current_database(),
  (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user),
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  has_database_privilege(current_database(), 'CREATE'),
  current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),
  current_setting('server_version_num')::int, pg_is_in_recovery()"""

_TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relreplident::text,
  pg_has_role(c.relowner, 'USAGE'), c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid),
  (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid
    AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indimmediate AND i.indisvalid
    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY (%s::oid[])"""

_STATUS = """
SELECT s.confirmed_flush_lsn::text, s.wal_status, s.active_pid, s.database,
  pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint, to_jsonb(s)->>'invalidation_reason',
  pg_current_wal_lsn()::text
FROM pg_replication_slots s WHERE s.slot_name = %s"""


@dataclass(frozen=True)
class Facts:
    user: str
    database: str
    superuser: bool
    version: int
    """server_version_num."""


@dataclass(frozen=True)
class Published:
    """A table as far as publishing goes."""

    oid: int
    schema: str
    name: str
    kind: str
    permanent: bool
    identity: str
    mine: bool
    key: tuple[str, ...]
    """What an UPDATE or DELETE will name its row by; () for the whole row, or nothing."""
    parent: bool = False
    """Other tables inherit from it: a load has their rows too, a publication has not."""

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identified(self) -> bool:
        return self.identity == "f" or (self.identity != "n" and bool(self.key))


@dataclass(frozen=True)
class Status:
    confirmed: int
    wal: str
    """"lost" when the server has thrown away what was kept for it."""
    active_pid: int | None
    retained_bytes: int
    """Of the source's disk, kept for who has not read it."""
    why: str
    now: int
    """Where the server's log ends."""


def name_of(workspace_id: str, server: Server) -> str:
    text = f"{workspace_id} {server.system} {server.database}"
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()[:20]


def identify(connection: Any) -> Server:
    """Asked on a connection made by `stream.connect`."""
    system, timeline, _at, database = connection.execute("IDENTIFY_SYSTEM").fetchone()
    return Server(str(system), int(timeline), str(database))


def facts(connection: Any, shown: str, *, making: bool) -> Facts:
    """Raises SourceError for whatever keeps this server or user from being followed. `making`: a slot, too."""
    wal, user, database, replicates, superuser, creates, free, version, standby = connection.execute(_ASKED).fetchone()
    if wal != "logical":
        raise SourceError(f"{shown} does not write down row changes: its wal_level is {wal}.", reason="wal_level",
                          hint="Set wal_level = logical in postgresql.conf and restart the server. Until then: "
                               "--mode merge --cursor xmin takes what is new.")
    if not replicates:
        raise SourceError(f"The user {user} of {shown} may not read its changes.", reason="permission",
                          hint=f"As a superuser there: ALTER ROLE {quote(user)} REPLICATION")
    if making and standby:
        raise SourceError(f"{shown} is a standby, where no publication can be made.", reason="standby",
                          hint="Follow the primary.")
    if making and not creates:
        raise SourceError(f"The user {user} may not make a publication in {database}.", reason="permission",
                          hint=f"As its owner: GRANT CREATE ON DATABASE {quote(database)} TO {quote(user)}")
    if making and free < 1:
        raise SourceError(f"{shown} has no replication slot left.", reason="slots",
                          hint="Raise max_replication_slots there, or drop one that nobody reads: SELECT * FROM "
                               "pg_replication_slots")
    return Facts(user, database, bool(superuser), int(version))


def published(connection: Any, oids: Sequence[int]) -> list[Published]:
    rows = connection.execute(_TABLES, (list(oids),)).fetchall()
    return [Published(int(oid), schema, name, kind, persistence == "p", identity, bool(mine),
                      tuple(key or ()) if identity != "n" else (), bool(parent))
            for oid, schema, name, kind, persistence, identity, mine, parent, key in rows]


def check_tables(tables: Sequence[Published], known: Facts, *, append_only: bool) -> None:
    """Raises SourceError naming what can't be published, or not so that it could be followed."""
    theirs = [one.shown for one in tables if not one.mine]
    if theirs and not known.superuser:
        raise SourceError(f"Only its owner can publish a table, and the user {known.user} does not own "
                          f"{_some(theirs)}.", reason="permission",
                          hint="Follow as their owner or a member of its role, or leave them out with --exclude.")
    if parents := [one.shown for one in tables if one.parent]:
        raise SourceError(f"{_some(parents)} has tables that inherit from it, whose changes are not told as its own.",
                          reason="inherits", hint="Follow those tables instead; leave it out with --exclude.")
    without = [one for one in tables if not one.identified]
    if without and not append_only:
        first = without[0]
        raise SourceError(
            f"{_some([one.shown for one in without])} {'has' if len(without) == 1 else 'have'} no primary key, so an "
            "UPDATE or DELETE there would not tell which row it means.", reason="identity",
            hint=f"At the source: ALTER TABLE {first.schema}.{first.name} REPLICA IDENTITY FULL; or --exclude "
                 f"{first.name}; or, where rows are only ever added: --option append_only=true",
            tables=[one.shown for one in without])


def publish(connection: Any, name: str, tables: Sequence[Published], known: Facts) -> tuple[str, ...]:
    """Makes the publications, in place of ones by these names; their names. A table without identity must not stand in
    one that publishes UPDATEs: PostgreSQL would from then on refuse to UPDATE it, for everybody."""
    made = []
    drop(connection, name, slot=False)
    with_all = [one for one in tables if one.identified]
    added = [one for one in tables if not one.identified]
    generated = ", publish_generated_columns = stored" if known.version >= 180000 else ""
    root = "publish_via_partition_root = true" if known.version >= 130000 else ""
    for publication, several, kinds in ((name, with_all, "insert, update, delete, truncate"),
                                        (name + ADDED, added, "insert, truncate")):
        if several:
            listed = ", ".join(f"{'ONLY ' if one.kind != 'p' else ''}{quote(one.schema)}.{quote(one.name)}"
                               for one in several)
            more = ", ".join(one for one in (root,) if one)
            connection.execute(f"CREATE PUBLICATION {quote(publication)} FOR TABLE {listed} "
                               f"WITH (publish = '{kinds}'{', ' + more if more else ''}{generated})")
            made.append(publication)
    return tuple(made)


def create(connection: Any, name: str) -> tuple[int, str]:
    """Makes the slot on a connection of `stream.connect`: (where it begins, the name of the snapshot of that moment,
    which lasts until the connection is used again)."""
    row = connection.execute(f'CREATE_REPLICATION_SLOT {quote(name)} LOGICAL pgoutput EXPORT_SNAPSHOT').fetchone()
    return lsn_of(row[1]), str(row[2])


def status(connection: Any, name: str) -> Status | None:
    """None where there is no such slot."""
    row = connection.execute(_STATUS, (name,)).fetchone()
    if row is None:
        return None
    confirmed, wal, pid, _database, retained, why, now = row
    return Status(lsn_of(confirmed) if confirmed else 0, wal or "", pid, int(retained or 0), why or "", lsn_of(now))


def drop(connection: Any, name: str, *, slot: bool = True) -> list[str]:
    """Drops what we made, as far as it is there; in words, what that was. Ends a reader that has the slot."""
    assert name.startswith(PREFIX)
    gone = []
    if slot and (found := status(connection, name)) is not None:
        if found.active_pid is not None:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (found.active_pid,))
        connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
        gone.append(f"the slot {name}")
    for publication in (name, name + ADDED):
        if connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (publication,)).fetchone():
            connection.execute(f"DROP PUBLICATION {quote(publication)}")
            gone.append(f"the publication {publication}")
    return gone


def publications(connection: Any, name: str) -> tuple[str, ...]:
    rows = connection.execute("SELECT pubname FROM pg_publication WHERE pubname = ANY (%s) ORDER BY 1",
                              ([name, name + ADDED],)).fetchall()
    return tuple(row[0] for row in rows)


def open_plain(address: Address, name: str) -> Any:
    """A connection for questions, which end by themselves."""
    return address.connect(application_name=f"pluto-duck follow {name}"[:63],
                           more={"options": f"{address.field('options')} -c TimeZone=UTC -c statement_timeout=60000 "
                                            "-c lc_monetary=C -c DateStyle=ISO,YMD -c IntervalStyle=postgres_verbose "
                                            "-c extra_float_digits=3 -c bytea_output=hex".strip()})


def refused(error: Exception, address: Address, what: str) -> SourceError:
    """In our words, an error of the driver."""
    assert isinstance(error, psycopg().Error)
    said = address.words((getattr(error, "diag", None) and error.diag.message_primary) or str(error)).rstrip(".")
    reason = "permission" if error.sqlstate == "42501" else "lost" if error.sqlstate is None else "replication"
    return SourceError(f"{address.shown} refuses while {what}: {said}.", reason=reason,
                       hint="docs/ingest.md, \"Follow a PostgreSQL database\", tells which rights are needed.")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
