"""What a column holds at a glance: nulls, distinct values, and a histogram or its most frequent values.

A column at a time, so that whoever looks can begin with the first and stop before the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pluto_duck.session import ColumnInfo, Session, TableInfo
from pluto_duck.workspace import quote

BINS = 16
EACH = 32
"""Whole numbers within a range of so many have a bar each, like months, days and hours."""
TOP = 5
EXACT_ROWS = 1_000_000
"""Above, the most frequent values of a column with many are estimated: exact, they would all have to be kept."""
EXACT_DISTINCT = 50_000
SHOWN = 200
"""Characters of a value."""

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_WHOLE = tuple(one for one in _NUMBERS if one.endswith(("INT", "INTEGER")))
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_INFINITE = ("FLOAT", "DOUBLE", *_MOMENTS)
_WORDS = ("VARCHAR", "BOOLEAN", "ENUM", "UUID")


@dataclass(frozen=True)
class Bin:
    low: str
    high: str
    """Both as DuckDB writes them. The low end belongs to it; the high end only to the last one."""
    count: int


@dataclass(frozen=True)
class Frequent:
    value: str | None
    count: int


@dataclass(frozen=True)
class Explored:
    name: str
    type: str
    rows: int
    nulls: int
    distinct: int
    """Estimated, a few per cent off; exact where `exact`."""
    exact: bool = False
    low: str | None = None
    high: str | None = None
    mean: str | None = None
    """Of numbers: as DuckDB writes it, without those that are not finite."""
    bins: tuple[Bin, ...] = ()
    cut: bool = False
    """Whether the last bin reaches from the 99th percentile to the highest value, wider than the others."""
    top: tuple[Frequent, ...] = ()


def explore(session: Session, table: TableInfo, columns: Sequence[str] | None = None) -> Iterator[Explored]:
    """The columns of a table (or view), in their order. `session.interrupt()` stops it with Cancelled."""
    wanted = None if columns is None else set(columns)
    for column in table.columns:
        if wanted is None or column.name in wanted:
            yield _explored(session, table, column)


def _explored(session: Session, table: TableInfo, column: ColumnInfo) -> Explored:
    source, name = table.ref.sql, quote(column.name)
    kind = column.type.partition("(")[0].strip().upper()
    if column.type.endswith("]"):
        kind = "LIST"
    if kind in _NUMBERS or kind in _MOMENTS:
        return _measured(session, source, name, column, kind)
    rows, nulls, distinct = _counted(session, source, name, kind in _WORDS)
    if kind not in _WORDS:
        return Explored(column.name, column.type, rows, nulls, distinct)
    top = _top(session, source, name, rows, distinct)
    return Explored(column.name, column.type, rows, nulls, len(top) if len(top) < TOP else distinct,
                    exact=len(top) < TOP, top=top)


def _one(session: Session, sql: str) -> tuple[Any, ...]:
    return session.query(sql).rows()[0]


def _counted(session: Session, source: str, name: str, words: bool) -> tuple[int, int, int]:
    distinct = f"approx_count_distinct({name})" if words else "0"
    rows, there, found = _one(session, f"SELECT count(*), count({name}), {distinct} FROM {source}")
    return rows, rows - there, min(found, there)


def _top(session: Session, source: str, name: str, rows: int, distinct: int) -> tuple[Frequent, ...]:
    shown = f"left(CAST({name} AS VARCHAR), {SHOWN})"
    if rows > EXACT_ROWS and distinct > EXACT_DISTINCT:
        return ()  # nearly all are different: the most frequent would say nothing, and cost most
    found = session.query(f"SELECT {shown}, count(*) AS n FROM {source} WHERE {name} IS NOT NULL GROUP BY {name} "
                          f"ORDER BY n DESC, {name} LIMIT {TOP}")
    return tuple(Frequent(value, count) for value, count in found.rows())


def _measured(session: Session, source: str, name: str, column: ColumnInfo, kind: str) -> Explored:
    number = f"CAST({name} AS DOUBLE)" if kind in _NUMBERS else f"CAST(epoch_us({name}) AS DOUBLE)"
    finite = f"isfinite({name})" if kind in _INFINITE else f"{name} IS NOT NULL"
    mean = f"CAST(avg({number}) FILTER (WHERE {finite}) AS VARCHAR)" if kind in _NUMBERS else "NULL"
    rows, there, distinct, low, high, middle, least, most, tail = _one(session, (
        f"SELECT count(*), count({name}), approx_count_distinct({name}), CAST(min({name}) AS VARCHAR), "
        f"CAST(max({name}) AS VARCHAR), {mean}, min({number}) FILTER (WHERE {finite}), "
        f"max({number}) FILTER (WHERE {finite}), approx_quantile({number}, 0.99) FILTER (WHERE {finite}) "
        f"FROM {source}"))
    seen = Explored(column.name, column.type, rows, rows - there, min(distinct, there), low=low, high=high, mean=middle)
    if least is None:
        return seen
    count, cut = BINS, tail > least and (most - least) > 2 * (tail - least)
    if kind in _WHOLE and 0 < most - least < EACH:
        count, cut, width = int(most - least) + 1, False, 1.0
    else:
        # A few far values would push all others into the first bar: they share the last one.
        width = ((tail if cut else most) - least) / (BINS - 1 if cut else BINS)
    if not 0 < width < float("inf"):
        return Explored(**{**vars(seen), "bins": (Bin(low, high, there),)})
    counts = dict(session.query(
        f"SELECT CAST(least({count - 1}, greatest(0, floor(({number} - {least!r}) / {width!r}))) AS INTEGER), count(*) "
        f"FROM {source} WHERE {finite} GROUP BY ALL").rows())
    edges = [least + width * i for i in range(count)] + [most]
    written = [row[0].removesuffix(".0") if kind in _WHOLE else row[0] for row in session.query(
        f"SELECT {_back(kind)} FROM (SELECT unnest(CAST({edges!r} AS DOUBLE[])) AS edge)").rows()]
    return Explored(**{**vars(seen), "cut": cut, "bins": tuple(
        Bin(written[i], written[i + 1], counts.get(i, 0)) for i in range(count))})


def _back(kind: str) -> str:
    """The edge of a bin in the words of its column."""
    if kind in _NUMBERS:
        return "CAST(edge AS VARCHAR)" if kind in ("FLOAT", "DOUBLE", "DECIMAL") else "CAST(round(edge, 2) AS VARCHAR)"
    moment = "make_timestamp(CAST(edge AS BIGINT))"
    return f"CAST(CAST({moment} AS DATE) AS VARCHAR)" if kind == "DATE" else f"CAST({moment} AS VARCHAR)"
