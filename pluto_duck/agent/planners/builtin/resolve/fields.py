"""The columns that are shown or grouped by."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.form import Field, Order
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import Outline
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.agent.planners.builtin.resolve.measures import also_a_table, says_id
from pluto_duck.agent.planners.builtin.vocabulary import full_name_columns
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.words import ID_WORDS, split


def fields(attempt: Attempt, mark: Mark, grouping: bool, orders: Sequence[Order]) -> list[Field]:
    reading = attempt.reading(mark)
    table, column = reading.table, reading.column
    if column is not None:
        if grouping and column.role == "measure" and not mark.text.lower().startswith("name"):
            attempt.cost += 0.25
        if column.role == "key" and reading.via is None and not says_id(mark, column):
            attempt.cost += 0.2  # "per customer" wants customers by name, not by number
        if column.role != "key" and reading.via is None and also_a_table(attempt, mark, table, column):
            attempt.cost += 0.2
        first, last = full_name_columns(table)
        said = mark.text.lower().split()
        if first is column and last is not None and said[-1] in ("name", "names") and "first" not in said:
            return [Field(table, first), Field(table, last)]
        return [Field(table, column), *_named(attempt, mark, table, column)]
    if attempt.out.whole and not grouping and len(attempt.out.projections) == 1:
        return [Field(table, one) for one in table.columns]
    names = [name for name in (table.key, table.label) if name is not None]
    if table.label is None:
        names += [one.name for one in full_name_columns(table) if one is not None]
    if grouping:
        if not names:
            raise Impossible
        return [Field(table, table.column(name)) for name in dict.fromkeys(names)]
    if len(attempt.out.projections) > 1 and not names:
        raise Impossible
    if (
        mark.plural
        and not attempt.out.ranked
        and not attempt.out.filters
        and len(attempt.out.projections) == 1
        and not attempt.out.orders
    ):
        return [Field(table, one) for one in table.columns]
    if not names:
        return [Field(table, one) for one in table.columns]
    shown = [Field(table, table.column(name)) for name in dict.fromkeys(names)]
    return shown + [o.by for o in orders if isinstance(o.by, Field) and o.by not in shown and o.by.table is table]


def _named(attempt: Attempt, mark: Mark, table: Table, column: Column) -> list[Field]:
    """What a number points at, by its name: a room is "Oak", not 7."""
    if not column.numeric or column.name == table.key or says_number(mark):
        return []
    for relation in attempt.catalog.relations:
        if relation.child.key == table.ref.key and relation.child_column == column.name:
            parent = attempt.catalog.table(relation.parent)
            if parent.label is not None and relation.confidence >= 0.8 and relation.complete:
                return [Field(parent, parent.column(parent.label))]
    return []


def says_number(mark: Mark) -> bool:
    return bool(set(split(mark.text)) & ID_WORDS) or "number" in mark.text.lower()


def repeats(select: Sequence[Field], out: Outline) -> bool:
    """One column of categories is asked for: nobody wants each as often as it occurs."""
    if len(select) != 1 or out.orders:
        return False
    column, table = select[0].column, select[0].table
    return (
        column.role == "dimension"
        and column.name != table.label
        and not column.unique
        and column.distinct < 0.5 * table.rows
        and not out.things
    )
