"""Rows as JSON text with their tags, straight from DuckDB's own values: a few rows cost less so than one Arrow table.

The same bytes and tags as those of the long way (`display.jsonable`, `rows.tags`), or none at all: what is not plain
here, a type or a value, takes that way.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from pluto_duck.session.rows.shapes import Col
from pluto_duck.workspace.result import Column

Text = tuple[str, str]
"""(JSON object, tag)"""
SAFE = 2**53 - 1
_ENDS = (dt.date.max, dt.date.min, dt.datetime.max, dt.datetime.min)
"""What DuckDB gives Python for infinity, too."""


class Odd(Exception):
    """A value that only the long way tells right."""


def _large(value: int) -> str:
    return str(value) if -SAFE <= value <= SAFE else f'"{value}"'


def _double(value: float) -> str:
    if math.isfinite(value):
        return float.__repr__(value)
    return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'


def _date(value: Any) -> str:
    if type(value) is not dt.date or value in _ENDS:
        raise Odd
    return f'"{value.isoformat()}"'


def _moment(value: Any) -> str:
    if type(value) is not dt.datetime or value in _ENDS:
        raise Odd
    text = value.isoformat()
    return f'"{text.rstrip("0")}"' if value.microsecond else f'"{text}"'


def _decimal(value: Any) -> str:
    return f'"{value:f}"'


def _quoted(value: Any) -> str:
    return f'"{value}"'


_FORMS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), str),
    **dict.fromkeys(("BIGINT", "UBIGINT", "HUGEINT"), _large),
    "BOOLEAN": lambda value: "true" if value else "false", "VARCHAR": encode_basestring, "DOUBLE": _double,
    "UUID": _quoted, "DATE": _date, "TIMESTAMP": _moment}


class Texts:
    """Of rows with these columns."""

    def __init__(self, columns: Sequence[tuple[str, str]]) -> None:
        self._forms = [_form(kind) for _name, kind in columns]
        self.plain = all(self._forms) and len({name for name, _kind in columns}) == len(columns)
        names = [encode_basestring(name).replace("%", "%%") for name, _kind in columns]
        self._template = "{" + ",".join(f"{name}:%s" for name in names) + "}"
        self._head = hashlib.blake2b(head([Column(*one) for one in columns]), digest_size=16)

    def of(self, row: Sequence[Any]) -> Text:
        """Raises Odd."""
        made = self._head.copy()
        made.update(repr(list(row)).encode())
        cells = ["null" if value is None else form(value)  # type: ignore[misc]
                 for value, form in zip(row, self._forms, strict=True)]
        return self._template % tuple(cells), base64.urlsafe_b64encode(made.digest())[:22].decode("ascii")


def _form(kind: str) -> Callable[[Any], str] | None:
    return _decimal if kind.startswith("DECIMAL(") and kind.endswith(")") else _FORMS.get(kind)


def head(columns: Sequence[Column]) -> bytes:
    """What a tag begins with."""
    return repr([(one.name, one.type) for one in columns]).encode()


@lru_cache(500)
def _made(columns: tuple[tuple[str, str], ...]) -> Texts:
    return Texts(columns)


def texts(shown: Sequence[Col]) -> Texts | None:
    """None where a column is of another type."""
    found = _made(tuple((one.name, one.type) for one in shown))
    return found if found.plain else None
