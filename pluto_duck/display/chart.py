"""Which chart, if any, tells what a Result says. Rules of thumb, and `None` where none fits well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.display.values import is_integer, is_moment, is_number

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Column, Result

BARS = 40
"""More bars than this are a table."""
LINES = 6
"""More lines, or colours, than this are a tangle."""
POINTS = 5_000
"""Points that are drawn at most."""

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
          "november", "december")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDERED = ("year", "quarter", "month", "week", "day", "weekday", "dow", "hour", "minute", "decade")
"""Integer columns that are a place in time, not an amount; also as `flight_month`, `month_of_year`."""


@dataclass(frozen=True)
class Chart:
    """A chart as a declaration: names of columns of the Result it is drawn from, nothing that runs."""

    kind: Literal["bar", "line", "scatter"]
    x: str
    y: tuple[str, ...]
    color: str | None = None
    """A column whose values split the rows into series; then `y` has one name."""
    title: str = ""


@dataclass(frozen=True)
class _Roles:
    ordered: tuple[str, ...]
    measures: tuple[str, ...]
    dimensions: tuple[str, ...]


def pick_chart(result: Result, *, title: str = "") -> Chart | None:
    """A line over time, a bar for each member of a dimension, a scatter of two measures, or None: for a
    single row, many columns, many bars, and whatever has no plain reading."""
    names = [column.name for column in result.columns]
    if not 2 <= result.row_count <= POINTS or not 2 <= len(names) <= 5 or len(set(names)) < len(names):
        return None
    data = dict(zip(names, result.values(POINTS), strict=True))
    roles = _roles(result.columns, data)
    if roles is None or not roles.measures:
        return None
    return _line(roles, data, title) or _bar(roles, data, title) or _scatter(roles, data, title)


def _roles(columns: Sequence[Column], data: dict[str, list[Any]]) -> _Roles | None:
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
    return _Roles(tuple(ordered), tuple(measures), tuple(dimensions))


def _words(name: str) -> list[str]:
    return name.lower().replace("-", "_").replace(" ", "_").split("_")


def _is_place_in_time(column: Column, values: list[Any]) -> bool:
    if column.type == "VARCHAR":
        return order_of(values) is not None
    words = _words(column.name)
    if not is_integer(column.type) or not {words[0], words[-1]} & set(_ORDERED):
        return False
    # `flights_per_day` and `n_month` are amounts.
    return not {"n", "count", "per", "avg", "sum", "total", "number", "num"} & set(words)


def _is_key(column: Column) -> bool:
    return is_integer(column.type) and _words(column.name)[-1] in ("id", "key", "code", "number", "zip")


def order_of(values: Sequence[Any]) -> dict[str, int] | None:
    """The rank of each value when all are names of months or weekdays (or their first three letters)."""
    folded = {one: str(one).strip().lower() for one in values if one is not None}
    for names in (MONTHS, _DAYS):
        ranks = {name: i for i, name in enumerate(names)} | {name[:3]: i for i, name in enumerate(names)}
        if folded and all(word in ranks for word in folded.values()):
            return {one: ranks[word] for one, word in folded.items()}
    return None


def _distinct(values: Sequence[Any]) -> int:
    return len(set(map(str, values)))


def _unique(*columns: Sequence[Any]) -> bool:
    rows = list(zip(*columns, strict=True))
    return len(set(map(str, rows))) == len(rows)


def _line(roles: _Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    if not 1 <= len(roles.ordered) <= 2 or len(roles.measures) > LINES:
        return None
    *outer, x = roles.ordered
    if _distinct(data[x]) < 3:
        return None
    splits = [*outer, *roles.dimensions]
    if not splits:
        return Chart("line", x, _comparable(roles.measures, data), title=title) if _unique(data[x]) else None
    color = splits[0]
    if len(splits) == 1 and len(roles.measures) == 1 and _distinct(data[color]) <= LINES \
            and _unique(data[x], data[color]):
        return Chart("line", x, roles.measures, color, title)
    return None


def _comparable(measures: tuple[str, ...], data: dict[str, list[Any]]) -> tuple[str, ...]:
    """Those that can share the first one's axis: beside 3,000 flights a delay of 6 minutes is a flat line."""
    sizes = {name: max((abs(float(one)) for one in data[name] if one is not None), default=0.0)
             for name in measures}
    first = sizes[measures[0]]
    return tuple(name for name in measures if first / 20 <= sizes[name] <= first * 20)


def _bar(roles: _Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    groups = [*roles.dimensions, *roles.ordered]
    if len(roles.measures) != 1 or not 1 <= len(groups) <= 2 or len(data[groups[0]]) > BARS:
        return None
    # Of a code and its name the name, which comes second, tells more.
    for x in reversed(groups):
        if _unique(data[x]):
            return Chart("bar", x, roles.measures, title=title)
    if len(groups) == 2 and _unique(data[groups[0]], data[groups[1]]):
        x, color = sorted(groups, key=lambda name: -_distinct(data[name]))
        if _distinct(data[color]) <= LINES:
            return Chart("bar", x, roles.measures, color, title)
    return None


def _scatter(roles: _Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    if len(roles.measures) != 2 or roles.ordered or len(roles.dimensions) > 1:
        return None
    x, y = roles.measures
    if len(data[x]) < 3:
        return None
    if not roles.dimensions:
        return Chart("scatter", x, (y,), title=title)
    color = roles.dimensions[0]
    if 1 < _distinct(data[color]) <= LINES and not _unique(data[color]):
        return Chart("scatter", x, (y,), color, title)
    return None
