"""What is known of a database that is followed: kept in `_pluto.follows`, in the transaction that brings its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pluto_duck.ingest.records import literal
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

TABLE = "_pluto.follows"
_MADE = (f"CREATE TABLE IF NOT EXISTS {TABLE} (slot VARCHAR NOT NULL, source VARCHAR NOT NULL, "
         "server VARCHAR NOT NULL, options VARCHAR NOT NULL, tables VARCHAR NOT NULL, lsn BIGINT NOT NULL, "
         "rows BIGINT NOT NULL, transactions BIGINT NOT NULL, at_us BIGINT NOT NULL)")


@dataclass(frozen=True)
class KnownColumn:
    """A column of the source and where it goes."""

    name: str
    target: str
    """As the table here calls it."""
    number: int
    """pg_attribute.attnum: the same after the column was renamed."""
    oid: int
    modifier: int
    type: str
    """DuckDB's, as the table here has it."""
    access: str
    """How the look at its values called it: the key of `FollowedTable.answers`."""
    gone: bool = False
    """The source has it no more; it stays here, empty in new rows."""


@dataclass(frozen=True)
class FollowedTable:
    oid: int
    schema: str
    name: str
    target: TableRef
    columns: tuple[KnownColumn, ...]
    key: tuple[str, ...]
    """Names at the source of what tells rows apart; () for none."""
    answers: Mapping[str, Sequence[str | None] | None] = field(default_factory=dict)
    """What its values were found to be (`connectors.postgres_probe`), of which types hang."""
    skip: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "target": [self.target.schema, self.target.name]}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> FollowedTable:
        schema, name = told["target"]
        return cls(told["oid"], told["schema"], told["name"], TableRef(name, schema),
                   tuple(KnownColumn(**one) for one in told["columns"]), tuple(told["key"]), told["answers"],
                   tuple(told["skip"]))


@dataclass(frozen=True)
class Server:
    """Which server, and which of its histories, an LSN is of."""

    system: str
    timeline: int
    database: str


@dataclass(frozen=True)
class Follow:
    slot: str
    """Also the name of its publication."""
    source: str
    """Without a secret."""
    server: Server
    options: Mapping[str, Any]
    tables: tuple[FollowedTable, ...]
    lsn: int
    """Everything before it has been applied, and nothing after it."""
    rows: int = 0
    """Changes applied since it began."""
    transactions: int = 0
    at_us: int = 0
    """When the last one was committed at the source; since 1970."""

    def moved(self, lsn: int, *, rows: int = 0, transactions: int = 0, at_us: int = 0) -> Follow:
        return replace(self, lsn=lsn, rows=self.rows + rows, transactions=self.transactions + transactions,
                       at_us=at_us or self.at_us)


def read(session: Session) -> list[Follow]:
    """All that this workspace follows."""
    there = session.internal(["SELECT count(*) FROM system.main.duckdb_tables() WHERE schema_name = '_pluto' AND "
                              "table_name = 'follows' AND database_name = system.main.current_database()"])[0][0][0]
    if not there:
        return []
    return [Follow(slot, source, Server(**json.loads(server)), json.loads(options),
                   tuple(FollowedTable.from_dict(one) for one in json.loads(tables)), lsn, rows, transactions, at_us)
            for slot, source, server, options, tables, lsn, rows, transactions, at_us in session.internal([
                f"SELECT slot, source, server, options, tables, lsn, rows, transactions, at_us FROM {TABLE} "
                "ORDER BY source, slot"])[0]]


def find(session: Session, slot: str) -> Follow | None:
    return next((one for one in read(session) if one.slot == slot), None)


def written(follow: Follow) -> list[str]:
    """The statements that keep all of it."""
    values = (follow.slot, follow.source, json.dumps(asdict(follow.server)), json.dumps(dict(follow.options)),
              json.dumps([one.to_dict() for one in follow.tables]), follow.lsn, follow.rows, follow.transactions,
              follow.at_us)
    return [_MADE, f"DELETE FROM {TABLE} WHERE slot = {literal(follow.slot)}",
            f"INSERT INTO {TABLE} VALUES ({', '.join(literal(value) for value in values)})"]


def position(follow: Follow) -> list[str]:
    """The statement that keeps how far it has come: of many, so a short one."""
    return [f"UPDATE {TABLE} SET lsn = {follow.lsn}, rows = {follow.rows}, transactions = {follow.transactions}, "
            f"at_us = {follow.at_us} WHERE slot = {literal(follow.slot)}"]


def forget(session: Session, slot: str) -> None:
    if find(session, slot) is not None:
        with session.transaction():
            session.internal([f"DELETE FROM {TABLE} WHERE slot = {literal(slot)}"], writes=[TABLE])


def keep(session: Session, follow: Follow) -> None:
    """In a transaction of its own."""
    with session.transaction():
        session.internal(written(follow), writes=[TABLE])
