"""A Form as one sentence. It reads the Form alone, so it says what will run, not what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.form import Form, Having, Measure, Named, Order
from pluto_duck.agent.planners.builtin.wording import (
    column_name,
    condition,
    field,
    listed,
    member,
    named,
    number,
    period,
    rows_of,
    side,
)
from pluto_duck.catalog.model import is_date

_FUNCTIONS = {
    "sum": "total",
    "avg": "average",
    "min": "lowest",
    "max": "highest",
    "count_distinct": "number of distinct",
    "median": "median",
}
_TYPICAL = {"avg": "average", "median": "median", "min": "lowest", "max": "highest"}
_COMPARE = {"=": "exactly", "<": "fewer than", "<=": "at most", ">": "more than", ">=": "at least"}


def restate(form: Form) -> str:
    """`Average arr_delay of flights in July (month = 7), by dest, the 10 highest.`"""
    text = sentence(form)
    return text[:1].upper() + text[1:] + "."


def sentence(form: Form) -> str:
    """Without the capital and the full stop."""
    if form.beside:
        return _side_by_side(form)
    measures = _shown(form)
    head = _subject(form, measures)
    head += "".join(f" {period(one, form)}" for one in form.periods)
    head += "".join(f" {listed([period(one, form) for one in group], 'or')}" for group in form.spans)
    said = [condition(one, form) for one in form.conditions]
    said += [" or ".join(condition(one, form) for one in group) for group in form.either]
    said += [member(one, form) for one in form.members]
    said += [named(one) for one in form.terms]
    if said:
        head += " where " + " and ".join(said)
    parts = [head]
    if form.sides:
        parts.append(listed([side(one, form) for one in form.sides], "beside"))
    if measures and form.select and form.share != "top":
        parts.append("by " + listed([field(one, form) for one in form.select]))
    parts += [_having(one, measures) for one in form.having]
    if (form.order or form.limit is not None) and form.share != "top":
        parts.append(_ranking(form, measures) + _in_each(form))
    return ", ".join(parts)


def _side_by_side(form: Form) -> str:
    """Figures of several tables, each in its own words, the groups said once."""
    forms = [replace(form, beside=(), quotient=False, order=(), limit=None), *form.beside]
    told = [sentence(replace(one, select=())) for one in forms]
    text = " divided by ".join(told) if form.quotient else " beside ".join(told)
    if form.select:
        text += ", by " + listed([field(one, form) for one in form.select])
    if form.order or form.limit is not None:
        first = form.order[0] if form.order else None
        end = "the " + ("highest" if first is None or first.descending else "lowest")
        text += f", {end} first" if form.limit is None else f", the {form.limit} {end.removeprefix('the ')}"
    return text


def _in_each(form: Form) -> str:
    return f" in each {listed([field(one, form) for one in form.each])}" if form.each else ""


def _shown(form: Form) -> list[Measure]:
    """The measures of the result: those asked for, and those it is ranked or cut by."""
    ranked = [one.by for one in form.order if isinstance(one.by, Measure)]
    found = [*form.measures, *(ranked + [one.measure for one in form.having] if form.grouped else [])]
    return list(dict.fromkeys(found))


def _subject(form: Form, measures: Sequence[Measure]) -> str:
    if measures and form.share == "part":
        rows = rows_of(form.root) if measures[0].function == "count" else _measures(form, measures)
        told = " and ".join(named(one) if isinstance(one, Named) else condition(one, form) for one in form.part)
        return f"{_kind(form)} of {rows} for which {told}"
    if measures:
        return _figures(form, _measures(form, measures))
    mine = [one.column for one in form.select if one.grain is None and one.table.ref == form.root.ref]
    if form.rows or (mine == list(form.root.columns) and len(mine) == len(form.select)):
        return f"all columns of {form.root.ref}"
    each = "distinct " if form.distinct else ""
    return f"the {each}{listed([field(one, form) for one in form.select])} of {form.root.ref}"


def _figures(form: Form, told: str) -> str:
    if form.share == "top":
        groups = listed([field(one, form) for one in form.select])
        end = "lowest" if form.order and not form.order[0].descending else "highest"
        return f"{_kind(form)} that the {form.limit} {end} of {groups} have of the {told}"
    if form.share == "total":
        return f"{told} and its {_kind(form)} of the total"
    if form.share == "within":
        return f"{told} and its {_kind(form)} within each {listed([field(one, form) for one in form.within])}"
    if form.typical:
        return f"{_TYPICAL[form.typical]} of the {told} for each {listed([field(one, form) for one in form.over])}"
    if form.quotient:
        first, second = (_measure(one, form) for one in form.measures)
        return f"{first} divided by {second}"
    if form.running:
        return f"{told} and its running total"
    if form.change:
        since = "a year earlier" if form.change == "year" else "one to the next"
        return f"{told} and its change from {since}"
    return told


def _kind(form: Form) -> str:
    return "percentage" if form.percent else "share"


def _measures(form: Form, measures: Sequence[Measure]) -> str:
    """With the table said once, after the last measure that needs it."""
    names = [_measure(one, form) for one in measures]
    of_root = [not _counts_rows(one) for one in measures]
    if any(of_root):
        last = len(names) - 1 - of_root[::-1].index(True)
        names[last] += f" of {form.root.ref}"
    return listed(names)


def _counts_rows(measure: Measure) -> bool:
    key = measure.column is not None and measure.column.name == measure.table.key
    return measure.function in ("count", "metric") or (measure.function == "count_distinct" and key)


def _measure(measure: Measure, form: Form | None = None) -> str:
    if measure.metric is not None:
        return measure.metric.name
    if measure.function == "count":
        return f"number of {rows_of(measure.table)}"
    if _counts_rows(measure):
        return f"number of distinct {measure.table.ref}"
    assert measure.column is not None
    name = column_name(measure.table, measure.column, form) if form else measure.column.name
    if measure.function == "quantile":
        return f"{number(100 * measure.at)}% quantile of {name}"
    return f"{_FUNCTIONS[measure.function]} {name}"


def _having(having: Having, measures: Sequence[Measure]) -> str:
    if isinstance(having.value, str):
        kind = {"avg": "average", "median": "median"}[having.value]
        end = "above" if having.operator.startswith(">") else "below"
        return f"only those whose {_measure(having.measure)} is {end} the {kind} of all of them"
    value = number(having.value)
    if having.measure.function == "count":
        return f"only those with {_COMPARE[having.operator]} {value}"
    amount = _COMPARE[having.operator].replace("fewer", "less")
    if len(measures) == 1:
        return f"only those with {amount} {value}"
    return f"only those whose {_measure(having.measure)} is {amount} {value}"


def _ranking(form: Form, measures: Sequence[Measure]) -> str:
    if not form.order:
        return f"the first {form.limit}"
    first, *others = form.order
    if form.limit is None:
        text = f"{_end(first)} first" if len(measures) == 1 and isinstance(first.by, Measure) else _sorted(first)
    else:
        some = "the one" if form.limit == 1 else f"the {form.limit}"
        if len(measures) == 1 and isinstance(first.by, Measure):
            text = f"the {_end(first)}" if form.limit == 1 else f"{some} {_end(first)}"
        else:
            text = f"{some} with the {_end(first)} {_by(first)}"
    return text + "".join(f", then the {_end(one)} {_by(one)}" for one in others)


def _sorted(order: Order) -> str:
    if isinstance(order.by, Measure) or order.by.column.numeric or is_date(order.by.column.type):
        return f"{_end(order)} {_by(order)} first"
    return f"in {'reverse ' if order.descending else ''}order of {_by(order)}"


def _end(order: Order) -> str:
    if isinstance(order.by, Measure):
        return "highest" if order.descending else "lowest"
    column = order.by.column
    if is_date(column.type) or column.text_date:
        return "latest" if order.descending else "earliest"
    if not column.numeric:
        return "last" if order.descending else "first"
    return "highest" if order.descending else "lowest"


def _by(order: Order) -> str:
    return _measure(order.by) if isinstance(order.by, Measure) else order.by.column.name
