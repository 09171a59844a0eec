"""What a person should know of a table before it is loaded: types, gaps, doubles, suspicious values, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pluto_duck.ingest.connectors import Connector, SourceColumn, SourceTable
from pluto_duck.ingest.sources import open_source
from pluto_duck.workspace import quote

MAX_ROWS = 1_000_000
KEYS = 3
MOSTLY = 0.6
"""From this share on a text column is one of numbers, dates or booleans with some odd values."""
_NOTHING = ("n/a", "na", "null", "none", "nan", "-", "--", "?", "#n/a", "nil", "missing", "unknown", "tbd", "#ref!",
            "#value!")
_STAND_IN_DAYS = ("1900-01-01", "1899-12-30", "1970-01-01", "9999-12-31", "2099-12-31")
_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y")
_NUMBER = r"[+-]?([0-9]{1,3}([,.][0-9]{3})+|[0-9]+)([.,][0-9]+)?%?"
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "FLOAT", "DOUBLE", "DECIMAL")
_NESTED = ("STRUCT", "MAP", "UNION")


@dataclass(frozen=True)
class ColumnDiagnosis:
    name: str
    type: str
    null_percent: float
    distinct: int
    """Approximate above 10,000."""
    minimum: str
    maximum: str
    examples: tuple[str, ...]
    """The most frequent values first."""
    findings: tuple[str, ...]


@dataclass(frozen=True)
class TableDiagnosis:
    name: str
    rows: int
    complete: bool
    """False: only the first rows were looked at."""
    columns: tuple[ColumnDiagnosis, ...]
    duplicate_rows: int
    """Rows that another row equals in every column, the first of each left out."""
    keys: tuple[tuple[str, ...], ...]
    """Columns that tell all rows apart, the likeliest first; the source's own key before all others."""
    note: str
    """How the file is written."""


@dataclass(frozen=True)
class Diagnosis:
    source: str
    tables: tuple[TableDiagnosis, ...]
    problems: tuple[tuple[str, str], ...] = ()
    """(table, why it can't be looked at), where others can."""

    HEADERS = ("table", "column", "type", "null %", "distinct", "min", "max", "examples", "findings")

    def rows(self) -> list[tuple[Any, ...]]:
        """One for each column, as HEADERS has them."""
        return [(table.name, one.name, one.type, round(one.null_percent, 1), one.distinct, one.minimum, one.maximum,
                 ", ".join(one.examples), "; ".join(one.findings))
                for table in self.tables for one in table.columns]

    def remarks(self) -> list[str]:
        """What is said of whole tables, one sentence each."""
        said = []
        for table in self.tables:
            looked = "" if table.complete else " (only these were looked at)"
            said.append(f"{table.name}: {table.rows:,} rows{looked}" + (f"; {table.note}" if table.note else "") + ".")
            if table.duplicate_rows:
                said.append(f"{table.name}: {table.duplicate_rows:,} rows repeat another one.")
            keys = [" + ".join(key) for key in table.keys]
            told = f"could be told apart by {' or '.join(keys)}" if keys else "no column tells its rows apart"
            said.append(f"{table.name}: {told}.")
        return [*said, *(f"{name} can't be looked at: {why}" for name, why in self.problems)]


def diagnose(source: str, *, tables: Sequence[str] | None = None, options: Mapping[str, str] | None = None,
             connector: str | None = None, max_rows: int = MAX_ROWS) -> Diagnosis:
    """Looks at a source without loading it. Raises what a load would raise, where nothing of it can be looked at."""
    opened, shown = open_source(source, connector)
    opened.configure(options or {})
    with opened as ready:
        found = ready.discover(tables)
        problems = {one.name: one.problem for one in found if one.problem is not None}
        for problem in problems.values():
            if len(problems) == len(found):
                raise problem
        return Diagnosis(shown, tuple(diagnose_table(ready, one, max_rows=max_rows) for one in found
                                      if one.problem is None),
                         tuple((name, problem.message) for name, problem in problems.items()))


def diagnose_table(connector: Connector, table: SourceTable, *, max_rows: int = MAX_ROWS) -> TableDiagnosis:
    for _attempt in range(3):
        try:
            return _diagnosed(connector, table, max_rows)
        except Exception as error:
            if not getattr(error, "facts", {}).get("again"):
                raise
            [table] = connector.discover([table.name])
    return _diagnosed(connector, table, max_rows)


def _diagnosed(connector: Connector, table: SourceTable, max_rows: int) -> TableDiagnosis:
    from pluto_duck.workspace.database import open_memory

    kept = [one for one in table.columns if not one.refusal]
    refused = {one.name: one for one in table.columns if one.refusal}
    memory = open_memory(["SET TimeZone = 'UTC'"])
    try:
        _fill(memory, connector.read(replace(table, columns=tuple(kept))), kept, max_rows + 1)
        count = int(memory.execute("SELECT count(*) FROM t").fetchall()[0][0])
        complete = count <= max_rows
        columns = {one.name: _column(memory, one.name, one.type, count, one.note) for one in kept}
        made = tuple(columns[one.name] if one.name in columns else ColumnDiagnosis(
            one.name, one.source_type, 0.0, 0, "", "", (), (f"not loaded as it is: it {refused[one.name].refusal}",))
            for one in table.columns)
        return TableDiagnosis(table.name, min(count, max_rows), complete, made, _repeated(memory, kept, count),
                              _keys(memory, table, columns, count), table.note)
    finally:
        memory.close()


def _fill(memory: Any, rows: Any, columns: Sequence[SourceColumn], limit: int) -> None:
    """The table t. An error of the stream comes out as it is, not as what DuckDB makes of it."""
    import pyarrow

    failed: list[BaseException] = []

    def batches() -> Iterator[Any]:
        try:
            yield from rows
        except Exception as error:
            failed.append(error)
            raise

    memory.register("incoming", pyarrow.RecordBatchReader.from_batches(rows.schema, batches()))
    picks = ", ".join(f"CAST({one.expression} AS {one.type}) AS {quote(one.name)}" for one in columns)
    try:
        memory.execute(f"CREATE TABLE t AS SELECT {picks} FROM incoming LIMIT {limit}")
    except Exception:
        if failed:
            raise failed[0] from None
        raise
    memory.unregister("incoming")


def _column(memory: Any, name: str, kind: str, count: int, note: str) -> ColumnDiagnosis:
    c = quote(name)
    nested = kind.startswith(_NESTED) or kind.endswith("]")
    low, high = ("NULL", "NULL") if nested else (f"min({c})::VARCHAR", f"max({c})::VARCHAR")
    filled, distinct, minimum, maximum = memory.execute(
        f"SELECT count({c}), approx_count_distinct({c}), {low}, {high} FROM t").fetchall()[0]
    if distinct <= 12_000:
        distinct = memory.execute(f"SELECT count(DISTINCT {c}) FROM t").fetchall()[0][0]
    examples = tuple(_short(row[0]) for row in memory.execute(
        f"SELECT {c}::VARCHAR FROM t WHERE {c} IS NOT NULL GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 3").fetchall())
    findings = [note] if note else []
    if count and not filled:
        findings.append("always empty")
    elif distinct == 1 and filled == count and count > 1:
        findings.append("always the same")
    if filled and kind == "VARCHAR":
        findings += _of_text(memory, c, filled, distinct)
    elif filled and kind.startswith(_NUMERIC):
        findings += _of_numbers(memory, c, filled)
    elif filled and kind.startswith(("DATE", "TIMESTAMP")):
        findings += _of_days(memory, c)
    return ColumnDiagnosis(name, kind, 100.0 * (count - filled) / count if count else 0.0, int(distinct),
                           _short(minimum or ""), _short(maximum or ""), examples, tuple(findings))


def _of_text(memory: Any, c: str, filled: int, distinct: int) -> list[str]:
    words = ", ".join(f"'{one}'" for one in _NOTHING)
    blanks, nothing, numbers, zeros, controls, folded = memory.execute(
        f"SELECT count_if({c} <> trim({c})), count_if(lower(trim({c})) IN ({words})), "
        f"count_if(regexp_full_match(trim({c}), '{_NUMBER}')), count_if(regexp_full_match({c}, '0[0-9]+')), "
        f"count_if(regexp_matches({c}, '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\uFFFD]')), "
        f"approx_count_distinct(lower(trim({c}))) FROM t").fetchall()[0]
    said = []
    if blanks:
        said.append(f"{blanks:,} with blanks around them")
    if nothing:
        found = [row[0] for row in memory.execute(
            f"SELECT trim({c}) FROM t WHERE lower(trim({c})) IN ({words}) GROUP BY 1 "
            "ORDER BY count(*) DESC LIMIT 3").fetchall()]
        said.append(f"{nothing:,} that may mean nothing: {', '.join(found)}")
    if numbers and numbers + nothing == filled and not zeros:
        said.append("numbers stored as text")
    said += _mostly(memory, c, words)
    if controls:
        said.append(f"{controls:,} with control characters or broken letters")
    if folded < distinct or distinct <= 12_000:
        pairs = memory.execute(
            f"SELECT list(DISTINCT {c})[1:2] FROM t WHERE {c} IS NOT NULL GROUP BY lower(trim({c})) "
            f"HAVING count(DISTINCT {c}) > 1 ORDER BY lower(trim({c}))").fetchall()
        if pairs:
            example = " / ".join(sorted(_short(one) for one in pairs[0][0]))
            said.append(f"{len(pairs):,} written in more than one way: {example}")
    return said


def _mostly(memory: Any, c: str, nothing: str) -> list[str]:
    """What most of the texts are, with one that is not."""
    v = f"trim({c})"
    formats = ", ".join(f"'{one}'" for one in _DAYS)
    kinds = {"numbers": f"regexp_full_match({v}, '{_NUMBER}')",
             "dates": f"(regexp_matches({v}, '^[0-9]{{1,4}}[-/.][0-9]') AND "
                      f"(try_strptime({v}, [{formats}]) IS NOT NULL OR TRY_CAST({v} AS TIMESTAMP) IS NOT NULL))",
             "booleans": f"(lower({v}) IN ('true', 'false', 'yes', 'no', 't', 'f', 'y', 'n'))"}
    asked = ", ".join(f"count_if({is_one}), min({c}) FILTER (NOT {is_one})" for is_one in kinds.values())
    count, *found = memory.execute(
        f"SELECT count(*), {asked} FROM t WHERE {v} <> '' AND lower({v}) NOT IN ({nothing})").fetchall()[0]
    return [f"{found[2 * i]:,} of {count:,} values are {kind}; '{_short(found[2 * i + 1])}' is not"
            for i, kind in enumerate(kinds) if MOSTLY * count <= found[2 * i] < count]


def _of_numbers(memory: Any, c: str, filled: int) -> list[str]:
    said = []
    finite = f"isfinite({c}::DOUBLE)"
    quartiles = memory.execute(f"SELECT quantile_cont({c}::DOUBLE, [0.25, 0.75]) FROM t WHERE {finite}").fetchall()
    low, high = quartiles[0][0] or (0.0, 0.0)
    odd = memory.execute(
        f"SELECT {c}::VARCHAR, count(*) FROM t WHERE regexp_full_match({c}::VARCHAR, '-?9{{3,}}(\\.0+)?|-1(\\.0+)?') "
        f"AND ({c} = (SELECT max({c}) FROM t) OR {c} = (SELECT min({c}) FROM t)) "
        "GROUP BY 1 HAVING count(*) > 1").fetchall()
    said += [f"{times:,} x {value}, which may mean nothing" for value, times in odd]
    unreal = memory.execute(f"SELECT count_if(NOT {finite}) FROM t").fetchall()[0][0]
    if unreal:
        said.append(f"{unreal:,} NaN or infinite")
    spread = 3 * (high - low)
    if filled >= 20 and spread > 0:
        outside = memory.execute(
            f"SELECT count(*), max_by({c}, abs({c}::DOUBLE))::VARCHAR FROM t WHERE {finite} "
            f"AND ({c}::DOUBLE < {low - spread!r} OR {c}::DOUBLE > {high + spread!r})").fetchall()[0]
        if outside[0] and outside[0] <= filled * 0.05:
            said.append(f"{outside[0]:,} far outside the others, such as {outside[1]}")
    return said


def _of_days(memory: Any, c: str) -> list[str]:
    days = ", ".join(f"'{one}'" for one in _STAND_IN_DAYS)
    found = memory.execute(f"SELECT {c}::DATE::VARCHAR AS d, count(*) FROM t WHERE {c}::DATE::VARCHAR IN ({days}) "
                           "GROUP BY d ORDER BY d").fetchall()
    return [f"{times:,} x {day}, which may mean nothing" for day, times in found]


def _repeated(memory: Any, kept: Sequence[Any], count: int) -> int:
    if not kept or not count:
        return 0
    # By hash: keeping a million whole rows apart would need their memory twice.
    names = ", ".join(quote(one.name) for one in kept)
    told_apart = memory.execute(f"SELECT count(DISTINCT md5_number(row({names})::VARCHAR)) FROM t").fetchall()
    return count - int(told_apart[0][0])


def _keys(memory: Any, table: SourceTable, columns: Mapping[str, ColumnDiagnosis],
          count: int) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = [table.primary_key] if table.primary_key else []
    if not count:
        return tuple(found)
    whole = [one for one in columns.values()
             if one.null_percent == 0 and not one.type.startswith((*_NESTED, "DOUBLE", "FLOAT"))]

    def tells(names: tuple[str, ...]) -> bool:
        picked = ", ".join(quote(one) for one in names)
        apart = memory.execute(f"SELECT count(*) FROM (SELECT DISTINCT {picked} FROM t)").fetchall()[0][0]
        return bool(apart == count)

    near = sorted((one for one in whole if one.distinct >= 0.9 * count), key=lambda one: _unlikely(one.name))
    found += [(one.name,) for one in near[:12] if (one.name,) not in found and tells((one.name,))]
    if not found:
        best = sorted(whole, key=lambda one: -one.distinct)[:6]
        found += [(a.name, b.name) for i, a in enumerate(best) for b in best[i + 1:]
                  if a.distinct * b.distinct >= count and tells((a.name, b.name))]
    return tuple(found[:KEYS])


def _unlikely(name: str) -> int:
    folded = name.lower()
    return 0 if folded in ("id", "key", "uuid") else 1 if folded.endswith(("id", "key", "code", "nr", "no")) else 2


def _short(value: str) -> str:
    value = " ".join(str(value).split())
    return value if len(value) <= 40 else value[:39] + "…"
