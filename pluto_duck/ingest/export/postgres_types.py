"""Each DuckDB type as a PostgreSQL type that holds every value of it, and the value as COPY reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pluto_duck.ingest.export.files import json_expression
from pluto_duck.ingest.export.kinds import Kind

Text = Callable[[str], str]
"""SQL of a value -> SQL of its text, in PostgreSQL's words and not escaped yet; NULL of a NULL."""


@dataclass(frozen=True)
class Way:
    type: str
    text: Text
    plain: bool = False
    """The text never holds a backslash, a tab or a line break: COPY takes it as it is."""


def _cast(value: str) -> str:
    return f"CAST({value} AS VARCHAR)"


def _era(value: str) -> str:
    return f"system.main.replace(CAST({value} AS VARCHAR), ' (BC)', ' BC')"


def _utc(value: str) -> str:
    # With its offset, so that neither server's time zone matters; an infinite one has none.
    moment = f"({value} AT TIME ZONE 'UTC')"
    return f"{_era(moment)} || CASE WHEN system.main.isfinite({value}) THEN '+00' ELSE '' END"


def _micro(value: str, kind: str, nanoseconds: str) -> str:
    """What is finer than PostgreSQL's microseconds stops the export: it would be rounded."""
    return (f"CASE WHEN {nanoseconds} % 1000 <> 0 THEN system.main.error('PostgreSQL would round ' || {_cast(value)}) "
            f"ELSE {_era(f'CAST({value} AS {kind})')} END")


_SCALARS = {
    "BOOLEAN": Way("boolean", _cast, True),
    "TINYINT": Way("smallint", _cast, True), "SMALLINT": Way("smallint", _cast, True),
    "INTEGER": Way("integer", _cast, True), "BIGINT": Way("bigint", _cast, True),
    "UTINYINT": Way("smallint", _cast, True), "USMALLINT": Way("integer", _cast, True),
    "UINTEGER": Way("bigint", _cast, True), "UBIGINT": Way("numeric(20,0)", _cast, True),
    "HUGEINT": Way("numeric(39,0)", _cast, True), "UHUGEINT": Way("numeric(39,0)", _cast, True),
    "BIGNUM": Way("numeric", _cast, True),
    "FLOAT": Way("real", _cast, True), "DOUBLE": Way("double precision", _cast, True),
    "VARCHAR": Way("text", _cast), "ENUM": Way("text", _cast), "JSON": Way("json", _cast),
    "UUID": Way("uuid", _cast, True), "BIT": Way("bit varying", _cast, True),
    "BLOB": Way("bytea", lambda value: f"'\\x' || system.main.hex({value})"),
    "DATE": Way("date", _era, True), "TIMESTAMP": Way("timestamp", _era, True),
    "TIMESTAMP_S": Way("timestamp", _era, True), "TIMESTAMP_MS": Way("timestamp", _era, True),
    "TIMESTAMP_NS": Way("timestamp", lambda value: _micro(value, "TIMESTAMP", f"system.main.epoch_ns({value})"), True),
    "TIMESTAMP WITH TIME ZONE": Way("timestamptz", _utc, True),
    "TIME": Way("time", _cast, True), "TIME WITH TIME ZONE": Way("timetz", _cast, True),
    "TIME_NS": Way("time", lambda value: _micro(value, "TIME", f"system.main.epoch_ns({value})"), True),
    "INTERVAL": Way("interval", _cast, True),
    "NULL": Way("text", _cast, True),
}


def way(kind: Kind) -> Way | None:
    """None for what PostgreSQL has no type for."""
    if kind.name == "DECIMAL":
        return Way(f"numeric({kind.detail})", _cast, True)
    if kind.name in ("LIST", "ARRAY"):
        return _array(kind)
    if kind.name in ("STRUCT", "MAP"):
        if kind.has("UNION", "VARIANT", "GEOMETRY", "BLOB") or any(not name for name, _ in kind.parts) != (
                kind.name == "MAP"):
            return None
        return Way("jsonb", lambda value: f"CAST(system.main.to_json({_json(value, kind)}) AS VARCHAR)")
    return _SCALARS.get(kind.name)


def _json(value: str, kind: Kind) -> str:
    # Unlike other readers of JSON, PostgreSQL keeps every digit of a number.
    return (json_expression(value, kind) or value) if kind.has("FLOAT", "DOUBLE") else value


def _array(kind: Kind) -> Way | None:
    """`{"a","b",NULL}`. Of lists in lists PostgreSQL makes one array of several dimensions: it refuses ragged ones
    itself, but would take `{{},{}}` for `{}`, so empty and missing inner lists are refused here."""
    inner = way(kind.item)
    if inner is None:
        return None
    nested = kind.item.name in ("LIST", "ARRAY")

    one = f"pluto_{len(str(kind))}"  # an inner list has a shorter type: no two share a name

    def text(value: str) -> str:
        item = inner.text(one)
        if nested:
            item = (f"CASE WHEN {one} IS NULL OR system.main.len({one}) = 0 THEN system.main.error("
                    f"'PostgreSQL has no empty list inside of a list') ELSE {item} END")
        elif inner.plain:
            item = f"coalesce({item}, 'NULL')"
        else:
            escaped = f"system.main.replace(system.main.replace({item}, '\\', '\\\\'), '\"', '\\\"')"
            item = f"coalesce('\"' || {escaped} || '\"', 'NULL')"
        return f"'{{' || system.main.array_to_string([{item} FOR {one} IN {value}], ',') || '}}'"

    return Way(inner.type if nested else f"{inner.type}[]", text, inner.plain)
