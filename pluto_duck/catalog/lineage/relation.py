"""What a part of a statement brings: columns, each with the stored columns that it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pluto_duck.workspace.tableref import fold

Column = tuple[str, str]
"""(key of a table, column): as the catalog writes both."""
How = Literal["same", "computed", "aggregated"]
Origins = Mapping[Column, How]
NONE: Origins = {}
_MORE: dict[How, int] = {"same": 0, "computed": 1, "aggregated": 2}


def joined(parts: Iterable[Origins]) -> dict[Column, How]:
    """All of them; a column that comes twice in the way that alters it more."""
    found: dict[Column, How] = {}
    for part in parts:
        for column, how in part.items():
            before = found.get(column)
            if before is None or _MORE[how] > _MORE[before]:
                found[column] = how
    return found


def at_least(origins: Origins, how: How) -> dict[Column, How]:
    return {column: how if _MORE[how] > _MORE[before] else before for column, before in origins.items()}


@dataclass(frozen=True)
class Out:
    name: str
    """"" where DuckDB makes one up."""
    origins: Origins


@dataclass(frozen=True)
class Relation:
    columns: tuple[Out, ...] = ()
    rest: Origins | None = None
    """Of columns that are not listed; None: there are none."""
    gone: str = ""
    """The key of a table that is not there: whatever is asked of it would be a column of that name."""

    @cached_property
    def by_name(self) -> dict[str, Out]:
        return {fold(one.name): one for one in reversed(self.columns) if one.name}

    @property
    def open(self) -> bool:
        return self.rest is not None or bool(self.gone)

    @cached_property
    def everything(self) -> dict[Column, How]:
        return joined([*(one.origins for one in self.columns), self.rest or NONE])

    def of(self, name: str) -> Origins | None:
        """Where a column comes from; None where it can't be one of these."""
        found = self.by_name.get(fold(name))
        if found is not None:
            return found.origins
        if self.gone:
            return {(self.gone, name): "same"}
        unnamed = [one.origins for one in self.columns if not one.name]
        if self.rest is not None:
            return joined([self.rest, *unnamed])
        return joined(unnamed) if unnamed else None

    def named(self, names: Iterable[str]) -> Relation:
        """The same with other names for its first columns."""
        given = list(names)
        if not given:
            return self
        renamed = [Out(name, one.origins) for name, one in zip(given, self.columns, strict=False)]
        renamed += [Out(name, self.rest or NONE) for name in given[len(renamed):]]
        return Relation((*renamed, *self.columns[len(given):]), self.rest, self.gone)


@dataclass(frozen=True)
class Source:
    """One entry of a FROM, under the name it goes by there."""

    names: tuple[str, ...]
    """Folded: (alias,) or (catalog, schema, table), as far as they may be written before a column."""
    relation: Relation
    hidden: frozenset[str] = frozenset()
    """Of a join USING: columns that stand for both sides and appear once."""

    def goes_by(self, path: tuple[str, ...]) -> bool:
        return bool(path) and self.names[-len(path):] == path


@dataclass
class Scope:
    """What a name may mean at one place."""

    outer: Scope | None = None
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Origins] = field(default_factory=dict)
    """Columns of joins USING."""
    aliases: dict[str, Origins] = field(default_factory=dict)
    """Of the select list, as far as it has been read."""
    parameters: Mapping[str, Origins] = field(default_factory=dict)
    """Of lambdas and macros."""
    star: Origins | None = None
    """What COLUMNS(...) stands for, one column at a time."""

    def below(self, parameters: Mapping[str, Origins] | None = None) -> Scope:
        return Scope(outer=self, ctes=self.ctes, parameters=parameters or {})

    def resolve(self, path: tuple[str, ...]) -> tuple[Origins, bool] | None:
        """(where a name comes from, whether it is a column and not a whole row); None for a name nobody knows."""
        maybe: list[Origins] = []
        place: Scope | None = self
        while place is not None:
            found = place._here(path)
            if found is not None:
                # A file or function farther in may have a column of that name, which would come first.
                return joined([*maybe, found[0]]) if maybe else found[0], found[1]
            maybe += [_part(origins, len(path) > 1) for one in place.sources
                      if (origins := one.relation.of(path[0])) is not None]
            place = place.outer
        return (joined(maybe), True) if maybe else None

    def _here(self, path: tuple[str, ...]) -> tuple[Origins, bool] | None:
        folded = tuple(map(fold, path))
        if folded[0] in self.parameters:
            return self.parameters[folded[0]], True
        # The longest name of a table first: a.b may be a column b of a, or a field b of a column a.
        for length in range(min(len(path) - 1, 3), 0, -1):
            for source in self.sources:
                if source.goes_by(folded[:length]):
                    found = source.relation.of(path[length])
                    if found is not None:
                        return _part(found, len(path) > length + 1), True
        return self._column(folded[0], len(path) > 1)

    def _column(self, folded: str, part: bool) -> tuple[Origins, bool] | None:
        if folded in self.merged:
            return _part(self.merged[folded], part), True
        for source in self.sources:
            known = source.relation.by_name.get(folded)
            if known is not None:
                return _part(known.origins, part), True
        if folded in self.aliases:
            return _part(self.aliases[folded], part), True
        for source in self.sources:
            if source.goes_by((folded,)):
                return at_least(source.relation.everything, "computed"), False
        return None


def _part(origins: Origins, part: bool) -> Origins:
    """A field of a struct is not the column itself."""
    return at_least(origins, "computed") if part else origins
