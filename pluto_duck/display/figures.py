"""Numbers, shares and moments as they stand in a sentence."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from pluto_duck.display.roles import MONTHS, is_share, words
from pluto_duck.display.values import cut, text

LABEL = 60
Number = int | float | Decimal


def number(value: Number) -> str:
    """Whole numbers exact, with their thousands grouped; others with two places, small ones with three digits."""
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}".replace("-", "−")
    told = f"{value:,.2f}" if value >= 1 or value <= -1 else f"{float(value):.3g}"
    if "e" in told:
        told = f"{float(value):.2e}"
    return (told.rstrip("0").rstrip(".") if "." in told and "e" not in told else told).replace("-", "−")


def signed(value: Number) -> str:
    return ("+" if value > 0 else "") + number(value)


def percent(part: Number, whole: Number) -> str:
    return f"{float(part) / float(whole) * 100:,.1f} %".replace("-", "−")


def numbers_of(values: Sequence[Any]) -> list[Number | None]:
    """None for what is no number: NULL, NaN, infinity."""
    return [one if isinstance(one, int | Decimal | float) and not isinstance(one, bool) and math.isfinite(one)
            else None for one in values]


def measured(name: str, values: Sequence[Number], wholes: Sequence[int] = (1,)) -> Callable[[Number], str]:
    """How the values of that measure are written: a share as percent, where its rows add up to so many wholes that
    it is sure what the number means."""
    if is_share(name) and values:
        total = math.fsum(values)
        for whole in (1, 100):
            if any(math.isclose(total, whole * count, rel_tol=0.001) for count in wholes):
                return lambda value: percent(value, whole)
    return number


def label(value: Any, name: str) -> str:
    return f"rows without {cut(text(name), LABEL)}" if value is None else cut(text(value), LABEL)


def moments(name: str, values: Sequence[Any]) -> Callable[[Any], str]:
    """How the places in time of that column are written: `July 2013` where every day is a month's first."""
    last = words(name)[-1]
    if all(isinstance(one, int) for one in values):
        if "month" in words(name) and all(1 <= one <= 12 for one in values):
            return lambda one: MONTHS[one - 1].capitalize()
        return str if last == "year" else lambda one: f"{last} {one}"
    if not all(isinstance(one, dt.date) for one in values):
        return lambda one: _period(text(one))
    days = [one.date() if isinstance(one, dt.datetime) else one for one in values]
    if any(isinstance(one, dt.datetime) and one.time() != dt.time() for one in values):
        return lambda one: f"{_day(one)} {one:%H:%M}"
    if len(set(days)) < 2 or any(one.day != 1 for one in days):
        return _day
    if all(one.month == 1 for one in days):
        return lambda one: f"{one.year}"
    if "quarter" in words(name) and all(one.month % 3 == 1 for one in days):
        return lambda one: f"Q{(one.month + 2) // 3} {one.year}"
    return lambda one: f"{MONTHS[one.month - 1].capitalize()} {one.year}"


def _day(one: dt.date) -> str:
    return f"{one.day} {MONTHS[one.month - 1].capitalize()} {one.year}"


def _period(iso: str) -> str:
    """`2026-05` as May 2026, `2026-Q2` as Q2 2026; what is neither stays."""
    year, dash, part = iso.partition("-")
    if dash and part.isdecimal() and len(part) == 2:
        return f"{MONTHS[int(part) - 1].capitalize()} {year}"
    return f"{part} {year}" if dash and part[:1] == "Q" else iso


def listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
