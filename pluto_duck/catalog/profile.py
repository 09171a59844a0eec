"""Looks at the rows of one table, once for each version, and says what each column is."""

from __future__ import annotations

import decimal
import re
from typing import Any

from pluto_duck.catalog.model import Column, ColumnRole, Part, Table, is_date, is_numeric
from pluto_duck.catalog.words import ID_WORDS, entity, split
from pluto_duck.session import ColumnInfo, Session, TableInfo
from pluto_duck.workspace.tableref import quote

SAMPLE_ROWS = 200_000
"""A profile reads at most so many rows: roles and ranges need no more, and a question must not wait."""

VIEW_TIMEOUT_S = 5.0
"""For each look at a view, which may compute for hours: a question about something else must not wait for it."""

_ISO_DATE = re.compile(r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?$")
_PARTS: dict[str, Part] = {
    "year": "year",
    "yr": "year",
    "quarter": "quarter",
    "qtr": "quarter",
    "month": "month",
    "mon": "month",
    "day": "day",
}
_END_IN_ID = {"paid", "unpaid", "prepaid", "bid", "humid", "acid", "fluid", "solid", "grid", "mid", "raid", "valid"}
"""Words that end like an identifier and are none."""
_RANGES = {"year": (1000, 2999), "quarter": (1, 4), "month": (1, 12), "day": (1, 31)}
_NOT_MEASURED = {
    "lat",
    "latitude",
    "lon",
    "long",
    "longitude",
    "zip",
    "postal",
    "postcode",
    "phone",
    "tz",
    "hour",
    "minute",
    "second",
    "week",
    "weekday",
    "flight",
    "version",
    "year",
    "month",
    "day",
    "quarter",
}
_LABELS = ("name", "title", "label", "fullname", "full name", "display name")


def profile(session: Session, info: TableInfo, version: int) -> Table:
    """Reads through the agent's catalog, so it sees what a question will see. Raises TimedOut for a view that takes
    too long."""
    plain = [column for column in info.columns if _comparable(column.type)]
    rows, facts = _facts(session, info, plain)
    unique, dates = _exact(session, info, plain, facts, rows)
    columns = tuple(
        _column(column, facts.get(column.name), rows, info, column.name in unique, column.name in dates)
        for column in info.columns
    )
    return Table(
        info.ref, info.kind, columns, rows, _key(info, columns), _label(info, columns), info.comment, version
    )


def _comparable(type_text: str) -> bool:
    return not type_text.endswith("]") and not type_text.startswith(
        ("STRUCT", "MAP", "UNION", "BLOB", "JSON", "BIT")
    )


def _facts(
    session: Session, info: TableInfo, plain: list[ColumnInfo]
) -> tuple[int, dict[str, tuple[int, int, Any, Any]]]:
    picks = ["count(*)"]
    for column in plain:
        name = quote(column.name)
        picks += [f"approx_count_distinct({name})", f"count({name})", f"min({name})", f"max({name})"]
    most_s = limit_s(info.kind)
    counted = session.query(f"SELECT count(*) FROM {info.ref.sql}", read_only=True, timeout_s=most_s).scalar()
    source = info.ref.sql if counted <= SAMPLE_ROWS else f"(SELECT * FROM {info.ref.sql} LIMIT {SAMPLE_ROWS})"
    row = session.query(f"SELECT {', '.join(picks)} FROM {source}", read_only=True, timeout_s=most_s).rows()[0]
    return int(counted), {column.name: row[1 + 4 * i : 5 + 4 * i] for i, column in enumerate(plain)}


def limit_s(*kinds: str) -> float | None:
    """Of a look at tables and views of these kinds."""
    return VIEW_TIMEOUT_S if "view" in kinds else None


def _exact(
    session: Session,
    info: TableInfo,
    plain: list[ColumnInfo],
    facts: dict[str, tuple[int, int, Any, Any]],
    rows: int,
) -> tuple[set[str], set[str]]:
    """The columns that are unique, and the text columns that hold nothing but ISO dates: estimates and
    the two ends of a column are not enough for that."""
    declared = {names[0] for names in (info.primary_key, *info.unique) if len(names) == 1}
    sampled = min(rows, SAMPLE_ROWS)
    tests: list[tuple[str, str, str]] = []
    for column in plain:
        distinct, filled, low, high = facts[column.name]
        name = quote(column.name)
        if (
            sampled
            and filled == sampled
            and distinct >= 0.7 * sampled
            and column.name not in declared
            and (is_numeric(column.type) or column.type.startswith(("VARCHAR", "UUID")))
            and _whole(low, high)
            and (sampled == rows or not _only_text(column, info))
        ):
            tests.append(("unique", column.name, f"count(DISTINCT {name}) = count(*)"))
        if column.type == "VARCHAR" and filled and _ISO_DATE.match(low) and _ISO_DATE.match(high):
            tests.append(("date", column.name, f"count(try_cast({name} AS TIMESTAMP)) = count({name})"))
    if not tests:
        return declared, set()
    row = session.query(
        f"SELECT {', '.join(test[2] for test in tests)} FROM {info.ref.sql}", read_only=True,
        timeout_s=limit_s(info.kind)).rows()[0]
    held = {test[:2] for test, holds in zip(tests, row, strict=True) if holds}
    return (
        declared | {name for kind, name in held if kind == "unique"},
        {name for kind, name in held if kind == "date"},
    )


def _only_text(column: ColumnInfo, info: TableInfo) -> bool:
    """Texts of a large table that nothing names a key: counting millions of them takes seconds and tells nobody
    anything."""
    words = split(column.name)
    return (column.type.startswith("VARCHAR") and column is not info.columns[0] and words[-1] not in ID_WORDS
            and words[-1] not in _LABELS and not _runs_into_id(column.name))


def _runs_into_id(name: str) -> bool:
    """stuid, aid"""
    return name.lower().endswith("id") and name.lower() not in _END_IN_ID


def _whole(low: Any, high: Any) -> bool:
    """Keys may come as floats, from a program that knew no missing integer; no key is 1.5."""
    return not any(isinstance(end, float | decimal.Decimal) and end != end // 1 for end in (low, high))


def _column(
    info: ColumnInfo,
    facts: tuple[int, int, Any, Any] | None,
    rows: int,
    table: TableInfo,
    unique: bool,
    text_date: bool,
) -> Column:
    distinct, filled, low, high = facts or (0, 0, None, None)
    part = _part(info, low, high)
    return Column(
        info.name,
        info.type,
        _role(info, table, part, unique, text_date, distinct, filled, low, high),
        info.comment,
        distinct,
        unique,
        low,
        high,
        part,
        text_date,
    )


def _part(info: ColumnInfo, low: Any, high: Any) -> Part | None:
    words = split(info.name)
    part = "year" if "year" in (words[0], words[-1]) else _PARTS.get(words[-1] if len(words) == 1 else "")
    if part is None or low is None or not is_numeric(info.type):
        return None
    least, most = _RANGES[part]
    return part if least <= low and high <= most else None


def _role(
    info: ColumnInfo,
    table: TableInfo,
    part: Part | None,
    unique: bool,
    text_date: bool,
    distinct: int,
    filled: int,
    low: Any,
    high: Any,
) -> ColumnRole:
    words = split(info.name)
    linked = {name for key in table.foreign_keys for name in key.columns} | set(table.primary_key)
    if info.type == "BOOLEAN":
        return "boolean"
    if is_date(info.type) or text_date or part:
        return "date"
    if (
        info.name in linked
        or info.type == "UUID"
        or words[-1] in ID_WORDS
        or (_runs_into_id(info.name) and is_numeric(info.type) and _whole(low, high))
    ):
        return (
            "key" if unique or info.name in linked or words[-1] not in {"code", "no", "num"} else "dimension"
        )
    if is_numeric(info.type):
        return "dimension" if words[-1] in _NOT_MEASURED else "measure"
    if info.type.startswith(("VARCHAR", "ENUM")):
        return "text" if filled > 200 and distinct > 0.5 * filled and not unique else "dimension"
    return "text"


def _key(info: TableInfo, columns: tuple[Column, ...]) -> str | None:
    if len(info.primary_key) == 1:
        return info.primary_key[0]
    if info.primary_key:
        return None
    unique = [column for column in columns if column.unique]
    own = entity(info.ref.name)
    named = [c for c in unique if c.role == "key" and (split(c.name) == ("id",) or split(c.name)[:-1] == own)]
    first = [c for c in unique if c is columns[0]]
    return next((c.name for c in [*named, *first, *(c for c in unique if c.role == "key")]), None)


def _label(info: TableInfo, columns: tuple[Column, ...]) -> str | None:
    own = entity(info.ref.name)
    texts = [column for column in columns if column.textual]
    for column in texts:
        words = split(column.name)
        if words == own or (words[-1] in _LABELS and words[:-1] in ((), own, own[-1:])):
            return column.name
    named = [column for column in texts if split(column.name)[-1] in _LABELS]
    if len(named) == 1 and split(named[0].name)[0] not in ("first", "last", "middle", "sur", "nick"):
        return named[0].name
    return None
