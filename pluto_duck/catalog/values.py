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

    def __init__(self, tables: Iterable[TableValues]) -> None:
        self._exact: dict[str, list[Value]] = {}
        self._by_word: dict[str, list[str]] = {}
        for table in tables:
            for value in table.values:
                key = folded(value.text)
                if not key:
                    continue
                if key not in self._exact:
                    for word in set(key.split()):
                        self._by_word.setdefault(word, []).append(key)
                self._exact.setdefault(key, []).append(value)

    def __len__(self) -> int:
        return sum(len(values) for values in self._exact.values())

    def exact(self, text: str) -> list[Value]:
        """Values equal but for case and punctuation."""
        return self._exact.get(folded(text), [])

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
        """Values, or single words of them, that look like a misspelt `text`; the best likeness only."""
        from rapidfuzz import fuzz, process

        key = folded(text)
        if len(key) < 5:
            return []
        whole = process.extractOne(key, self._exact.keys(), scorer=fuzz.ratio, score_cutoff=least)
        if whole is not None:
            return [(value, float(whole[1])) for value in self._exact[whole[0]]]
        word = process.extractOne(key, self._by_word.keys(), scorer=fuzz.ratio, score_cutoff=least)
        if word is None:
            return []
        return [(value, float(word[1])) for one in self._by_word[word[0]] for value in self._exact[one]]
