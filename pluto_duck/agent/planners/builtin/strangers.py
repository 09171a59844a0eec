"""Words that are no name and no whole value: verbs, misspellings, parts of values, or nothing that we know."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.findings import Finder
from pluto_duck.agent.planners.builtin.lexicon import LIGHT, PASSING, SEXES, UNSUPPORTED, VERBS
from pluto_duck.agent.planners.builtin.lexicon.demonyms import DEMONYMS
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.tokens import Token
from pluto_duck.agent.planners.builtin.vocabulary import Reading, Vocabulary
from pluto_duck.catalog import ValueIndex
from pluto_duck.catalog.words import singular


class Strangers:
    def __init__(self, vocabulary: Vocabulary, values: ValueIndex) -> None:
        self._vocabulary = vocabulary
        self._values = values
        self._found = Finder(vocabulary, values)

    def mark(self, token: Token) -> Mark | None:
        word = token.lower
        sex = self._found.sex(token) if word in SEXES else None
        if sex is not None:
            return sex
        if word in UNSUPPORTED:
            return Mark("unsupported", token.text, UNSUPPORTED[word])
        of_country = [value for name in DEMONYMS.get(word, ()) for value in self._values.exact(name)]
        if of_country:
            return self._found.exact(token.text, of_country)
        one_of_them = self._values.exact(singular(word)) if singular(word) != word else []
        if one_of_them:
            return self._found.exact(token.text, one_of_them)  # engineers: the rows whose job is engineer
        holding = self._values.containing(token.text) if len(word) > 2 and (token.capital or word not in LIGHT) else []
        if holding:
            return self._found.guessed(token.text, holding, "part")
        for noun, verbs in VERBS.items():
            if word in verbs.split() and noun in self._vocabulary.words:
                return Mark("verb", token.text, noun, self._vocabulary.look_up([noun]))
        if word in LIGHT or word == "ordered":
            return None
        if word.endswith("ed") and word in self._vocabulary.words:
            return Mark("verb", token.text, word)  # "hired after 2020" speaks of hired_on
        meant = self._vocabulary.misspelt(word)
        if meant is not None and not token.text.isupper() and self._vocabulary.look_up([meant]):
            return Mark(
                "mention",
                token.text,
                None,
                [Reading(r.table, r.column, 0.9 * r.strength, r.how, r.via) for r in self._vocabulary.look_up([meant])],
                singular(word) != word,
                typo=meant,
            )
        if word in PASSING or (word.endswith(("ed", "ing")) and len(word) > 5):
            return Mark("light", token.text)
        alike = self._values.alike(token.text)
        if alike:
            return self._found.guessed(token.text, [value for value, _score in alike], "alike")
        return Mark("unknown", token.text)
