"""The parts of a Form in plain English: columns, conditions and periods, as a reader of the tables would call them."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.form import (
    Condition,
    Facet,
    Field,
    Form,
    Literal_,
    Measure,
    Member,
    Named,
    Period,
)
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import ID_WORDS, entity, singular, split

MAX_LISTED = 6
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
_COMPARE_DATES = _COMPARE | {
    "<": "is before",
    "<=": "is on or before",
    ">": "is after",
    ">=": "is on or after",
}
_SIDES = {"in": "in", "since": "since", "after": "after", "before": "before", "until": "until"}


def listed(parts: Sequence[str], last: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def rows_of(table: Table) -> str:
    """What is counted: flights; but the rows of weather."""
    name = str(table.ref)
    last = split(table.ref.name)[-1]
    return name if singular(last) != last or table.ref.name.lower().endswith("s") else f"rows of {name}"


def column_name(table: Table, column: Column, form: Form) -> str:
    """As it stands in the data; with its table where that is not the one that is spoken of, and with its role."""
    if table.ref == form.root.ref:
        return column.name
    return full_name(table, column, form)


def full_name(table: Table, column: Column, form: Form) -> str:
    """Always with its table: airports.name of dest, which is not that of origin."""
    name = f"{table.ref}.{column.name}"
    for join in form.joins:
        if join.parent.key == table.ref.key and join.child_column != join.parent_column:
            words = split(join.child_column)
            bare = words[:-1] if len(words) > 1 and words[-1] in ID_WORDS else words
            if bare != entity(table.ref.name):
                return f"{name} of {join.child_column}"
    return name


def field(one: Field, form: Form) -> str:
    name = column_name(one.table, one.column, form)
    grain = {"weekday": "day of the week"}.get(one.grain or "", one.grain)
    return f"{grain} of {name}" if one.grain else name


def condition(one: Condition, form: Form) -> str:
    name = field(one.field, form)
    dated = is_date(one.field.column.type) or one.field.column.text_date
    if one.operator in ("missing", "present"):
        return f"{name} is {'missing' if one.operator == 'missing' else 'there'}"
    values = [str(value) if dated and not isinstance(value, Measure) else _value(value) for value in one.values]
    if one.operator == "in":
        return f"{name} is {_some(values, 'or')}"
    if one.operator == "not in":
        return f"{name} is not {_some(values, 'or')}"
    if one.operator == "between":
        return f"{name} is between {values[0]} and {values[1]}"
    return f"{name} {(_COMPARE_DATES if dated else _COMPARE)[one.operator]} {values[0]}"


def member(one: Member, form: Form) -> str:
    name = full_name(one.field.table, one.field.column, form)
    inner = one.among
    said = [condition(part, inner) for part in inner.conditions]
    said += [" or ".join(condition(part, inner) for part in group) for group in inner.either]
    said += [member(part, inner) for part in inner.members]
    text = f"{name} is {'not ' if one.negated else ''}among those of {rows_of(inner.root)}"
    text += "".join(f" {period(part, inner)}" for part in inner.periods)
    text += "".join(
        f" with {_SIGNS[part.operator]} {number(part.value)} {rows_of(part.measure.table)}"
        for part in inner.having
        if not isinstance(part.value, str)
    )
    said += [named(part) for part in inner.terms]
    return text + (f" whose {' and '.join(said)}" if said else "")


def named(one: Named) -> str:
    """A term in its own words, with what it means."""
    kind = "is no" if one.negated else "is"
    return f"it {kind} {one.term.name} ({one.term.filter})"


def side(one: Facet, form: Form) -> str:
    said = [period(part, form) for part in one.periods] + [condition(part, form) for part in one.conditions]
    return " and ".join(said)


_SIGNS = {"=": "exactly", "<": "fewer than", "<=": "at most", ">": "more than", ">=": "at least"}


def _some(values: Sequence[str], last: str) -> str:
    if len(values) > MAX_LISTED:
        return f"one of {', '.join(values[:MAX_LISTED])} and {len(values) - MAX_LISTED} more"
    return listed(values, last)


def _value(value: Literal_ | Measure) -> str:
    if isinstance(value, Measure):
        kind = {"avg": "average", "max": "highest", "min": "lowest"}[value.function]
        return f"the {kind} of all {value.table.ref}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else number(value)


def number(value: int | float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def period(one: Period, form: Form) -> str:
    """`in July (month = 7)`: what was said, and what the data are asked for."""
    columns = ", ".join(_asked(one, column, form) for column in _used(one))
    if one.side == "between":
        return f"from {one.first} to {one.last} ({columns})"
    side = "on" if one.side == "in" and one.first.day else _SIDES[one.side]
    any_year = "" if one.first.year or one.columns[0].part else " of any year"
    return f"{side} {one.first}{any_year} ({columns})"


def _used(one: Period) -> Sequence[Column]:
    """The date column; of a year, a month and a day column those that the dates speak of."""
    days = [one.first, *([one.last] if one.last else [])]
    parts = {part for day in days for part in ("year", "quarter", "month", "day") if getattr(day, part) is not None}
    if "quarter" in parts and not any(column.part == "quarter" for column in one.columns):
        parts.add("month")
    return [column for column in one.columns if column.part is None or column.part in parts] or one.columns


def _asked(one: Period, column: Column, form: Form) -> str:
    name = column_name(one.table, column, form)
    if column.part is None or one.side != "in":
        return name
    value = getattr(one.first, column.part)
    if value is not None:
        return f"{name} = {value}"
    quarter = one.first.quarter or 0
    return f"{name} {3 * quarter - 2} to {3 * quarter}"
