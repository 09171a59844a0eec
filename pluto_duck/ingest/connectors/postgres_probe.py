"""One query that looks at the values of a table before its types are settled.

A numeric without precision and the shape of an array are facts of the values, not of the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pluto_duck.ingest.connectors.postgres_carrier import MAX_DIGITS, Carrier, decimal, words
from pluto_duck.ingest.connectors.postgres_types import Kind

EMPTY_SCALE = 10
"""Of a numeric column in which nothing stands yet."""


@dataclass(frozen=True)
class Question:
    about: Literal["digits", "shape"]
    access: str
    """SQL of one value of the row."""
    many: bool = False
    """`access` is an array, and the question is about its elements."""

    @property
    def key(self) -> str:
        return f"{self.about} {self.many} {self.access}"

    def aggregates(self) -> list[str]:
        if self.about == "shape":
            return [f"min(array_ndims({self.access}))", f"max(array_ndims({self.access}))",
                    rf"bool_or(array_dims({self.access}) !~ '^(\[1:[0-9]+\])+$')"]
        return [self._max(one) for one in ("scale({})", "min_scale({})", "abs({})")]

    def _max(self, expression: str) -> str:
        if self.many:
            element = expression.replace("{}", "e")
            return f"max((SELECT max({element}) FROM unnest({self.access}) AS e))"
        return f"max({expression.replace('{}', self.access)})"


Answers = Mapping[str, Sequence[str | None]]
"""By `Question.key`; a question that is missing could not be asked."""


def questions(kind: Kind, access: str) -> Iterator[Question]:
    """What must be known about the values at `access`; inside arrays of composites nothing is asked."""
    if _unsettled(kind):
        yield Question("digits", access)
    elif kind.sort == "array" and kind.element is not None:
        yield Question("shape", access)
        if _unsettled(kind.element):
            yield Question("digits", access, many=True)
    elif kind.sort == "composite":
        for name, field in kind.fields:
            yield from questions(field, f"({access}).{_quoted(name)}")


def _unsettled(kind: Kind) -> bool:
    """A numeric whose digits only the values tell."""
    if kind.name != "numeric" or not kind.own or kind.sort != "base":
        return False
    if kind.digits is None:
        return True
    precision, scale = kind.digits
    return (precision - scale if scale < 0 else max(precision, scale)) > MAX_DIGITS


def ask(connection: Any, relation: str, asked: Sequence[Question]) -> Answers:
    """One pass over `relation` (SQL after FROM)."""
    pieces = [(question.key, question.aggregates()) for question in asked]
    if not pieces:
        return {}
    # As one array: a row has at most 1664 columns.
    every = ", ".join(f"({one})::text" for _key, several in pieces for one in several)
    values = connection.execute(f"SELECT ARRAY[{every}] FROM {relation}").fetchone()[0]
    return {key: values[3 * place:3 * place + 3] for place, (key, _several) in enumerate(pieces)}


def numeric(kind: Kind, answer: Sequence[str | None] | None, label: str) -> Carrier:
    """The DECIMAL that holds every value found, else text."""
    if answer is None:
        return words("kept as text, because its digits could not be looked up")
    shown, needed, largest = answer
    if largest in ("NaN", "Infinity"):
        return words(f"kept as text, because it holds {largest}")
    if largest is None or shown is None or needed is None:
        scale = kind.digits[1] if kind.digits and 0 <= kind.digits[1] <= MAX_DIGITS else EMPTY_SCALE
        return decimal(MAX_DIGITS, scale, label, declared=False)
    before = len(largest.split(".")[0].lstrip("0"))
    for scale in (int(shown), int(needed)):
        if before + scale <= MAX_DIGITS:
            return decimal(MAX_DIGITS, scale, label, declared=False)
    return words(f"kept as text: more than the {MAX_DIGITS} digits of a DECIMAL")


def dimensions(answer: Sequence[str | None] | None) -> int | str:
    """How deep the lists of an array column nest, or why it stays text."""
    if answer is None:
        return "kept as text, because its shape could not be looked up"
    least, most, odd = answer
    if odd in ("true", "t"):
        return "kept as text, because some arrays do not begin at 1"
    if least != most:
        return f"kept as text, because its arrays have {least} to {most} dimensions"
    return int(most or 1)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
