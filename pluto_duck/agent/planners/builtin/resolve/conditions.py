"""Which rows are meant: a column compared with numbers, days or values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pluto_duck.agent.planners.builtin.form import Condition, Field, Measure, Named
from pluto_duck.agent.planners.builtin.gate import Doubt
from pluto_duck.agent.planners.builtin.guesses import Guess
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import FilterSlot
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt, Impossible
from pluto_duck.agent.planners.builtin.told import Role
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Column, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import singular, split

MAX_GUESSED = 50
"""Values that a word may be a part of; it says nothing when there are more."""


def named(attempt: Attempt, slot: FilterSlot) -> Named | None:
    """The condition as one that has a name; None: it is another one."""
    mark = slot.target or slot.values[0]
    reading = attempt.reading(mark) if slot.target is None and mark.kind == "value" else None
    if reading is None or reading.term is None:
        return None
    if len(slot.values) > 1 or slot.alternative or slot.operator not in ("in", "not in"):
        raise Impossible
    return Named(reading.table, reading.term, slot.operator == "not in")


def condition(attempt: Attempt, slot: FilterSlot) -> Condition:
    mark = slot.target or slot.values[0]
    if slot.target is None and mark.kind in ("number", "agg"):
        field = _hinted(attempt, slot)
        return _compared(attempt, field.table, field.column, slot)
    reading = attempt.reading(mark)
    table, column = reading.table, reading.column
    if column is None:
        table, column = _column_of_value(attempt, reading, slot)
    if slot.operator in ("contains", "starts", "ends"):
        if not column.textual:
            raise Impossible
        return Condition(Field(table, column), slot.operator, (slot.values[0].text,))  # type: ignore[arg-type]
    if slot.operator == "present":
        return Condition(Field(table, column), "present", ())
    kinds = {value.kind for value in slot.values}
    if kinds <= {"number"} or kinds == {"agg"}:
        return _compared(attempt, table, column, slot)
    if kinds <= {"day"}:
        return _day_condition(attempt, table, column, slot)
    return _value_condition(attempt, table, column, slot)


def _column_of_value(attempt: Attempt, reading: Reading, slot: FilterSlot) -> tuple[Table, Column]:
    for one in slot.values[0].readings:
        if one.table.ref == reading.table.ref and one.column is not None and slot.values[0].kind == "value":
            return one.table, one.column
    raise Impossible


def _compared(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    if slot.values[0].kind == "number":
        return _number_condition(attempt, table, column, slot)
    if not column.numeric or slot.values[0].value not in ("avg", "max", "min"):
        raise Impossible
    statistic = Measure(slot.values[0].value, table, column)
    return Condition(Field(table, column), slot.operator, (statistic,))  # type: ignore[arg-type]


def _hinted(attempt: Attempt, slot: FilterSlot) -> Field:
    """older than 30: the one column of the tables spoken of that is called age."""
    tables = {one.table.ref.key: one.table for one in attempt.chosen.values()}.values()
    if "$" in slot.hints:
        return _in_money(attempt, tables, slot.values[0])
    fits = [Field(t, c) for t in tables for c in t.columns if c.numeric and set(split(c.name)) & set(slot.hints)]
    if not fits:  # entrepreneurs taller than 1.85: the height stands with the person behind
        near = {r.parent.key: r.parent for r in attempt.catalog.relations if r.child.key in {t.ref.key for t in tables}}
        others = [attempt.catalog.table(one) for one in near.values()]
        fits = [Field(t, c) for t in others for c in t.columns if c.numeric and set(split(c.name)) & set(slot.hints)]
    if len(fits) != 1:
        raise Impossible
    attempt.assumptions.append(Doubt("goes", f"the comparison goes by {fits[0].column.name}"))
    return fits[0]


def _in_money(attempt: Attempt, tables: Iterable[Table], number: Mark) -> Field:
    """Orders over 1000 euros: the one amount of theirs that is in such a unit."""
    said = number.text.lower().split()[-1][:3]
    fits = [Field(t, c) for t in tables for c in t.columns if c.numeric and said in c.unit.lower()]
    amounts = [one for one in fits if any(_AMOUNTS & set(split(word)) for word in (*one.column.words, one.column.name))]
    chosen = fits if len(fits) == 1 else amounts
    if len(chosen) != 1:
        raise Impossible
    attempt.assumptions.append(f"the comparison goes by {chosen[0].column.name}")
    return chosen[0]


_AMOUNTS = {"amount", "value", "price"}


def _number_condition(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    values = tuple(_in_unit(attempt, one, column) for one in slot.values)
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


_PARTS = (({"euro", "euros", "eur", "dollar", "dollars", "usd", "$"}, "cent", 100), ({"kg"}, "g", 1000),
          ({"km", "kilometers", "kilometres"}, "m", 1000))


def _in_unit(attempt: Attempt, number: Mark, column: Column) -> int | float:
    """The number in the unit that the semantic file says the column is in."""
    said = number.text.lower().split()[-1]
    for words, part, factor in _PARTS:
        own = {singular(word) for word in column.unit.lower().split()}
        if said in words and part in own:
            attempt.assumptions.append(f"{number.text} is {number.value * factor:g} {column.unit}")
            return number.value * factor  # type: ignore[no-any-return]
    return number.value  # type: ignore[no-any-return]


def _day_condition(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    day = slot.values[0].value
    if column.part == "year" and day.month is None and day.quarter is None:
        return Condition(Field(table, column), slot.operator, (day.year,))  # type: ignore[arg-type]
    if _holds_years(column) and day.month is None and day.quarter is None and day.year is not None:
        attempt.cost += 0.05
        return Condition(Field(table, column), slot.operator, (day.year,))  # type: ignore[arg-type]
    if (is_date(column.type) or column.text_date) and day.year is not None:
        edge = day.after() if slot.operator in (">", "<=") else day.first()
        operator = {">": ">=", "<=": "<"}.get(slot.operator, slot.operator)
        if operator in (">=", "<"):
            return Condition(Field(table, column), operator, (edge.isoformat(),))  # type: ignore[arg-type]
    raise Impossible


def _holds_years(column: Column) -> bool:
    """founded: numbers that can be nothing but years, whatever the column is called."""
    return column.numeric and column.low is not None and column.low >= 1000 and column.high <= 2999


def _value_condition(attempt: Attempt, table: Table, column: Column, slot: FilterSlot) -> Condition:
    field = Field(table, column)
    found = [_values(value, table, column) for value in slot.values]
    if column.role == "boolean" and all(found):
        return Condition(field, "=" if slot.operator == "in" else "<>", (True,))
    if column.numeric and column.value_words and all(found):
        codes = tuple(int(text) for one in found for text in one if text.lstrip("-").isdigit())
        return _among(field, slot.operator, codes)
    if not column.textual or not all(found):
        raise Impossible
    texts = [text for one in found for text in one]
    if len(set(texts)) < len(texts):
        raise Impossible  # "Amber or Port Amber": which of them a value was named by can't be told
    for value, whole in zip(slot.values, found, strict=True):
        if value.kind == "text":
            attempt.assumptions.append(f"'{value.text}' was looked for in {column.name} as it stands")
        elif (guess := _in_a_role(value, field, whole) or _guess(value, field, whole, texts)) is not None:
            if slot.operator not in ("in", "not in"):
                raise Impossible
            attempt.guesses.append(guess)
            texts += [one for one in guess.values if one not in texts]
    return _among(field, slot.operator, tuple(texts))


def _values(value: Mark, table: Table, column: Column) -> list[str]:
    """The values of this column that were said; what stands in quotes is taken as it stands."""
    if value.kind == "text":
        return [value.text]
    mine = (
        one.value
        for one in value.readings
        if one.table.ref == table.ref and one.column is not None and one.column.name == column.name
    )
    return list(dict.fromkeys(mine))


def _guess(value: Mark, field: Field, found: Sequence[str], said: Sequence[str]) -> Guess | None:
    """None: the value is the one that was said, and no other one of the column contains it."""
    if len(found) > MAX_GUESSED:
        raise Impossible
    if value.likeness is not None or len({one.casefold() for one in found}) > 1:
        return Guess(value.text, field, tuple(found), value.likeness or "part")
    longer = [
        one.text
        for one in value.longer
        if one.table.key == field.table.ref.key and one.column == field.column.name and one.text not in said
    ][:MAX_GUESSED]
    return Guess(value.text, field, (*found, *longer), "part", tuple(found)) if longer else None


def _in_a_role(value: Mark, field: Field, found: Sequence[str]) -> Guess | None:
    """Europe is an area and a region, but customers may live in one of these only: the data have to tell."""
    mine = {r.table.ref.key for r in value.readings if r.column is not None and r.column.name == field.column.name}
    twice = any(isinstance(r.table.ref, Role) and r.table.ref.key in mine for r in value.readings)
    return Guess(value.text, field, tuple(found), "role") if twice else None


def _among(field: Field, operator: str, values: tuple[str | int | float, ...]) -> Condition:
    if len(values) == 1:
        return Condition(field, "=" if operator == "in" else "<>", values)
    return Condition(field, "in" if operator == "in" else "not in", values)
