"""The distinct values of text columns, capped, so that a word of a question can be found in the data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pluto_duck.catalog.model import Table
from pluto_duck.catalog.profile import SAMPLE_ROWS, limit_s
from pluto_duck.catalog.store import Found, Kept, ValueStore
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import quote

MAX_VALUES = 5_000
"""Distinct values kept of one column; a column with more is looked up by exact value only."""
MAX_LENGTH = 80
MAX_ALIKE = 10
NEARLY = 4.0
"""Likenesses of a hundred that differ by less can't be told apart: Jansen is as near to Jansson as to Hansen."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Value:
    table: TableRef
    column: str
    text: str
    """As it stands in the data."""


def folded(text: str) -> str:
    """How values are compared: lower case, words only."""
    return " ".join(_WORD.findall(text.casefold()))


@dataclass
class TableValues:
    """What was read of one version of one table."""

    kept: Kept
    values: list[tuple[str, str, str]] = field(default_factory=list)
    """(folded text, column, text)"""


def shape(table: Table) -> str:
    return f"{table.rows} " + " ".join(f"{one.name}:{one.type}" for one in table.every_column)


def read_values(session: Session, table: Table, most: int = MAX_VALUES) -> TableValues:
    """`most`: distinct values of a column that are kept; one with more counts as large. Raises TimedOut for a view
    that takes too long."""
    texts = [column.name for column in table.columns if column.textual and not column.text_date]
    small = _small(session, table, texts, most)
    large = [name for name in texts if name not in small]
    found: dict[str, list[str]] = {name: [] for name in small}
    if small:
        parts = [
            f"(SELECT DISTINCT {number} AS number, CAST({quote(name)} AS VARCHAR) AS value FROM {table.ref.sql} "
            f"WHERE {quote(name)} IS NOT NULL LIMIT {most + 1})"
            for number, name in enumerate(small)
        ]
        read = session.query(" UNION ALL ".join(parts), read_only=True, timeout_s=limit_s(table.kind))
        for number, value in read.rows():
            found[small[number]].append(value)
    large += [name for name, values in found.items() if len(values) > most]
    kept = Kept(table.version, shape(table), tuple(large))
    return TableValues(kept, [(folded(value), name, value) for name, values in found.items() if name not in large
                              for value in values if len(value) <= MAX_LENGTH])


def _small(session: Session, table: Table, texts: list[str], most: int) -> list[str]:
    """The columns that are likely to have no more values than that: DISTINCT over all others would hold them all
    in memory, and throw them away."""
    few = [name for name in texts if table.column(name).distinct <= 1.2 * most]
    if not few or table.rows <= SAMPLE_ROWS:
        return few
    picks = ", ".join(f"approx_count_distinct({quote(name)})" for name in few)
    counts = session.query(f"SELECT {picks} FROM {table.ref.sql}", read_only=True,
                           timeout_s=limit_s(table.kind)).rows()[0]
    return [name for name, count in zip(few, counts, strict=True) if count <= 1.2 * most]


class ValueIndex:
    """Finds values by whole text, by leading or inner words, and by likeness: among those that were read so far."""

    def __init__(self, store: ValueStore, read: Iterable[Table], tables: Iterable[Table]) -> None:
        """`read`: the tables as they stand in the database; `tables`: the same in the users' words. Their hidden
        columns stay out, what their values are called comes in."""
        self._store = store
        self._read = {table.ref.key: table for table in read}
        self._shown = {(one.ref.key, column.name): one.ref for one in tables for column in one.columns}
        self._said: dict[str, list[Value]] = {}
        self._said_words: dict[str, list[str]] = {}
        for one in tables:
            for column in one.columns:
                for stored, words in column.value_words:
                    for word in words:
                        self._say(folded(word), Value(one.ref, column.name, stored))
        self._listed: tuple[object, list[str], list[str]] | None = None

    def _say(self, key: str, value: Value) -> None:
        for word in set(key.split()):
            self._said_words.setdefault(word, []).append(key)
        self._said.setdefault(key, []).append(value)

    def __len__(self) -> int:
        return sum(number for table, column, number in self._store.count() if (table, column) in self._shown)

    def unread(self) -> list[Table]:
        """The tables of which not all values are known yet, or only those of an earlier version; smallest first."""
        kept = self._store.kept()
        late = [one for one in self._read.values() if not _is_kept(one, kept.get(one.ref.key))]
        return sorted(late, key=lambda one: (one.rows, one.ref.key))

    def exact(self, text: str) -> list[Value]:
        """Values equal but for case and punctuation; of a column that has it so, those equal but for case."""
        found = self._of(folded(text))
        same = [one for one in found if one.text.casefold() == text.strip().casefold()]
        told = {(one.table.key, one.column) for one in same}  # C, where a column has C and C++
        return same + [one for one in found if (one.table.key, one.column) not in told]

    def containing(self, text: str) -> list[Value]:
        """Values that hold the words of `text` side by side, and more: JetBlue -> JetBlue Airways."""
        key = folded(text)
        by_word = [self._with(word) for word in key.split()]
        if not by_word or not all(by_word):
            return []
        found = [one for one in min(by_word, key=len) if one != key and f" {key} " in f" {one} "]
        return [value for one in found for value in self._of(one)]

    def alike(self, text: str, *, least: float = 88.0) -> list[tuple[Value, float]]:
        """Values, or single words of them, that look like a misspelt `text`: the best, and what is hardly worse."""
        key = folded(text)
        if len(key) < 5:
            return []
        keys, words = self._lists()
        whole = [(value, score) for one, score in _closest(key, keys, least) for value in self._of(one)]
        if whole:
            return whole
        return [(value, score) for word, score in _closest(key, words, least) for one in self._with(word)
                for value in self._of(one)]

    def _of(self, key: str) -> list[Value]:
        if not key:
            return []
        found = [*filter(None, map(self._value, self._store.exact(key)))]
        return found + [one for one in self._said.get(key, ()) if one not in found]

    def _value(self, found: Found) -> Value | None:
        table, column, text = found
        ref = self._shown.get((table, column))
        return Value(ref, column, text) if ref is not None else None

    def _with(self, word: str) -> list[str]:
        return list(dict.fromkeys((*self._store.with_word(word), *self._said_words.get(word, ()))))

    def _lists(self) -> tuple[list[str], list[str]]:
        moment = self._store.moment()
        if self._listed is None or self._listed[0] != moment:
            keys, words = self._store.keys(), self._store.words()
            self._listed = (moment, [*keys, *(one for one in self._said if one not in keys)],
                            [*words, *(one for one in self._said_words if one not in words)])
        return self._listed[1:]


def _is_kept(table: Table, kept: Kept | None) -> bool:
    return kept is not None and kept.version == table.version and kept.shape == shape(table)


def _closest(key: str, among: list[str], least: float) -> list[tuple[str, float]]:
    from rapidfuzz import fuzz, process

    found = process.extract(key, among, scorer=fuzz.ratio, score_cutoff=least, limit=MAX_ALIKE)
    near = [(one, float(score)) for one, score, _at in found if score >= found[0][1] - NEARLY]
    return sorted(near, key=lambda one: (-one[1], one[0]))
