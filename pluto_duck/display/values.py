"""One value of a table as text: exact where it can be, never able to do anything to the reader's screen."""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

NULL = "NULL"
DECIMALS = 6

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
             "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
_FLOATS = {"FLOAT", "DOUBLE"}


def is_integer(kind: str) -> bool:
    return kind in _INTEGERS


def is_number(kind: str) -> bool:
    return kind in _INTEGERS or kind in _FLOATS or (kind.startswith("DECIMAL") and not kind.endswith("]"))


def is_moment(kind: str) -> bool:
    return kind == "DATE" or (kind.startswith("TIMESTAMP") and not kind.endswith("]"))


def visible(text: str, *, keep: str = "") -> str:
    """Control characters, and those that turn the reading direction, as escapes (`\\x1b`): a value must
    not move a terminal's cursor, and a name must not read other than it is."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _hidden(c) else c.encode("unicode_escape").decode() for c in text)


def _hidden(char: str) -> bool:
    # Format characters hide or reorder text, save the joiners that scripts and emoji need.
    category = unicodedata.category(char)
    return category in ("Cc", "Zl", "Zp", "Cs") or (category == "Cf" and char not in "\u200c\u200d\u00ad")


def column_texts(values: Sequence[Any], kind: str) -> list[str | None]:
    """The texts of one column; None for NULL. Floats of one column share their number of decimals, so
    that a right-aligned column lines up at the point."""
    if kind in _FLOATS:
        decimals = max((_decimals(one) for one in values if one is not None), default=1)
        return [None if one is None else _float(one, decimals) for one in values]
    return [None if one is None else text(one) for one in values]


def _decimals(value: float) -> int:
    if not math.isfinite(value) or _scientific(value):
        return 1
    return max(1, len(f"{value:.{DECIMALS}f}".rstrip("0").partition(".")[2]))


def _scientific(value: float) -> bool:
    return value != 0 and (abs(value) >= 1e15 or abs(value) < 1e-4)


def _float(value: float, decimals: int) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.6g}" if _scientific(value) else f"{value:.{decimals}f}"


def text(value: Any) -> str:
    """A value as a person writes it; NULL inside lists too."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value, _decimals(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{visible(str(k))}: {text(v)}" for k, v in value.items()) + "}"
    if hasattr(value, "nanoseconds") and hasattr(value, "months"):
        return _interval(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(text(one) for one in value) + "]"
    return visible(str(value))


def _interval(value: Any) -> str:
    micros = abs(value.nanoseconds) // 1000
    seconds, micros = divmod(micros, 1_000_000)
    clock = "-" if value.nanoseconds < 0 else ""
    clock += f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    clock += f".{micros:06}".rstrip("0") if micros else ""
    parts = [f"{value.months} months"] if value.months else []
    parts += [f"{value.days} days"] if value.days else []
    return " ".join([*parts, clock] if value.nanoseconds or not parts else parts)


def cut(value: str, width: int) -> str:
    """At most `width` places wide, with an ellipsis where something is missing."""
    if screen_width(value) <= width:
        return value
    kept, used = "", 1
    for char in value:
        used += _char_width(char)
        if used > width:
            break
        kept += char
    return kept + "…"


def screen_width(value: str) -> int:
    return len(value) if value.isascii() else sum(map(_char_width, value))


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or char in "\u200c\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
