"""What may stand at a place in some SQL: tables, columns, variables, words. For cells and for the sidebar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pluto_duck.session import TableInfo

_FRAGMENT = re.compile(r"[\w$.\"]*$")
_RELATION = re.compile(
    r"\b(?:from|join|update|into|table)\s+((?:\"[^\"]+\"|\w+)(?:\.(?:\"[^\"]+\"|\w+))?)(?:\s+(?:as\s+)?(\w+))?", re.I)
_AFTER_RELATION_WORD = re.compile(r"\b(?:from|join|update|into|table|describe|summarize)\s+[\w.\"]*$", re.I)
KEYWORDS = ("select", "from", "where", "group by", "order by", "having", "limit", "join", "left join", "using", "on",
            "with", "distinct", "case", "when", "then", "else", "end", "between", "like", "ilike", "is null",
            "is not null", "count", "sum", "avg", "min", "max", "desc", "asc", "as", "and", "or", "not", "in",
            "union all", "create table", "insert into", "update", "delete from", "describe", "summarize", "qualify")
_NOT_ALIASES = {"where", "join", "left", "right", "inner", "full", "cross", "on", "using", "group", "order", "limit",
                "having", "qualify", "union", "set", "values", "select", "natural", "asof", "positional", "window"}
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
_SCALARS = (str, int, float, list, tuple, bytes)

Kind = Literal["table", "view", "column", "variable", "keyword"]


@dataclass(frozen=True)
class Candidate:
    text: str
    """As it must stand in SQL, with its owner before the dot where the fragment has one."""
    kind: Kind
    detail: str = ""
    """A column's type, what a table is made of."""


def complete_sql(before: str, whole: str, tables: Sequence[TableInfo],
                 variables: Iterable[tuple[str, Any]]) -> tuple[str, list[Candidate]]:
    """(the fragment that ends `before`, what may replace it). `whole`: all of the SQL, whose tables and aliases say
    which columns are meant."""
    found = _FRAGMENT.search(before)
    fragment = found.group() if found else ""
    variables = list(variables)
    if fragment.startswith("$"):
        return fragment, [Candidate(f"${name}", "variable", type(value).__name__) for name, value in variables
                          if isinstance(value, _SCALARS) and fits(f"${name}", fragment)]
    owner, dot, last = fragment.rpartition(".")
    if dot:
        return fragment, [Candidate(f"{owner}.{one.text}", one.kind, one.detail)
                          for one in _members(owner, whole, tables) if fits(one.text, last)]
    relations = [Candidate(written(str(one.ref)), one.kind, _size(one)) for one in tables]
    relations += [Candidate(name, "variable", type(value).__name__) for name, value in variables if is_table(value)]
    if _AFTER_RELATION_WORD.search(before):
        return fragment, [one for one in _once(relations) if fits(one.text, fragment)]
    mentioned = set(_mentioned(whole).values())
    columns = [one for table in tables if str(table.ref).lower() in mentioned for one in _columns(table)]
    if not fragment:
        return fragment, _once(columns)
    if not columns:
        columns = [one for table in tables for one in _columns(table)]
    words = [Candidate(word, "keyword") for word in KEYWORDS]
    return fragment, [one for one in _once([*columns, *relations, *words]) if fits(one.text, fragment)]


def _members(owner: str, whole: str, tables: Sequence[TableInfo]) -> list[Candidate]:
    """The columns of an alias or table, or the tables of a schema."""
    name = _mentioned(whole).get(owner.lower().strip('"'), owner.lower().strip('"'))
    for one in tables:
        if name in (str(one.ref).lower(), one.ref.name.lower()):
            return _columns(one)
    return [Candidate(written(one.ref.name), one.kind, _size(one)) for one in tables if one.ref.schema.lower() == name]


def _columns(table: TableInfo) -> list[Candidate]:
    return [Candidate(written(one.name), "column", f"{one.type}, {table.ref}") for one in table.columns]


def _size(table: TableInfo) -> str:
    if table.row_estimate is None:
        return table.kind
    return f"{table.row_estimate:,} row{'' if table.row_estimate == 1 else 's'}"


def _once(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first of each text."""
    return list({one.text: one for one in reversed(list(candidates))}.values())[::-1]


def is_table(value: Any) -> bool:
    """Whether SQL can read a variable as a table."""
    return not isinstance(value, type) and hasattr(type(value), "__arrow_c_stream__")


def _mentioned(sql: str) -> dict[str, str]:
    """Alias or table -> table, in lower case, of the tables that the SQL names."""
    found: dict[str, str] = {}
    for match in _RELATION.finditer(sql):
        table = match.group(1).replace('"', "").lower()
        found[table] = found[table.rpartition(".")[2]] = table
        alias = (match.group(2) or "").lower()
        if alias and alias not in _NOT_ALIASES:
            found[alias] = table
    return found


def written(name: str) -> str:
    """As it must stand in SQL."""
    parts = name.split(".") if all(_PLAIN.match(part.lower()) for part in name.split(".")) else [name]
    return ".".join(part if _PLAIN.match(part.lower()) else '"' + part.replace('"', '""') + '"' for part in parts)


def fits(candidate: str, fragment: str) -> bool:
    return candidate.lower().strip('"').startswith(fragment.lower().strip('"'))
