"""What a writing statement does, as far as its text must tell before its changes can be taken down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pluto_duck.workspace.parser import Parser, Statement, Token
from pluto_duck.workspace.tableref import fold

Verb = Literal["insert", "upsert", "update", "delete", "truncate", "merge", "shape", "other"]

SMALL = 600
"""Tokens of an INSERT of VALUES up to which its rows are few."""


@dataclass(frozen=True)
class Write:
    verb: Verb
    sql: str = ""
    kind: str = ""
    """The type of the statement, as DuckDB calls it."""
    returning: bool = False
    """It has a RETURNING of its own."""
    appends: bool = False
    """All it does is to put rows after those that are there."""
    few: bool = False
    """An INSERT of few rows that stand in its text."""
    sets: frozenset[str] = frozenset()
    """Columns, folded, that it may set in rows that are there; "*" where that can't be told."""
    end: int = 0
    """Where, in bytes, a RETURNING can be added."""
    picks: str = ""
    """Of an UPDATE or DELETE whose condition looks at one row at a time: what a SELECT of the same rows has after its
    FROM; "" for others."""
    calls: frozenset[str] = frozenset()
    """Functions that the condition calls, folded."""
    assigns: tuple[tuple[str, str], ...] = ()
    """With `picks`, of an UPDATE that sets whole columns to expressions over the row: each, folded, and its expression
    as it is written."""
    assigning_calls: frozenset[str] = frozenset()
    """Functions that those call, folded."""
    point: str = ""
    """Of an UPDATE or DELETE of one table whose whole condition is `column = value`: that column, folded."""
    point_value: str = ""
    """The value, as it is written; "" for a parameter."""

    def returning_also(self, columns: str) -> str:
        """The statement with more columns to return, after its own."""
        text = self.sql.encode()[:self.end].decode() if self.end else self.sql
        joint = "," if self.returning else "RETURNING"
        return f"{text}\n{joint} {columns}"


def write_of(statement: Statement, parser: Parser) -> Write:
    tokens = parser.tokens(statement.sql)
    words = [one.text.lower() for one in tokens]
    kind = statement.type
    if kind in ("CREATE", "DROP", "ALTER"):
        return Write("shape", statement.sql, kind)
    if words[:1] == ["truncate"]:
        return Write("truncate", statement.sql, kind)
    if kind == "COPY":
        return Write("insert", statement.sql, kind, appends=True)
    if kind not in ("INSERT", "UPDATE", "DELETE", "MERGE_INTO"):
        return Write("other", statement.sql, kind)
    top = _top(tokens)
    end = next((tokens[i].start for i in reversed(range(len(tokens))) if tokens[i].text == ";"
                and all(one.text == ";" for one in tokens[i:]) and (i == 0 or tokens[i - 1].text != ";")), 0)
    returning = any(words[i] == "returning" for i in top)
    shared = {"sql": statement.sql, "kind": kind, "returning": returning, "end": end}
    if kind == "INSERT":
        start = next((i for i in top if words[i] == "insert"), 0)
        conflict = next((i for i in top if words[i:i + 2] == ["on", "conflict"]), None)
        replacing = words[start + 1:start + 3] == ["or", "replace"]
        updating = replacing or (conflict is not None and "update" in words[conflict:conflict + 80]
                                 and any(words[i:i + 2] == ["do", "update"] for i in range(conflict, len(words))))
        if updating:
            return Write("upsert", sets=_sets(tokens, words, top), **shared)  # type: ignore[arg-type]
        plain = conflict is None and words[start + 1:start + 2] != ["or"]
        few = len(tokens) <= SMALL and "values" in words and not {"select", "from", "table", "unnest"} & set(words)
        return Write("insert", appends=plain, few=few, **shared)  # type: ignore[arg-type]
    if kind == "DELETE":
        picks, calls = _picks(statement.sql, tokens, words, top, "from")
        point, value = _point(tokens, words, top)
        return Write("delete", picks=picks, calls=calls, point=point, point_value=value, **shared)  # type: ignore[arg-type]
    if kind == "UPDATE":
        picks, calls = _picks(statement.sql, tokens, words, top, "update")
        point, value = _point(tokens, words, top)
        assigns, also = _assigns(statement.sql, tokens, words, top) if picks else ((), frozenset())
        return Write("update", sets=_sets(tokens, words, top), picks=picks, calls=calls, point=point,
                     point_value=value, assigns=assigns, assigning_calls=also, **shared)  # type: ignore[arg-type]
    sets = _sets(tokens, words, top)
    bare = any(words[i] == "update" and words[i + 1:i + 2] != ["set"] for i in top) \
        or any(words[i:i + 2] == ["set", "*"] for i in top)
    return Write("merge", sets=sets | {"*"} if bare else sets, **shared)  # type: ignore[arg-type]


_MORE_THAN_A_ROW = frozenset({"select", "from", "with", "table", "values", "over", "returning", "using", "limit",
                              "order", "pivot", "unpivot", "tablesample", "rowid"})
_POINT = 4
"""Tokens of a condition up to which it is `key = value`: of one row DuckDB returns what it wrote more quickly."""


def _picks(sql: str, tokens: list[Token], words: list[str], top: list[int], first: str) -> tuple[str, frozenset[str]]:
    """`Write.picks` and `Write.calls`."""
    start = 2 if first == "from" else 1
    if words[:start] != (["delete", "from"] if first == "from" else ["update"]):
        return "", frozenset()
    where = next((i for i in top if words[i] == "where"), len(words))
    until = where if first == "from" else next((i for i in top if words[i] == "set"), 0)
    stop = next((i for i in top if i > until and words[i] == ";"), len(words))
    condition = words[where + 1:stop]
    if not start < until or set(words[start:until]) & {"only", "using", ","} or set(condition) & _MORE_THAN_A_ROW \
            or (0 < len(condition) <= _POINT and "=" in condition) \
            or any(one.text[:1] in "$?" for one in tokens) or (first == "update" and any(
                words[i] in ("from", "returning") for i in top if i > until)):
        return "", frozenset()

    def text(begin: int, end: int) -> str:
        return _text(sql, tokens, begin, end)

    named = text(start, min(until, stop))
    return (f"{named} WHERE ({text(where + 1, stop)}\n)" if condition else named), _calls(condition)


def _text(sql: str, tokens: list[Token], begin: int, end: int) -> str:
    """Of the tokens from `begin` to before `end`."""
    last = tokens[end - 1]
    return sql.encode()[tokens[begin].start:last.start + len(last.text.encode())].decode() if begin < end else ""


_OPERATORS = set("=<>!+-*/%|&^~,:([{")


def _calls(words: list[str]) -> frozenset[str]:
    return frozenset(unquoted(words[i]) for i in range(len(words) - 1)
                     if words[i + 1].startswith("(") and not set(words[i]) <= _OPERATORS)


def _assigns(sql: str, tokens: list[Token], words: list[str],
             top: list[int]) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    """`Write.assigns` and `Write.assigning_calls`."""
    nothing: tuple[tuple[tuple[str, str], ...], frozenset[str]] = ((), frozenset())
    begin = next((i for i in top if words[i] == "set"), len(words)) + 1
    end = next((i for i in top if i > begin and (words[i] == "where" or words[i] == ";")), len(words))
    if set(words[begin:end]) & (_MORE_THAN_A_ROW | {"default", "columns"}):
        return nothing
    commas = [i for i in top if begin < i < end and words[i] == ","]
    found: dict[str, str] = {}
    for first, last in zip([begin, *(i + 1 for i in commas)], [*commas, end], strict=True):
        if last < first + 3 or words[first + 1] != "=" or tokens[first].kind not in ("identifier", "keyword"):
            return nothing
        column = unquoted(tokens[first].text)
        if column in found:
            return nothing
        found[column] = _text(sql, tokens, first + 2, last)
    return tuple(found.items()), _calls(words[begin:end])


def _point(tokens: list[Token], words: list[str], top: list[int]) -> tuple[str, str]:
    """`Write.point` and `Write.point_value`."""
    kind, where = words[0], next((i for i in top if words[i] == "where"), len(words))
    rest = [one for i, one in enumerate(tokens) if i > where and one.text != ";" and one.kind != "comment"]
    joins = any(words[i] in ("using", "from") for i in top if i > 1)
    if kind not in ("update", "delete") or joins or len(rest) not in (3, 4) or rest[1].text != "=" \
            or rest[0].kind != "identifier":
        return "", ""
    column, value = unquoted(rest[0].text), rest[2]
    if len(rest) == 4 or value.text in "$?":
        return (column, "") if value.text == "$" else ("", "")
    return (column, value.text) if value.kind in ("number", "string") else ("", "")


def hides(tokens: list[Token]) -> bool:
    """Whether a statement has another one within it that may write, as DuckDB 2.0 allows: WITH x AS (DELETE ...)."""
    words = [one.text.lower() for one in tokens]
    return any(word == "(" and words[i + 1] in ("insert", "update", "delete", "merge", "with", "copy", "truncate")
               and (words[i + 1] != "with" or i == 0 or words[i - 1] in ("as", "materialized"))
               for i, word in enumerate(words[:-1])) and "with" in words


def _top(tokens: list[Token]) -> list[int]:
    """The tokens that stand in no brackets."""
    depth, found = 0, []
    for i, one in enumerate(tokens):
        if one.kind == "operator" and one.text[:1] in "([{":
            depth += 1
        elif one.kind == "operator" and one.text[:1] in ")]}":
            depth -= 1
        elif depth == 0:
            found.append(i)
    return found


_AFTER_SET = {"where", "from", "when", "returning"}


def _sets(tokens: list[Token], words: list[str], top: list[int]) -> frozenset[str]:
    """Names that stand where a SET would name its columns, and perhaps some others."""
    found: set[str] = set()
    at_top = set(top)
    for start in (i for i in top if words[i] == "set"):
        stop = next((i for i in top if i > start and words[i] in _AFTER_SET), len(tokens))
        tuples = any(words[i] == ")" and i + 1 < stop and words[i + 1].startswith("=") for i in range(start, stop))
        for i in range(start + 1, stop):
            if tokens[i].kind not in ("identifier", "keyword"):
                continue
            named = words[i + 1:i + 2] and words[i + 1].startswith("=") and i in at_top
            if named or (tuples and i not in at_top) or words[i + 1:i + 2] == ["["]:
                found.add(unquoted(tokens[i].text))
    return frozenset(found)


def unquoted(text: str) -> str:
    return fold(text[1:-1].replace('""', '"') if text.startswith('"') else text)


def touches(sets: Iterable[str], key: Iterable[str]) -> bool:
    sets = set(sets)
    return "*" in sets or bool(sets & {fold(one) for one in key})
