"""Conditions as SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.emit.figures import filtered, measure_sql
from pluto_duck.agent.planners.builtin.emit.names import Names, as_date, field_sql, named_figures
from pluto_duck.agent.planners.builtin.emit.periods import period_sql
from pluto_duck.agent.planners.builtin.form import Condition, Facet, Form, Having, Measure, Member, Named

Tree = Callable[[Form], exp.Select]
"""Makes the query of a form that stands inside another one."""
_COMPARE = {"=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}


def restrictions(form: Form, names: Names, tree: Tree) -> list[Any]:
    """What rows have to meet."""
    found = [condition_sql(one, names, tree) for one in form.conditions]
    found += [_any(condition_sql(one, names, tree) for one in group) for group in form.either]
    found += [_member(one, names, tree) for one in form.members]
    found += [named_sql(one, names) for one in form.terms]
    found += [part for one in form.periods for part in period_sql(one, names)]
    found += [_any(_all(period_sql(one, names)) for one in group) for group in form.spans]
    if names.held:
        table = next(one.table for one in named_figures(form))
        found.append(exp.paren(names.told(names.held, table)))
    if form.sides:
        found.append(_any(side_sql(one, names, tree) for one in form.sides))
    return found


def _any(parts: Any) -> Any:
    return exp.paren(exp.or_(*parts))


def _all(parts: list[Any]) -> Any:
    return exp.and_(*parts)


def side_sql(side: Facet, names: Names, tree: Tree) -> Any:
    parts = [part for one in side.periods for part in period_sql(one, names)]
    return _all([*parts, *(condition_sql(one, names, tree) for one in side.conditions)])


def named_sql(named: Named, names: Names) -> Any:
    told = exp.paren(names.told(named.term.filter, named.table))
    return exp.Not(this=told) if named.negated else told


def condition_sql(condition: Condition, names: Names, tree: Tree) -> Any:
    values = [_literal(value, tree) for value in condition.values]
    about = condition.field
    if about.grain is not None:
        column = field_sql(about, names)
    else:
        column = names.column(about.table, about.column)
        if about.column.type.startswith(("DATE", "TIMESTAMP")) or about.column.text_date:
            values = [exp.cast(value, "DATE", dialect="duckdb") for value in values]
            column = as_date(column, about.column)
    operator = condition.operator
    if operator in ("missing", "present"):
        empty = exp.Is(this=column, expression=exp.Null())
        return exp.Not(this=empty) if operator == "present" else empty
    if operator in ("in", "not in"):
        inside = exp.In(this=column, expressions=values)
        return exp.Not(this=inside) if operator == "not in" else inside
    if operator == "between":
        return exp.Between(this=column, low=values[0], high=values[1])
    if operator in ("contains", "starts", "ends"):
        text = re.sub(r"([\\%_])", r"\\\1", str(condition.values[0]))
        pattern = f"{'' if operator == 'starts' else '%'}{text}{'' if operator == 'ends' else '%'}"
        like = exp.ILike(this=column, expression=exp.Literal.string(pattern))
        return exp.Escape(this=like, expression=exp.Literal.string("\\")) if "\\" in pattern else like
    return _COMPARE[operator](this=column, expression=values[0])


def _member(member: Member, names: Names, tree: Tree) -> Any:
    inner = exp.Subquery(this=tree(member.among))
    inside = exp.In(this=names.column(member.field.table, member.field.column), query=inner)
    return exp.Not(this=inside) if member.negated else inside


def _literal(value: str | int | float | Measure, tree: Tree) -> Any:
    if isinstance(value, Measure):  # over the whole table
        return exp.Subquery(this=tree(Form(value.table, (), (), (value,))))
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    return exp.Literal.number(int(value) if float(value).is_integer() else value)


def having_sql(having: Having, names: Names, tree: Tree) -> Any:
    figure = measure_sql(having.measure, names)
    if isinstance(having.value, str):  # looks at all groups: a window
        name = "avg" if having.value == "avg" else "median"
        whole = exp.Window(this=exp.Anonymous(this=name, expressions=[figure.copy()]))
        return _COMPARE[having.operator](this=figure, expression=whole)
    return _COMPARE[having.operator](this=figure, expression=_literal(having.value, tree))


def part_sql(measure: Measure, form: Form, names: Names, tree: Tree) -> tuple[Any, Any]:
    """The figure of the rows for which the conditions hold, and of all rows."""
    whole = measure_sql(measure, names)
    holds = [named_sql(one, names) if isinstance(one, Named) else condition_sql(one, names, tree) for one in form.part]
    return filtered(whole, _all(holds)), whole.copy()


def sided(measure: Measure, side: Facet, names: Names, tree: Tree) -> Any:
    return filtered(measure_sql(measure, names), side_sql(side, names, tree))


__all__ = ["condition_sql", "having_sql", "part_sql", "restrictions", "sided"]
