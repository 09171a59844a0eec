"""Which chart, if any, tells what a Result says. Rules of thumb, and `None` where none fits well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.display.chart import Chart, latitude, longitude
from pluto_duck.display.roles import Roles, is_share, roles_of

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

BARS = 40
"""More bars than this are a table."""
LINES = 6
"""More lines, or colours, than this are a tangle."""
POINTS = 5_000
"""Points that are drawn at most."""
SPREAD = 20
"""Fewer numbers than this have no distribution to speak of."""


def pick_chart(result: Result, *, title: str = "") -> Chart | None:
    """By the shape of the rows: time makes a line, a line for each member of a dimension beside it; shares of a whole
    stacked bars; a dimension bars; two measures a scatter, longitude and latitude a plain map of points; one measure
    a histogram; a single number stands alone. None: for many columns or bars, and whatever has no plain reading."""
    read = _read(result)
    if read is None:
        return None
    roles, data = read
    if len(data) == 1:
        return _single(roles, data, title)
    if not 2 <= result.row_count <= POINTS:
        return None
    return next((chart for make in _MAKERS if (chart := make(roles, data, title)) is not None), None)


def fitting_charts(result: Result, picked: Chart | None = None) -> tuple[Chart, ...]:
    """Every plain reading of the rows, one of a kind, what was picked (else `pick_chart`'s) first."""
    read, first = _read(result), picked or pick_chart(result)
    if first is None:
        return ()
    found = [first]
    if read is not None and 2 <= result.row_count <= POINTS:
        roles, data = read
        made = [make(roles, data, first.title) for make in _MAKERS] if len(data) > 1 else []
        found += [one for one in made if one is not None]
        # What changes over time may as well be bars, one for each time, and points.
        line = next((one for one in found if one.kind == "line"), None)
        if line is not None and len(line.y) == 1 and _distinct(data[line.x]) <= BARS:
            found.append(Chart("bar", line.x, line.y, line.color, line.title))
        if line is not None:
            found.append(Chart("scatter", line.x, line.y, line.color, line.title))
        if not roles.ordered and len(roles.measures) == 1:
            found += filter(None, [_histogram(roles, data, first.title)])
    return tuple({one.kind: one for one in reversed(found)}[kind] for kind in dict.fromkeys(one.kind for one in found))


def _read(result: Result) -> tuple[Roles, dict[str, list[Any]]] | None:
    """What its columns are for, and their values; None where nothing can be drawn of them."""
    names = [column.name for column in result.columns]
    if not result.row_count or not 1 <= len(names) <= 5 or len(set(names)) < len(names):
        return None
    data = dict(zip(names, result.values() if len(names) == 1 else result.values(POINTS), strict=True))
    roles = roles_of(result.columns, data)
    return (roles, data) if roles is not None and roles.measures else None


def barred(chart: Chart | None) -> str:
    """The column that a bar beside each row of a table can show; "" for none."""
    drawn = chart is not None and chart.kind in ("bar", "line") and len(chart.y) == 1
    return chart.y[0] if drawn and chart is not None else ""


def _single(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    name = roles.measures[0]
    if len(data[name]) == 1:
        return Chart("number", name, title=title)
    return _histogram(roles, data, title)


def _histogram(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    """Of one measure alone, or of that of so many names that no bars can show them."""
    if len(roles.measures) != 1 or roles.ordered or len(roles.dimensions) > 1:
        return None
    name = roles.measures[0]
    values = [one for one in data[name] if one is not None and math.isfinite(one)]
    least = BARS + 1 if roles.dimensions else SPREAD
    if len(values) < least or _distinct(values) < SPREAD / 2 or not all(_unique(data[one]) for one in roles.dimensions):
        return None
    return Chart("histogram", name, title=title)


def _map(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    x = next((name for name in roles.measures if longitude(name)), None)
    y = next((name for name in roles.measures if latitude(name)), None)
    if x is None or y is None or not _within(data[x], 180) or not _within(data[y], 90):
        return None
    groups = [name for name in roles.dimensions if 1 < _distinct(data[name]) <= LINES and not _unique(data[name])]
    return Chart("scatter", x, (y,), groups[0] if groups else None, title)


def _within(values: Sequence[Any], most: int) -> bool:
    return all(abs(one) <= most for one in values if one is not None)


def _stack(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    """Two groups and a share that adds up to the whole within each member of the first."""
    groups = [*roles.ordered, *roles.dimensions]
    if len(roles.measures) != 1 or len(groups) != 2 or not is_share(roles.measures[0]):
        return None
    (y,) = roles.measures
    for x, color in (groups, groups[::-1]):
        if _distinct(data[x]) > BARS or not 1 < _distinct(data[color]) <= LINES or not _unique(data[x], data[color]):
            continue
        sums: dict[str, float] = {}
        for member, value in zip(data[x], data[y], strict=True):
            sums[str(member)] = sums.get(str(member), 0.0) + float(value or 0)
        if all(math.isclose(one, 1, abs_tol=0.01) or math.isclose(one, 100, abs_tol=1) for one in sums.values()):
            return Chart("bar", x, (y,), color, title, stacked="share")
    return None


def _distinct(values: Sequence[Any]) -> int:
    return len(set(map(str, values)))


def _unique(*columns: Sequence[Any]) -> bool:
    rows = list(zip(*columns, strict=True))
    return len(set(map(str, rows))) == len(rows)


def _line(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
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


def _bar(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
    groups = [*roles.dimensions, *roles.ordered]
    if len(roles.measures) != 1 or not 1 <= len(groups) <= 2 or len(data[groups[0]]) > BARS:
        return None
    # Of a code and its name the name, which comes second, tells more.
    for x in reversed(groups):
        if _unique(data[x]):
            return Chart("bar", x, roles.measures, title=title,
                         sort="" if x in roles.ordered or _sorted(data[roles.measures[0]]) else "descending")
    if len(groups) == 2 and _unique(data[groups[0]], data[groups[1]]):
        x, color = sorted(groups, key=lambda name: -_distinct(data[name]))
        if _distinct(data[color]) <= LINES:
            return Chart("bar", x, roles.measures, color, title)
    return None


def _sorted(values: Sequence[Any]) -> bool:
    """Longest or shortest first already, as it was asked for."""
    known = [one for one in values if one is not None]
    return known in (sorted(known), sorted(known, reverse=True))


def _scatter(roles: Roles, data: dict[str, list[Any]], title: str) -> Chart | None:
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


_MAKERS = (_map, _stack, _line, _bar, _scatter, _histogram)
"""What fits best comes first."""
