"""A table of the catalog as the seam knows it: columns with their carriers, keys, defaults, comments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.ingest.connectors import SourceColumn, SourceKey, SourceTable
from pluto_duck.ingest.connectors.postgres_carrier import Carrier, Way, put
from pluto_duck.ingest.connectors.postgres_catalog import KINDS, Relation
from pluto_duck.ingest.connectors.postgres_types import Kind

Path = Literal["adbc", "copy"]
HIDDEN = "row security hides some rows from this user"

_TEXT = re.compile(r"('(?:[^']|'')*')::(?:character varying|[\w.\"]+)")
_NUMBER = re.compile(r"\(?'?(-?\d+(?:\.\d+)?)'?\)?(?:::(?:smallint|integer|bigint|numeric|real|double precision))?")
_SAME_HERE = {"now()": "now()", "CURRENT_TIMESTAMP": "now()", "transaction_timestamp()": "now()",
              "CURRENT_DATE": "current_date", "gen_random_uuid()": "uuid()", "uuid_generate_v4()": "uuid()",
              "true": "true", "false": "false"}
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class PostgresColumn(SourceColumn):
    kind: Kind | None = None
    carrier: Carrier | None = None
    access: str = ""
    """SQL of the value in its row."""
    incoming: str = ""
    """Its name in the stream: c0, c1, ..., because a name in the source may be anything."""


def column(told: SourceColumn, kind: Kind, carrier: Carrier, access: str, incoming: str, path: Path) -> PostgresColumn:
    return PostgresColumn(
        told.name, told.source_type, carrier.duckdb, put(stream_way(carrier, path).expression, incoming),
        told.nullable, default=default(told.default, carrier.duckdb), comment=told.comment, note=carrier.note,
        kind=kind, carrier=carrier, access=access, incoming=incoming)


def stream_way(carrier: Carrier, path: Path) -> Way:
    return (carrier.adbc if path == "adbc" else carrier.copy) or carrier.text


def table(relation: Relation, shape: Mapping[str, Any], columns: tuple[PostgresColumn, ...]) -> SourceTable:
    keys = [(kind, tuple(names), schema, name, tuple(referenced or ()))
            for kind, names, schema, name, referenced in shape["keys"] or ()]
    return SourceTable(
        relation.name, relation.schema, columns,
        primary_key=next((names for kind, names, *_rest in keys if kind == "p"), ()),
        row_estimate=relation.row_estimate, kind=KINDS[relation.kind],
        unique=tuple(names for kind, names, *_rest in keys if kind == "u"),
        foreign_keys=tuple(SourceKey(names, schema, name, referenced)
                           for kind, names, schema, name, referenced in keys if kind == "f"),
        comment=shape["comment"] or "", size_bytes=shape["bytes"] if relation.kind in "rm" else None,
        note=HIDDEN if shape["hidden_rows"] else "")


def default(expression: str | None, duckdb: str) -> str:
    """DuckDB SQL of a default that means the same here; "" for any other."""
    if not expression:
        return ""
    if expression in _SAME_HERE:
        # now() as a plain timestamp would hang on the time zone of whoever inserts.
        wanted = {"now()": "TIMESTAMPTZ", "current_date": "DATE", "uuid()": "UUID"}
        return _SAME_HERE[expression] if duckdb == wanted.get(_SAME_HERE[expression], "BOOLEAN") else ""
    if duckdb.startswith(_NUMBERS) and not duckdb.endswith("]"):
        number = _NUMBER.fullmatch(expression)
        return number[1] if number else ""
    text = _TEXT.fullmatch(expression)
    return text[1] if text and (duckdb in ("VARCHAR", "DATE", "UUID") or duckdb.startswith("ENUM(")) else ""
