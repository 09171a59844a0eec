"""Checks as SQL: all of a table but its relationships are aggregates of one scan."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pluto_duck.errors import unknown_name
from pluto_duck.governance.checks.model import Check
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import fold, quote

SAMPLE_ROWS = 100
_NUMBER = re.compile(r"[-+]?\d{1,38}(\.\d{1,38})?([eE][-+]?\d{1,3})?\Z")
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class Compiled:
    check: Check
    aggregates: tuple[str, ...] = ()
    """Of the table's scan: what fails (of freshness the newest time, of an aggregate whether it holds), then the rows
    that were looked at."""
    statement: str = ""
    """What is no part of the scan: a semi-join with the same two numbers."""
    sample: str = ""


def compiled(check: Check, columns: Mapping[str, str], parent: Mapping[str, str] | None, now: dt.datetime) -> Compiled:
    """`columns`: name -> type of the table; `parent`: of the other one. Raises UnknownName for a column that is not
    there."""
    names = [_column(one, columns, str(check.table)) for one in check.columns]
    looked_at = f"count(*){_filter(check)}"
    kind = check.kind
    if kind == "row_count":
        return Compiled(check, (looked_at, looked_at))
    if kind == "aggregate":
        return Compiled(check, (f"CAST(({check.expression}\n) AS BOOLEAN)", "count(*)"))
    if kind == "freshness":
        newest = f"epoch(max({_moment(names[0], columns)}){_filter(check)})" if names else "NULL"
        return Compiled(check, (newest, looked_at))
    if kind == "relationship":
        return _relationship(check, names, parent or {})
    if kind in ("unique", "primary_key"):
        return _unique(check, [quote(one) for one in names], looked_at)
    failing = _failing(check, names, columns, now)
    return Compiled(check, (f"count(*){_filter(check, failing)}", looked_at),
                    sample=_sample(check, f"WHERE {_both(failing, check.where)}"))


def _failing(check: Check, names: list[str], columns: Mapping[str, str], now: dt.datetime) -> str:
    """The condition of a row that fails."""
    if check.kind == "sql":
        return f"NOT ({check.expression}\n)"
    column, type_ = quote(names[0]), columns[names[0]]
    if check.kind == "not_null":
        return f"{column} IS NULL"
    as_text = column if type_ == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    if check.kind == "pattern":
        return f"NOT regexp_full_match({as_text}, {_text(check.pattern)})"
    if check.kind == "accepted_values":
        typed = type_ == "BOOLEAN" or type_.startswith((*_NUMERIC, "DATE", "TIME"))
        values = [_literal(one, type_, now) if typed else _text(one) for one in check.values]
        return f"{column if typed else as_text} NOT IN ({', '.join(values)})"
    ends = [(check.least, "<"), (check.most, ">")]
    return "(" + " OR ".join(f"{column} {sign} {_literal(end, type_, now)}" for end, sign in ends if end) + ")"


def _unique(check: Check, names: list[str], looked_at: str) -> Compiled:
    filled = " AND ".join(f"{one} IS NOT NULL" for one in names)
    row = names[0] if len(names) == 1 else f"row({', '.join(names)})"
    whole = _filter(check, filled)
    twice = f"count(*){whole} - count(DISTINCT {row}){whole}"
    shown = f"count(*) OVER (PARTITION BY {', '.join(names)}) > 1"
    if check.kind == "primary_key":
        missing = " OR ".join(f"{one} IS NULL" for one in names)
        twice = f"{twice} + count(*){_filter(check, f'({missing})')}"
        return Compiled(check, (twice, looked_at), sample=_sample(
            check, f"{_where(check)}QUALIFY {shown} OR {missing} ORDER BY {', '.join(names)}"))
    return Compiled(check, (twice, looked_at), sample=_sample(
        check, f"WHERE {_both(filled, check.where)} QUALIFY {shown} ORDER BY {', '.join(names)}"))


def _relationship(check: Check, names: list[str], parent: Mapping[str, str]) -> Compiled:
    assert check.parent is not None
    others = [_column(one, parent, str(check.parent)) for one in check.parent_columns]
    filled = " AND ".join(f"child.{quote(one)} IS NOT NULL" for one in names)
    same = " AND ".join(f"parent.{quote(two)} = child.{quote(one)}" for one, two in zip(names, others, strict=True))
    table = f"(SELECT * FROM {check.table.sql} {_where(check)})" if check.where else check.table.sql
    rows = f"{table} AS child"
    lost = f"{filled} AND NOT EXISTS (SELECT 1 FROM {check.parent.sql} AS parent WHERE {same})"
    numbers = f"SELECT (SELECT count(*) FROM {rows} WHERE {lost}), (SELECT count(*) FROM {rows})"
    return Compiled(check, statement=numbers, sample=f"SELECT * FROM {rows} WHERE {lost} LIMIT {SAMPLE_ROWS}")


def _column(name: str, columns: Mapping[str, str], table: str) -> str:
    """As the table spells it."""
    found = {fold(one): one for one in columns}.get(fold(name))
    if found is None:
        raise unknown_name("column", name, columns, where=table)
    return found


def _filter(check: Check, condition: str = "") -> str:
    both = _both(condition, check.where)
    return f" FILTER (WHERE {both})" if both else ""


def _where(check: Check) -> str:
    return f"WHERE ({check.where}\n) " if check.where else ""


def _both(condition: str, where: str) -> str:
    return " AND ".join(filter(None, (condition, f"({where}\n)" if where else "")))


def _sample(check: Check, rest: str) -> str:
    return f"SELECT * FROM {check.table.sql} {rest} LIMIT {SAMPLE_ROWS}"


def _moment(name: str, columns: Mapping[str, str]) -> str:
    """Times without a zone are UTC."""
    column, type_ = quote(name), columns[name]
    return column if type_.startswith(("TIMESTAMP", "DATE")) else f"TRY_CAST({column} AS TIMESTAMPTZ)"


def _literal(text: str, type_: str, now: dt.datetime) -> str:
    """A value of the file's, all of which are texts, for a column of a type."""
    if _NUMBER.match(text) and type_.startswith(_NUMERIC):
        return text
    if text in ("now", "today") and type_.startswith(("DATE", "TIMESTAMP")):
        text = now.astimezone(dt.UTC).isoformat(sep=" ") if "WITH TIME ZONE" in type_ else \
            now.astimezone(dt.UTC).replace(tzinfo=None).isoformat(sep=" ")
    return f"CAST({_text(text)} AS {type_})"


def _text(text: str) -> str:
    return to_sql(encode(text))
