"""A plan, read: one statement for each list of the document, however many rows stand around it.

The rows of a level are asked for by the keys of the level above, all at once (beyond KEYS of them in lots), and put
under their parents here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pluto_duck.api.graphql.limits import TooMuch
from pluto_duck.api.graphql.plan import Column, Groups, Linked, Rows, Sums, Totals
from pluto_duck.display.jsonable import json_values
from pluto_duck.errors import TimedOut

if TYPE_CHECKING:
    from pluto_duck.api.graphql.model import Entity, Field, Link
    from pluto_duck.session import Result, Session
    from pluto_duck.session.rows import Aggregate, Condition, Select

MOST_GROUPS = 100_000
KEYS = 10_000
"""Values that one statement is given."""
PARTS = 1_500
"""The same for keys of several columns: conditions."""

Path = tuple[str | int, ...]
Key = tuple[Any, ...]


@dataclass
class Notes:
    """What goes beside the data."""

    truncated: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    """Values that GraphQL has no way to write; null stands for them."""

    def no_value(self, error: ValueError, path: Path, *, exact: bool) -> None:
        """`exact`: not within rows that still have to be put under others."""
        if len(self.errors) < 10:
            place = {"path": list(path)} if exact else {}
            self.errors.append({"message": str(error), **place, "extensions": {
                "code": "not_finite", "field": ".".join(one for one in path if isinstance(one, str)),
                "hint": "Ask for it by `sql`, or cast it to text in a view."}})


class Level:
    """Rows of one table as columns of JSON values."""

    def __init__(self, entity: Entity, result: Result) -> None:
        self.entity = entity
        self._table = result.arrow()
        self._known: dict[str, list[Any]] = {}
        self.count: int = self._table.num_rows

    def column(self, name: str) -> list[Any]:
        """By DuckDB's name."""
        if name not in self._known:
            self._known[name] = _json(self._table, name, self.entity.by_column[name].kind.duckdb)
        return self._known[name]


def _json(table: Any, name: str, kind: str) -> list[Any]:
    found: list[Any] = []
    for chunk in table.column(name).chunks:
        found += json_values(chunk, kind)
    return found


class Reading:
    """One request's reads through one session."""

    def __init__(self, session: Session, timeout_s: float | None = None) -> None:
        """`timeout_s`: for all of them together."""
        self.session = session
        self._until = None if timeout_s is None else time.monotonic() + timeout_s
        self.notes = Notes()
        self.count = 0
        """Rows that were read so far."""

    def _ask(self, wanted: Select | Aggregate) -> Result:
        left = None if self._until is None else self._until - time.monotonic()
        if left is not None and left <= 0:
            raise TimedOut("The request took too long.", hint="The setting graphql.timeout_s is the limit.")
        found = self.session.rows(wanted, timeout_s=left)
        self.count += found.row_count
        return found

    # -- rows -------------------------------------------------------------------------------------

    def rows(self, wanted: Rows, path: Path) -> list[dict[str, Any]]:
        level = self._level(wanted)
        found = self.shown(wanted, level, path)
        return self._cut(found, wanted, path)

    def _level(self, wanted: Rows) -> Level:
        from pluto_duck.session.rows import Select

        more = 0 if wanted.asked else 1
        return Level(wanted.entity, self._ask(Select(
            wanted.entity.ref, columns(wanted), wanted.where, wanted.order, wanted.limit + more, wanted.offset)))

    def _cut(self, found: list[Any], wanted: Rows, path: Path) -> list[Any]:
        """Without the one row that was asked for to know whether there are more."""
        if wanted.asked or len(found) <= wanted.limit:
            return found
        note = {"path": list(path), "limit": wanted.limit}
        if note not in self.notes.truncated:
            self.notes.truncated.append(note)
        return found[:wanted.limit]

    def shown(self, wanted: Rows, level: Level, path: Path) -> list[dict[str, Any]]:
        """A dict for each row of the level, with all that hangs on it."""
        made: list[Sequence[Any]] = []
        for key, out in wanted.out.items():
            if isinstance(out, str):
                made.append([out] * level.count)
            elif isinstance(out, Column):
                values = level.column(out.field.column)
                made.append(values if out.show is None else self._each(out.show, values, path, key, wanted.single))
            elif isinstance(out, Linked):
                made.append(self._linked(out, level, (*path, key)))
            else:
                made.append(self._totals_of(out, level, (*path, key)))
        names = tuple(wanted.out)
        if not made:
            return [{} for _ in range(level.count)]
        return [dict(zip(names, row, strict=True)) for row in zip(*made, strict=True)]

    def one(self, show: Callable[[Any], Any], value: Any, path: Path) -> Any:
        try:
            return show(value)
        except ValueError as error:
            self.notes.no_value(error, path, exact=True)
            return None

    def _each(self, show: Callable[[Any], Any], values: Iterable[Any], path: Path, key: str,
              single: bool = False) -> list[Any]:
        found: list[Any] = []
        for at, value in enumerate(values):
            try:
                found.append(show(value))
            except ValueError as error:
                self.notes.no_value(error, (*path, key) if single else (*path, at, key), exact=len(path) == 1)
                found.append(None)
        return found

    # -- relations --------------------------------------------------------------------------------

    def _linked(self, out: Linked, level: Level, path: Path) -> list[Any]:
        link, wanted = out.link, out.rows
        same = _same(level.entity, wanted.entity, link)
        keys = _keys(level, link.columns)
        groups: dict[Key, list[Any]] = {}
        for lot in _lots(keys, len(link.columns)):
            below = Level(wanted.entity, self._ask(self._select_below(out, lot)))
            for key, row in zip(_keys(below, link.referenced), self.shown(wanted, below, path), strict=True):
                if key is not None:
                    groups.setdefault(same(key), []).append(row)
        if not link.many:
            return [groups[same(key)][0] if key is not None and same(key) in groups else None for key in keys]
        done = {key: self._cut(found, wanted, path) for key, found in groups.items()}
        return [done.get(same(key), []) if key is not None else [] for key in keys]

    def _select_below(self, out: Linked, lot: Sequence[Key]) -> Select:
        from pluto_duck.session.rows import Select

        link, wanted = out.link, out.rows
        where = _all(_among(link.referenced, lot), wanted.where)
        each = None
        if link.many:
            each = (link.referenced, wanted.limit + (0 if wanted.asked else 1))
        return Select(wanted.entity.ref, columns(wanted, link.referenced), where, wanted.order, None,
                      wanted.offset if link.many else 0, None, each)

    # -- sums -------------------------------------------------------------------------------------

    def totals(self, wanted: Totals, path: Path) -> dict[str, Any]:
        """Of a root field."""
        found: dict[str, Any] = {}
        for key, out in wanted.out.items():
            if isinstance(out, str):
                found[key] = out
            elif isinstance(out, Sums):
                found[key] = next(iter(self._summed(wanted, out, (), None).values()), None) or _nothing(out)
            elif isinstance(out, Groups):
                found[key] = self._grouped(wanted, out, (), None).get((), [])
            else:
                found[key] = self.rows(out, (*path, key))
        return found

    def _totals_of(self, wanted: Totals, level: Level, path: Path) -> list[dict[str, Any]]:
        """Of each row of a level."""
        assert wanted.link is not None
        link = wanted.link
        keys, same = _keys(level, link.columns), _same(level.entity, wanted.entity, link)
        parts: dict[str, dict[Key, Any]] = {}
        for name, out in wanted.out.items():
            if isinstance(out, str):
                continue
            if isinstance(out, Rows):
                below = self._linked(Linked(link, out), level, (*path, name))
                parts[name] = {same(key): rows for key, rows in zip(keys, below, strict=True) if key is not None}
                continue
            parts[name] = {}
            for lot in _lots(keys, len(link.columns)):
                some: dict[Key, Any] = (self._summed(wanted, out, link.referenced, lot) if isinstance(out, Sums)
                                        else self._grouped(wanted, out, link.referenced, lot))
                parts[name] |= {same(key): value for key, value in some.items()}
        found = []
        for key in keys:
            one: dict[str, Any] = {}
            for name, out in wanted.out.items():
                if isinstance(out, str):
                    one[name] = out
                else:
                    there = parts[name].get(same(key)) if key is not None else None
                    one[name] = there if there is not None else _nothing(out) if isinstance(out, Sums) else []
            found.append(one)
        return found

    def _aggregate(self, wanted: Totals, sums: Sums | None, by: Sequence[str], lot: Sequence[Key] | None, outer: int,
                   limit: int | None) -> Aggregate:
        from pluto_duck.session.rows import Aggregate, Measure, Order

        where = wanted.where if lot is None else _all(_among(by[:outer], lot), wanted.where)
        measures = tuple(sums.measures) if sums is not None and sums.measures else (Measure("count", None, "pluto:0"),)
        return Aggregate(wanted.entity.ref, measures, tuple(by), where, tuple(Order(one) for one in by), limit)

    def _summed(self, wanted: Totals, sums: Sums, by: Sequence[str], lot: Sequence[Key] | None,
                ) -> dict[Key, dict[str, Any]]:
        table = self._ask(self._aggregate(wanted, sums, by, lot, len(by), None)).arrow()
        keys = _columns(table, wanted.entity, by)
        return dict(zip(keys, self._measured(sums, table, wanted.entity), strict=True))

    def _grouped(self, wanted: Totals, groups: Groups, outer: Sequence[str], lot: Sequence[Key] | None,
                 ) -> dict[Key, list[dict[str, Any]]]:
        """All measures of all its parts in one statement. A column stands once, whether it groups or leads here."""
        sums = [one for one in groups.out.values() if isinstance(one, Sums)]
        merged = Sums({}, [], [])
        for one in sums:
            merged.measures += one.measures
        merged.measures = [type(one)(one.function, one.column, f"pluto:{i}") for i, one in enumerate(merged.measures)]
        own = [one.column for one in groups.by]
        by = list(dict.fromkeys((*outer, *own)))
        most = groups.limit if lot is None else MOST_GROUPS + 1
        table = self._ask(self._aggregate(wanted, merged, by, lot, len(outer), most)).arrow()
        if table.num_rows > MOST_GROUPS:
            raise TooMuch(f"There are more than {MOST_GROUPS} groups under these rows.", hint="Group by less.")
        starts = _columns(table, wanted.entity, outer)
        columns_ = {name: _json(table, name, wanted.entity.by_column[name].kind.duckdb) for name in by}
        at = 0
        made: dict[str, Sequence[Any]] = {}
        for key, out in groups.out.items():
            if isinstance(out, str):
                made[key] = [out] * table.num_rows
            elif isinstance(out, Sums):
                made[key] = self._measured(out, table, wanted.entity, at)
                at += len(out.measures)
            else:
                made[key] = self._group_keys(out, groups, columns_, table.num_rows)
        found: dict[Key, list[dict[str, Any]]] = {}
        for i, start in enumerate(starts):
            mine = found.setdefault(start, [])
            if len(mine) < groups.limit:
                mine.append({key: values[i] for key, values in made.items()})
        return found

    def _group_keys(self, out: dict[str, Any], groups: Groups, columns_: dict[str, list[Any]], count: int,
                    ) -> list[dict[str, Any]]:
        by = {one.column for one in groups.by}
        lists: list[list[Any]] = []
        for one in out.values():
            if isinstance(one, str):
                lists.append([one] * count)
            elif one.field.column not in by:
                lists.append([None] * count)
            else:
                values = columns_[one.field.column]
                lists.append(values if one.show is None else self._each(one.show, values, ("groups",), "keys"))
        return [dict(zip(out, row, strict=True)) for row in zip(*lists, strict=True)] if lists else [{}] * count

    def _measured(self, sums: Sums, table: Any, entity: Entity, start: int = 0) -> list[dict[str, Any]]:
        lists = []
        for i, (measure, show) in enumerate(zip(sums.measures, sums.shows, strict=True)):
            held = entity.by_column[measure.column] if measure.column is not None else None
            values = _json(table, f"pluto:{start + i}", _measure_type(measure.function, held))
            lists.append(values if show is None else self._each(show, values, ("aggregate",), measure.function))
        rows = list(zip(*lists, strict=True)) if lists else [()] * table.num_rows
        return [{key: _filled(out, row) for key, out in sums.out.items()} for row in rows]


def _measure_type(function: str, held: Field | None) -> str:
    if function in ("count", "count distinct") or held is None:
        return "BIGINT"
    if function == "sum" and held.kind.scalar in ("Int", "BigInt"):
        return "HUGEINT"
    return held.kind.duckdb if function in ("min", "max") else ""


def _filled(out: Any, row: Sequence[Any]) -> Any:
    if isinstance(out, int):
        return row[out]
    return out if isinstance(out, str) else {key: _filled(one, row) for key, one in out.items()}


def _nothing(sums: Sums) -> dict[str, Any]:
    """The sums of no rows."""
    none = [0 if one.function.startswith("count") else None for one in sums.measures]
    return {key: _filled(out, none) for key, out in sums.out.items()}


# -- keys ---------------------------------------------------------------------------------------------

def columns(wanted: Rows, more: Iterable[str] = ()) -> tuple[str, ...]:
    """What a level must be asked for: what is shown, and what leads further."""
    found = dict.fromkeys(more)
    for out in wanted.out.values():
        if isinstance(out, Column):
            found[out.field.column] = None
        elif not isinstance(out, str) and out.link is not None:
            found |= dict.fromkeys(out.link.columns)
    return tuple(found) or (next(iter(wanted.entity.fields.values())).column,)


def _keys(level: Level, names: Sequence[str]) -> list[Key | None]:
    """None where a part is null: that leads nowhere."""
    rows = zip(*(level.column(one) for one in names), strict=True)
    return [None if None in row else row for row in rows]


def _columns(table: Any, entity: Entity, names: Sequence[str]) -> list[Key]:
    if not names:
        return [()] * table.num_rows
    return list(zip(*(_json(table, one, entity.by_column[one].kind.duckdb) for one in names), strict=True))


def _lots(keys: Iterable[Key | None], width: int) -> list[list[Key]]:
    there = [one for one in dict.fromkeys(keys) if one is not None]
    size = KEYS if width == 1 else PARTS // (width + 1)
    return [there[at:at + size] for at in range(0, len(there), size)]


def _among(names: Sequence[str], lot: Sequence[Key]) -> Condition:
    from pluto_duck.session.rows import All, AnyOf, Compare

    if len(names) == 1:
        return Compare(names[0], "in", [key[0] for key in lot])
    return AnyOf(tuple(All(tuple(Compare(name, "=", value) for name, value in zip(names, key, strict=True)))
                       for key in lot))


def _all(first: Condition, second: Condition | None) -> Condition:
    from pluto_duck.session.rows import All

    return first if second is None else All((first, second))


def _same(mine: Entity, other: Entity, link: Link) -> Callable[[Key], Key]:
    """Keys as they are where both ends have one type; else by what they say: 7 is 7.00 is "7"."""
    types = zip((mine.by_column[one].kind.duckdb for one in link.columns),
                (other.by_column[one].kind.duckdb for one in link.referenced), strict=True)
    if all(a == b for a, b in types):
        return lambda key: key
    return lambda key: tuple(_said(one) for one in key)


def _said(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    try:
        return Decimal(str(value)).normalize()
    except InvalidOperation:
        return str(value)


__all__ = ["Level", "Notes", "Reading", "columns"]
