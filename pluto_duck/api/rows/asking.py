"""A query string as a Select: `?amount=gte.10&or=(id.lt.5,note.is.null)&select=id,note&order=amount.desc`.

Source: the syntax of PostgREST's horizontal filtering, as far as it goes without casts and embedding.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pluto_duck.errors import UsageError, nearest

if TYPE_CHECKING:
    from pluto_duck.session import TableRef
    from pluto_duck.session.rows import Condition, Order, Select

LIMIT, MAX_LIMIT = 100, 10_000
KNOWN = ("select", "order", "limit", "offset", "cursor", "and", "or", "not.and", "not.or", "workspace", "token")
"""What is no condition on a column; a column of such a name is reached by `and=(limit.eq.5)`."""
_OPERATORS = {"eq": "=", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like", "ilike": "ilike",
              "isdistinct": "is distinct from"}
OPERATORS = (*_OPERATORS, "in", "is", "contains", "startswith", "endswith")
_TEXTS = {"contains": "contains", "startswith": "starts with", "endswith": "ends with"}
DEEPEST = 20


def select(table: TableRef, query: Mapping[str, Sequence[str]], *, limit: int, offset: int) -> Select:
    """`query`: every value of every parameter, decoded."""
    from pluto_duck.session.rows import All, Select

    where: list[Condition] = []
    for name, values in query.items():
        for value in values:
            if name in ("and", "or", "not.and", "not.or"):
                where.append(_tree(f"{name}{value}", 0))
            elif name not in KNOWN:
                where.append(_compare(name, value))
    order = _order(query.get("order", ()))
    return Select(table, columns(query), All(tuple(where)) if where else None, order, limit, offset,
                  _opened(query.get("cursor", ()), order))


def columns(query: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    found = [_name(one) for text in query.get("select", ()) for one in _split(text)]
    return None if not found or found == ["*"] else tuple(found)


def _order(texts: Iterable[str]) -> tuple[Order, ...]:
    from pluto_duck.session.rows import Order

    found = []
    for one in (part for text in texts for part in _split(text)):
        name, words = one, list[str]()
        while name.endswith((".asc", ".desc", ".nullslast", ".nullsfirst")):
            name, _, word = name.rpartition(".")
            words.append(word)
        if "nullsfirst" in words:
            raise UsageError("NULLs come last here, either way.", hint="order=amount.desc", name="order")
        found.append(Order(_name(name), "desc" in words))
    return tuple(found)


def _compare(name: str, text: str, depth: int = 0) -> Condition:
    """`op.value`, with `not.` before it or not."""
    from pluto_duck.session.rows import Compare, Not

    op, dot, value = text.partition(".")
    if depth > DEEPEST:
        raise UsageError("The condition is nested too deep.")
    if op == "not" and dot:
        return Not(_compare(name, value, depth + 1))
    column = _name(name)
    if op in _OPERATORS and dot:
        return Compare(column, _OPERATORS[op], value.replace("*", "%") if op in ("like", "ilike") else value)
    if op in _TEXTS and dot:
        return Compare(column, _TEXTS[op], value)
    if op == "in" and value.startswith("(") and value.endswith(")"):
        return Compare(column, "in", [_unquoted(one) for one in _split(value[1:-1])])
    if op == "is" and value.lower() in ("null", "not_null", "true", "false", "unknown"):
        if value.lower() in ("true", "false"):
            return Compare(column, "is not distinct from", value.lower())
        return Compare(column, "is not null" if value.lower() == "not_null" else "is null")
    if op in OPERATORS:
        raise UsageError(f"{name}={text[:80]} can't be read.", name=name,
                         hint="in.(1,2,3)" if op == "in" else "is.null, is.not_null, is.true, is.false"
                         if op == "is" else f"{op}.VALUE")
    close = nearest(op, OPERATORS)
    raise UsageError(f"{name}={text[:80]} begins with no operator.", name=name,
                     hint=f"Did you mean {close[0]}?" if dot and close else f"For example: {name}=eq.{text[:40]}")


def _tree(text: str, depth: int) -> Condition:
    """`and(a.eq.1,or(b.lt.2,not.c.is.null))`"""
    from pluto_duck.session.rows import All, AnyOf, Not

    if depth > DEEPEST:
        raise UsageError("The condition is nested too deep.")
    bare = text.removeprefix("not.")
    for word, kind in (("and", All), ("or", AnyOf)):
        if bare.startswith(f"{word}(") and bare.endswith(")"):
            found: Condition = kind(tuple(_tree(one, depth + 1) for one in _split(bare[len(word) + 1:-1])))
            return found if bare == text else Not(found)
    name, dot, rest = _named(text)
    if not dot:
        raise UsageError(f"{text[:80]!r} is no condition.", hint="or=(amount.gte.10,note.is.null)")
    if depth == 0:
        raise UsageError(f"{text[:80]!r} needs brackets.", hint="or=(amount.gte.10,note.is.null)")
    turned = ""
    while rest.startswith("not."):
        turned, rest = turned + "not.", rest[len("not."):]
    word, _, value = rest.partition(".")
    return _compare(name, f"{turned}{word}.{value if word == 'in' else _unquoted(value)}")


def _named(text: str) -> tuple[str, str, str]:
    if text.startswith('"'):
        end = _end(text)
        return text[:end], text[end:end + 1], text[end + 1:]
    return text.partition(".")


def _end(text: str) -> int:
    """Behind the quotes that a text begins with."""
    i = 1
    while i < len(text):
        if text[i] == "\\":
            i += 2
            continue
        if text[i] == '"':
            return i + 1
        i += 1
    raise UsageError(f"{text[:40]!r} has an opening quote without a closing one.")


def _name(text: str) -> str:
    found = _unquoted(text.strip())
    if not found or "\0" in found:
        raise UsageError(f"{text[:40]!r} is no name of a column.")
    return found


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    if _end(text) != len(text):
        raise UsageError(f"{text[:40]!r} goes on behind its closing quote.")
    made, i = [], 1
    while i < len(text) - 1:
        i += text[i] == "\\"
        made.append(text[i])
        i += 1
    return "".join(made)


def _split(text: str) -> list[str]:
    """At commas that stand in no brackets and no quotes."""
    found, depth, start, i = [], 0, 0, 0
    while i < len(text):
        char = text[i]
        if char == '"' and (i == start or text[i - 1] in "(.,"):
            i += _end(text[i:])
            continue
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth <= 0:
            found.append(text[start:i])
            start = i + 1
        i += 1
    return [one for one in [*found, text[start:]] if one]


# -- cursors ------------------------------------------------------------------------------------------

def closed(values: Sequence[str | None], order: Sequence[Order]) -> str:
    """A cursor: where a page ended, in which order."""
    text = json.dumps([[[one.column.lower(), one.descending] for one in order], list(values)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _opened(texts: Sequence[str], order: Sequence[Order]) -> tuple[str | None, ...] | None:
    if not texts:
        return None
    try:
        told, values = json.loads(base64.urlsafe_b64decode(texts[-1].encode("ascii") + b"=" * (-len(texts[-1]) % 4)))
        good = isinstance(values, list) and all(one is None or isinstance(one, str) for one in values)
        same = told == [[one.column.lower(), one.descending] for one in order]
    except (ValueError, TypeError, RecursionError):
        good = same = False
    if not good or not same:
        raise UsageError("This is no cursor of these rows.", name="cursor",
                         hint="Take Link rel=next as it is; the order must not change between pages.")
    return tuple(values)
