"""Words that are found in the data: whole values, parts and misspellings of them, people's names."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.planners.builtin.guesses import Likeness
from pluto_duck.agent.planners.builtin.lexicon import SEXES
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.tokens import Token
from pluto_duck.agent.planners.builtin.told import roles_of
from pluto_duck.agent.planners.builtin.vocabulary import Reading, Vocabulary, full_name_columns
from pluto_duck.catalog import Value, ValueIndex
from pluto_duck.catalog.words import split


class Finder:
    """Marks for values of one catalog."""

    def __init__(self, vocabulary: Vocabulary, values: ValueIndex) -> None:
        self._vocabulary = vocabulary
        self._values = values

    def sex(self, token: Token) -> Mark | None:
        """`female`, where the data say F."""
        found = [
            one for one in self._values.exact(SEXES[token.lower])
            if set(split(one.column)) & {"sex", "gender"}
        ]
        return Mark("value", token.text, token.text, of_values(found, self._vocabulary, 1.0)) if found else None

    def full_name(self, text: str) -> tuple[Mark, Mark] | None:
        """A person's name, where first and last name stand in two columns."""
        words = text.split()
        if len(words) != 2:
            return None
        first, last = (self._values.exact(word) for word in words)
        for table in self._vocabulary.catalog.tables:
            columns = full_name_columns(table)
            found = [
                [one for one in values if column and (one.table.key, one.column) == (table.ref.key, column.name)]
                for values, column in zip((first, last), columns, strict=True)
            ]
            if all(found):
                marks = [
                    Mark("value", word, word, of_values(one, self._vocabulary, 1.0))
                    for word, one in zip(words, found, strict=True)
                ]
                return marks[0], marks[1]
        return None

    def exact(self, text: str, found: Sequence[Value]) -> Mark:
        # "San" begins many names; that it is also a code in capitals is chance more often than not.
        if len(text) > 1 and text.istitle() and all(len(one.text) <= 3 and one.text.isupper() for one in found):
            return self.guessed(text, found, "code")
        mark = Mark("value", text, text, of_values(found, self._vocabulary, 1.0))
        mark.longer = tuple(self._values.containing(text))
        return mark

    def guessed(self, text: str, found: Sequence[Value], likeness: Likeness) -> Mark:
        strength = 0.85 if likeness == "alike" else 0.9
        return Mark("value", text, text, of_values(found, self._vocabulary, strength), likeness=likeness)


def of_values(found: Sequence[Value], vocabulary: Vocabulary, strength: float) -> list[Reading]:
    readings = []
    for value in found:
        table = vocabulary.catalog.table(value.table)
        readings.append(Reading(table, table.column(value.column), strength, "", None, value.text))
        for role in roles_of(vocabulary.catalog, value.table):
            readings.append(Reading(role, role.column(value.column), strength - 0.02, "", None, value.text))
    return readings
