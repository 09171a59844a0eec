"""Figures of several tables by the same fields: found on their own, then brought together; no row counts twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.emit.figures import ratio
from pluto_duck.agent.planners.builtin.emit.names import function, identifier
from pluto_duck.agent.planners.builtin.form import Form


def beside(form: Form, tree: Callable[[Form], exp.Select]) -> exp.Select:
    """The first form leads; what another one has beyond its groups comes too, but for a quotient."""
    forms = [replace(form, beside=(), quotient=False, order=(), limit=None), *form.beside]
    trees = [tree(one) for one in forms]
    names = [f"part_{number}" for number in range(1, len(trees) + 1)]
    width = len(form.select)
    query = exp.select().from_(exp.table_(identifier(names[0])))
    keys = [_column(names[0], one) for one in list(trees[0].named_selects)[:width]]
    shown: list[Any] = [key.copy() for key in keys]
    for name, other in zip(names[1:], trees[1:], strict=True):
        theirs = [_column(name, one) for one in list(other.named_selects)[:width]]
        meets = [exp.NullSafeEQ(this=mine.copy(), expression=its) for mine, its in zip(keys, theirs, strict=True)]
        how = ("left" if form.quotient else "full") if width else "cross"
        query = query.join(exp.table_(identifier(name)), on=exp.and_(*meets) if meets else None, join_type=how)
        if how == "full":
            shown = [function("coalesce", mine, its.copy()) for mine, its in zip(shown, theirs, strict=True)]
    for column, key in zip(shown, list(trees[0].named_selects)[:width], strict=True):
        query = query.select(exp.alias_(column, identifier(key), quoted=None))
    figures = [_column(name, one) for name, part in zip(names, trees, strict=True)
               for one in list(part.named_selects)[width:]]
    used: set[str] = set()
    for figure in figures:
        name = figure.name if figure.name not in used else f"{figure.name}_{len(used)}"
        used.add(name)
        query = query.select(exp.alias_(figure.copy(), identifier(name), quoted=None))
    by: list[Any] = [exp.Ordered(this=one.copy(), nulls_first=False) for one in shown]
    if form.quotient:
        divided = ratio(figures[0].copy(), figures[1].copy(), form)
        query = query.select(exp.alias_(divided, identifier("ratio"), quoted=None))
        by = [exp.Ordered(this=exp.column(identifier("ratio")), desc=one.descending, nulls_first=False)
              for one in form.order[:1]] + by
    elif form.order:
        by = [exp.Ordered(this=figures[0].copy(), desc=form.order[0].descending, nulls_first=False), *by]
    for one in by:
        query = query.order_by(one)
    for name, part in zip(names, trees, strict=True):
        query = query.with_(identifier(name), as_=part)
    return query.limit(form.limit) if form.limit is not None else query


def _column(table: str, name: str) -> exp.Column:
    return exp.column(identifier(name), table=identifier(table))
