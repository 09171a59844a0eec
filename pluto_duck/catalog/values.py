"""The distinct values of text columns, capped, so that a word of a question can be found in the data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pluto_duck.catalog.model import Table
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


@dataclass(frozen=True)
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

    version: int
    values: list[Value]
    large: list[str] = field(default_factory=list)
    """Columns with more than MAX_VALUES distinct values."""


def read_values(session: Session, table: Table) -> TableValues:
    texts = [column.name for column in table.columns if column.textual and not column.text_date]
    small = [c for c in texts if table.column(c).distinct <= 1.2 * MAX_VALUES]
    found = TableValues(table.version, [], [c for c in texts if c not in small])
    if not small:
        return found
    parts = [
        f"(SELECT DISTINCT {number} AS number, CAST({quote(name)} AS VARCHAR) AS value FROM {table.ref.sql} "
        f"WHERE {quote(name)} IS NOT NULL LIMIT {MAX_VALUES + 1})"
        for number, name in enumerate(small)
    ]
    by_column: dict[int, list[str]] = {}
    for number, value in session.query(" UNION ALL ".join(parts), read_only=True).rows():
        by_column.setdefault(number, []).append(value)
    for number, values in sorted(by_column.items()):
        if len(values) > MAX_VALUES:
            found.large.append(small[number])
        else:
            found.values += [
                Value(table.ref, small[number], v) for v in sorted(values) if len(v) <= MAX_LENGTH
            ]
    return found


class ValueIndex:
    """Finds values by whole text, by leading or inner words, and by likeness."""

    def __init__(self, values: Iterable[TableValues], tables: Iterable[Table] = ()) -> None:
        """`tables`: those in the users' words. Their hidden columns stay out, what their values are called comes in."""
        tables = list(tables)
        hidden = {(one.ref.key, column.name) for one in tables for column in one.concealed}
        self._exact: dict[str, list[Value]] = {}
        self._by_word: dict[str, list[str]] = {}
        for table in values:
            for value in table.values:
                if (value.table.key, value.column) not in hidden:
                    self._put(folded(value.text), value)
        for one in tables:
            for column in one.columns:
                for stored, words in column.value_words:
                    for word in words:
                        self._put(folded(word), Value(one.ref, column.name, stored))

    def _put(self, key: str, value: Value) -> None:
        if not key:
            return
        if key not in self._exact:
            for word in set(key.split()):
                self._by_word.setdefault(word, []).append(key)
        have = self._exact.setdefault(key, [])
        if value not in have:
            have.append(value)

    def __len__(self) -> int:
        return sum(len(values) for values in self._exact.values())

    def exact(self, text: str) -> list[Value]:
        """Values equal but for case and punctuation; of a column that has it so, those equal but for case."""
        found = self._exact.get(folded(text), [])
        same = [one for one in found if one.text.casefold() == text.strip().casefold()]
        told = {(one.table.key, one.column) for one in same}  # C, where a column has C and C++
        return same + [one for one in found if (one.table.key, one.column) not in told]

    def containing(self, text: str) -> list[Value]:
        """Values that hold the words of `text` side by side, and more: JetBlue -> JetBlue Airways."""
        key = folded(text)
        words = key.split()
        if not words or any(word not in self._by_word for word in words):
            return []
        rarest = min((self._by_word[word] for word in words), key=len)
        found = [one for one in rarest if one != key and f" {key} " in f" {one} "]
        return [value for one in found for value in self._exact[one]]

    def alike(self, text: str, *, least: float = 88.0) -> list[tuple[Value, float]]:
        """Values, or single words of them, that look like a misspelt `text`: the best, and what is hardly worse."""
        key = folded(text)
        if len(key) < 5:
            return []
        whole = _closest(key, self._exact, least)
        if whole:
            return [(value, score) for one, score in whole for value in self._exact[one]]
        words = _closest(key, self._by_word, least)
        return [(value, score) for word, score in words for one in self._by_word[word] for value in self._exact[one]]


def _closest(key: str, among: Iterable[str], least: float) -> list[tuple[str, float]]:
    from rapidfuzz import fuzz, process

    found = process.extract(key, list(among), scorer=fuzz.ratio, score_cutoff=least, limit=MAX_ALIKE)
    near = [(one, float(score)) for one, score, _at in found if score >= found[0][1] - NEARLY]
    return sorted(near, key=lambda one: (-one[1], one[0]))
