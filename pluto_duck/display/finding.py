"""What the rows of an answer say, in a few sentences: computed from the rows by rules, never worded by a model.

Every number in it is in the rows, or follows from them alone by the arithmetic that the sentence names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.display.chart import longitude
from pluto_duck.display.figures import Number, label, listed, measured, moments, number, numbers_of, percent
from pluto_duck.display.picking import SPREAD
from pluto_duck.display.roles import Roles, order_of, roles_of
from pluto_duck.display.shape import shape
from pluto_duck.display.trend import trend
from pluto_duck.display.values import cut, text

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

TIES = 3
"""More rows than this that share a place are a number."""
LINES = 3
"""Series that are told of."""
GROUPS = 3
"""Rows with more columns than this beside their figures are a listing: no one figure is what was asked for."""


@dataclass(frozen=True)
class Facts:
    """The rows as the sentences need them."""

    roles: Roles
    data: dict[str, list[Any]]
    adding: frozenset[str]
    """Measures that may be added up."""


def finding(result: Result) -> str:
    """A paragraph; "" where the rows say nothing that their table does not say at a glance."""
    names = [column.name for column in result.columns]
    if not result.has_rows or len(set(names)) < len(names):
        return ""
    if not result.row_count:
        return "There are no such rows."
    data = dict(zip(names, result.values(), strict=True))
    roles = roles_of(result.columns, data)
    if roles is None or not roles.measures:
        return ""
    there = shape(result.sql)
    said = " ".join(_sentences(Facts(roles, data, there.adding)))
    if said and result.truncated:
        return f"Of the first {result.row_count:,} rows alone, for there are more: {said}"
    if said and there.limit and result.row_count > 1:
        return f"Of these {result.row_count:,}: {said}"
    return said


def _sentences(facts: Facts) -> Iterator[str]:
    roles, data = facts.roles, facts.data
    name = roles.measures[0]
    values = numbers_of(data[name])
    known = [one for one in values if one is not None]
    groups = [*roles.ordered, *roles.dimensions]
    if not known:
        yield f"No row has a number for {_named(name)}."
        return
    if len(values) == 1:
        yield _row(facts)
        return
    if len(roles.ordered) == 1 and len(roles.dimensions) <= 1:
        yield from _over_time(facts)
    elif any(map(longitude, roles.measures)):
        return
    elif not groups and len(roles.measures) == 2:
        yield from _together(facts)
    elif not groups and len(roles.measures) == 1:
        yield from _spread(name, known)
    elif not groups or len(groups) > GROUPS:
        return
    elif len(groups) == 1:
        yield from _ranked(facts, groups[0])
    else:
        yield from _cells(facts, groups)
    missing = len(values) - len(known)
    if missing:
        yield f"{missing:,} of {len(values):,} rows {'has' if missing == 1 else 'have'} no number for {_named(name)}."


def _named(name: str) -> str:
    return cut(text(name), 60)


def _row(facts: Facts) -> str:
    told = []
    for name in facts.roles.measures:
        (value,) = numbers_of(facts.data[name])
        if value is not None:
            told.append(f"{_named(name)} {measured(name, [value])(value)}")
    groups = [*facts.roles.ordered, *facts.roles.dimensions]
    who = ", ".join(_place(name, facts.data[name])(facts.data[name][0]) for name in groups)
    return f"{who}: {', '.join(told)}." if who else f"{', '.join(told)}.".capitalize() if len(told) > 1 else ""


def _place(name: str, values: list[Any]) -> Callable[[Any], str]:
    """How a member of a group, or a place in time, is called."""
    known = [one for one in values if one is not None]
    timely = known and (not isinstance(known[0], str) or order_of(known) is not None)
    plain = all(isinstance(one, int) for one in known) and not set(name.lower().split("_")) & {"year", "month"}
    write = moments(name, known) if timely and not plain else None
    return lambda one: label(one, name) if one is None or write is None else write(one)


# -- over time ------------------------------------------------------------------------------------


def _over_time(facts: Facts) -> Iterator[str]:
    """A sentence or two for the series, or for each of the first few."""
    roles, data = facts.roles, facts.data
    x = roles.ordered[0]
    there = [one for one in data[x] if one is not None]
    order = order_of(there)
    write = moments(x, there)

    def series(name: str, rows: list[int]) -> list[tuple[Any, Number]]:
        numbers = numbers_of(data[name])
        found = [(data[x][i], value) for i in rows if data[x][i] is not None and (value := numbers[i]) is not None]
        return sorted(found, key=lambda one: order[one[0]] if order else one[0])

    rows = list(range(len(data[x])))
    if not roles.dimensions:
        if len(set(there)) < len(there):
            yield from _cells(facts, [x])
            return
        for name in roles.measures[:LINES]:
            told = measured(name, [one for one in numbers_of(data[name]) if one is not None])
            yield from trend(_named(name), series(name, rows), write, told, whole=len(roles.measures) == 1)
        if roles.measures[0] in facts.adding:
            total = _sum([one for one in numbers_of(data[roles.measures[0]]) if one is not None])
            yield f"Together: {number(total)}."
        return
    name, by = roles.measures[0], roles.dimensions[0]
    told = _measured(facts, name, [x, by])
    members: dict[Any, list[int]] = {}
    for i in rows:
        members.setdefault(data[by][i], []).append(i)
    if all(len({data[x][i] for i in one}) == len(one) for one in members.values()):
        for member, found in list(members.items())[:LINES] if len(members) <= 2 * LINES else []:
            yield from trend(f"{label(member, by)}: {_named(name)}", series(name, found), write, told)
    yield from _cells(facts, [x, by])


# -- groups ---------------------------------------------------------------------------------------


def _ranked(facts: Facts, by: str) -> Iterator[str]:
    name = facts.roles.measures[0]
    place = _place(by, facts.data[by])
    rows = [(place(member), value) for member, value in zip(facts.data[by], numbers_of(facts.data[name]), strict=True)
            if value is not None]
    yield from _ends(name, rows, measured(name, [value for _, value in rows]))
    yield from _shares(facts, name, rows)
    yield from _far_out(rows, measured(name, [value for _, value in rows]))


def _cells(facts: Facts, groups: list[str]) -> Iterator[str]:
    name = facts.roles.measures[0]
    places = [_place(one, facts.data[one]) for one in groups]
    members = zip(*(facts.data[one] for one in groups), strict=True)
    rows = [(", ".join(place(one) for place, one in zip(places, member, strict=True)), value)
            for member, value in zip(members, numbers_of(facts.data[name]), strict=True) if value is not None]
    yield from _ends(name, rows, _measured(facts, name, groups))
    if name in facts.adding:
        yield f"Together: {number(_sum([value for _, value in rows]))}."


def _measured(facts: Facts, name: str, groups: list[str]) -> Callable[[Number], str]:
    """A share may add up to a whole within each member of one of the groups."""
    wholes = [1, *(len({str(one) for one in facts.data[group]}) for group in groups)]
    return measured(name, [one for one in numbers_of(facts.data[name]) if one is not None], wholes)


def _ends(name: str, rows: list[tuple[str, Number]], write: Callable[[Number], str]) -> Iterator[str]:
    values = [value for _, value in rows]
    high, low = max(values), min(values)
    if high == low:
        yield f"{_named(name)} is {write(high)} for all {len(rows):,}." if len(rows) > 1 else \
            f"{rows[0][0]}: {_named(name)} {write(high)}."
        return
    yield (f"Highest {_named(name)}: {_holders(rows, high)} with {write(high)}; "
           f"lowest: {_holders(rows, low)} with {write(low)}.")


def _holders(rows: list[tuple[str, Number]], value: Number) -> str:
    found = [who for who, one in rows if one == value]
    return listed(found) if len(found) <= TIES else f"{len(found):,} rows"


def _shares(facts: Facts, name: str, rows: list[tuple[str, Number]]) -> Iterator[str]:
    values = [value for _, value in rows]
    if name not in facts.adding or len(rows) < 2 or min(values) < 0:
        return
    total = _sum(values)
    if not total:
        return
    first, value = max(rows, key=lambda one: one[1])
    told = f"The {len(rows):,} add up to {number(total)}, of which {first} has {percent(value, total)}"
    if len(rows) > 5:
        three = _sum(sorted(values, reverse=True)[:3])
        told += f" and the three highest {percent(three, total)}"
    yield told + "."


def _far_out(rows: list[tuple[str, Number]], write: Callable[[Number], str]) -> Iterator[str]:
    """Members beyond three times the distance between the quartiles: Tukey's "far out"."""
    if len(rows) < 8:
        return
    low, high = _quartiles([value for _, value in rows])
    reach = 3 * (high - low)
    found = [(who, value) for who, value in rows if reach and not low - reach <= value <= high + reach]
    if 0 < len(found) <= TIES:
        told = listed([f"{who} ({write(value)})" for who, value in found])
        yield f"Far from the others: {told}."


# -- numbers alone --------------------------------------------------------------------------------


def _spread(name: str, values: list[Number]) -> Iterator[str]:
    ordered, write = sorted(values), measured(name, values)
    if len(ordered) < SPREAD:
        yield f"{_named(name)} goes from {write(ordered[0])} to {write(ordered[-1])}."
        return
    low, high = _quartiles(ordered)
    yield (f"{len(ordered):,} values of {_named(name)} from {write(ordered[0])} to {write(ordered[-1])}; "
           f"half or more of them lie from {write(low)} to {write(high)}.")
    reach = (high - low) * 3 / 2
    out = sum(not low - reach <= one <= high + reach for one in ordered)
    if reach and out:
        yield (f"{out:,} lie{'s' if out == 1 else ''} apart, below {write(low - reach)} "
               f"or above {write(high + reach)}.")


def _together(facts: Facts) -> Iterator[str]:
    x, y = facts.roles.measures
    pairs = [(float(a), float(b)) for a, b in zip(numbers_of(facts.data[x]), numbers_of(facts.data[y]), strict=True)
             if a is not None and b is not None]
    if len(pairs) < SPREAD:
        return
    r = _correlation(pairs)
    if r is None:
        return
    how = "hardly go together" if abs(r) < 0.3 else f"{'rise together' if r > 0 else 'go opposite ways'}"
    how = f"loosely {how}" if 0.3 <= abs(r) < 0.7 else how
    yield f"Over {len(pairs):,} rows {_named(x)} and {_named(y)} {how} (correlation {_two(r)})."


def _two(r: float) -> str:
    return f"{r:.2f}".replace("-", "−")


def _correlation(pairs: list[tuple[float, float]]) -> float | None:
    n = len(pairs)
    mx, my = math.fsum(x for x, _ in pairs) / n, math.fsum(y for _, y in pairs) / n
    sxx, syy = (math.fsum((one[i] - mean) ** 2 for one in pairs) for i, mean in ((0, mx), (1, my)))
    if not (sxx and syy):
        return None
    return math.fsum((x - mx) * (y - my) for x, y in pairs) / math.sqrt(sxx * syy)


def _quartiles(values: list[Number]) -> tuple[Any, Any]:
    """Values of the rows themselves, by nearest rank: at least half of the rows lie between them."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) / 4) - 1], ordered[math.ceil(3 * len(ordered) / 4) - 1]


def _sum(values: list[Number]) -> Number:
    if any(isinstance(one, float) for one in values):
        return math.fsum(values)
    return sum(values)
