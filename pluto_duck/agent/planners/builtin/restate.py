"""A Form in plain English. It reads the Form alone, so it says what will run, not what was typed."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.form import Condition, Field, Form, Having, Measure, Order, Period
from pluto_duck.catalog import Column

_COMPARE = {
    "=": "is",
    "<>": "is not",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
    "contains": "contains",
    "starts": "starts with",
    "ends": "ends with",
}
_FUNCTIONS = {
    "sum": "total",
    "avg": "average",
    "min": "lowest",
    "max": "highest",
    "count_distinct": "number of different",
}


def restate(form: Form) -> str:
    parts = [_subject(form)]
    conditions = [
        *(_condition(one, form) for one in form.conditions),
        *(_period(one) for one in form.periods),
    ]
    if conditions:
        parts.append("where " + " and ".join(conditions))
    if form.having:
        parts.append("with " + " and ".join(_having(one) for one in form.having))
    if form.order:
        parts.append(", ".join(_order(one) for one in form.order))
    text = ", ".join(parts)
    return text[:1].upper() + text[1:] + "."


def _subject(form: Form) -> str:
    fields = [_field(one, form) for one in form.select]
    extra = [one.by for one in form.order if isinstance(one.by, Measure) and one.by not in form.measures]
    measures = [_measure(one) for one in dict.fromkeys([*form.measures, *extra])]
    if measures:
        head = "the " + _list(measures)
        if fields:
            head += " for each " + _list(fields)
    elif form.rows:
        head = f"all rows of {form.root.ref}"
    else:
        head = ("the different " if form.distinct else "the ") + _list(fields)
    if form.limit is not None and form.select:
        head += f" (first {form.limit})" if form.limit > 1 else " (first one)"
    return head


def _field(field: Field, form: Form) -> str:
    name = _said(field.column.name)
    if field.grain:
        return f"{field.grain} of {name}"
    return name if field.table.ref == form.root.ref and not form.joins else f"{field.table.ref} {name}"


def _measure(measure: Measure) -> str:
    if measure.function == "count":
        return f"number of rows of {measure.table.ref}"
    assert measure.column is not None
    return f"{_FUNCTIONS[measure.function]} {_said(measure.column.name)} of {measure.table.ref}"


def _condition(condition: Condition, form: Form) -> str:
    name = _field(condition.field, form)
    values = [str(value) for value in condition.values]
    if condition.operator in ("in", "not in"):
        return f"{name} is {'not ' if condition.operator == 'not in' else ''}one of {', '.join(values)}"
    if condition.operator == "between":
        return f"{name} is between {values[0]} and {values[1]}"
    return f"{name} {_COMPARE[condition.operator]} {values[0]}"


def _period(period: Period) -> str:
    name = " and ".join(_said(column.name) for column in _used(period))
    if period.side == "between":
        return f"{name} is from {period.first} to {period.last}"
    side = {
        "in": "in",
        "since": "in or after",
        "after": "after",
        "before": "before",
        "until": "in or before",
    }[period.side]
    return f"{name} is {side} {period.first}"


def _used(period: Period) -> Sequence[Column]:
    days = [period.first, *([period.last] if period.last else [])]
    return [
        one
        for one in period.columns
        if one.part is None or any(getattr(day, one.part) is not None for day in days)
    ] or period.columns


def _having(having: Having) -> str:
    number = int(having.value) if float(having.value).is_integer() else having.value
    return f"a {_measure(having.measure)} that {_COMPARE[having.operator]} {number}"


def _order(order: Order) -> str:
    name = _measure(order.by) if isinstance(order.by, Measure) else _said(order.by.column.name)
    return f"{'highest' if order.descending else 'lowest'} {name} first"


def _said(name: str) -> str:
    return " ".join(name.replace("_", " ").split())


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
