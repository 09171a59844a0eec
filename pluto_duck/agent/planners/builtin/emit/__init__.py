"""A Form as SQL: built as a tree, so that no name or value is ever pasted into text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.emit.around import around, top_share
from pluto_duck.agent.planners.builtin.emit.beside import beside
from pluto_duck.agent.planners.builtin.emit.conditions import having_sql, part_sql, restrictions, sided
from pluto_duck.agent.planners.builtin.emit.figures import further, grown, measure_name, measure_sql, moments, ratio
from pluto_duck.agent.planners.builtin.emit.names import Names, called, field_sql, function, identifier
from pluto_duck.agent.planners.builtin.emit.wider import wider
from pluto_duck.agent.planners.builtin.form import Field, Form, Measure, Order
from pluto_duck.catalog import Relation


def sql(form: Form) -> str:
    """DuckDB SQL, on several lines."""
    return tree(form).sql(dialect="duckdb", pretty=True)


def tree(form: Form, *, alone: bool = False) -> exp.Select:
    """`alone`: nothing is shown beside what is selected, and in no order: for a query inside another one."""
    if form.beside:
        return beside(form, _inner)
    if form.typical:
        return _typical(form)
    if form.share == "top":
        return _top(form)
    names = Names(form)
    looked_at, late = wider(form, names)
    query = exp.select().from_(names.table(form.root))
    for join in form.joins:
        query = query.join(names.reference(join.parent.key), on=_meeting(join, names), join_type="inner")
    for condition in restrictions(looked_at, names, _inner):
        query = query.where(condition, copy=False)
    query = _shaped(query, form, names, alone)
    for condition in late:
        query = _qualified(query, condition)
    return query


def _inner(form: Form) -> exp.Select:
    return tree(form, alone=True)


def _meeting(join: Relation, names: Names) -> Any:
    sides: list[Any] = [names.at(join.child.key, join.child_column), names.at(join.parent.key, join.parent_column)]
    if join.mixed:
        sides = [exp.TryCast(this=side, to=exp.DataType.build("DOUBLE"), safe=True) for side in sides]
    return exp.EQ(this=sides[0], expression=sides[1])


def _shaped(query: exp.Select, form: Form, names: Names, alone: bool) -> exp.Select:
    used: set[str] = set()
    if form.rows:
        query = query.select(
            exp.Column(this=exp.Star(), table=names.alias(form.root)) if form.joins else exp.Star()
        )
    for field in form.select:
        query = query.select(_aliased(field_sql(field, names), _field_name(field, used), field))
    for shown, name in _figures(form, names, used, alone):
        query = query.select(exp.alias_(shown, name, quoted=None))
    if form.grouped:
        query = query.group_by(*_group_keys(form, names))
    for having in form.having:
        held = having_sql(having, names, _inner)
        query = _qualified(query, held) if isinstance(having.value, str) else query.having(held)
    return _ranked(query, form, names, alone)


def _figures(form: Form, names: Names, used: set[str], alone: bool) -> list[tuple[Any, exp.Identifier]]:
    if form.sides:
        return _side_by_side(form, names, used)
    extra = [one.by for one in form.order if isinstance(one.by, Measure) and one.by not in form.measures]
    extra += [one.measure for one in form.having if one.measure not in form.measures]
    found = []
    for measure in dict.fromkeys([*form.measures, *(extra if form.grouped and not alone else [])]):
        if form.share == "part":
            name = measure.column.name if measure.column is not None else measure.table.ref.name.lower()
            found.append((ratio(*part_sql(measure, form, names, _inner), form), _told(f"share_of_{name}", used)))
        else:
            found.append((measure_sql(measure, names), measure_name(measure, used)))
    found += [(shown, _told(name, used)) for shown, name in further(form, names)]
    if form.quotient and len(form.measures) == 2:
        first, second = (measure_sql(one, names) for one in form.measures)
        found.append((ratio(first, second, form), _told("ratio", used)))
    return found


def _side_by_side(form: Form, names: Names, used: set[str]) -> list[tuple[Any, exp.Identifier]]:
    found = []
    for measure in form.measures:
        figures = [sided(measure, side, names, _inner) for side in form.sides]
        labels = [_told(str(called(side.label).this), used) for side in form.sides]
        found += list(zip(figures, labels, strict=True))
        if len(figures) == 2 and any(side.periods for side in form.sides):
            before, now = figures
            before, now = exp.paren(before), exp.paren(now)
            found.append((exp.Sub(this=now.copy(), expression=before.copy()), _told("change", used)))
            found.append((grown(now, before), _told("growth", used)))
    return found


def _ranked(query: exp.Select, form: Form, names: Names, alone: bool) -> exp.Select:
    orders = form.order or (() if alone else _natural_order(form))
    if form.each:
        return _ranked_in_each(query, form, names, orders)
    for order in orders:
        query = query.order_by(_ordered(order, form, names))
    if form.limit is not None:
        query = query.limit(form.limit)
    return query.distinct() if form.distinct else query


def _ranked_in_each(query: exp.Select, form: Form, names: Names, orders: tuple[Order, ...]) -> exp.Select:
    """The first ones of every group, ties broken by what is shown, so that the same rows come every time."""
    ties = [exp.Ordered(this=field_sql(one, names), nulls_first=False) for one in form.select if one not in form.each]
    inside = exp.Order(expressions=[*(_ordered(one, form, names) for one in orders), *ties])
    groups = [field_sql(one, names) for one in form.each]
    place = exp.Window(this=function("row_number"), partition_by=groups, order=inside)
    query = _qualified(query, exp.LTE(this=place, expression=exp.Literal.number(form.limit or 1)))
    for one in groups:
        query = query.order_by(exp.Ordered(this=one.copy(), nulls_first=False))
    for order in orders:
        query = query.order_by(_ordered(order, form, names))
    return query


def _ordered(order: Order, form: Form, names: Names) -> Any:
    if not isinstance(order.by, Measure):
        by = _weekday(order.by, names) if order.by.grain == "weekday" else field_sql(order.by, names)
    elif form.sides:
        by = exp.column(identifier("growth" if form.change else "change"))
    elif form.change:
        by = exp.column(identifier("growth"))
    elif form.quotient:
        by = exp.column(identifier("ratio"))
    else:
        by = measure_sql(order.by, names)
    # Explicit, because the two DuckDB defaults and sqlglot's own need not agree.
    return exp.Ordered(this=by, desc=order.descending, nulls_first=False)


def _qualified(query: exp.Select, condition: Any) -> exp.Select:
    have = query.args.get("qualify")
    query.set("qualify", exp.Qualify(this=exp.and_(have.this, condition) if have else condition))
    return query


def _group_keys(form: Form, names: Names) -> list[Any]:
    keys = [field_sql(one, names) for one in form.select]
    # Days of the week are told by name, and come in their own order.
    return keys + [_weekday(one, names) for one in form.select if one.grain == "weekday"]


def _weekday(field: Field, names: Names) -> Any:
    return function("isodow", field_sql(replace(field, grain="day"), names))


def _natural_order(form: Form) -> tuple[Order, ...]:
    """Groups come in their own order, so that the same question always shows the same table."""
    return tuple(Order(field, False) for field in form.select) if form.grouped else ()


def _typical(form: Form) -> exp.Select:
    """The average of what the inner groups have."""
    plain = replace(form, typical="", over=(), order=(), limit=None, having=())
    return around(form, _inner(replace(plain, select=(*form.select, *form.over))))


def _top(form: Form) -> exp.Select:
    return top_share(form, _inner(replace(form, share="", limit=None, order=())))


def _told(name: str, used: set[str]) -> exp.Identifier:
    while name in used:
        name += "_2"
    used.add(name)
    return identifier(name)


def _field_name(field: Field, used: set[str]) -> str | None:
    name = field.grain or field.column.name
    if name in used:
        name = f"{field.table.ref.name}_{name}"
    used.add(name)
    return name


def _aliased(expression: exp.Expression, name: str | None, field: Field) -> Any:
    if name is None or (field.grain is None and name == field.column.name):
        return expression
    return exp.Alias(this=expression, alias=identifier(name))


__all__ = ["identifier", "moments", "sql", "tree"]
