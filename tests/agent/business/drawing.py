"""Chance that falls alike everywhere, and rows put into a DuckDB file."""

from __future__ import annotations

import datetime
import random
from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

T = TypeVar("T")

FIRST_DAY = datetime.date(2023, 7, 1)
TODAY = datetime.date(2026, 6, 30)
"""The last day of the data. Nothing that has happened is dated later; a due date may be."""


class Draw:
    """Everything comes from `random()`, whose numbers are promised to stay the same from one Python to the next."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def share(self) -> float:
        return self._random()

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def whole(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, many: Sequence[T]) -> T:
        return many[int(self._random() * len(many))]

    def day(self, low: datetime.date, high: datetime.date) -> datetime.date:
        return low + datetime.timedelta(days=self.whole(0, max(0, (high - low).days)))

    def time(self, day: datetime.date, *, from_hour: int = 7, to_hour: int = 20) -> datetime.datetime:
        minute = self.whole(from_hour * 60, to_hour * 60 + 59)
        return datetime.datetime(day.year, day.month, day.day, minute // 60, minute % 60, self.whole(0, 59))


class Urn(list[tuple[T, float]]):
    """Things and how often each is drawn, against the others."""

    def __init__(self, things: Iterable[tuple[T, float]]) -> None:
        super().__init__(things)
        self._edges = list(accumulate(weight for _thing, weight in self))

    def draw(self, draw: Draw) -> T:
        return self[min(bisect(self._edges, draw.share() * self._edges[-1]), len(self) - 1)][0]


def days(first: datetime.date = FIRST_DAY, last: datetime.date = TODAY) -> list[datetime.date]:
    return [first + datetime.timedelta(days=number) for number in range((last - first).days + 1)]


def months(first: datetime.date = FIRST_DAY, last: datetime.date = TODAY) -> list[datetime.date]:
    """The first of each."""
    return [
        datetime.date(year, month, 1)
        for year in range(first.year, last.year + 1)
        for month in range(1, 13)
        if (first.year, first.month) <= (year, month) <= (last.year, last.month)
    ]


def after(day: datetime.date, count: int) -> datetime.date:
    return day + datetime.timedelta(days=count)


def write(path: Path, ddl: str, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    """A new database with the tables of `ddl`, each filled with its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(ddl)
        for name, rows in tables.items():
            arrow = pa.table({f"c{i}": pa.array(column) for i, column in enumerate(zip(*rows, strict=True))})
            connection.register("arriving", arrow)
            connection.execute(f"INSERT INTO {name} SELECT * FROM arriving")
            connection.unregister("arriving")
