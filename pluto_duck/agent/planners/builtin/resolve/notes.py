"""What an answer says of the choices that were made: assumptions, evidence, where values were found."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.gate import Doubt, Kind
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.resolve.attempt import Attempt
from pluto_duck.agent.planners.builtin.vocabulary import Reading

RIVAL = 0.15
"""Another reading that is no weaker by more than this might have been meant."""


def words(attempt: Attempt) -> list[str]:
    notes: list[str] = [Doubt("passed", f"'{one}' was passed over") for one in attempt.out.passed_over]
    notes += attempt.out.notes
    for mark in attempt.marks:
        reading = attempt.reading(mark)
        if mark.typo and mark.kind == "mention":
            notes.append(Doubt("typo", f"'{mark.text}' was read as '{mark.typo}'"))
        if _plain(mark, reading):
            continue
        if (
            reading.how in ("part of its name", "by a synonym", "by its stem", "by its abbreviation", "as its rows")
            and mark.kind != "value"
        ):
            kind: Kind = "table" if reading.column is None else "column"
            notes.append(Doubt(kind, f"'{mark.text}' was taken for {place(reading)}"))
    return notes


def _plain(mark: Mark, reading: Reading) -> bool:
    """Part of one name and of no other: nothing else can be meant."""
    if reading.how != "part of its name" or mark.typo:
        return False
    if reading.column is None:
        rivals = [one for one in mark.readings if one.column is None and one.table.ref != reading.table.ref]
    else:
        rivals = [one for one in mark.readings if (one.table.ref, one.column) != (reading.table.ref, reading.column)]
    return not any(one.strength > reading.strength - RIVAL for one in rivals)


def evidence(attempt: Attempt) -> tuple[str, ...]:
    found = []
    for mark in attempt.marks:
        reading = attempt.reading(mark)
        value = f" = {reading.value!r}" if reading.value and "\n" not in reading.value else ""
        found.append(f"'{mark.text}' is {place(reading)}{value}" + (f" ({reading.how})" if reading.how else ""))
    return tuple(found)


def places(attempt: Attempt) -> tuple[tuple[str, str], ...]:
    return tuple(
        (mark.text, place(attempt.reading(mark)))
        for mark in attempt.marks
        if mark.kind == "value" and mark.likeness is None
    )


def place(reading: Reading) -> str:
    if reading.column is None:
        return f"the table {reading.table.ref}"
    return f"{reading.table.ref}.{reading.column.name}"
