"""Which column points at which table: what is declared, and what names and data both say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pluto_duck.catalog.model import Column, Relation, Table, is_integer
from pluto_duck.catalog.profile import SAMPLE_ROWS, limit_s
from pluto_duck.catalog.semantics.model import Join
from pluto_duck.catalog.words import ID_WORDS, entity, split
from pluto_duck.errors import TimedOut
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.tableref import quote

BATCH = 25
PROBE_VALUES = 5_000
"""Distinct values of the child that are looked up in the parent."""
WEAK = 0.65
"""Below it only the data speak for a relation, not the names."""
_GENERIC = {("id",), ("name",), ("code",), ("type",), ("year",), ("month",), ("day",), ("title",), ("key",)}


Key = tuple[str, ...]


@dataclass(frozen=True)
class Guess:
    """A pair of columns whose names allow a relation, and how much of the data must agree."""

    child: Table
    child_column: str
    parent: Table
    parent_column: str
    confidence: float
    included: float
    least_values: int = 1

    @property
    def cache_key(self) -> str:
        """Names both columns as they stand: with the rows, since a version alone could come again in another file."""
        ends = ((self.child, self.child_column), (self.parent, self.parent_column))
        return json.dumps([(table.ref.key, table.version, table.rows, column, table.column(column).type)
                           for table, column in ends])


Tested = dict[str, tuple[int, int]]


def still_true(tested: Tested, tables: Sequence[Table]) -> Tested:
    """Those of the tables as they are now."""
    now = {(table.ref.key, table.version, table.rows) for table in tables}
    return {pair: counts for pair, counts in tested.items() if all(tuple(end[:3]) in now for end in json.loads(pair))}


def declared(infos: Iterable[TableInfo]) -> list[Relation]:
    return [
        Relation(info.ref, key.columns[0], key.table, (key.referenced or (key.columns[0],))[0], True, 1.0)
        for info in infos
        for key in info.foreign_keys
        if len(key.columns) == 1
    ]


def told(session: Session, tables: Sequence[Table], joins: Sequence[Join], tested: Tested) -> list[Relation]:
    """The joins of a semantic file; the data say only whether they lose rows. `tested` as for `inferred`."""
    by_key = {table.ref.key: table for table in tables}
    guesses = [Guess(by_key[one.child.key], one.child_column, by_key[one.parent.key], one.parent_column, 1.0, 0.0)
               for one in joins]
    fresh = [guess for guess in guesses if guess.cache_key not in tested]
    _count(session, fresh, tested)
    return [
        Relation(one.child.ref, one.child_column, one.parent.ref, one.parent_column, True, 1.0,
                 tested[one.cache_key][0] == tested[one.cache_key][1], _mixed(one))
        for one in guesses
    ]


def counted(session: Session, guesses: Sequence[Guess]) -> list[Guess]:
    """Those that the data bear out."""
    tested: Tested = {}
    _count(session, guesses, tested)
    return [guess for guess in guesses if _holds(guess, tested)]


def _mixed(guess: Guess) -> bool:
    return guess.child.column(guess.child_column).numeric != guess.parent.column(guess.parent_column).numeric


def inferred(
    session: Session, tables: Sequence[Table], known: Sequence[Relation], tested: Tested
) -> list[Relation]:
    """`tested` remembers what was counted, by the versions of both tables; it is filled here."""
    taken = {(one.child.key, one.child_column) for one in known}
    guesses = [guess for guess in _guesses(tables) if (guess.child.ref.key, guess.child_column) not in taken]
    fresh = [guess for guess in guesses if guess.cache_key not in tested]
    _count(session, fresh, tested)
    best: dict[tuple[str, str, str], Relation] = {}
    strong = {(g.child.ref.key, g.child_column) for g in guesses if g.confidence > 0.8 and _holds(g, tested)}
    weak = Counter((g.child.ref.key, g.child_column) for g in guesses if g.confidence < WEAK and _holds(g, tested))
    for guess in guesses:
        here = (guess.child.ref.key, guess.child_column)
        if not _holds(guess, tested) or (guess.confidence < 0.8 and here in strong):
            continue
        if guess.confidence < WEAK and weak[here] > 1:
            continue  # the numbers alone don't tell which of several tables is meant
        at = (guess.child.ref.key, guess.child_column, guess.parent.ref.key)
        if at not in best or best[at].confidence < guess.confidence:
            best[at] = Relation(
                guess.child.ref,
                guess.child_column,
                guess.parent.ref,
                guess.parent_column,
                False,
                guess.confidence,
                tested[guess.cache_key][0] == tested[guess.cache_key][1],
                _mixed(guess),
            )
    return list(best.values())


def _holds(guess: Guess, tested: Tested) -> bool:
    values, found = tested[guess.cache_key]
    return values >= guess.least_values and found >= guess.included * values


def _count(session: Session, guesses: Sequence[Guess], tested: Tested) -> None:
    """The values of a child are gathered once, however many parents they are held against."""
    by_child: dict[tuple[str, str], list[Guess]] = {}
    for guess in guesses:
        by_child.setdefault((guess.child.ref.key, guess.child_column), []).append(guess)
    for group in by_child.values():
        for start in range(0, len(group), BATCH):
            _count_one(session, group[start : start + BATCH], tested)


def _count_one(session: Session, guesses: Sequence[Guess], tested: Tested) -> None:
    child = quote(guesses[0].child_column)
    values = (f"WITH c AS MATERIALIZED (SELECT DISTINCT {child} AS v FROM {guesses[0].child.ref.sql} "
              f"WHERE {child} IS NOT NULL LIMIT {PROBE_VALUES}) ")
    parts = []
    for number, guess in enumerate(guesses):
        mine, theirs = "v", quote(guess.parent_column)
        if _mixed(guess):  # keys of two loads may be numbers here and their digits there
            mine, theirs = f"try_cast({mine} AS DOUBLE)", f"try_cast({theirs} AS DOUBLE)"
        parts.append(f"SELECT {number} AS number, (SELECT count(*) FROM c) AS tried, (SELECT count(*) FROM c "
                     f"WHERE {mine} IN (SELECT {theirs} FROM {guess.parent.ref.sql})) AS found")
    kinds = {table.kind for guess in guesses for table in (guess.child, guess.parent)}
    try:
        rows = session.query(values + " UNION ALL ".join(parts), read_only=True, timeout_s=limit_s(*kinds)).rows()
    except TimedOut:  # nothing is known to agree, until the view is quick again, and of another version
        rows = [(number, 1, 0) for number in range(len(guesses))]
    for number, tried, found in rows:
        tested[guesses[number].cache_key] = (tried, found)


def _guesses(tables: Sequence[Table]) -> Iterable[Guess]:
    targets = [(table, column) for table in tables for column in table.columns if column.unique]
    for child in tables:
        for column in child.columns:
            for parent, target in targets:
                if parent is not child and _same_kind(column, target):
                    guess = _guess(child, column, parent, target)
                    if guess is not None:
                        yield guess


def _same_kind(child: Column, parent: Column) -> bool:
    if child.role in ("boolean", "date") or child.low is None or parent.low is None:
        return False
    if child.numeric and parent.numeric:
        return _whole(child) and _whole(parent)
    if child.numeric != parent.numeric:
        return parent.role == "key" and _digits(child) and _digits(parent)
    return child.type == parent.type


def _guess(child: Table, column: Column, parent: Table, target: Column) -> Guess | None:
    words, aim, own = split(column.name), split(target.name), entity(parent.ref.name)
    is_key = parent.key == target.name
    bare = words[:-1] if len(words) > 1 and words[-1] in ID_WORDS else words

    def guess(confidence: float, included: float, least: int = 1) -> Guess:
        return Guess(child, column.name, parent, target.name, confidence, included, least)

    if words == aim and words not in _GENERIC:
        if column.unique and entity(child.ref.name)[-1:] == bare[-1:] and own[-1:] != bare[-1:]:
            return None  # the child is the table that this key is about
        if is_key or target.role == "key":
            return guess(0.95, 0.7)
        if not _unique(child, column) and target.role != "date" and (own == words or child.rows > parent.rows):
            return guess(0.85, 0.95, least=2)
    if is_key and words in ((*own, *aim), (*own[-1:], *aim)) and aim[-1] in ID_WORDS:
        return guess(0.95, 0.9)
    if is_key and words == own and not (column.unique and column.role != "key" and column.textual):
        return guess(0.9, 0.9)
    if is_key and len(words) > len(own) and own in (bare[-len(own) :], bare[: len(own)]) and words != bare:
        return guess(0.85, 0.98)
    if target.name == parent.label and words == own:
        return guess(0.85, 0.9)
    if column.textual and is_key and not _unique(child, column) and _code(target) and _within(column, target):
        # Equal codes say nothing by their names, but much by their number: most must be found.
        return guess(0.7, 0.95, least=2)
    if is_key and column.numeric and target.numeric and _pointer(column, words, target):
        return guess(0.6, 1.0, least=3)
    return None


def _unique(table: Table, column: Column) -> bool:
    """Or likely so: of texts in large tables it is not counted."""
    return column.unique or (table.rows > SAMPLE_ROWS and column.distinct >= 0.7 * SAMPLE_ROWS)


def _whole(column: Column) -> bool:
    return is_integer(column.type) or all(float(end).is_integer() for end in (column.low, column.high))


def _digits(column: Column) -> bool:
    return column.numeric or (column.textual and column.low.isdigit() and column.high.isdigit())


def _pointer(column: Column, words: Key, target: Column) -> bool:
    """pcp, head, male_id: a number whose name is not that of its table, all of whose values are keys there.

    Only keys that can't be confused with small counts: the two ends must be close to those of the keys."""
    if column.role == "key" and words[-1] not in ID_WORDS:
        return False
    return bool(
        (column.role == "key" and not column.unique)
        or (column.role == "measure" and column.low >= target.low and column.low >= 100)
    ) and bool(target.low <= column.low and column.high <= target.high)


def _code(column: Column) -> bool:
    return all(
        isinstance(end, str) and len(end) <= 12 and " " not in end for end in (column.low, column.high)
    )


def _within(child: Column, parent: Column) -> bool:
    return bool(
        parent.low <= child.low and child.high <= parent.high and child.distinct <= 1.1 * parent.distinct
    )
