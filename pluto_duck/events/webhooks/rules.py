"""Which changes a webhook is about: tables by pattern, ops, and changes of one column from a value to another."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.events.model import OPS
from pluto_duck.workspace.globs import fits_table
from pluto_duck.workspace.tableref import TableRef, fold

WORDS = {"insert": "c", "create": "c", "update": "u", "delete": "d", "read": "r", "truncate": "t"}
ALWAYS = ("resync",)
"""Changes that could not be seen can't be filtered either."""
_VALUE = r"'(?:[^']|'')*'|[^\s'](?:.*?[^\s])?"
_NUMERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_RULE = re.compile(
    rf"""\s*(?P<column>"(?:[^"]|"")+"|[^:"]+?)\s*:\s*(?P<before>{_VALUE})\s*->\s*(?P<after>{_VALUE})\s*""")


@dataclass(frozen=True)
class StateRule:
    """`status: PROPOSED -> ACTIVE`. `*` is any value, NULL none, and quotes make a text of both: '*', 'NULL'."""

    column: str
    before: str
    after: str

    @classmethod
    def parse(cls, text: str) -> StateRule:
        """Raises UsageError."""
        found = _RULE.fullmatch(text)
        if found is None:
            raise UsageError(f"{text!r} is no rule about a change.",
                             hint="column: from -> to, for example: status: PROPOSED -> ACTIVE; * is any value.")
        column = found["column"]
        if column.startswith('"'):
            column = column[1:-1].replace('""', '"')
        if found["before"] == found["after"] and found["before"] != "*":
            raise UsageError(f"{text!r} never happens: nothing changes.")
        return cls(column, found["before"], found["after"])

    def __str__(self) -> str:
        column = '"' + self.column.replace('"', '""') + '"' if set(self.column) & set(':"') else self.column
        return f"{column}: {self.before} -> {self.after}"

    def fits(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Of a change whose both rows are known; a column that is not in them never fits."""
        was, here = _value(before, self.column)
        now, there = _value(after, self.column)
        return here and there and was != now and _is(self.before, was) and _is(self.after, now)


def _value(row: Mapping[str, Any], column: str) -> tuple[Any, bool]:
    if column in row:
        return row[column], True
    return next(((value, True) for name, value in row.items() if fold(name) == fold(column)), (None, False))


def _is(wanted: str, value: Any) -> bool:
    if wanted.startswith("'"):
        return isinstance(value, str) and value == wanted[1:-1].replace("''", "'")
    if wanted == "*":
        return True
    if value is None or wanted.lower() == "null":
        return value is None and wanted.lower() == "null"
    if isinstance(value, bool):
        return wanted.lower() == json.dumps(value)
    if isinstance(value, int | Decimal) or (isinstance(value, str) and _NUMERAL.fullmatch(value)):
        try:  # a DECIMAL is a text in an event, with all its digits: 1.50
            return Decimal(wanted) == Decimal(value)
        except InvalidOperation:
            return False
    return wanted == (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


@dataclass(frozen=True)
class Filter:
    tables: tuple[str, ...] = ("*.*",)
    ops: tuple[str, ...] = OPS
    when: tuple[StateRule, ...] = ()
    """Any of them; then only updates count."""

    @classmethod
    def read(cls, tables: Sequence[str], ops: Sequence[str], when: Sequence[str]) -> Filter:
        """Raises UsageError, UnknownName."""
        for one in tables:
            try:
                fits_table(one, TableRef("x"))
            except ValueError as error:
                raise UsageError(f"{error}.") from None
        named = tuple(dict.fromkeys(WORDS.get(one.lower(), one.lower()) for one in ops))
        for op in named:
            if op not in OPS:
                raise unknown_name("op", op, (*OPS, *WORDS))
        rules = tuple(StateRule.parse(one) for one in when)
        if rules and named and named != ("u",):
            raise UsageError("A rule about a change of state is about updates alone.", hint="Leave --ops away.")
        return cls(tuple(tables) or ("*.*",), ("u",) if rules else named or OPS, rules)

    def fits(self, table: TableRef) -> bool:
        return any(fits_table(one, table) for one in self.tables)

    def wants(self, table: TableRef, op: str) -> bool:
        """Before the event itself is looked at."""
        return (op in self.ops or op in ALWAYS) and self.fits(table)

    def about(self, op: str, event: Mapping[str, Any]) -> bool:
        """Of an event that `wants` lets through."""
        if not self.when or op in ALWAYS:
            return True
        data = event.get("data") or {}
        before, after = data.get("before"), data.get("after")
        return isinstance(before, dict) and isinstance(after, dict) and any(
            one.fits(before, after) for one in self.when)
