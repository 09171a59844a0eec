"""Values as JSON text, made by DuckDB itself: SQL for each type, from which `decode` can make the same value again.

The mapping is that of the other doors (`display/jsonable.py`); docs/changes.md has it as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.tableref import quote
from pluto_duck.workspace.typetext import fields_of, parts

SAFE = 2**53 - 1
"""Beyond it a number would be rounded by readers whose numbers are doubles."""

_SMALL = frozenset({"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"})
_WHOLE = frozenset({"BIGINT", "HUGEINT"})
_WHOLE_POSITIVE = frozenset({"UBIGINT", "UHUGEINT"})
_TEXT_IS_SAFE = ("DECIMAL", "UUID", "BIT", "BIGNUM", "DATE", "TIME", "TIME_NS", "TIME WITH TIME ZONE", "GEOMETRY")
"""Their text needs no escapes."""
_MOMENTS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
_S = "system.main."
"""Functions by their full names: a macro of the user's may be called as they are."""


def json_text(kind: str, value: str, depth: int = 0) -> str:
    """SQL of the JSON text ('null' for NULL) of the SQL expression `value`, which has the DuckDB type `kind`."""
    if kind in _SMALL:
        return f"coalesce(CAST({value} AS VARCHAR), 'null')"
    if kind in _WHOLE or kind in _WHOLE_POSITIVE:
        least = f"{value} >= -{SAFE} AND " if kind in _WHOLE else ""
        return (f"coalesce(CASE WHEN {least}{value} <= {SAFE} THEN CAST({value} AS VARCHAR) "
                f"ELSE '\"' || CAST({value} AS VARCHAR) || '\"' END, 'null')")
    if kind in ("DOUBLE", "FLOAT"):
        return (f"CASE WHEN {_S}isfinite({value}) THEN CAST({value} AS VARCHAR) WHEN {value} IS NULL THEN 'null' "
                f"WHEN {_S}isnan({value}) THEN '\"NaN\"' WHEN {value} > 0 THEN '\"Infinity\"' ELSE '\"-Infinity\"' END")
    if kind in _MOMENTS:
        return _quoted(f"{_S}replace(CAST({value} AS VARCHAR), ' ', 'T')")
    if kind == "TIMESTAMP WITH TIME ZONE":
        # Not timezone('UTC', ...): 1.5 gives other microseconds for far years.
        utc = f"CAST({_S}make_timestamp({_S}epoch_us({value})) AS VARCHAR)"
        return _quoted(f"CASE WHEN {_S}isfinite({value}) THEN {_S}replace({utc}, ' ', 'T') || 'Z' "
                       f"ELSE CAST({value} AS VARCHAR) END")
    if kind == "BLOB":
        return _quoted(f"{_S}to_base64({value})")
    if kind == "INTERVAL":
        return f"CASE WHEN {value} IS NULL THEN 'null' ELSE '\"' || {_duration(value)} || '\"' END"
    nested = _nested(kind, value, depth)
    if nested is not None:
        return nested
    if kind.partition("(")[0] in _TEXT_IS_SAFE:
        return _quoted(f"CAST({value} AS VARCHAR)")
    # ENUM, and what we do not know: the text that a cast gives. JSON, too: parsing it would lose digits and doubles.
    text = value if kind == "VARCHAR" else f"CAST({value} AS VARCHAR)"
    return f"coalesce(CAST({_S}to_json({text}) AS VARCHAR), 'null')"


def row_text(columns: Iterable[tuple[str, str]], value: Callable[[str], str]) -> str:
    """SQL of a JSON object; `value` gives the SQL of a column by its name."""
    pieces: list[str] = []
    before = "{"
    for name, kind in columns:
        pieces += [literal(f"{before}{key_text(name)}:"), json_text(kind, value(name))]
        before = ","
    return f"{_S}concat({', '.join(pieces)}, '}}')" if pieces else "'{}'"


def key_text(name: str) -> str:
    import json

    return json.dumps(name, ensure_ascii=False)


def literal(text: str) -> str:
    return to_sql({"t": "str", "v": text})


def _quoted(text: str) -> str:
    return f"coalesce('\"' || {text} || '\"', 'null')"


def _nested(kind: str, value: str, depth: int) -> str | None:
    if kind.endswith("]"):
        inner = kind[:kind.rindex("[")]
        source = value if kind.endswith("[]") else f"CAST({value} AS {inner}[])"
        return _listed(source, inner, depth, lambda one: json_text(inner, one, depth + 1))
    if kind.startswith("MAP("):
        key, of = parts(kind[len("MAP("):-1])
        return _listed(f"{_S}map_entries({value})", "", depth, lambda one: (
            f"('[' || {json_text(key, f'({one}).key', depth + 1)} || ',' || "
            f"{json_text(of, f'({one}).value', depth + 1)} || ']')"))
    if kind.startswith("STRUCT("):
        fields = list(fields_of(kind))
        made = row_text_at(fields, value, depth)
        return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {made} END"
    if kind.startswith("UNION("):
        cases = "".join(
            f" WHEN {literal(name)} THEN {literal('{' + key_text(name) + ':')} || "
            f"{json_text(of, f'{_S}union_extract({value}, {literal(name)})', depth + 1)} || '}}'"
            for name, of in fields_of(f"STRUCT({kind[len('UNION('):]}"))
        return f"CASE CAST({_S}union_tag({value}) AS VARCHAR){cases} ELSE 'null' END"
    return None


def row_text_at(fields: list[tuple[str, str]], value: str, depth: int) -> str:
    pieces: list[str] = []
    for i, (name, of) in enumerate(fields):
        pieces += [literal(("," if i else "{") + key_text(name) + ":"),
                   json_text(of, f"({value}).{quote(name)}", depth + 1)]
    return f"{_S}concat({', '.join(pieces)}, '}}')"


def _listed(source: str, inner: str, depth: int, of: Callable[[str], str]) -> str:
    name = f"pluto_e{depth}"
    made = f"{_S}list_transform({source}, lambda {name}: {of(name)})"
    return (f"CASE WHEN {source} IS NULL THEN 'null' ELSE "
            f"'[' || coalesce({_S}list_aggregate({made}, 'string_agg', ','), '') || ']' END")


def _duration(value: str) -> str:
    """ISO 8601; each part keeps its own sign, as DuckDB's parts do."""
    months = f"({_part('year', value)} * 12 + {_part('month', value)})"
    days = _part("day", value)
    micros = (f"(({_part('hour', value)} * 60 + {_part('minute', value)}) * 60000000::HUGEINT "
              f"+ {_part('microsecond', value)})")
    fraction = f"{_S}abs({micros}) % 1000000"
    clock = (f"CASE WHEN {micros} < 0 THEN '-' ELSE '' END || CAST({_S}abs({micros}) // 1000000 AS VARCHAR) || "
             f"CASE WHEN {fraction} <> 0 THEN '.' || {_S}rtrim({_S}lpad(CAST({fraction} AS VARCHAR), 6, '0'), '0') "
             f"ELSE '' END")
    return (f"('P' || CASE WHEN {months} <> 0 THEN CAST({months} AS VARCHAR) || 'M' ELSE '' END || "
            f"CASE WHEN {days} <> 0 THEN CAST({days} AS VARCHAR) || 'D' ELSE '' END || "
            f"CASE WHEN {micros} <> 0 OR ({months} = 0 AND {days} = 0) THEN 'T' || {clock} || 'S' ELSE '' END)")


def _part(name: str, value: str) -> str:
    return f"{_S}date_part('{name}', {value})"


__all__ = ["json_text", "key_text", "literal", "row_text"]
