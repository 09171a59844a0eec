"""Statements that were traced before: each comes to the same while the catalog answers as it did then."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pluto_duck.catalog.lineage.known import Known, Macro
from pluto_duck.catalog.lineage.trace import Traced, trace

MOST = 8_192
"""Statements of one workspace."""


class Noting(Known):
    """The same, noting what it was asked and what it said."""

    def __init__(self, known: Known) -> None:
        self.__dict__.update(known.__dict__)
        self.asked: dict[tuple[object, ...], object] = {}

    def key(self, path: Sequence[str]) -> str | None:
        found = super().key(path)
        self.asked["key", tuple(path)] = found
        return found

    def columns(self, key: str) -> Sequence[str] | None:
        found = super().columns(key)
        self.asked["columns", key] = found
        return found

    def aggregates(self, function: str) -> bool:
        found = super().aggregates(function)
        self.asked["aggregates", function] = found
        return found

    def macro(self, path: Sequence[str], count: int, *, table: bool) -> Macro | None:
        found = super().macro(path, count, table=table)
        self.asked["macro", tuple(path), count, table] = found
        return found


def says_the_same(known: Known, asked: dict[tuple[object, ...], object]) -> bool:
    for (what, *of), answer in asked.items():
        if what == "macro":
            path, count, table = of
            found: object = known.macro(path, count, table=bool(table))  # type: ignore[arg-type]
        else:
            found = getattr(known, str(what))(*of)
        if found != answer:
            return False
    return True


class Traces:
    """Of one workspace. Those that were used longest ago go first."""

    def __init__(self, most: int = MOST) -> None:
        self._kept: OrderedDict[str, tuple[Traced, dict[tuple[object, ...], object]]] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def of(self, sql: str, known: Known) -> Traced:
        with self._lock:
            kept = self._kept.get(sql)
            if kept is not None and says_the_same(known, kept[1]):
                self._kept.move_to_end(sql)
                return kept[0]
            noting = Noting(known)
            found = trace(sql, noting)
            self._kept[sql] = found, noting.asked
            self._kept.move_to_end(sql)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return found


@lru_cache(maxsize=8)
def traces(workspace: Path) -> Traces:
    return Traces()


__all__ = ["Noting", "Traces", "traces"]
