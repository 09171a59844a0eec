"""The changes of one table that wait to be applied, each row once: as it is after the last of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from pluto_duck.errors import ColumnRefused, SourceError
from pluto_duck.ingest.follow.messages import KEPT, Row, Value
from pluto_duck.ingest.follow.shapes import AGAIN, ReadColumn, Shape
from pluto_duck.ingest.follow.texts import Misfit
from pluto_duck.session import MergeColumn, Mix

Key = Any
"""The values of the key as they were sent: one, or a tuple of them."""

_NUMBER = re.compile(rb"-?(\d+)(?:\.(\d+))?")


class Pending:
    """Keyed tables keep their rows by key, others a count of equal rows; those that are only added to, a list."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.changes = 0
        """As they came, before those of one row were made one."""
        self.bytes = 0
        self.truncated = False
        self._rows: dict[Key, tuple[bool, Row | None]] = {}
        """Key -> (whether the table may have it already, the row or None when it is gone)."""
        self._added: list[Row] = []
        self._counts: Counter[tuple[Value, ...]] = Counter()
        self._single = shape.key[0] if len(shape.key) == 1 else -1
        self._whole = not shape.key and shape.identified

    def __bool__(self) -> bool:
        return bool(self._rows or self._added or self._counts or self.truncated)

    def _key(self, row: Row) -> Key:
        if self._single >= 0:
            return row[self._single]
        return tuple([row[place] for place in self.shape.key])

    # -- what comes -------------------------------------------------------------------------------

    def insert(self, row: Row) -> None:
        self.changes += 1
        if not self.shape.key:
            if self._whole:
                self._counts[tuple(row)] += 1
            else:
                self._added.append(row)
            return
        key = self._key(row)
        old = self._rows.get(key)
        self._rows[key] = (old is not None and old[0], row)

    def update(self, before: Row | None, row: Row) -> bool:
        """False where the row must be changed in the table itself: its key changed, and a long value that did not
        come is known there alone. What waits must have been applied before."""
        self.changes += 1
        shape = self.shape
        if not shape.key:
            if before is None or not self._whole:
                raise _unidentified(shape, "UPDATE")
            self._counts[tuple(before)] -= 1
            self._counts[tuple(_filled(row, before))] += 1
            return True
        key = self._key(row)
        was = key if before is None else self._key(before)
        if before is not None and shape.relation.identity == "f":
            row = _filled(row, before)
        old = self._rows.get(was)
        if KEPT in row and old is not None and old[1] is not None:
            row = _filled(row, old[1])
        if was == key:
            self._rows[key] = (old is None or old[0], row)
            return True
        if KEPT in row:
            self.changes -= 1
            return False
        self._gone(was, old)
        there = self._rows.get(key)
        self._rows[key] = (there is not None and there[0], row)
        return True

    def delete(self, row: Row) -> None:
        self.changes += 1
        if not self.shape.key:
            if not self._whole:
                raise _unidentified(self.shape, "DELETE")
            self._counts[tuple(row)] -= 1
            return
        key = self._key(row)
        self._gone(key, self._rows.get(key))

    def _gone(self, key: Key, old: tuple[bool, Row | None] | None) -> None:
        if old is not None and not old[0]:
            del self._rows[key]  # it came with this very group
        else:
            self._rows[key] = (True, None)

    def truncate(self) -> None:
        self.changes += 1
        self._rows.clear()
        self._added.clear()
        self._counts.clear()
        self.truncated = True

    # -- what is applied --------------------------------------------------------------------------

    def taken(self, careful: bool) -> tuple[list[Row], Mix]:
        """`careful`: of no row is it taken for granted that the table has not got it."""
        if not self.shape.key:
            gone = [list(row) for row, count in self._counts.items() for _ in range(-count)]
            new = [list(row) for row, count in self._counts.items() for _ in range(count)]
            return [*gone, *self._added, *new], Mix(len(gone), (), len(self._added) + len(new))
        width = len(self.shape.relation.columns)
        deletes: list[Row] = []
        upserts: list[Row] = []
        inserts: list[Row] = []
        for key, (known, found) in self._rows.items():
            if found is not None:
                (upserts if (known and not self.truncated) or careful else inserts).append(found)
            elif not self.truncated:
                gone_row: Row = [None] * width
                for place, value in zip(self.shape.key, [key] if self._single >= 0 else key, strict=True):
                    gone_row[place] = value
                deletes.append(gone_row)
        groups = self._by_kept(upserts)
        return ([*deletes, *(row for group in groups.values() for row in group), *inserts],
                Mix(len(deletes), tuple((len(group), kept) for kept, group in groups.items()), len(inserts)))

    def _by_kept(self, upserts: list[Row]) -> dict[tuple[str, ...], list[Row]]:
        """By the columns of which the table here keeps what it has."""
        if not any(KEPT in row for row in upserts):
            return {(): upserts} if upserts else {}
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in upserts:
            kept = tuple(one.target for one in self.shape.columns if row[one.place] is KEPT) if KEPT in row else ()
            groups.setdefault(kept, []).append(row)
        return groups

    def needs(self, rows: list[Row]) -> list[tuple[ReadColumn, int, int]]:
        """Numbers without declared digits that hold more than the table here does: (column, digits behind the point,
        digits before it)."""
        found = []
        for column in self.shape.columns:
            if column.digits is None:
                continue
            behind, before = 0, 0
            for row in rows:
                value = row[column.place]
                if isinstance(value, bytes) and (match := _NUMBER.fullmatch(value)):
                    behind = max(behind, len((match[2] or b"").rstrip(b"0")))
                    before = max(before, len(match[1].lstrip(b"0")))
            if behind > column.digits:
                found.append((column, behind, before))
        return found

    def strange(self, rows: list[Row]) -> list[str]:
        """Names of enums that hold a label which the table here does not know."""
        return [column.name for column in self.shape.columns if column.labels is not None and not {
            one for one in {row[column.place] for row in rows} if isinstance(one, bytes)} <= column.labels]


def arrow(shape: Shape, rows: list[Row]) -> tuple[Any, list[MergeColumn]]:
    """(a pyarrow.Table of the values as c0, c1, ..., empty where they were kept; how it is read)."""
    import pyarrow

    names, arrays = [], []
    columns = []
    for column in shape.columns:
        place = column.place
        values: list[Any] = [row[place] for row in rows]
        if KEPT in values:
            values = [None if value is KEPT else value for value in values]
        if column.convert is not None:
            values = _converted(shape, column, column.convert, values)
        try:
            arrays.append(pyarrow.array(values, pyarrow.string()))
        except pyarrow.ArrowInvalid:
            raise ColumnRefused(f"{shape.table.name}.{column.name} holds text that is not UTF-8.",
                                hint=f"Leave it out: --resnapshot --skip {column.name}.", column=column.name) from None
        names.append(f"c{place}")
        columns.append(MergeColumn(column.target, column.type, column.expression))
    return pyarrow.table(arrays, names=names), columns


def _converted(shape: Shape, column: ReadColumn, convert: Callable[[bytes], Any], values: list[Any]) -> list[Any]:
    try:
        return [None if value is None else convert(value) for value in values]
    except Misfit as error:
        raise SourceError(f"{shape.table.shown}.{column.name} holds {error}, which {column.type} does not have.",
                          hint=AGAIN, reason="shape") from None


def _filled(row: Row, before: Row) -> Row:
    if KEPT not in row:
        return row
    return [old if new is KEPT else new for new, old in zip(row, before, strict=True)]


def _unidentified(shape: Shape, what: str) -> SourceError:
    return SourceError(
        f"{shape.table.shown} has neither a primary key nor REPLICA IDENTITY FULL, and an {what} came that does not "
        "say which row it means." if what == "UPDATE" else
        f"{shape.table.shown} has neither a primary key nor REPLICA IDENTITY FULL, and a {what} came that does not "
        "say which row it means.",
        hint=f"At the source: ALTER TABLE {shape.table.shown} REPLICA IDENTITY FULL; then --follow --resnapshot.",
        reason="identity")
