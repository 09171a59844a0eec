"""What of a column both a source and DuckDB can count to the same number, so that it need not be read twice."""

from __future__ import annotations

import re
from typing import Literal

Measure = Literal["sum", "characters", "bytes", "true", "days", "microseconds", "values"]

_NUMBER = re.compile(r"U?(?:TINY|SMALL|BIG)?INT(?:EGER)?|U?INTEGER|DECIMAL\((\d+),\s*\d+\)")
_WIDEST = 28
"""Digits: ten thousand million values of them still add up in the 38 that DuckDB has."""


def measure(kind: str) -> Measure:
    """By DuckDB type. Days and microseconds are those since 1970 of finite dates and times; what has no exact
    measure of its own is measured by how many values are not NULL."""
    number = _NUMBER.fullmatch(kind)
    if number and int(number[1] or 0) <= _WIDEST:
        return "sum"
    if kind in ("VARCHAR", "JSON") or (kind.startswith("ENUM(") and kind.endswith(")")):
        return "characters"
    known: dict[str, Measure] = {"BLOB": "bytes", "BOOLEAN": "true", "DATE": "days", "TIMESTAMP": "microseconds",
                                 "TIMESTAMPTZ": "microseconds", "TIMESTAMP WITH TIME ZONE": "microseconds"}
    return known.get(kind, "values")


def counted(column: str, what: Measure) -> str:
    """DuckDB SQL of a measure over a column given as SQL, as text."""
    finite = f" FILTER (isfinite({column}))"
    sql = {"sum": f"sum({column})", "characters": f"sum(length(CAST({column} AS VARCHAR)))",
           "bytes": f"sum(octet_length({column}))", "true": f"count(*) FILTER ({column})",
           "days": f"sum({column} - DATE '1970-01-01'){finite}", "microseconds": f"sum(epoch_us({column})){finite}",
           "values": f"count({column})"}[what]
    return f"CAST({sql} AS VARCHAR)"
