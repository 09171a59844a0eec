"""What could be added to a semantic file: guesses from names, comments and data, for a person to accept or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.catalog.model import Column, Relation, Table, is_integer
from pluto_duck.catalog.relations import Guess, counted
from pluto_duck.catalog.semantics.naming import adds_up, called, clear_date, row, unit
from pluto_duck.catalog.semantics.nodes import read
from pluto_duck.catalog.semantics.writing import Value, added
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog

LEAST_VALUES = 8
"""Values that a column must have, all of them found in a key, before the data alone speak for a join."""
_PLAIN = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Proposal:
    path: tuple[str, ...]
    value: Value
    why: str


def proposals(catalog: Catalog, session: Session) -> list[Proposal]:
    """In the order of the file's sections; none for what it says already."""
    found: list[Proposal] = []
    for table in catalog.tables:
        found += _table(table)
    found += [one for table in catalog.tables for one in _metrics(table, catalog)]
    known = {(one.child.key, one.child_column) for one in catalog.relations if one.declared}
    inferred = [one for one in catalog.relations if (one.child.key, one.child_column) not in known]
    found += [_join(one, "names and values agree") for one in inferred]
    taken = known | {(one.child.key, one.child_column) for one in inferred}
    found += [_join(one, "by its values alone") for one in by_values(catalog, session, taken)]
    return found


def applied(text: str, proposals: Sequence[Proposal]) -> str:
    """The file with them. Raises Unreadable where it can't be read."""
    if not text.strip():
        text = "version: 1\n"
    root = read(text)
    tables = root.get("tables") if root is not None else None
    there = {key.text for key, _value in tables.pairs} if tables is not None else set()
    for path, value in _gathered(proposals, there):
        text = added(text, path, value)
    return text


def _gathered(proposals: Sequence[Proposal], there: set[str]) -> Iterator[tuple[tuple[str, ...], Value]]:
    """A table that is new comes as a whole: the text is read again for each entry."""
    new: dict[str, dict[str, Any]] = {}
    for one in proposals:
        if one.path[0] == "tables" and one.path[1] not in there:
            inside = new.setdefault(one.path[1], {})
            for step in one.path[2:-1]:
                inside = inside.setdefault(step, {})
            inside[one.path[-1]] = one.value
    yield from ((("tables", name), value) for name, value in new.items())
    yield from ((one.path, one.value) for one in proposals if one.path[0] != "tables" or one.path[1] in there)


def _table(table: Table) -> Iterator[Proposal]:
    at = ("tables", name_of(table.ref))
    if not table.words:
        yield Proposal((*at, "name"), row(table), "")
    date = clear_date(table) if table.date is None else None
    if date is not None:
        yield Proposal((*at, "date"), date, "its default date")
    for column in table.columns:
        told = about(column, table)
        if told:
            yield Proposal((*at, "columns", column.name), told, "")


def about(column: Column, table: Table) -> dict[str, Value]:
    """Name and unit of a column, where they can be guessed and nobody has given them."""
    told: dict[str, Value] = {}
    name = "" if column.words else called(column, table)
    if name:
        told["name"] = name
    of = "" if column.unit else unit(column)
    if of:
        told["unit"] = of
    return told


def _metrics(table: Table, catalog: Catalog) -> Iterator[Proposal]:
    told = [one for one in catalog.semantics.metrics if one.table.key == table.ref.key]
    names = {word.casefold() for one in catalog.semantics.metrics for word in one.words}
    for column in table.columns:
        used = any(re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", one.expression) for one in told)
        if used or not adds_up(column):
            continue
        name = total(column, table)
        if name.casefold() not in names:
            yield Proposal(("metrics", name), metric(column, table), "")


def total(column: Column, table: Table) -> str:
    """What the sum of a column is called."""
    said = column.called or called(column, table) or " ".join(column.name.split("_"))
    plain = said.removeprefix("total ").removesuffix(" total").strip()
    owner = table.called or row(table)
    if plain == "total":
        return f"{owner} total"
    return f"total {owner} {plain}" if plain in ("amount", "quantity", "cost", "value") else f"total {plain}"


def metric(column: Column, table: Table) -> Mapping[str, Value]:
    name = column.name if _PLAIN.fullmatch(column.name) else quote(column.name)
    told = {"table": name_of(table.ref), "expression": f"sum({name})"}
    of = column.unit or unit(column)
    return told | ({"unit": of} if of else {})


def _join(one: Relation | Guess, why: str) -> Proposal:
    child = one.child if isinstance(one.child, TableRef) else one.child.ref
    parent = one.parent if isinstance(one.parent, TableRef) else one.parent.ref
    return Proposal(("joins",), {"from": f"{name_of(child)}.{column_name(one.child_column)}",
                                 "to": f"{name_of(parent)}.{column_name(one.parent_column)}"}, why)


def by_values(catalog: Catalog, session: Session, taken: set[tuple[str, str]]) -> list[Guess]:
    """Columns whose values are all keys of one other table, whatever they are called."""
    targets = [(table, table.column(table.key)) for table in catalog.tables if table.key is not None]
    guesses = []
    for child in catalog.tables:
        for column in child.columns:
            if column.unique or (child.ref.key, column.name) in taken or column.distinct < LEAST_VALUES:
                continue
            guesses += [Guess(child, column.name, parent, target.name, 0.5, 1.0, LEAST_VALUES)
                        for parent, target in targets if parent is not child and _could_point(column, target)]
    found = counted(session, guesses)
    by_child: dict[tuple[str, str], list[Guess]] = {}
    for guess in found:
        by_child.setdefault((guess.child.ref.key, guess.child_column), []).append(guess)
    return [held[0] for held in by_child.values() if len(held) == 1]  # of several tables none is told apart


def _could_point(column: Column, target: Column) -> bool:
    alike = column.type == target.type or (is_integer(column.type) and is_integer(target.type))
    if not alike or column.low is None or target.low is None or column.role in ("date", "boolean"):
        return False
    if not target.low <= column.low <= column.high <= target.high:
        return False
    # Small numbers are in every key; those that reach through the whole of it are hardly a quantity.
    return column.distinct >= 0.3 * target.distinct and (column.textual or column.high > 0.6 * target.high)


def name_of(ref: TableRef) -> str:
    """As a semantic file writes it."""
    plain = _PLAIN.fullmatch(ref.name) is not None
    name = ref.name if plain else quote(ref.name)
    schema = ref.schema if _PLAIN.fullmatch(ref.schema) else quote(ref.schema)
    return name if ref.schema == "main" else f"{schema}.{name}"


def column_name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quote(name)
