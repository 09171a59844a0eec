"""How the rows of one table are read as they are sent, and what a change of its columns means here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.postgres_carrier import MAX_DIGITS, Carrier, put
from pluto_duck.ingest.connectors.postgres_catalog import Shapes
from pluto_duck.ingest.connectors.postgres_nested import Compiler
from pluto_duck.ingest.connectors.postgres_probe import questions
from pluto_duck.ingest.connectors.postgres_types import Kind
from pluto_duck.ingest.connectors.postgres_types import kind as kind_of
from pluto_duck.ingest.follow.messages import Relation, SentColumn
from pluto_duck.ingest.follow.state import FollowedTable, KnownColumn
from pluto_duck.ingest.follow.texts import Convert, converter
from pluto_duck.ingest.records import literal
from pluto_duck.ingest.widening import as_far, wider
from pluto_duck.workspace import quote

AGAIN = "Copy it anew with --follow --resnapshot; nothing of what came before is lost."
_UNASKED = (None, None, None)
_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")


@dataclass(frozen=True)
class ReadColumn:
    """One value of the rows that are sent."""

    name: str
    target: str
    place: int
    """In the rows as they are sent."""
    type: str
    expression: str
    """DuckDB SQL over `c` and its place."""
    convert: Convert | None = None
    digits: int | None = None
    """Behind the point, of a number whose digits no type declares: more would be rounded."""
    labels: frozenset[bytes] | None = None
    """Of an enum."""


@dataclass(frozen=True)
class Shape:
    """A table as its rows are being sent."""

    table: FollowedTable
    relation: Relation
    columns: tuple[ReadColumn, ...]
    key: tuple[int, ...]
    """Places of what tells rows apart; () for whole rows."""
    identified: bool
    """False: an UPDATE or DELETE does not tell which row it means."""

    @property
    def key_names(self) -> tuple[str, ...]:
        """As the table here calls them."""
        by_place = {one.place: one.target for one in self.columns}
        return tuple(by_place[place] for place in self.key)


@dataclass(frozen=True)
class Listed:
    """A column as the source's catalog has it now."""

    number: int
    fills: bool
    """It has a default, or makes its own values: rows from before it may hold some."""
    missing: str | None
    """What rows from before it read as, where the catalog knows; the text of an array of one."""


@dataclass
class Evolution:
    """What a table here must become before the next row."""

    table: FollowedTable
    sql: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def carrier(types: Shapes, oid: int, modifier: int, access: str, label: str,
            answers: Mapping[str, Any]) -> tuple[Kind, Carrier]:
    kind = kind_of(types.types, oid, modifier)
    known = {one.key: answers.get(one.key, _UNASKED) for one in questions(kind, access)}
    return kind, Compiler(known, types.money_digits).carrier(kind, access, label)


def shape(table: FollowedTable, relation: Relation, types: Shapes) -> Shape:
    """`table` has been evolved to what `relation` sends."""
    known = {one.name: one for one in table.columns if not one.gone}
    columns = []
    for place, sent in enumerate(relation.columns):
        column = known.get(sent.name)
        if column is None:
            continue  # --skip
        kind, carried = carrier(types, sent.oid, sent.modifier, column.access, f"{table.name}.{sent.name}",
                                table.answers)
        loose = any(True for _one in questions(kind, "")) and carried.duckdb.startswith("DECIMAL(")
        found = _DECIMAL.match(carried.duckdb)
        columns.append(ReadColumn(
            sent.name, column.target, place, column.type, put(carried.text.expression, f"c{place}"),
            converter(kind, carried, types.money_digits), int(found[1]) if loose and found else None,
            frozenset(one.encode() for one in kind.labels) if carried.duckdb.startswith("ENUM(") else None))
    places = {one.name: place for place, one in enumerate(relation.columns)}
    sent_key = {one.name for one in relation.columns if one.key}
    key = tuple(places[name] for name in table.key if name in sent_key)
    whole = relation.identity == "f"
    return Shape(table, relation, tuple(columns), key if len(key) == len(table.key) else (),
                 whole or (bool(table.key) and len(key) == len(table.key)))


def evolve(table: FollowedTable, relation: Relation, types: Shapes, catalog: Mapping[str, Listed], *,
           freeze: bool) -> Evolution:
    """What the columns as they are sent ask of the table here. Raises SourceError for what can't be followed exactly,
    and with `freeze` for any difference."""
    found = Evolution(table)
    known = {one.name: one for one in table.columns if not one.gone}
    sent = {one.name: one for one in relation.columns if one.name not in table.skip}
    lost = {one.number: one for one in known.values() if one.name not in sent}
    columns = {one.target: one for one in table.columns}
    for one in sent.values():
        old = known.get(one.name)
        if old is None:
            listed = catalog.get(one.name)
            if listed is None and lost:
                raise _stop(table, f"a column was renamed, or one dropped and {one.name} added, and the catalog does "
                                   "not tell which any more")
            renamed = lost.pop(listed.number, None) if listed is not None else None
            if renamed is None:
                _added(found, columns, one, listed, types)
                continue
            old = renamed
            _renamed(found, columns, old, one)
            old = columns[_target(found.table, one.name, columns)]
        _retyped(found, columns, old, one, types)
    for gone in lost.values():
        if gone.name in table.key:
            raise _stop(table, f"the column {gone.name}, which tells its rows apart, is gone")
        columns[gone.target] = replace(gone, gone=True)
        found.sql.append(f"ALTER TABLE {table.target.sql} ALTER COLUMN {quote(gone.target)} DROP NOT NULL")
        found.said.append(f"{table.shown} has no column {gone.name} any more: it stays, empty in new rows")
    if relation.identity == "d" and {one.name for one in relation.columns if one.key} != set(_now(table, columns)) \
            and table.key:
        raise _stop(table, "another key tells its rows apart now")
    if freeze and found.said:
        raise _stop(table, "; ".join(found.said), hint="With --columns evolve the table here follows such changes.")
    renamed_key = tuple(_now(table, columns))
    found.table = replace(table, schema=relation.schema, name=relation.name, columns=tuple(columns.values()),
                          key=renamed_key)
    return found


def _now(table: FollowedTable, columns: Mapping[str, KnownColumn]) -> list[str]:
    """The key's columns by the names they have at the source now."""
    targets = {one.name: one.target for one in table.columns if not one.gone}
    return [columns[targets[name]].name for name in table.key]


def _target(table: FollowedTable, name: str, columns: Mapping[str, KnownColumn]) -> str:
    return next(one.target for one in columns.values() if one.name == name and not one.gone)


def _renamed(found: Evolution, columns: dict[str, KnownColumn], old: KnownColumn, sent: SentColumn) -> None:
    """Its old name stays where the new one is taken by a column that the source has dropped."""
    target = old.target
    if sent.name not in columns:
        found.sql.append(f"ALTER TABLE {found.table.target.sql} RENAME COLUMN {quote(old.target)} TO "
                         f"{quote(sent.name)}")
        target = sent.name
    # In its old place: the order of the columns stays.
    items = [(target, replace(old, name=sent.name, target=target)) if key == old.target else (key, one)
             for key, one in columns.items()]
    columns.clear()
    columns.update(items)
    found.said.append(f"{found.table.shown}.{old.name} is called {sent.name} now")


def _added(found: Evolution, columns: dict[str, KnownColumn], sent: SentColumn, listed: Listed | None,
           types: Shapes) -> None:
    table = found.table
    if sent.name in columns:
        raise _stop(table, f"it has a new column {sent.name}, and one of that name from before lies here")
    access = quote(sent.name)
    _kind, carried = carrier(types, sent.oid, sent.modifier, access, f"{table.name}.{sent.name}", table.answers)
    if listed is not None and listed.fills and listed.missing is None:
        raise _stop(table, f"the new column {sent.name} has a default that may differ in each row it had before")
    columns[sent.name] = KnownColumn(sent.name, sent.name, listed.number if listed else 0, sent.oid, sent.modifier,
                                     carried.duckdb, access)
    added = f"ALTER TABLE {table.target.sql} ADD COLUMN {quote(sent.name)} {carried.duckdb}"
    said = f"{table.shown} has a new column {sent.name}"
    if listed is not None and listed.missing is not None:
        kind = kind_of(types.types, sent.oid, sent.modifier)
        change = converter(kind, carried, types.money_digits)
        text = change(listed.missing.encode()) if change else listed.missing
        text = text.decode() if isinstance(text, bytes) else text
        # What older rows read as there. As a default, which is not kept: DuckDB's UPDATE would write the rows anew.
        value = f"CAST({put(carried.text.expression, literal(text))} AS {carried.duckdb})"
        found.sql += [f"{added} DEFAULT {value}",
                      f"ALTER TABLE {table.target.sql} ALTER COLUMN {quote(sent.name)} DROP DEFAULT"]
        found.said.append(f"{said}, {listed.missing} in older rows")
    else:
        found.sql.append(added)
        found.said.append(f"{said}, empty in older rows")


def _retyped(found: Evolution, columns: dict[str, KnownColumn], old: KnownColumn, sent: SentColumn,
             types: Shapes) -> None:
    table = found.table
    _kind, carried = carrier(types, sent.oid, sent.modifier, old.access, f"{table.name}.{sent.name}", table.answers)
    current = columns[old.target]
    if carried.duckdb == old.type:
        columns[old.target] = replace(current, oid=sent.oid, modifier=sent.modifier)
        return
    wide = wider(old.type, carried.duckdb) or as_far(old.type, carried.duckdb)
    if wide is None:
        raise _stop(table, f"the column {sent.name} comes as {_short(carried.duckdb)} and is {_short(old.type)} here")
    columns[old.target] = replace(current, oid=sent.oid, modifier=sent.modifier, type=wide)
    if wide == old.type:
        return
    found.sql += widening(table, old, wide)
    found.said.append(f"{table.shown}.{sent.name} was widened from {_short(old.type)} to {_short(wide)}")


def widening(table: FollowedTable, column: KnownColumn, wide: str) -> list[str]:
    """The statements that give a column here a wider type."""
    name, here = quote(column.target), table.target.sql
    text = "::VARCHAR" if wide.startswith("ENUM(") else ""
    if column.name not in table.key:
        using = f" USING {name}{text}::{wide}" if text else ""
        return [f"ALTER TABLE {here} ALTER COLUMN {name} TYPE {wide}{using}"]
    # DuckDB can't alter a column of a key.
    return [f"CREATE OR REPLACE TABLE {here} AS SELECT * REPLACE ({name}{text}::{wide} AS {name}) FROM {here}",
            *keyed(table)]


def keyed(table: FollowedTable) -> list[str]:
    """The statement that gives a table that was made anew its key."""
    targets = {one.name: one.target for one in table.columns if not one.gone}
    key = ", ".join(quote(targets[one]) for one in table.key)
    return [f"ALTER TABLE {table.target.sql} ADD PRIMARY KEY ({key})"] if key else []


def grown(table: FollowedTable, name: str, digits: int, before: int) -> Evolution:
    """What a number without declared digits asks for whose values have so many behind the point, and before it."""
    column = next(one for one in table.columns if one.name == name and not one.gone)
    found = _DECIMAL.fullmatch(column.type)
    scale = max(digits, int(found[1]) if found else 0)
    if before + scale > MAX_DIGITS:
        raise _stop(table, f"{name} holds more than the {MAX_DIGITS} digits of a DECIMAL")
    wide = f"DECIMAL({MAX_DIGITS},{scale})"
    key = next(one.key for one in questions(Kind("numeric", "numeric"), column.access))
    # What the look at its values would have told: the digits shown, those needed, and the largest.
    answers = {**table.answers, key: (str(scale), str(scale), "1")}
    columns = tuple(replace(one, type=wide) if one is column else one for one in table.columns)
    return Evolution(replace(table, columns=columns, answers=answers), widening(table, column, wide),
                     said=[f"{table.shown}.{name} was widened from {column.type} to {wide}"])


def _stop(table: FollowedTable, what: str, *, hint: str = AGAIN) -> SourceError:
    return SourceError(f"{table.shown} can't be followed further: {what}.", hint=hint, reason="shape",
                       table=table.shown)


def _short(kind: str) -> str:
    return kind if len(kind) <= 60 else kind[:57] + "..."
