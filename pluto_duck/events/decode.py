"""From the JSON of a change back to SQL: literals of the column's own type, so that a replay is exact."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.tableref import quote
from pluto_duck.workspace.typetext import fields_of, parts

Json = Any

_DURATION = re.compile(r"P(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(-?)(\d+)(?:\.(\d{1,6}))?S)?")
_MOMENTS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"})
_FLOATS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def sql_value(kind: str, value: Json) -> str:
    """SQL of exactly the value that `events.jsontext` wrote for the DuckDB type `kind`. Read the JSON with
    `parse_float=str`, or a FLOAT and a DOUBLE may be rounded by the reader. Raises UsageError."""
    if value is None:
        return f"CAST(NULL AS {kind})"
    try:
        return f"CAST({_source(kind, value)} AS {kind})"
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"{str(value)[:60]!r} is no value of the type {kind[:60]} as changes write it.") from error


def insert_sql(table: str, columns: Sequence[tuple[str, str]], row: Mapping[str, Json]) -> str:
    """INSERT of a row (`before` or `after`) into `table`, a name in SQL."""
    names = ", ".join(quote(name) for name, _kind in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(sql_value(kind, row[name]) for name, kind in columns)})"


def same_sql(columns: Sequence[tuple[str, str]], row: Mapping[str, Json]) -> str:
    """The condition that holds for rows with these values of these columns: of its key, or of all of them."""
    return " AND ".join(f"{quote(name)} IS NOT DISTINCT FROM {sql_value(kind, row[name])}" for name, kind in columns)


def _source(kind: str, value: Json) -> str:
    if kind.endswith("]"):
        inner = kind[:kind.rindex("[")]
        listed = ", ".join(sql_value(inner, one) for one in _list(value))
        return f"[{listed}]"
    if kind.startswith("MAP("):
        key, of = parts(kind[len("MAP("):-1])
        keys = ", ".join(sql_value(key, one) for one, _value in _list(value))
        values = ", ".join(sql_value(of, one) for _key, one in _list(value))
        return f"system.main.map([{keys}], [{values}])"
    if kind.startswith("STRUCT("):
        fields = ", ".join(f"{_text(name)}: {sql_value(of, value[name])}" for name, of in fields_of(kind))
        return f"{{{fields}}}"
    if kind.startswith("UNION("):
        members = dict(fields_of(f"STRUCT({kind[len('UNION('):]}"))
        (name, one), = value.items()
        return f"system.main.union_value({quote(name)} := {sql_value(members[name], one)})"
    if kind == "BLOB":
        return f"system.main.from_base64({_text(value)})"
    if kind == "INTERVAL":
        return _interval(value)
    if kind in _MOMENTS:
        return _text(_str(value).replace("T", " "))
    if kind in ("DOUBLE", "FLOAT"):
        return _text(_FLOATS.get(value, str(value)) if isinstance(value, str) else repr(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(str(value) if isinstance(value, int) else _str(value))


def _interval(value: str) -> str:
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError
    months, days, sign, seconds, fraction = found.groups()
    micros = int(f"{sign}1") * (int(seconds) * 10**6 + int((fraction or "").ljust(6, "0"))) if seconds else 0
    return (f"(system.main.to_months({int(months or 0)}) + system.main.to_days({int(days or 0)}) "
            f"+ system.main.to_microseconds({micros}))")


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _str(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text(value: Json) -> str:
    return to_sql({"t": "str", "v": _str(value)})


__all__ = ["insert_sql", "same_sql", "sql_value"]
