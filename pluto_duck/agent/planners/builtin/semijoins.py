"""Rows that are told or measured once each, however often a join would find them."""

from __future__ import annotations

from dataclasses import replace

from pluto_duck.agent.planners.builtin.form import Field, Form, Measure, Member
from pluto_duck.catalog import Table


def once_each(form: Form, *, distinct: bool = False) -> Form:
    """The same rows as conditions on the key of the one table that is asked for, where there is such a table.

    "The names of students in the chess club" are as many as the students, also where two have the same name; their
    average age counts each of them once. `distinct`: the question itself asks for each value once.
    """
    if form.measures and not form.select:
        return _measured(form)
    if distinct or not form.distinct or not form.joins or not form.select:
        return form
    tables = {one.table.ref.key for one in form.select}
    table = form.select[0].table
    if not any(one.column.unique or one.column.name in (table.key, table.label) for one in form.select):
        return form  # the countries of customers: each country once
    orders = [one.by for one in form.order]
    if len(tables) != 1 or table.key is None or table.ref == form.root.ref:
        return form
    if any(isinstance(by, Measure) or by.table.ref != table.ref for by in orders):
        return form
    return _reached(form, table)


def _measured(form: Form) -> Form:
    tables = {one.table.ref.key for one in form.measures}
    table = form.measures[0].table
    adds = any(one.function in ("sum", "avg") for one in form.measures)
    if not adds or len(tables) != 1 or table.key is None or table.ref == form.root.ref:
        return form
    return _reached(form, table)


def _reached(form: Form, table: Table) -> Form:
    """The form over this table alone; what is asked of the others becomes a condition on its key."""
    assert table.key is not None
    key = Field(table, table.column(table.key))
    own = [one for one in form.conditions if one.field.table.ref == table.ref]
    among = Form(
        form.root,
        form.joins,
        (key,),
        conditions=tuple(one for one in form.conditions if one not in own),
        periods=form.periods,
        either=form.either,
        members=form.members,
        terms=tuple(one for one in form.terms if one.table.ref != table.ref),
        spans=form.spans,
    )
    return replace(
        form,
        root=table,
        joins=(),
        conditions=tuple(own),
        periods=(),
        either=(),
        members=(Member(key, among, negated=False),),
        terms=tuple(one for one in form.terms if one.table.ref == table.ref),
        spans=(),
        distinct=False,
    )
