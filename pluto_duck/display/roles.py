"""What a column of a Result is for: a place in time, a measure, a member of a group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.display.values import is_integer, is_moment, is_number

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Column

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
          "november", "december")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDERED = ("year", "quarter", "month", "week", "day", "weekday", "dow", "hour", "minute", "decade")
"""Integer columns that are a place in time, not an amount; also as `flight_month`, `month_of_year`."""
_PERIOD = re.compile(r"\d{4}-(?:0[1-9]|1[0-2]|Q[1-4]|W\d\d)(?:-\d\d)?\Z")
_AMOUNTS = {"n", "count", "per", "avg", "average", "mean", "sum", "total", "number", "num"}
_SHARES = {"share", "percent", "percentage", "pct", "proportion", "fraction", "ratio", "rate"}


@dataclass(frozen=True)
class Roles:
    ordered: tuple[str, ...]
    """Places in time, coarse ones first as a rule."""
    measures: tuple[str, ...]
    dimensions: tuple[str, ...]


def roles_of(columns: Sequence[Column], data: dict[str, list[Any]]) -> Roles | None:
    """None where a column has no value at all, or one that nothing can be told from."""
    ordered, measures, dimensions = [], [], []
    for column in columns:
        values = [one for one in data[column.name] if one is not None]
        if not values:
            return None  # nothing to draw, and nothing to tell its role from
        if is_moment(column.type) or _is_place_in_time(column, values):
            ordered.append(column.name)
        elif _is_key(column):
            dimensions.append(column.name)
        elif is_number(column.type):
            measures.append(column.name)
        elif column.type in ("VARCHAR", "BOOLEAN", "UUID") or column.type.startswith("ENUM"):
            dimensions.append(column.name)
        else:
            return None  # a list, a struct, a blob
    return Roles(tuple(ordered), tuple(measures), tuple(dimensions))


def words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower())


def is_share(name: str) -> bool:
    """By its name a part of a whole or of another number, which does not add up over rows of other wholes."""
    return bool(_SHARES & set(words(name))) or "%" in name


def _is_place_in_time(column: Column, values: list[Any]) -> bool:
    if column.type == "VARCHAR":
        return order_of(values) is not None
    found = words(column.name)
    if not is_integer(column.type) or not {found[0], found[-1]} & set(_ORDERED):
        return False
    return not _AMOUNTS & set(found)  # `flights_per_day` and `n_month`


def _is_key(column: Column) -> bool:
    return is_integer(column.type) and words(column.name)[-1] in ("id", "key", "code", "number", "zip")


def order_of(values: Sequence[Any]) -> dict[str, int] | None:
    """The rank of each value when all are names of months or weekdays (or their first three letters), or all are
    periods as ISO writes them: 2026-05, 2026-Q2, 2026-W07."""
    folded = {one: str(one).strip().lower() for one in values if one is not None}
    for names in (MONTHS, _DAYS):
        ranks = {name: i for i, name in enumerate(names)} | {name[:3]: i for i, name in enumerate(names)}
        if folded and all(word in ranks for word in folded.values()):
            return {one: ranks[word] for one, word in folded.items()}
    if folded and all(isinstance(one, str) and _PERIOD.match(one) for one in folded) \
            and len({(len(one), one[5:6].isdigit()) for one in folded}) == 1:
        return {one: rank for rank, one in enumerate(sorted(folded))}
    return None
