"""Parameters: Python values -> typed JSON -> SQL literals of our own.

A parameter is never bound through DuckDB's Python API: its first parameterised execute imports
pandas (1.2-2.2 s, 146 MB on 1.5), and values must cross the socket anyway. The host PREPAREs the
statement and EXECUTEs it with literals made here from typed JSON; text is never pasted into SQL.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

from pluto_duck.errors import UsageError

Json = Any


def encode(value: Any, *, name: str = "") -> Json:
    """A Python scalar, list or dict as `{"t": type, "v": value}`; raises UsageError for other types."""
    if hasattr(value, "item") and hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        value = value.item()  # numpy scalars
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return {"t": "null"}
    if isinstance(value, bool):
        return {"t": "bool", "v": value}
    if isinstance(value, int):
        return {"t": "int", "v": str(int(value))}
    if isinstance(value, float):
        return {"t": "float", "v": repr(float(value))}
    if isinstance(value, Decimal):
        return {"t": "decimal", "v": str(value)}
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"The parameter {'$' + name if name else ''} is not valid Unicode.",
                             hint="It holds half of a character (a lone surrogate).") from None
        return {"t": "str", "v": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"t": "bytes", "v": bytes(value).hex()}
    if isinstance(value, dt.datetime):
        return {"t": "timestamptz" if value.tzinfo else "timestamp", "v": value.isoformat(sep=" ")}
    if isinstance(value, dt.date):
        return {"t": "date", "v": value.isoformat()}
    if isinstance(value, dt.time):
        return {"t": "time", "v": value.isoformat()}
    if isinstance(value, dt.timedelta):
        return {"t": "interval", "v": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, uuid.UUID):
        return {"t": "uuid", "v": str(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return {"t": "list", "v": [encode(one, name=name) for one in value]}
    if isinstance(value, dict):
        return {"t": "struct", "v": {str(key): encode(one, name=name) for key, one in value.items()}}
    raise UsageError(
        f"The parameter {'$' + name if name else ''} is a {type(value).__name__}, which SQL has no literal for.",
        hint="Pass numbers, text, dates, lists; name a DataFrame in FROM instead.",
    )


def _text(value: str) -> str:
    pieces = ["'" + piece.replace("'", "''") + "'" for piece in value.split("\0")]
    return pieces[0] if len(pieces) == 1 else "(" + " || chr(0) || ".join(pieces) + ")"


def to_sql(encoded: Json) -> str:
    """The SQL literal of one encoded parameter."""
    kind, value = encoded["t"], encoded.get("v")
    if kind == "null":
        return "NULL"
    if kind == "bool":
        return "true" if value else "false"
    if kind == "int":
        return str(int(value))
    if kind == "float":
        number = float(value)
        return f"{number!r}::DOUBLE" if math.isfinite(number) else f"'{number!r}'::DOUBLE"
    if kind == "decimal":
        return _decimal(Decimal(value))
    if kind == "str":
        return _text(value)
    if kind == "bytes":
        return f"unhex('{bytes.fromhex(value).hex()}')"
    if kind in ("date", "time", "timestamp", "timestamptz", "uuid"):
        return f"{_text(value)}::{kind}"
    if kind == "interval":
        days, seconds, micros = (int(one) for one in value)
        return f"(to_days({days}) + to_seconds({seconds}) + to_microseconds({micros}))"
    if kind == "list":
        return "[" + ", ".join(to_sql(one) for one in value) + "]"
    if kind == "struct":
        return "{" + ", ".join(f"{_text(key)}: {to_sql(one)}" for key, one in value.items()) + "}"
    raise UsageError(f"There is no parameter type {kind!r}.")


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return f"'{float(value)!r}'::DOUBLE"
    _sign, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    width = max(len(digits) + max(0, int(exponent)), scale, 1)
    if width > 38:
        raise UsageError(f"The decimal {value} has more than 38 digits.")
    return f"'{value:f}'::DECIMAL({width},{scale})"
