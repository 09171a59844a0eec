"""A value as a literal of exactly the type of its column, or one clear error: nothing is rounded, cut or guessed.

The literal alone is cast, never the column beside it: a cast that can fail must not run on rows that nobody sees.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.typetext import fields_of, parts

Json = Any
Tries = Callable[[str], bool]
"""Whether DuckDB can make a cast (SQL text of an expression) come out as a value."""

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_RANGES = {**{name: (-(1 << bits - 1), (1 << bits - 1) - 1) for name, bits in _BITS.items()},
           **{f"U{name}": (0, (1 << bits) - 1) for name, bits in _BITS.items()}}
NUMBERS = frozenset({*_RANGES, "FLOAT", "DOUBLE", "BIGNUM"})
_WHOLE = re.compile(r"[+-]?\d{1,40}")
_NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?")
_SPECIAL = {"nan": "nan", "infinity": "inf", "inf": "inf", "-infinity": "-inf", "-inf": "-inf"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?(Z|[+-]\d\d(?::?\d\d)?)?")
_DURATION = re.compile(r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?"
                       r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?")
DEEPEST = 20


def is_number(kind: str) -> bool:
    return kind in NUMBERS or kind.startswith("DECIMAL")


def literal(kind: str, value: Json, column: str, tries: Tries, depth: int = 0) -> str:
    """SQL of `value` as the DuckDB type `kind`. Raises UsageError, which names the column and its type."""
    if value is None:
        return f"CAST(NULL AS {kind})"
    try:
        made = _literal(kind, value, column, tries, depth)
    except (ValueError, TypeError, InvalidOperation, OverflowError, RecursionError):
        made = None
    if made is None:
        raise wrong(kind, value, column)
    return made


def wrong(kind: str, value: Json, column: str) -> UsageError:
    shown = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    hint = _HINTS.get(kind.partition("(")[0], "")
    if kind.startswith("DECIMAL"):
        hint = "A number with no more digits than the type has, better as text."
    # Members of an ENUM are values of rows that the actor may not see.
    told = kind if len(kind) <= 80 and "ENUM" not in kind else kind.partition("(")[0]
    return UsageError(f'The column "{column}" is {told}: {shown!r} is no such value.', hint=hint, column=column,
                      type=told)


_HINTS = {"BOOLEAN": "true or false", "DATE": "2026-11-30", "TIMESTAMP": "2026-11-30T12:00:00, without a time zone",
          "TIMESTAMP WITH TIME ZONE": "2026-11-30T12:00:00Z", "UUID": "32 hexadecimal digits with four hyphens",
          "BLOB": "base64", "VARCHAR": "Give it as text.", "INTERVAL": "An ISO 8601 duration: P1DT2H",
          **dict.fromkeys(_RANGES, "A whole number within the range of the type.")}


def _literal(kind: str, value: Json, column: str, tries: Tries, depth: int) -> str | None:
    if depth > DEEPEST:
        return None
    if kind in _RANGES:
        number = _whole(value)
        low, high = _RANGES[kind]
        return f"CAST({number} AS {kind})" if number is not None and low <= number <= high else None
    if kind.startswith("DECIMAL(") and not kind.endswith("]"):
        return _decimal(kind, value)
    if kind in ("FLOAT", "DOUBLE"):
        text = _floating(value)
        return f"CAST('{text}' AS {kind})" if text is not None else None
    if kind == "BOOLEAN":
        found = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
        return None if not isinstance(found, bool) else "true" if found else "false"
    if kind == "JSON":
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        json.loads(text, parse_constant=_no_constant)
        return f"CAST({_text(text)} AS JSON)"
    if kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(")):
        return _nested(kind, value, column, tries, depth)
    if kind == "BLOB":
        if not isinstance(value, str):
            return None
        return f"system.main.unhex('{base64.b64decode(value, validate=True).hex()}')"
    if not isinstance(value, str):
        return None
    return _of_text(kind, value, tries)


def _of_text(kind: str, value: str, tries: Tries) -> str | None:
    if kind == "VARCHAR":
        return _text(value)
    if kind == "DATE" and _DATE.fullmatch(value):
        return f"CAST('{dt.date.fromisoformat(value).isoformat()}' AS DATE)"
    if kind == "UUID":
        return f"CAST('{uuid.UUID(value)}' AS UUID)" if re.fullmatch(r"[0-9a-fA-F-]{36}", value) else None
    if kind == "INTERVAL":
        return _interval(value)
    if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE") and (found := _MOMENT.fullmatch(value)):
        day, clock, zone = found.groups()
        if kind == "TIMESTAMP" and zone:
            return None  # it would be dropped
        dt.datetime.fromisoformat(f"{day}T{clock or '00:00'}"[:26])
        if len((clock or "").partition(".")[2]) > 6:
            return None
        zone = "" if kind == "TIMESTAMP" else "+00" if zone in (None, "Z") else zone
        return f"CAST('{day} {clock or '00:00'}{zone}' AS {kind})"
    if kind == "DATE" and value not in ("infinity", "-infinity") and not re.fullmatch(r"-?\d{1,7}-\d\d-\d\d", value):
        return None
    made = f"CAST({_text(value)} AS {kind})"
    return made if tries(f"TRY_{made}") else None


def _text(value: str) -> str:
    value.encode()
    return to_sql({"t": "str", "v": value})


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _whole(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= 2**53 else None
    return value if isinstance(value, int) else None


def _decimal(kind: str, value: Json) -> str | None:
    width, scale = (int(one) for one in kind[len("DECIMAL("):-1].split(","))
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    _sign, _digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if abs(exponent) > 1_000:
        return None
    plain = f"{number:f}"
    whole, _, fraction = plain.lstrip("+-").partition(".")
    if len(fraction.rstrip("0")) > scale or len(whole.lstrip("0")) > width - scale:
        return None
    return f"CAST('{plain}' AS {kind})"


def _floating(value: Json) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value) if isinstance(value, str) else repr(value)
    if text.lower() in _SPECIAL:
        return _SPECIAL[text.lower()]
    found = repr(float(text)) if _NUMBER.fullmatch(text) else None
    return None if found in ("inf", "-inf") else found  # a number too large is no infinity


def _interval(value: str) -> str | None:
    found = _DURATION.fullmatch(value)
    if found is None or value in ("P", "PT") or value.endswith("T"):
        return None
    years, months, weeks, days, hours, minutes = (int(one or 0) for one in found.groups()[:6])
    sign, seconds, fraction = found.groups()[6:]
    micros = int(seconds or 0) * 10**6 + int((fraction or "").ljust(6, "0") or 0)
    micros = (hours * 60 + minutes) * 60 * 10**6 + (-micros if sign else micros)
    months, days = years * 12 + months, weeks * 7 + days
    if max(abs(months), abs(days)) >= 2**31 or abs(micros) >= 2**63:
        return None
    return (f"(system.main.to_months({months}) + system.main.to_days({days}) "
            f"+ system.main.to_microseconds({micros}))")


def _nested(kind: str, value: Json, column: str, tries: Tries, depth: int) -> str | None:
    if kind.endswith("]"):
        if not isinstance(value, list):
            return None
        inner, _, size = kind[:-1].rpartition("[")
        if size and len(value) != int(size):
            return None
        made = ", ".join(literal(inner, one, column, tries, depth + 1) for one in value)
        return f"CAST([{made}] AS {kind})"
    if kind.startswith("MAP("):
        pairs = list(value.items()) if isinstance(value, Mapping) else value
        key, of = parts(kind[len("MAP("):-1])
        if not isinstance(pairs, list) or not all(isinstance(one, list | tuple) and len(one) == 2 for one in pairs):
            return None
        keys = ", ".join(literal(key, one[0], column, tries, depth + 1) for one in pairs)
        values = ", ".join(literal(of, one[1], column, tries, depth + 1) for one in pairs)
        return f"CAST(system.main.map([{keys}], [{values}]) AS {kind})"
    if not isinstance(value, Mapping):
        return None
    fields = dict(fields_of(kind))
    if set(value) - set(fields):
        return None
    made = ", ".join(f"{_text(name)}: {literal(of, value.get(name), column, tries, depth + 1)}"
                     for name, of in fields.items())
    return f"CAST({{{made}}} AS {kind})"


__all__ = ["fields_of", "is_number", "literal", "parts", "wrong"]
