"""The words by which tables and columns of one catalog can be called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pluto_duck.agent.planners.builtin.lexicon import STOP, SYNONYMS
from pluto_duck.agent.planners.builtin.told import Role, adjectives, figures, parts_of_figures, points_at_role, terms
from pluto_duck.catalog import Catalog, Column, Metric, Relation, Table, Term
from pluto_duck.catalog.words import ID_WORDS, entity, singular, split

Key = tuple[str, ...]
_TAILS = ID_WORDS | {"name", "type", "title", "description", "desc", "date", "number", "amount", "value"}
_RUN_TOGETHER = {
    "fname": ("first", "name"),
    "lname": ("last", "name"),
    "firstname": ("first", "name"),
    "lastname": ("last", "name"),
    "surname": ("last", "name"),
    "zipcode": ("zip", "code"),
    "postcode": ("post", "code"),
    "username": ("user", "name"),
    "birthdate": ("birth", "date"),
    "fullname": ("full", "name"),
    "dob": ("birth", "date"),
    "startdate": ("start", "date"),
    "enddate": ("end", "date"),
    "phonenumber": ("phone", "number"),
}
_SMALL = {"of", "the", "a"}


@dataclass(frozen=True)
class Reading:
    """What some words may mean: a table (no column), a column, or a value of a column."""

    table: Table
    column: Column | None
    strength: float
    how: str
    """"" for a plain match; else what to say of it: "by its abbreviation", "part of its name"."""
    via: Relation | None = None
    """The foreign key that the words spoke of: "destination name" is the airport's, by way of dest."""
    value: str = ""
    metric: Metric | None = None
    """The words name a figure over the rows of the table."""
    term: Term | None = None
    """The words name those rows of the table for which a condition holds."""


class Vocabulary:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._readings: dict[Key, list[Reading]] = {}
        for table in catalog.tables:
            self._add_table(table)
        for relation in catalog.relations:
            self._add_relation(relation)
        self._adjectives: dict[Key, list[Reading]] = {}
        self._add_told()
        for key, readings in self._readings.items():
            self._readings[key] = _exact_first(readings)
        self.words = {word for key in self._readings for word in key}
        self._synonyms: dict[str, set[str]] = {}
        for group in SYNONYMS:
            for word in group:
                self._synonyms.setdefault(word, set()).update(other for other in group if other != word)
        self._alternatives: dict[str, tuple[tuple[str, float, str], ...]] = {}
        self._spelt = _identifiers(catalog)

    @classmethod
    def of(cls, catalog: Catalog) -> Vocabulary:
        """Built once for each catalog."""
        known = catalog.derived.get(cls)
        if not isinstance(known, cls):
            known = catalog.derived[cls] = cls(catalog)
        return known

    def spelt(self, text: str) -> list[Reading]:
        """What is called exactly so in SQL, and in no other way than by its name there: dep_delay, flights.dep_delay.
        Of `text`, in lower case."""
        return list(self._spelt.get(text, ()))

    def _put(self, words: Sequence[str], reading: Reading) -> None:
        key = tuple(word for word in words if word not in _SMALL)
        if not key or (len(key) == 1 and key[0].isdigit()):
            return
        have = self._readings.setdefault(key, [])
        for i, other in enumerate(have):
            if _same(other, reading):
                if reading.strength > other.strength:
                    have[i] = reading
                return
        have.append(reading)

    def _add_table(self, table: Table) -> None:
        own = entity(table.ref.name)
        self._put(own, Reading(table, None, 1.0, ""))
        self._put(split(table.ref.name), Reading(table, None, 1.0, ""))
        for said in table.words:
            self._put(split(said), Reading(table, None, 1.0, ""))
            if len(split(said)) > 1:
                self._put(split(said)[-1:], Reading(table, None, 0.85, "part of its name"))
        for size in range(2, len(own)):
            for start in range(len(own) - size + 1):
                self._put(own[start : start + size], Reading(table, None, 0.85, "part of its name"))
        if len(own) > 1:
            self._put(own[-1:], Reading(table, None, 0.8, "part of its name"))
            self._put(own[:1], Reading(table, None, 0.6, "part of its name"))
        if table.label is not None and split(table.label)[-1] != "name":
            label = table.column(table.label)
            self._put((*own, "name"), Reading(table, label, 0.9, "by a synonym"))
            self._put(("name",), Reading(table, label, 0.85, "by a synonym"))
        self._add_key(table, own)
        self._add_full_name(table, own)
        for column in table.columns:
            if points_at_role(self.catalog, table, column):
                continue
            for words, strength, how in _names(column, own):
                if isinstance(table.ref, Role):
                    self._put((*own, *words), Reading(table, column, 0.95 * strength, how))
                    continue
                # A column called like its table is a number or code of it: the rows are meant before it.
                behind = 0.0 if words != own else 0.05 if column.role == "measure" else 0.15
                self._put(words, Reading(table, column, strength - behind, how))
                if words[: len(own)] != own and len(words) <= 3:
                    self._put((*own, *words), Reading(table, column, 0.98 * strength, how))

    def _add_told(self) -> None:
        """Figures and terms of the semantic file."""
        for words, table, metric in figures(self.catalog):
            self._put(words, Reading(table, None, 1.0, "", metric=metric))
        known = set(self._readings)
        for words, table, metric in parts_of_figures(self.catalog):
            figures_only = all(one.metric is not None for one in self._readings.get(words, ()))
            if words not in known or figures_only:
                self._put(words, Reading(table, None, 0.8, "part of its name", metric=metric))
        for words, table, term in terms(self.catalog):
            self._put(words, Reading(table, None, 1.0, "", term=term))
        for words, table, term in adjectives(self.catalog):
            self._adjectives.setdefault(words, []).append(Reading(table, None, 0.95, "", term=term))

    def figures_with(self, word: str) -> list[Reading]:
        """Figures in whose name the word is."""
        found = list(figures(self.catalog))
        told = [one for one in found if word in one[0]] or [
            one for one in found if any(_derived(part, word) or part == f"{word}d" for part in one[0]) and len(word) > 2
        ]
        return [Reading(table, None, 0.9, "part of its name", metric=one) for _key, table, one in told]

    def adjective(self, words: Sequence[str]) -> list[Reading]:
        """Terms whose rows are named elsewhere: "open", beside tickets."""
        return self._adjectives.get(tuple(singular(word) for word in words if word not in _SMALL), [])

    def _add_key(self, table: Table, own: Key) -> None:
        if table.key is None or table.column(table.key).role != "key":
            return
        column = table.column(table.key)
        if column.hidden:
            return
        bare = split(column.name)[:-1]
        if bare and bare != own and bare in (own[-len(bare) :], own[: len(bare)]):
            # Its own key says what a row is: a financial transaction with a transaction_id is a transaction.
            self._put(bare, Reading(table, None, 0.97, ""))
        self._put(("id",), Reading(table, column, 0.85, ""))
        self._put((*own, "id"), Reading(table, column, 0.9, ""))
        if not any(set(split(one.name)) & {"number", "no", "num", "nr"} for one in table.columns):
            self._put((*own, "number"), Reading(table, column, 0.8, ""))

    def _add_full_name(self, table: Table, own: Key) -> None:
        """People have two names: "name" is told by both (`resolve/fields.py` adds the last one)."""
        first, last = full_name_columns(table)
        if first is None or last is None:
            return
        for words in (("name",), ("full", "name"), (*own, "name"), (*own, "full", "name")):
            self._put(words, Reading(table, first, 0.88 if words == ("name",) else 0.95, ""))

    def _add_relation(self, relation: Relation) -> None:
        child, parent = self.catalog.table(relation.child), self.catalog.table(relation.parent)
        words = split(relation.child_column)
        bare = words[:-1] if len(words) > 1 and words[-1] in ID_WORDS else words
        own = entity(parent.ref.name)
        if bare == own:
            return  # the parent's own columns already answer to "customer name"
        for column in parent.columns:
            if column.name != relation.parent_column:
                for name, strength, how in _names(column, own):
                    if name != bare:
                        self._put((*bare, *name), Reading(parent, column, strength - 0.03, how, relation))
        if relation.child_column != relation.parent_column:
            self._put(bare, Reading(parent, None, 0.85, "by its role", relation))
        del child

    def alternatives(self, word: str) -> tuple[tuple[str, float, str], ...]:
        """The words of names that a word of a question may stand for, with strength and reason."""
        found = self._alternatives.get(word)
        if found is None:
            found = self._alternatives[word] = tuple(self._find(word))
        return found

    def _find(self, word: str) -> Iterator[tuple[str, float, str]]:
        base = singular(word)
        if base in self.words:
            yield base, 1.0, ""
        elif word.endswith("us") and word[:-1] in self.words:
            yield word[:-1], 1.0, ""  # SKUs, menus: what looks like Latin
        for other in sorted(self._synonyms.get(base, set()) | self._synonyms.get(word, set())):
            if other in self.words:
                abbreviated = base.startswith(other) or other.startswith(base)
                yield other, (0.98 if abbreviated else 0.9), ("" if abbreviated else "by a synonym")
        if len(base) < 5 or base in STOP:
            return
        for other in sorted(self.words):
            if other == base or other.isdigit():
                continue
            if (
                len(other) >= 3
                and len(base) - len(other) >= 2
                and base.startswith(other)
                and len(other) >= 0.35 * len(base)
                and base not in self.words
                and not _derived(base, other)
            ):
                yield other, 0.93, "by its abbreviation"
            elif base not in self.words and _derived(base, other):
                yield other, 0.9, "by its stem"

    def look_up(self, words: Sequence[str]) -> list[Reading]:
        """All readings of these words together; small words between them don't count."""
        content = [word for word in words if word not in _SMALL]
        if not content or len(content) > 5 or "and" in content or "or" in content:
            return []
        options = [self.alternatives(word)[:6] for word in content]
        found: dict[tuple[str, str, str, str], Reading] = {}
        for combination in product(*options):
            strength = 1.0
            for _word, factor, _how in combination:
                strength *= factor
            reasons = [how for _word, _factor, how in combination if how]
            for one in self._readings.get(tuple(word for word, _f, _h in combination), ()):
                reading = Reading(
                    one.table, one.column, one.strength * strength, one.how or ", ".join(reasons[:1]), one.via
                )
                reading = replace(reading, metric=one.metric, term=one.term)
                at = (
                    one.table.ref.key,
                    one.column.name if one.column else "",
                    one.via.child_column if one.via else "",
                    one.metric.name if one.metric else one.term.name if one.term else "",
                )
                if at not in found or found[at].strength < reading.strength:
                    found[at] = reading
        return sorted(found.values(), key=_order)

    def misspelt(self, word: str) -> str | None:
        """The one word of the vocabulary that a typo must have meant."""
        from rapidfuzz import fuzz, process

        if len(word) < 5:
            return None
        close = process.extract(
            singular(word), sorted(self.words), scorer=fuzz.ratio, score_cutoff=84, limit=2
        )
        if not close or (len(close) > 1 and close[1][1] == close[0][1]):
            return None
        return str(close[0][0])


def _same(one: Reading, other: Reading) -> bool:
    return (one.table, one.column, one.via, one.metric, one.term) == (
        other.table, other.column, other.via, other.metric, other.term)


def _exact_first(readings: list[Reading]) -> list[Reading]:
    """Where one table is called just so, another whose own key is called so stands well behind."""
    if not any(one.column is None and one.via is None and one.strength == 1.0 for one in readings):
        return readings
    return [
        replace(one, strength=0.8, how="part of its name")
        if one.column is None and one.via is None and 0.9 < one.strength < 1.0
        else one
        for one in readings
    ]


def _order(reading: Reading) -> tuple[float, str, str, str]:
    return (
        -reading.strength,
        reading.table.ref.key,
        reading.column.name if reading.column else "",
        reading.via.child_column if reading.via else "",
    )


def full_name_columns(table: Table) -> tuple[Column | None, Column | None]:
    """The columns of first and last name, where no column holds both."""
    found: dict[str, Column] = {}
    for column in table.columns:
        words = [part for word in split(column.name) for part in _RUN_TOGETHER.get(word, (word,))]
        if column.textual and words[-2:] in (["first", "name"], ["last", "name"]):
            found.setdefault(words[-2], column)
        elif column.textual and split(column.name) == ("name",):
            return None, None
    return found.get("first"), found.get("last")


def _names(column: Column, own: Key) -> Iterable[tuple[Key, float, str]]:
    words = split(column.name)
    yield words, 1.0, ""
    for said in column.words:
        yield split(said), 1.0, ""
    spelt = tuple(part for word in words for part in _RUN_TOGETHER.get(word, (word,)))
    if spelt != words:
        yield spelt, 1.0, ""
        for tail in range(1, len(spelt) - 1):
            yield spelt[tail:], 0.96, ""
    if len(words) > len(own) and words[: len(own)] == own:
        yield words[len(own) :], 0.97, ""
    elif len(words) > 1 and words[0] == own[-1]:
        yield words[1:], 0.96, ""
    if len(words) > 1 and len(words[0]) == 1 and words[0] not in _SMALL:
        yield words[1:], 0.93, ""  # GType, LName: the letter only says of what
    if len(words) > 1 and words[-1] in _TAILS and words[:-1] != own:
        yield words[:-1], 0.9, ""
    if len(words) > 1 and words[-1] not in ID_WORDS:
        yield words[-1:], 0.7, "part of its name"
    if len(words) > 2 and words[-1] not in ID_WORDS:
        yield words[-2:], 0.85, "part of its name"
    if len(words) > 1:
        for size in range(1, len(words)):
            for start in range(len(words) - size + 1):
                part = words[start : start + size]
                if part != own and not set(part) <= _SMALL | ID_WORDS:
                    yield part, 0.6 + 0.05 * (size - 1), "part of its name"


_ENDINGS = (
    "ing",
    "ed",
    "er",
    "or",
    "ment",
    "ation",
    "tion",
    "ion",
    "al",
    "ly",
    "e",
    "r",
    "ance",
    "ity",
    "ship",
)


def _derived(word: str, other: str) -> bool:
    """Two forms of one stem: depart and departure, manage and manager, nation and national."""
    if len(other) < 4:
        return False
    return any(
        a[: -len(x)] == b or (a[: -len(x)] + "e") == b
        for a, b in ((word, other), (other, word))
        for x in _ENDINGS
        if a.endswith(x) and len(a) - len(x) >= 4
    )


def _identifiers(catalog: Catalog) -> dict[str, list[Reading]]:
    """By the name in lower case. A name of plain letters is a word like others: it may mean more than the column."""
    found: dict[str, list[Reading]] = {}
    for table in catalog.tables:
        if isinstance(table.ref, Role):
            continue
        name, schema = table.ref.name.lower(), table.ref.schema.lower()
        for text in (name, f"{schema}.{name}"):
            if "_" in text or "." in text:
                found.setdefault(text, []).append(Reading(table, None, 1.0, ""))
        for column in table.columns:
            own = column.name.lower()
            for text in (own, f"{name}.{own}", f"{schema}.{name}.{own}"):
                if "_" in text or "." in text:
                    found.setdefault(text, []).append(Reading(table, column, 1.0, ""))
    return found
