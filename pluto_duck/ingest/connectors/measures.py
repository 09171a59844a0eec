"""What of a column both a source and DuckDB can count to the same number, so that it need not be read twice."""

from __future__ import annotations

import re
from typing import Literal

Measure = Literal["sum", "digest", "true", "days", "microseconds", "values"]

_NUMBER = re.compile(r"U?(?:TINY|SMALL|BIG)?INT(?:EGER)?|U?INTEGER|DECIMAL\((\d+),\s*\d+\)")
_WIDEST = 28
"""Digits: ten thousand million values of them still add up in the 38 that DuckDB has."""


def measure(kind: str) -> Measure:
    """By DuckDB type. A digest is the sum of 32 bits of each value's md5, which both sides have. Days and
    microseconds are those since 1970 of finite dates and times; what has no exact measure of its own is measured by
    how many values are not NULL."""
    number = _NUMBER.fullmatch(kind)
    if number and int(number[1] or 0) <= _WIDEST:
        return "sum"
    if kind in ("VARCHAR", "JSON", "UUID", "BLOB") or (kind.startswith("ENUM(") and kind.endswith(")")):
        return "digest"
    known: dict[str, Measure] = {"BOOLEAN": "true", "DATE": "days", "TIMESTAMP": "microseconds",
                                 "TIMESTAMPTZ": "microseconds", "TIMESTAMP WITH TIME ZONE": "microseconds"}
    return known.get(kind, "values")


def counted(column: str, what: Measure, kind: str) -> str:
    """DuckDB SQL of a measure over a column of a type, given as SQL, as text."""
    bytes_ = column if kind == "BLOB" else f"CAST({column} AS VARCHAR)"
    finite = f" FILTER (isfinite({column}))"
    sql = {"sum": f"sum({column})", "digest": f"sum(CAST('0x' || left(md5({bytes_}), 8) AS BIGINT))",
           "true": f"count(*) FILTER ({column})",
           "days": f"sum({column} - DATE '1970-01-01'){finite}", "microseconds": f"sum(epoch_us({column})){finite}",
           "values": f"count({column})"}[what]
    return f"CAST({sql} AS VARCHAR)"
