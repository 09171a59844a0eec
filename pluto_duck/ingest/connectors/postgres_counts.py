"""What a PostgreSQL counts over rows by itself, so that they need not be read: a pulse, and sums to compare with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pluto_duck.ingest.connectors import Checksums, Selection
from pluto_duck.ingest.connectors.measures import measure
from pluto_duck.ingest.connectors.postgres_carrier import literal, put
from pluto_duck.ingest.connectors.postgres_describe import PostgresColumn
from pluto_duck.workspace import quote

MOST_ROWS = 1_000
"""Of a pulse. More are new rows, or it would cost as much as reading them."""

_BITS = "('x' || left(md5({}), 8))::bit(32)::bigint"
"""32 bits of a value's md5, above zero: as `measures.counted` takes them."""
_SHAPE = """
SELECT CASE WHEN told.plain THEN md5(concat_ws(' ', c.oid, c.xmin, row_security_active(c.oid), told.columns,
         (SELECT string_agg(k.oid || ' ' || k.xmin, ',' ORDER BY k.oid) FROM pg_constraint k WHERE k.conrelid = c.oid)))
       END, rows.count, rows.text
FROM ({rows}) AS rows LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       AND n.nspname = {schema}{home}) ON c.relname = {name} AND c.relkind IN ('r', 'p')
LEFT JOIN LATERAL (
  SELECT bool_and(t.typtype = 'e' OR t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace
                  AND t.typname NOT IN ('money', '_money', 'regproc', '_regproc', 'regoper', '_regoper')) AS plain,
         string_agg(concat_ws(' ', a.attnum, a.xmin, t.oid, t.xmin,
           (SELECT string_agg(e.xmin::text, ' ' ORDER BY e.oid) FROM pg_enum e WHERE e.enumtypid = t.oid)), ','
           ORDER BY a.attnum) AS columns
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS told ON true"""
_ADD_UP = ("int2", "int4", "int8", "numeric")


def pulse(columns: Sequence[PostgresColumn], selection: Selection, chosen: str) -> str:
    """SQL for (how many rows, at most one more than MOST_ROWS; a text that tells them from others). `chosen`: what
    follows FROM."""
    # As text and not by the hash of the type: not every type has one. Where the plain text says too little, ours.
    row = ", ".join(put(one.carrier.text.select, one.access) if one.carrier and one.carrier.via else one.access
                    for one in columns)
    # The same rows under other types or another filter must not pass for those of before.
    asked = repr(([(one.name, one.type, one.access) for one in columns], selection.where, selection.limit))
    digest = hashlib.sha256(asked.encode()).hexdigest()[:16]
    return f"SELECT count, {literal(digest)} || ' ' || text FROM ({_hashed(row, chosen)}) AS hashed"


def stamp(name: str, schema: str, chosen: str, *, default: bool) -> str:
    """SQL for (the shape of a table, how many rows, a text that tells them from others). A shape is the versions of
    all catalog rows that describe it; it is NULL where a type is made of others, or its text says too little."""
    home = " AND n.nspname = coalesce(current_schema(), 'public')" if default else ""
    return _SHAPE.format(name=literal(name), schema=literal(schema), home=home,
                         rows=_hashed(f"{quote(name)}.*", chosen))


def _hashed(row: str, chosen: str) -> str:
    # Two hashes of 64 bits each; sums, because a pair of equal rows would vanish from an xor.
    one, other = (f"coalesce(sum(hashtextextended(r, {seed})::numeric), 0)" for seed in (0, 1))
    return (f"SELECT count(*) AS count, count(*) || ' ' || {one} || ' ' || {other} AS text "
            f"FROM (SELECT r FROM (SELECT ROW({row})::text AS r FROM {chosen}) AS q LIMIT {MOST_ROWS + 1}) AS few")


def checksums(columns: Sequence[PostgresColumn], chosen: str) -> tuple[str, list[str]]:
    """SQL for one array of texts (the number of rows, then a measure of each column), and the columns' names."""
    measured = [(one.name, sql) for one in columns if (sql := _measured(one))]
    every = ", ".join(f"({sql})::text" for sql in ("count(*)", *(sql for _name, sql in measured)))
    return f"SELECT ARRAY[{every}] FROM {chosen}", [name for name, _sql in measured]


def read(names: Sequence[str], values: Sequence[str | None]) -> Checksums:
    return Checksums(int(values[0] or 0), dict(zip(names, values[1:], strict=True)))


def _measured(column: PostgresColumn) -> str:
    kind, carrier, value = column.kind, column.carrier, column.access
    if kind is None or carrier is None:
        return ""
    what, text = measure(column.type), f"({put(carrier.text.select, value)})"
    if what == "sum":
        return f"sum({value})" if kind.name in _ADD_UP and kind.sort == "base" else f"sum({text}::numeric)"
    if what == "digest" and column.type == "BLOB":
        return f"sum({_BITS.format(value)})" if kind.name == "bytea" else ""
    if what == "digest":
        return f"sum({_BITS.format(text)})"
    if what == "true":
        return f"count(*) FILTER (WHERE {value})"
    if what == "days":
        return f"sum({value} - date '1970-01-01') FILTER (WHERE isfinite({value}))"
    if what == "microseconds":
        return f"sum(round((extract(epoch FROM {value}) * 1000000)::numeric)) FILTER (WHERE isfinite({value}))"
    return f"count({text})"
