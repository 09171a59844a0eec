"""Dates told from where the data end: last quarter, the past 30 days, this year, year to date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pluto_duck.agent.planners.builtin.dates import Day

RECENT_DAYS = 45
"""Data that end no longer ago are living: then "last month" is counted from today."""
_UNITS = ("day", "week", "month", "quarter", "year")
_BEFORE = ("last", "previous", "past", "prior")
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
            "twelve": 12}


@dataclass(frozen=True)
class Relative:
    unit: str
    back: int
    """How many units before the present one; 0: the present one."""
    count: int = 1
    to_date: bool = False
    """From the beginning of the present unit up to now."""
    rolling: bool = False
    """The past 30 days: up to now, not whole units."""
    part: Day | None = None
    """May of last year."""
    months: tuple[int, int] | None = None
    """The first three months of this year."""

    def __str__(self) -> str:
        if self.part is not None:
            return f"{self.part} {replace(self, part=None)}"
        if self.months is not None:
            return f"month {self.months[0]} to {self.months[1]} of {replace(self, months=None)}"
        if self.to_date:
            return f"{self.unit} to date"
        if self.rolling:
            return f"the past {self.count} {self.unit}s"
        return ("this " if self.back == 0 else "last ") + self.unit

    def days(self, now: datetime.date) -> tuple[Day, Day | None]:
        """First and last day; None: the first is a whole month, quarter or year."""
        if self.to_date:
            return _day(_start(self.unit, now)), _day(now)
        if self.rolling:
            return _day(shift(self.unit, now, -self.count) + datetime.timedelta(days=1)), _day(now)
        start = shift(self.unit, _start(self.unit, now), -self.back)
        if self.part is not None:
            return replace(self.part, year=start.year), None
        if self.months is not None:
            return Day(start.year, None, self.months[0]), Day(start.year, None, self.months[1])
        if self.unit == "year":
            return Day(start.year), None
        if self.unit == "quarter":
            return Day(start.year, (start.month + 2) // 3), None
        if self.unit == "month":
            return Day(start.year, None, start.month), None
        return _day(start), _day(start + datetime.timedelta(days=6)) if self.unit == "week" else None


def read_relative(words: Sequence[str], at: int) -> tuple[Relative, int] | None:
    """What is said at `words[at]` (lower case), and where it ends."""
    word, rest = words[at], words[at + 1 :]
    first = rest[0] if rest else ""
    if word in ("ytd", "mtd", "qtd"):
        return Relative({"y": "year", "m": "month", "q": "quarter"}[word[0]], 0, to_date=True), at + 1
    if word in _UNITS and list(rest[:2]) == ["to", "date"]:
        return Relative(word, 0, to_date=True), at + 3
    if word in ("this", "current") and first in _UNITS:
        to_date = list(rest[1:4]) == ["so", "far"]
        return Relative(first, 0, to_date=to_date), at + (4 if to_date else 2)
    if word in _BEFORE and first in _UNITS:
        return Relative(first, 1), at + 2
    number = int(first) if re.fullmatch(r"\d{1,3}", first) else _NUMBERS.get(first)
    unit = rest[1].removesuffix("s") if len(rest) > 1 else ""
    if word in _BEFORE and number and unit in _UNITS:
        return Relative(unit, 0, number, rolling=True), at + 3
    if word in ("yesterday", "today"):
        return Relative("day", int(word == "yesterday")), at + 1
    return None


def read_part(words: Sequence[str], at: int, part: Day) -> tuple[Relative, int] | None:
    """What follows May or Q1: "of last year", "this year"; None: something else does."""
    start = at + 1 if words[at : at + 1] in (["of"], ["in"], [","]) else at
    found = read_relative(words, start) if start < len(words) else None
    if found is None or found[0].unit != "year" or found[0].rolling or found[0].to_date or part.year is not None:
        return None
    return replace(found[0], part=part), found[1]


def read_months(words: Sequence[str], at: int) -> tuple[Relative | tuple[Day, Day], int] | None:
    """The first three months of 2025, the last two months of this year."""
    of = list(words[at + 2 : at + 4]) in (["months", "of"], ["months", "in"])
    if at >= len(words) or words[at] not in ("first", "last") or not of:
        return None
    count = int(words[at + 1]) if words[at + 1].isdigit() else _NUMBERS.get(words[at + 1], 0)
    if not 1 < count < 12 or at + 4 >= len(words):
        return None
    first, last = (1, count) if words[at] == "first" else (13 - count, 12)
    if re.fullmatch(r"(19|20)\d\d", words[at + 4]):
        year = int(words[at + 4])
        return (Day(year, None, first), Day(year, None, last)), at + 5
    found = read_relative(words, at + 4)
    if found is None or found[0].unit != "year" or found[0].rolling or found[0].to_date:
        return None
    return replace(found[0], months=(first, last)), found[1]


def read_quantile(words: Sequence[str], at: int) -> tuple[float, int] | None:
    """`90th percentile` as 0.9, and where it ends."""
    found = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", words[at])
    if found and words[at + 1 : at + 2] == ["percentile"]:
        return int(found[1]) / 100, at + 2
    return None


def present(high: Any) -> tuple[datetime.date, bool] | None:
    """From where to count for data whose last date is `high`; True: that is where they end, not today."""
    text = str(high)[:10]
    try:
        last = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    today = datetime.date.today()
    living = last >= today - datetime.timedelta(days=RECENT_DAYS)
    return (today, False) if living else (last, True)


def _day(one: datetime.date) -> Day:
    return Day(one.year, None, one.month, one.day)


def _start(unit: str, now: datetime.date) -> datetime.date:
    if unit == "week":
        return now - datetime.timedelta(days=now.weekday())
    if unit == "day":
        return now
    month = {"month": now.month, "quarter": 3 * ((now.month - 1) // 3) + 1, "year": 1}[unit]
    return datetime.date(now.year, month, 1)


def shift(unit: str, day: datetime.date, count: int) -> datetime.date:
    if unit in ("day", "week"):
        return day + datetime.timedelta(days=count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = months // 12, months % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return datetime.date(year, month, last)
        except ValueError:
            continue
    raise AssertionError
