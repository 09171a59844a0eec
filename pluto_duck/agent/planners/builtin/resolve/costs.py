"""How much doubt there is in a choice of readings and joins."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.lexicon import DEST_WORDS, ORIGIN_WORDS
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt
from pluto_duck.catalog import Relation, Table
from pluto_duck.catalog.words import split

JOIN_COST = 0.12
LOOSE_COST = 0.15
_GENERIC = {
    "name",
    "title",
    "type",
    "description",
    "code",
    "id",
    "status",
    "year",
    "date",
    "number",
    "address",
    "city",
}
"""Columns that many tables have: which table's is meant must follow from the rest."""


def readings_cost(attempt: Attempt, root: Table, joins: tuple[Relation, ...]) -> float:
    cost = sum(1 - reading.strength for reading in attempt.chosen.values())
    cost += sum(JOIN_COST + 0.1 * (1 - join.confidence) for join in joins)
    for hint in attempt.out.hints:
        cost += sum(_towards(hint, split(join.child_column)) for join in joins)
    for slot in attempt.out.filters:
        if slot.preposition in ("from", "to"):
            reading = attempt.reading(slot.target or slot.values[0])
            words = [
                word for join in joins if join.parent.key == reading.table.ref.key for word in split(join.child_column)
            ]
            words += split(reading.column.name) if reading.column is not None else ()
            cost += _towards("origin" if slot.preposition == "from" else "dest", words)
    used = {root.ref.key} | {join.parent.key for join in joins}
    spoken = {r.table.ref.key for r in attempt.chosen.values()}
    for column, thing in attempt.out.bound:
        if id(column) in attempt.chosen and id(thing) in attempt.chosen:
            mine, its = attempt.reading(column), attempt.reading(thing)
            if mine.table.ref != its.table.ref and mine.via is None:
                has_own = any(r.column is not None and r.table.ref == its.table.ref for r in column.readings)
                cost += 0.6 if has_own or not _pointed(attempt, its.table, mine.table) else 0.15
    cost += LOOSE_COST * len(attempt.out.loose)
    return cost + 0.1 * len(used - spoken) + 0.15 * _strangers(attempt)


def _pointed(attempt: Attempt, child: Table, parent: Table) -> bool:
    """A body builder's name is that of the person behind; a document's location stands in the list of both."""
    parents: dict[str, set[str]] = {}
    for one in attempt.catalog.relations:
        parents.setdefault(one.child.key, set()).add(one.parent.key)
    bridged = any({child.ref.key, parent.ref.key} <= bridge for bridge in parents.values())
    return bridged or parent.ref.key in parents.get(child.ref.key, ())


def _strangers(attempt: Attempt) -> int:
    """Columns of a table that nothing else in the question leads to: "name" after "carriers" is theirs."""
    chosen = list(attempt.chosen.values())
    strangers = 0
    for one in chosen:
        if one.column is None or one.via is not None or one.value or split(one.column.name)[-1] not in _GENERIC:
            continue
        near = {one.table.ref.key} | {
            r.child.key
            for r in attempt.catalog.relations
            if r.parent.key == one.table.ref.key
            and any(
                o.column is not None and o.table.ref.key == r.child.key and o.column.name == r.child_column
                for o in chosen
            )
        }
        others = {o.table.ref.key for o in chosen if o is not one}
        strangers += bool(others) and not (near & others)
    return strangers


def _towards(hint: str, words: Sequence[str]) -> float:
    """What it costs that a column speaks of where things come from when the question says where they go."""
    mine, other = (ORIGIN_WORDS, DEST_WORDS) if hint == "origin" else (DEST_WORDS, ORIGIN_WORDS)
    if mine & set(words):
        return -0.02
    return 0.3 if other & set(words) else 0.0
