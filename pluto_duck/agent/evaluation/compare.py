"""Whether two results say the same: the asked columns with the asked rows, whatever else is shown beside them."""

from __future__ import annotations

import datetime
import decimal
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pluto_duck.workspace import Result

DIGITS = 6
"""Significant digits in which numbers must agree: sums of floats depend on the order of their rows."""


def same_rows(found: Result, gold: Result, *, ordered: bool) -> bool:
    """Every gold column is among the found ones, row by row; the order of rows counts only if `ordered`."""
    if found.row_count != gold.row_count or len(found.columns) < len(gold.columns):
        return False
    if gold.row_count == 0:
        return True
    return _matches(_columns(found), _columns(gold), ordered)


def _columns(result: Result) -> list[list[Any]]:
    return [[_plain(value) for value in column] for column in result.values()]


def _matches(found: list[list[Any]], gold: list[list[Any]], ordered: bool) -> bool:
    """Tries the ways in which gold columns may stand among the found ones, most constrained first."""
    bags = [Counter(column) for column in found]
    options = [
        [i for i, column in enumerate(found) if (column == wanted if ordered else bags[i] == Counter(wanted))]
        for wanted in gold
    ]
    if not all(options):
        return False
    if ordered:
        return _distinct_choice(options)
    wanted_rows = Counter(zip(*gold, strict=True))
    budget = [2_000]

    def search(picked: list[int]) -> bool:
        if len(picked) == len(gold):
            budget[0] -= 1
            return Counter(zip(*(found[i] for i in picked), strict=True)) == wanted_rows
        return any(
            search([*picked, i]) for i in options[len(picked)] if i not in picked and budget[0] > 0
        )

    return search([])


def _distinct_choice(options: Sequence[Sequence[int]], taken: frozenset[int] = frozenset()) -> bool:
    if not options:
        return True
    return any(_distinct_choice(options[1:], taken | {i}) for i in options[0] if i not in taken)


def _plain(value: Any) -> Any:
    """1, 1.0 and true compare equal to their kin; dates to the midnight they begin with; lists to tuples."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | decimal.Decimal):
        return _number(float(value))
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, datetime.date):
        return datetime.datetime.combine(value, datetime.time()).isoformat()
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    return str(value)


def _number(value: float) -> Any:
    if not math.isfinite(value):
        return str(value)
    return float(f"{value:.{DIGITS - 1}e}") + 0.0
