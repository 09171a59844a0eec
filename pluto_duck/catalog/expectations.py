"""Checks that the tables pass as they are: guesses from keys, missing values, small sets, ranges, patterns, loads."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.catalog.model import Column, Relation, Table, is_numeric
from pluto_duck.governance.checks.model import Checks
from pluto_duck.governance.checks.writing import START, Entry, added, listed, said, scalar
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog
    from pluto_duck.session import Session, TableInfo

MOST_VALUES = 12
LEAST_ROWS = 30
"""Of a table before its values say what others may be."""
PATTERNS = (r"[^@\s]+@[^@\s]+\.[^@\s.]+", r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", r"https?://\S+",
            r"\d{4}-\d{2}-\d{2}", r"\+?[0-9][0-9 ()/-]{5,20}", r"[A-Z]{2}", r"[A-Z]{3}", r"[A-Z]{1,5}-?\d{1,12}")
"""Of e-mail, UUID, address, date, telephone, country, currency or airport, number with letters before it."""
_SPANS = ((1, "h"), (2, "h"), (6, "h"), (12, "h"), (24, "1d"), (48, "2d"), (96, "4d"), (168, "1w"), (336, "2w"),
          (744, "31d"), (2_208, "92d"), (8_784, "366d"))

Loads = Mapping[str, Sequence[dt.datetime]]
"""TableRef.key -> when loads of it arrived, oldest first."""


def expectations(session: Session, catalog: Catalog, known: Checks, tables: Sequence[TableRef], loads: Loads, *,
                 now: dt.datetime) -> list[Entry]:
    """What could be added for each of the tables, all of it true of them now; nothing that the file says already."""
    infos = {info.ref.key: info for info in session.tables()}
    found = [entry for ref in tables if ref.key in infos
             for entry in _table(session, catalog, infos[ref.key], known, loads.get(ref.key, ()), loads.keys())]
    return _true(session, found, loads, now)


def _true(session: Session, entries: Sequence[Entry], loads: Loads, now: dt.datetime) -> list[Entry]:
    """Those that hold, by running them."""
    from pluto_duck.governance.checks.reading import read
    from pluto_duck.session.checking import check

    if not entries:
        return []
    checks = read(added(START, entries)).checks
    loaded = {key: times[-1] for key, times in loads.items() if times}
    failed = {(one.check.table.key, one.check.kind, one.check.columns)
              for report in check(session, checks, loaded=loaded, now=now) for one in report.outcomes
              if one.status != "passed"}
    by_line: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for one in checks:
        by_line.setdefault((one.table.key, f"{one.kind}{one.line}"), []).append(one.columns)
    held = []
    lines = iter(sorted({one.line for one in checks}))
    for entry, line in zip(entries, lines, strict=True):
        columns = by_line[entry.table.key, f"{entry.kind}{line}"]
        if not any((entry.table.key, entry.kind, one) in failed for one in columns):
            held.append(entry)
    return held


def _table(session: Session, catalog: Catalog, info: TableInfo, known: Checks, loads: Sequence[dt.datetime],
           origins: Collection[str]) -> Iterator[Entry]:
    ref = info.ref
    table = next((one for one in catalog.tables if one.ref.key == ref.key), None)
    if table is None:
        return
    key = list(info.primary_key) or ([table.key] if table.key else [])
    if key and not said(known, ref, "primary_key", key):
        yield Entry(ref, "primary_key", listed(key))
    for columns in info.unique:
        if len(columns) == 1 and list(columns) != key and not said(known, ref, "unique", columns):
            yield Entry(ref, "unique", listed(columns))
    facts = _facts(session, table)
    yield from _filled(info, known, key, facts)
    yield from _values(session, table, known, key, facts)
    yield from _relations(catalog, info, known, origins)
    if table.rows and not said(known, ref, "row_count", ()):
        yield Entry(ref, "row_count", "{min: 1}")
    within = _within(loads)
    if within and not any(one.kind == "freshness" for one in known.of(ref)):
        yield Entry(ref, "freshness", f"{{within: {within}}}", "warn")


def _facts(session: Session, table: Table) -> dict[str, dict[str, Any]]:
    """Of each column, in one scan of the whole table: how many values are missing, and what they are like."""
    picks: list[tuple[str, str, str]] = []
    for column in table.columns:
        name = quote(column.name)
        picks.append((column.name, "missing", f"count(*) - count({name})"))
        if column.numeric and column.role == "measure":
            picks.append((column.name, "negative", f"count(*) FILTER (WHERE {name} < 0)"))
        if column.type == "VARCHAR" and column.distinct > MOST_VALUES:
            picks += [(column.name, one, f"bool_and(regexp_full_match({name}, {to_sql(encode(one))}))")
                      for one in PATTERNS]
    if not picks:
        return {}
    texts = ", ".join(text for _, _, text in picks)
    row = session.query(f"SELECT {texts} FROM {table.ref.sql}", read_only=True).rows()[0]
    found: dict[str, dict[str, Any]] = {}
    for (name, fact, _), value in zip(picks, row, strict=True):
        found.setdefault(name, {})[fact] = value
    return found


def _filled(info: TableInfo, known: Checks, key: Sequence[str],
            facts: Mapping[str, Mapping[str, Any]]) -> Iterator[Entry]:
    open_ = [one for one in info.columns if one.name not in key and not said(known, info.ref, "not_null", [one.name])]
    must = [one.name for one in open_ if not one.nullable]
    if must:
        yield Entry(info.ref, "not_null", listed(must))
    seen = [one.name for one in open_ if one.nullable and facts.get(one.name, {}).get("missing") == 0]
    if seen:
        yield Entry(info.ref, "not_null", listed(seen), "warn")


def _values(session: Session, table: Table, known: Checks, key: Sequence[str],
            facts: Mapping[str, Mapping[str, Any]]) -> Iterator[Entry]:
    if table.rows < LEAST_ROWS:
        return
    for column in table.columns:
        about, named = facts.get(column.name, {}), scalar(column.name)
        few = column.textual and column.role == "dimension" and 0 < column.distinct <= MOST_VALUES
        if column.name in key:
            continue
        if few and not said(known, table.ref, "accepted_values", [column.name]):
            values = _distinct(session, table, column)
            if values and table.rows >= 5 * len(values):
                yield Entry(table.ref, "accepted_values",
                            f"{{column: {named}, values: [{', '.join(map(scalar, values))}]}}", "warn")
        if about.get("negative") == 0 and about.get("missing") != table.rows and is_numeric(column.type) \
                and not said(known, table.ref, "range", [column.name]):
            yield Entry(table.ref, "range", f"{{column: {named}, min: 0}}", "warn")
        pattern = next((one for one in PATTERNS if about.get(one)), None)
        if pattern and not said(known, table.ref, "pattern", [column.name]):
            yield Entry(table.ref, "pattern", f"{{column: {named}, matches: {scalar(pattern)}}}", "warn")


def _distinct(session: Session, table: Table, column: Column) -> list[str]:
    name = quote(column.name)
    rows = session.query(f"SELECT DISTINCT CAST({name} AS VARCHAR) FROM {table.ref.sql} WHERE {name} IS NOT NULL "
                         f"ORDER BY 1 LIMIT {MOST_VALUES + 1}", read_only=True).rows()
    found = [str(row[0]) for row in rows]
    return found if len(found) <= MOST_VALUES and all(len(one) <= 60 and one.isprintable() for one in found) else []


def _relations(catalog: Catalog, info: TableInfo, known: Checks, origins: Collection[str]) -> Iterator[Entry]:
    """Each declared one; of those guessed for a column the best. What was loaded depends on nothing made of it here."""
    found: dict[str, list[Relation]] = {}
    for one in catalog.relations:
        made_of_it = info.ref.key in origins and one.parent.key not in origins and not one.declared
        if one.child.key == info.ref.key and one.complete and not one.mixed and not made_of_it:
            found.setdefault(one.child_column, []).append(one)
    for column, several in found.items():
        if said(known, info.ref, "relationship", [column]):
            continue
        best = max(several, key=lambda one: (one.parent.key in origins, one.confidence))
        for one in [one for one in several if one.declared] or [best]:
            yield Entry(info.ref, "relationship", f"{{column: {scalar(column)}, to: {_column_of(one)}}}",
                        "error" if one.declared else "warn")


def _column_of(one: Relation) -> str:
    parent = ".".join((*(() if one.parent.schema == "main" else (quote(one.parent.schema),)),
                       quote(one.parent.name), quote(one.parent_column)))
    plain = parent.replace('"', "")
    return plain if all(part.isidentifier() for part in plain.split(".")) else scalar(parent)


def _within(loads: Sequence[dt.datetime]) -> str:
    """Three times the longest gap between the last ten; "" where there is none to go by."""
    recent = loads[-10:]
    gaps = [(later - earlier).total_seconds() / 3_600 for earlier, later in itertools.pairwise(recent)]
    if not gaps:
        return ""
    found = next((pair for pair in _SPANS if pair[0] >= 3 * max(gaps)), None)
    return "" if found is None else f"{found[0]}h" if found[1] == "h" else found[1]
