"""Which rows are meant: a column compared with numbers, days or values."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.form import Condition, Field
from pluto_duck.agent.planners.builtin.guesses import Guess
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import FilterSlot
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.model import is_date

MAX_GUESSED = 50
"""Values that a word may be a part of; it says nothing when there are more."""


def condition(attempt: Attempt, slot: FilterSlot) -> Condition:
    mark = slot.target or slot.values[0]
    reading = attempt.reading(mark)
    table, column = reading.table, reading.column
    if column is None:
        table, column = _column_of_value(attempt, reading, slot)
    if slot.operator in ("contains", "starts", "ends"):
        if not column.textual:
            raise Impossible
        return Condition(Field(table, column), slot.operator, (slot.values[0].text,))  # type: ignore[arg-type]
    kinds = {value.kind for value in slot.values}
    if kinds <= {"number"}:
        return _number_condition(attempt, table, column, slot)
    if kinds <= {"day"}:
        return _day_condition(attempt, table, column, slot)
    return _value_condition(attempt, table, column, slot)


def _column_of_value(attempt: Attempt, reading: Reading, slot: FilterSlot) -> tuple[Table, Column]:
    for one in slot.values[0].readings:
        if one.table.ref == reading.table.ref and one.column is not None and slot.values[0].kind == "value":
            return one.table, one.column
    raise Impossible


def _number_condition(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    values = tuple(one.value for one in slot.values)
    if not column.numeric:
        if column.textual and slot.operator in ("in", "not in", "="):
            return _among(
                Field(table, column),
                "in" if slot.operator == "=" else slot.operator,
                tuple(str(v) for v in values),
            )
        raise Impossible
    if slot.operator in ("in", "not in"):
        return _among(Field(table, column), slot.operator, values)
    return Condition(Field(table, column), slot.operator, values)  # type: ignore[arg-type]


def _day_condition(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    day = slot.values[0].value
    if column.part == "year" and day.month is None and day.quarter is None:
        return Condition(Field(table, column), slot.operator, (day.year,))  # type: ignore[arg-type]
    if (is_date(column.type) or column.text_date) and day.year is not None:
        edge = day.after() if slot.operator in (">", "<=") else day.first()
        operator = {">": ">=", "<=": "<"}.get(slot.operator, slot.operator)
        if operator in (">=", "<"):
            return Condition(Field(table, column), operator, (edge.isoformat(),))  # type: ignore[arg-type]
    raise Impossible


def _value_condition(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    texts: list[str] = []
    for value in slot.values:
        found = [
            one.value
            for one in value.readings
            if one.table.ref == table.ref and one.column is not None and one.column.name == column.name
        ]
        if value.kind == "text":
            found = [value.text]  # quoted: taken as it stands
            attempt.assumptions.append(f"'{value.text}' was looked for in {column.name} as it stands")
        if not found or not column.textual:
            raise Impossible
        found = list(dict.fromkeys(found))
        several = len({one.casefold() for one in found}) > 1
        if value.likeness is not None or several:
            if len(found) > MAX_GUESSED or slot.operator not in ("in", "not in"):
                raise Impossible
            guess = Guess(value.text, Field(table, column), tuple(found), value.likeness or "part")
            attempt.guesses.append(guess)
        else:
            _longer(attempt, value, table, column)
        texts += found
    return _among(Field(table, column), slot.operator, tuple(dict.fromkeys(texts)))


def _longer(attempt: Attempt, value: Mark, table: Table, column: Column) -> None:
    """AIRBUS was said, and there is AIRBUS INDUSTRIE too: it may have been meant as well."""
    others = [one.text for one in value.longer if one.table.key == table.ref.key and one.column == column.name]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        attempt.assumptions.append(f"only the {column.name} '{value.text}' itself counts, not '{others[0]}'{more}")


def _among(field: Field, operator: str, values: tuple[str | int | float, ...]) -> Condition:
    if len(values) == 1:
        return Condition(field, "=" if operator == "in" else "<>", values)
    return Condition(field, "in" if operator == "in" else "not in", values)
