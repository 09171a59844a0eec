"""Dates as people write them: `July`, `in 2013`, `Q2 2014`, `4 July 2013`, `2013-07-04`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_QUARTERS = {"q1": 1, "q2": 2, "q3": 3, "q4": 4}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
_ISO = re.compile(r"^(\d{4})-(\d\d)(?:-(\d\d))?$")
_DAY = re.compile(r"^(\d{1,2})(?:st|nd|rd|th)?$")
_YEAR = re.compile(r"^(1[6-9]|20)\d\d$")


@dataclass(frozen=True)
class Day:
    """A year, quarter, month or day; what is None was not said ("July" has no year)."""

    year: int | None = None
    quarter: int | None = None
    month: int | None = None
    day: int | None = None
    half: int | None = None

    def first(self) -> datetime.date:
        """Needs a year."""
        assert self.year is not None
        month = self.month or (3 * self.quarter - 2 if self.quarter else 6 * self.half - 5 if self.half else 1)
        return datetime.date(self.year, month, self.day or 1)

    def after(self) -> datetime.date:
        """The first day that no longer belongs to it. Needs a year."""
        start = self.first()
        if self.day:
            return start + datetime.timedelta(days=1)
        months = 1 if self.month else 3 if self.quarter else 6 if self.half else 12
        total = start.year * 12 + start.month - 1 + months
        return datetime.date(total // 12, total % 12 + 1, 1)

    def __str__(self) -> str:
        name = f"quarter {self.quarter}" if self.quarter else f"half {self.half} of" if self.half else ""
        name = MONTH_NAMES[self.month - 1] if self.month else name
        parts = [str(self.day) if self.day else "", name, str(self.year) if self.year else ""]
        return " ".join(part for part in parts if part)


def valid(day: Day) -> bool:
    try:
        Day(day.year or 2000, day.quarter, day.month, day.day, day.half).first()
    except ValueError:
        return False
    return True


def read_day(words: Sequence[str], start: int) -> tuple[Day, int] | None:
    """The longest date that begins at `words[start]` (lower case), and where it ends. A bare year is one."""
    found = _read(words, start)
    return found if found and valid(found[0]) else None


def _read(words: Sequence[str], at: int) -> tuple[Day, int] | None:
    word = words[at]
    nxt = words[at + 1] if at + 1 < len(words) else ""
    if iso := _ISO.match(word):
        return Day(int(iso[1]), None, int(iso[2]), int(iso[3]) if iso[3] else None), at + 1
    if word in MONTHS:
        return _after_month(words, at)
    if (day := _DAY.match(word)) and int(day[1]) <= 31:
        end = at + 2 if nxt == "of" else at + 1
        if end < len(words) and words[end] in MONTHS and (words[end] != "may" or len(words) > end + 1):
            month = MONTHS[words[end]]
            year, stop = _year(words, end + 1)
            return Day(year, None, month, int(day[1])), stop
    quarter = _QUARTERS.get(word)
    if quarter:
        year, stop = _year(words, at + 1)
        return Day(year, quarter), stop
    if word in ("h1", "h2"):
        year, stop = _year(words, at + 1)
        return Day(year, half=int(word[1])), stop
    if word in ("first", "second", "1st", "2nd") and nxt == "half":
        year, stop = _year(words, at + 2)
        return Day(year, half=_ORDINALS[word]), stop
    if word in _ORDINALS and nxt == "quarter":
        year, stop = _year(words, at + 2)
        return Day(year, _ORDINALS[word]), stop
    if _YEAR.match(word):
        return Day(int(word)), at + 1
    return None


def _after_month(words: Sequence[str], at: int) -> tuple[Day, int]:
    month, end = MONTHS[words[at]], at + 1
    number = None
    if end < len(words) and (day := _DAY.match(words[end])) and int(day[1]) <= 31:
        number, end = int(day[1]), end + 1
    year, end = _year(words, end)
    return Day(year, None, month, number), end


def _year(words: Sequence[str], at: int) -> tuple[int | None, int]:
    end = at
    while end < len(words) and words[end] in (",", "of"):
        end += 1
    if end < len(words) and _YEAR.match(words[end]):
        return int(words[end]), end + 1
    return None, at
