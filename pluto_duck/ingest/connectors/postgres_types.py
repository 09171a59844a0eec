"""Which PostgreSQL types are carried exactly, and how: text that COPY writes -> Arrow -> DuckDB."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_DIGITS = 38


@dataclass(frozen=True)
class Carrier:
    """The way of one PostgreSQL type."""

    duckdb: str
    arrow: str
    """A name that `arrow_type` knows."""
    expression: str = "{}"
    """DuckDB SQL; {} is the incoming column."""
    limits: str = ""
    """Values that PostgreSQL has and this way can't carry: they are refused when they come."""


_YEARS = "a date outside the years 1 to 9999, or infinity"

PLAIN: dict[str, Carrier] = {
    "boolean": Carrier("BOOLEAN", "bool"),
    "smallint": Carrier("SMALLINT", "int16"),
    "integer": Carrier("INTEGER", "int32"),
    "bigint": Carrier("BIGINT", "int64"),
    "oid": Carrier("UINTEGER", "uint32"),
    "real": Carrier("FLOAT", "float32"),
    "double precision": Carrier("DOUBLE", "float64"),
    "text": Carrier("VARCHAR", "string"),
    "character varying": Carrier("VARCHAR", "string"),
    "character": Carrier("VARCHAR", "string"),
    "name": Carrier("VARCHAR", "string"),
    '"char"': Carrier("VARCHAR", "string"),
    "date": Carrier("DATE", "date32", limits=_YEARS),
    "timestamp without time zone": Carrier("TIMESTAMP", "timestamp", limits=_YEARS),
    "timestamp with time zone": Carrier("TIMESTAMPTZ", "timestamptz", limits=_YEARS),
    "time without time zone": Carrier("TIME", "time64", limits="the time 24:00:00"),
    "uuid": Carrier("UUID", "string"),
    "json": Carrier("JSON", "string"),
    "jsonb": Carrier("JSON", "string"),
    "bytea": Carrier("BLOB", "string", "unhex({}[3:])"),
}

# What to cast a refused type to when nothing better is known is text: PostgreSQL's own words.
CAST_TO = {
    "numeric": "numeric(38,10)",
    "money": "numeric(38,2)",
    "time with time zone": "text",
    "citext": "text",
}

_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_TYPE = re.compile(r"(?P<name>[^(\[]+?)(?P<modifier>\(.*?\))?(?P<rest> with(?:out)? time zone)?")


def carrier(type_text: str, *, is_enum: bool = False) -> Carrier | None:
    """The way of a type as `format_type` writes it (domains resolved); None when there is none."""
    if is_enum:
        return PLAIN["text"]
    numeric = _NUMERIC.fullmatch(type_text)
    if numeric:
        return _decimal(int(numeric[1]), int(numeric[2]))
    match = _TYPE.fullmatch(type_text)
    if match is None:
        return None
    return PLAIN.get(match["name"] + (match["rest"] or ""))


def _decimal(precision: int, scale: int) -> Carrier | None:
    # PostgreSQL allows scales below 0 (round to thousands) and above the precision (0.00123).
    width, scale = (precision - scale, 0) if scale < 0 else (max(precision, scale), scale)
    if width > MAX_DIGITS:
        return None
    return Carrier(f"DECIMAL({width},{scale})", f"decimal({width},{scale})", limits="NaN")


def refusal(type_text: str) -> tuple[str, str]:
    """(why a type is not carried, what to cast it to)."""
    if type_text == "numeric":
        return "is numeric without a precision, which DuckDB's decimals can't hold", CAST_TO["numeric"]
    if type_text.startswith("numeric("):
        return f"is {type_text}, more than the {MAX_DIGITS} digits of DuckDB's decimals", "text"
    return f"is of type {type_text}, which can't be carried exactly yet", CAST_TO.get(type_text, "text")


def arrow_type(name: str) -> Any:
    import pyarrow

    if name.startswith("decimal("):
        width, scale = name[8:-1].split(",")
        return pyarrow.decimal128(int(width), int(scale))
    if name == "bool":
        return pyarrow.bool_()
    if name in ("timestamp", "timestamptz"):
        return pyarrow.timestamp("us", "UTC" if name == "timestamptz" else None)
    return pyarrow.time64("us") if name == "time64" else getattr(pyarrow, name)()
