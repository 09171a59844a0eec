"""Queries around a query of groups: what is typical of them, and what the first ones have together."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.emit.figures import ratio
from pluto_duck.agent.planners.builtin.emit.names import function, identifier
from pluto_duck.agent.planners.builtin.form import Form, Measure


def around(form: Form, inner: exp.Select) -> exp.Select:
    """`typical` of the figures that the inner query has for each group."""
    names = list(inner.named_selects)
    shown = names[: len(form.select)]
    figures = names[len(form.select) + len(form.over) :][: len(form.measures)]
    query = exp.select().from_(exp.Subquery(this=inner, alias=exp.TableAlias(this=identifier("groups"))))
    for one in shown:
        query = query.select(_column(one))
    word = {"avg": "average"}.get(form.typical, form.typical)
    for one in figures:
        figure = function(form.typical, _column(one))
        query = query.select(exp.alias_(figure, identifier(f"{word}_{one}"), quoted=None))
        for order in form.order:
            if isinstance(order.by, Measure):
                query = query.order_by(exp.Ordered(this=figure.copy(), desc=order.descending, nulls_first=False))
    for one in shown:
        query = query.group_by(_column(one))
        query = query.order_by(exp.Ordered(this=_column(one), nulls_first=False))
    return query.limit(form.limit) if form.limit is not None else query


def top_share(form: Form, inner: exp.Select) -> exp.Select:
    """The part of the whole that the first groups have."""
    figure = list(inner.named_selects)[len(form.select)]
    down = form.order[0].descending if form.order else True
    ordered = exp.Order(expressions=[exp.Ordered(this=_column(figure), desc=down, nulls_first=False)])
    place = exp.Window(this=function("row_number"), order=ordered)
    groups = exp.Subquery(this=inner, alias=exp.TableAlias(this=identifier("groups")))
    placed = exp.select(_column(figure), exp.alias_(place, identifier("place"), quoted=None)).from_(groups)
    first = exp.LTE(this=_column("place"), expression=exp.Literal.number(form.limit or 1))
    mine = exp.Filter(this=exp.Sum(this=_column(figure)), expression=exp.Where(this=first))
    share: Any = ratio(mine, exp.Sum(this=_column(figure)), form)
    name = identifier("percent" if form.percent else "share")
    around = exp.Subquery(this=placed, alias=exp.TableAlias(this=identifier("ranked")))
    return exp.select(exp.alias_(share, name, quoted=None)).from_(around)


def _column(name: str) -> exp.Column:
    return exp.column(identifier(name))
