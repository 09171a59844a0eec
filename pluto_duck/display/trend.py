"""One series over time in words: from where to where, which way, its ends, its biggest step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from pluto_duck.display.figures import Number, number, percent, signed

STEADY = 0.6
"""Kendall's tau from which a series is called rising: four of five pairs of points agree."""
MANY = 400
"""Points; above it pairs are too many to count for one word."""


def trend(name: str, series: Sequence[tuple[Any, Number]], write: Callable[[Any], str],
          told: Callable[[Number], str], *, whole: bool = False) -> Iterator[str]:
    """`series`: in the order of time. `write` and `told`: how a moment and a value stand in a sentence. `whole`: with
    its ends and its biggest step."""
    if len(series) < 2:
        return
    values = [value for _, value in series]
    (begin, first), (end, last) = series[0], series[-1]
    if max(values) == min(values):
        yield f"{name} stayed at {told(first)} from {write(begin)} to {write(end)}."
        return
    yield (f"{name} went from {told(first)} in {write(begin)} to {told(last)} in {write(end)}"
           f"{_change(first, last, told)}, {way(values)}.")
    if not whole or len(series) < 3:
        return
    high, low = max(series, key=lambda one: one[1]), min(series, key=lambda one: one[1])
    yield f"Highest: {told(high[1])} in {write(high[0])}; lowest: {told(low[1])} in {write(low[0])}."
    if len(series) > 3:
        a, b = max(pairwise(series), key=lambda one: abs(float(_less(one[1][1], one[0][1]))))
        yield f"The biggest step is from {told(a[1])} in {write(a[0])} to {told(b[1])} in {write(b[0])}."


def _change(first: Number, last: Number, told: Callable[[Number], str]) -> str:
    """In brackets; nothing for percents, whose change in percent would be read as points."""
    if first == last:
        return " (unchanged)"
    if told is not number:
        return ""
    if first <= 0:
        return f" ({signed(_less(last, first))})"
    change = percent(_less(last, first), first)
    return f" ({change})" if change.startswith("−") else f" (+{change})"


def _less(one: Number, other: Number) -> Number:
    if isinstance(one, float) or isinstance(other, float):
        return float(one) - float(other)
    left: Number = one - other
    return left


def way(values: Sequence[Number]) -> str:
    ups = sum(b > a for a, b in pairwise(values))
    downs = sum(b < a for a, b in pairwise(values))
    if not downs or not ups:
        return "rising all the way" if ups else "falling all the way"
    if len(values) > MANY:
        return "up and down"
    pairs = len(values) * (len(values) - 1) / 2
    agree = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1:])
    if abs(agree) / pairs < STEADY:
        return "up and down"
    return "mostly rising" if agree > 0 else "mostly falling"
