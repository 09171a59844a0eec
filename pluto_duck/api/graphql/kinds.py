"""DuckDB's types as GraphQL's: read from the type's text.

    BOOLEAN; TINYINT to INTEGER; FLOAT, DOUBLE     Boolean; Int; Float
    BIGINT, UINTEGER, HUGEINT, ...; DECIMAL        BigInt; Decimal
    VARCHAR, BIT, TIME                             String
    DATE; TIMESTAMP; TIMESTAMP WITH TIME ZONE      Date; Timestamp; TimestampTZ
    INTERVAL; UUID; BLOB; JSON                     Interval; UUID; Blob; JSON
    ENUM; T[], T[3]; STRUCT                        an enum; a list; an object type
    MAP, UNION and what is not known               JSON
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pluto_duck.session.rows.values import parts

_SCALARS = {
    "BOOLEAN": "Boolean", "TINYINT": "Int", "SMALLINT": "Int", "INTEGER": "Int", "UTINYINT": "Int", "USMALLINT": "Int",
    "UINTEGER": "BigInt", "BIGINT": "BigInt", "UBIGINT": "BigInt", "HUGEINT": "BigInt", "UHUGEINT": "BigInt",
    "FLOAT": "Float", "DOUBLE": "Float", "VARCHAR": "String", "BIT": "String", "TIME": "String",
    "TIME WITH TIME ZONE": "String", "DATE": "Date", "TIMESTAMP": "Timestamp", "TIMESTAMP_S": "Timestamp",
    "TIMESTAMP_MS": "Timestamp", "TIMESTAMP_NS": "Timestamp", "TIMESTAMP WITH TIME ZONE": "TimestampTZ",
    "INTERVAL": "Interval", "UUID": "UUID", "BLOB": "Blob", "JSON": "JSON"}
NUMBERS = ("Int", "BigInt", "Float", "Decimal")
MOST_VALUES = 200
"""An ENUM of more is text."""


@dataclass(frozen=True)
class Kind:
    duckdb: str
    shape: Literal["scalar", "enum", "list", "struct"] = "scalar"
    scalar: str = "JSON"
    item: Kind | None = None
    """Of a list."""
    members: tuple[tuple[str, Kind], ...] = ()
    """Of a struct: (name as DuckDB has it, kind)."""
    values: tuple[str, ...] = ()
    """Of an enum."""

    @property
    def comparable(self) -> bool:
        """Whether it can be sorted and grouped by."""
        return self.shape == "enum" or (self.shape == "scalar" and self.scalar not in ("JSON", "Blob"))

    @property
    def numeric(self) -> bool:
        return self.shape == "scalar" and self.scalar in NUMBERS


def kind_of(text: str) -> Kind:
    text = text.strip()
    array = re.search(r"\[\d*\]$", text)
    if array:
        return Kind(text, "list", "", kind_of(text[:array.start()]))
    head = text.partition("(")[0].strip().upper()
    inside = text[text.index("(") + 1:-1] if text.endswith(")") and "(" in text else ""
    if head == "DECIMAL":
        return Kind(text, scalar="Decimal")
    if head == "ENUM":
        values = tuple(one.strip()[1:-1].replace("''", "'") for one in parts(inside))
        if len(values) <= MOST_VALUES:
            return Kind(text, "enum", "String", values=values)
        return Kind(text, scalar="String")
    if head == "STRUCT":
        members = [_member(one) for one in parts(inside)]
        if members and all(name for name, _type in members):
            return Kind(text, "struct", "", members=tuple((name, kind_of(type_)) for name, type_ in members))
    return Kind(text, scalar=_SCALARS.get(text.upper() if not inside else "", "JSON"))


def _member(text: str) -> tuple[str, str]:
    if text.startswith('"'):
        end = 1
        while (end := text.index('"', end)) >= 0 and text[end + 1:end + 2] == '"':
            end += 2
        return text[1:end].replace('""', '"'), text[end + 1:].strip()
    name, _, type_ = text.partition(" ")
    return name, type_.strip()
