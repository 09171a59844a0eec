"""Measures as SQL, also of some of the rows only, and the columns that look at other groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.emit.names import Names, field_sql, function, identifier
from pluto_duck.agent.planners.builtin.form import Field, Form, Measure

_KINDS = {"sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max}


def measure_sql(measure: Measure, names: Names) -> Any:
    if measure.metric is not None:
        found = names.told(measure.metric.expression, measure.table)
        if measure.metric.filter and measure.metric.filter != names.held:
            found = filtered(found, names.told(measure.metric.filter, measure.table))
        return exp.paren(found) if isinstance(found, exp.Binary) else found
    if measure.function == "count":
        return exp.Count(this=exp.Star())
    assert measure.column is not None
    column = names.column(measure.table, measure.column)
    if measure.function == "count_distinct":
        return exp.Count(this=exp.Distinct(expressions=[column]))
    if measure.function == "median":
        return function("median", column)
    if measure.function == "quantile":
        return function("quantile_cont", column, exp.Literal.number(measure.at))
    return _KINDS[measure.function](this=column)


def filtered(figure: Any, condition: Any) -> Any:
    """The same over those rows alone for which the condition holds."""
    whole = exp.paren(figure)
    for one in list(whole.find_all(exp.AggFunc, exp.Anonymous)):
        if isinstance(one, exp.Anonymous) and one.name.lower() not in ("median", "quantile_cont"):
            continue
        above = one.parent
        if isinstance(above, exp.Filter):
            both = exp.and_(above.expression.this, condition.copy())
            above.set("expression", exp.Where(this=both))
        elif not isinstance(above, exp.AggFunc):
            one.replace(exp.Filter(this=one.copy(), expression=exp.Where(this=condition.copy())))
    return whole.this


def ratio(part: Any, whole: Any, form: Form) -> Any:
    """Nothing of nothing is no number."""
    divided = exp.Div(this=part, expression=function("nullif", whole, exp.Literal.number(0)))
    return exp.Mul(this=exp.Literal.number("100.0"), expression=exp.paren(divided)) if form.percent else divided


def grown(now: Any, before: Any) -> Any:
    """By what part of itself a figure has grown."""
    gone = function("nullif", before.copy(), exp.Literal.number(0))
    return exp.Sub(this=exp.Div(this=now.copy(), expression=gone), expression=exp.Literal.number(1))


def further(form: Form, names: Names) -> Iterator[tuple[Any, str]]:
    """Columns that look at the other groups, and what they are called."""
    for measure in form.measures:
        figure = measure_sql(measure, names)
        if form.share in ("total", "within"):
            within = [field_sql(one, names) for one in form.within]
            whole = exp.Window(this=exp.Sum(this=figure.copy()), partition_by=within or None)
            yield ratio(figure, whole, form), "percent" if form.percent else "share"
        if form.change:
            before = _before(figure, form, names)
            yield before, "before"
            yield exp.Sub(this=figure.copy(), expression=before.copy()), "change"
            yield grown(figure, before), "growth"
        if form.running:
            yield exp.Window(this=exp.Sum(this=figure.copy()), **_in_time(form, names)), "running_total"


def _in_time(form: Form, names: Names) -> dict[str, Any]:
    """A window over the periods, one for each of the other fields."""
    when = moments(form)
    others = [field_sql(one, names) for one in form.select if one not in when]
    ordered = [exp.Ordered(this=field_sql(one, names), nulls_first=False) for one in when]
    return {"partition_by": others or None, "order": exp.Order(expressions=ordered)}


def moments(form: Form) -> list[Field]:
    """The selected fields that say when."""
    return [one for one in form.select if one.grain or one.column.part or one.column.role == "date"]


def _before(figure: Any, form: Form, names: Names) -> Any:
    window = _in_time(form, names)
    if form.change == "before":
        return exp.Window(this=function("lag", figure.copy()), **window)
    year = moments(form)[0]
    one = exp.Literal.number(1) if year.grain == "year" or year.column.part else exp.Interval(
        this=exp.Literal.string("1"), unit=exp.var("YEAR"))
    edges = {"start": one, "start_side": "PRECEDING", "end": one.copy(), "end_side": "PRECEDING"}
    return exp.Window(this=exp.Max(this=figure.copy()), spec=exp.WindowSpec(kind="RANGE", **edges), **window)


def measure_name(measure: Measure, used: set[str]) -> exp.Identifier:
    from pluto_duck.agent.planners.builtin.emit.names import called

    if measure.metric is not None:
        name = str(called(measure.metric.name).this)
    elif measure.function == "count":
        name = measure.table.ref.name.lower()
    else:
        assert measure.column is not None
        prefix = {"count_distinct": "distinct", "sum": "total", "avg": "average"}.get(
            measure.function, measure.function
        )
        name = f"{prefix}_{measure.column.name}"
    name = name if name not in used else f"number_of_{name}"
    used.add(name)
    return identifier(name)


