"""Arrow columns as Python values, without pandas and without an exception for odd ones."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

_INFINITE = {2**31 - 1: "infinity", 1 - 2**31: "-infinity", 2**63 - 1: "infinity", 1 - 2**63: "-infinity"}
"""What DuckDB stores for infinite dates and timestamps."""


def python_values(array: Any, duckdb_type: str) -> list[Any]:
    """One column. Never raises: what Python has no type for (a date in the year 294247, an infinite
    timestamp) comes as text."""
    import pyarrow

    kind, zone = array.type, None
    # pyarrow would import pandas (a second or two) for nanoseconds and for time zones.
    if pyarrow.types.is_timestamp(kind) and (kind.tz or kind.unit == "ns"):
        array, zone = array.cast(pyarrow.timestamp("us"), safe=False), kind.tz
    elif pyarrow.types.is_time64(kind) and kind.unit == "ns":
        array = array.cast(pyarrow.time64("us"), safe=False)
    try:
        values = array.to_pylist()
        if zone:
            values = _in_zone(values, zone)
    except (OverflowError, ValueError):
        values = [_python_value(one) for one in array]
    if duckdb_type == "BIT":
        return [None if one is None else _bits(one) for one in values]
    if duckdb_type in ("HUGEINT", "UHUGEINT"):
        return [None if one is None else int(one) for one in values]
    if duckdb_type == "UUID":
        return [None if one is None else uuid.UUID(str(one)) for one in values]
    return values  # type: ignore[no-any-return]


def _in_zone(moments: list[Any], name: str) -> list[Any]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        zone: dt.tzinfo = ZoneInfo(name)
    except ZoneInfoNotFoundError:  # Windows without the package tzdata
        zone = dt.UTC
    return [None if one is None else one.replace(tzinfo=dt.UTC).astimezone(zone) for one in moments]


def _python_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        pass
    raw = getattr(scalar, "value", None)
    if raw in _INFINITE:
        return _INFINITE[raw]
    import pyarrow

    if isinstance(scalar, pyarrow.StructScalar):
        names = [field.name for field in scalar.type]
        found = [_python_value(scalar[i]) for i in range(len(names))]
        # The parts of row(1, 2) all have the same name.
        return dict(zip(names, found, strict=True)) if len(set(names)) == len(names) else tuple(found)
    if raw is None and hasattr(scalar, "__iter__"):
        return [_python_value(one) for one in scalar]
    return scalar.cast(pyarrow.string()).as_py()


def _bits(data: bytes) -> str:
    """DuckDB's BIT: the first byte counts the bits of padding that lead the rest."""
    return "".join(f"{byte:08b}" for byte in data[1:])[data[0]:]
