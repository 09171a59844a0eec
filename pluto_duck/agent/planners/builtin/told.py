"""Readings from the semantic file: figures and terms by their names, and tables in a second role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pluto_duck.agent.planners.builtin.lexicon import VERBS
from pluto_duck.catalog import Catalog, Column, Metric, Relation, Table, Term
from pluto_duck.catalog.words import ID_WORDS, entity, split
from pluto_duck.workspace import TableRef

Key = tuple[str, ...]


@dataclass(frozen=True)
class Role(TableRef):
    """A table that is met a second time: the area of a region is a region, too."""

    of: TableRef = field(default_factory=lambda: TableRef(""))


def in_roles(catalog: Catalog) -> Catalog:
    """The catalog with a second table for each join of one to itself that the semantic file tells of."""
    known = catalog.derived.get(Role)
    if isinstance(known, Catalog):
        return known
    tables, relations = list(catalog.tables), [one for one in catalog.relations if one.child.key != one.parent.key]
    told = {(one.child.key, one.child_column) for one in catalog.semantics.joins}
    names = {table.ref.key for table in tables}
    for relation in catalog.relations:
        if relation.child.key == relation.parent.key and (relation.child.key, relation.child_column) in told:
            role = _role(catalog.table(relation.parent), relation)
            if role.ref.key not in names:
                tables.append(role)
                relations.append(replace(relation, parent=role.ref, complete=False))
    found = catalog
    if len(tables) > len(catalog.tables):
        found = Catalog(tuple(tables), tuple(relations), catalog.versions, catalog.semantics)
    catalog.derived[Role] = found
    return found


def _role(table: Table, relation: Relation) -> Table:
    column = table.column(relation.child_column)
    words = split(column.called or column.name)
    bare = words[:-1] if len(words) > 1 and words[-1] in ID_WORDS else words
    name = "_".join(bare)
    return replace(
        table,
        ref=Role(name, table.ref.schema, table.ref),
        columns=tuple(one for one in table.columns if one.name != relation.child_column),
        called=name.replace("_", " "),
        words=column.words,
    )


def roles_of(catalog: Catalog, table: TableRef) -> list[Table]:
    return [one for one in catalog.tables if isinstance(one.ref, Role) and one.ref.of.key == table.key]


def points_at_role(catalog: Catalog, table: Table, column: Column) -> bool:
    """What the column holds is better told by the table it points at."""
    return any(
        isinstance(one.parent, Role) and one.child.key == table.ref.key and one.child_column == column.name
        for one in catalog.relations
    )


def figures(catalog: Catalog) -> Iterator[tuple[Key, Table, Metric]]:
    for metric in catalog.semantics.metrics:
        for word in metric.words:
            yield split(word), catalog.table(metric.table), metric


def parts_of_figures(catalog: Catalog) -> Iterator[tuple[Key, Table, Metric]]:
    """Revenue, where the figures are product revenue and billed revenue."""
    for metric in catalog.semantics.metrics:
        words = split(metric.name)
        for start in range(1, len(words)) if not _says_what_was_done(words[-1]) else ():
            yield words[start:], catalog.table(metric.table), metric


_SMALL = {"of", "the", "a"}
_BEFORE = {"of", "in", "on"}


def _says_what_was_done(word: str) -> bool:
    """Sold, of "units sold": the rest of the name without it is no name."""
    return word.endswith("ed") or any(word in verbs.split() for verbs in VERBS.values())


def terms(catalog: Catalog) -> Iterator[tuple[Key, Table, Term]]:
    """Those that name the rows: an open ticket; out of stock does not."""
    for words, table, term in _terms(catalog):
        ends = [name for name in _names(table) if words[-len(name) :] == name]
        if ends and not (len(words) > len(ends[0]) and words[-len(ends[0]) - 1] in _BEFORE):
            yield words, table, term


def _terms(catalog: Catalog) -> Iterator[tuple[Key, Table, Term]]:
    for term in catalog.semantics.terms:
        for word in term.words:
            yield split(word), catalog.table(term.table), term


def _names(table: Table) -> list[Key]:
    return [entity(table.ref.name), *(split(one) for one in table.words)]


def adjectives(catalog: Catalog) -> Iterator[tuple[Key, Table, Term]]:
    """What a term says of its rows when they are named elsewhere: "open" for an open ticket."""
    for words, table, term in _terms(catalog):
        names = _names(table)
        ends = [name for name in names if words[-len(name) :] == name and len(words) > len(name)]
        starts = [name for name in names if words[: len(name)] == name and len(words) > len(name)]
        if ends and words[-len(ends[0]) - 1] not in _BEFORE:
            bare = words[: -len(ends[0])]
        else:
            bare = words[len(starts[0]) :] if starts else words
        if words not in names and bare:
            yield tuple(word for word in bare if word not in _SMALL), table, term

