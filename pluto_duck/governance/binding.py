"""Parameters of SQL that must pass the Gate: their values take their places in its text, before anything looks at it.

A statement that runs elsewhere, from its text, can't be prepared; and `$name` left in it would be a variable of the
session on DuckDB 2.0, where a role's claims stand. So the values become literals of our own, at the tokens of DuckDB's
own lexer; its own parser must then find the same statement, with nothing but these literals in their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.parser import Parser, Statement, Token
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import fold

_DIGITS = re.compile(rb"[0-9]+")
_LINE = re.compile(r"LINE (\d+): ([^\n]*)\n( *)\^")
_MOVED = frozenset({"query_location", "query_location_length", "named_param_map"})
"""What differs in a tree because the text does."""
_CLAUSES = {"orders": "ORDER BY", "distinct_on_targets": "DISTINCT ON", "group_expressions": "GROUP BY"}
"""Where a number is the number of a column, so that a value would choose what is read."""


@dataclass(frozen=True)
class Bound:
    """A statement with its values in it."""

    sql: str
    written: str
    """As its author knows it."""
    places: tuple[tuple[int, int, int, int], ...] = ()
    """(start, end) of each value in `sql`, (start, end) of its parameter in `written`; bytes, in order."""

    def told(self, error: PlutoError) -> PlutoError:
        """`error` with its place as the author wrote it: in `sql` the values stand, and move what follows them."""
        if str(error.facts.get("position", "")).startswith("LINE "):
            error.facts["position"] = self._position(str(error.facts["position"]))
        return error

    def _position(self, told: str) -> str:
        """Of DuckDB's LINE with a caret the line and column, from 1; "" where the text does not tell."""
        found, lines = _LINE.match(told), self.sql.split("\n")
        if found is None or int(found[1]) > len(lines):
            return ""
        above, text, shown = lines[:int(found[1]) - 1], lines[int(found[1]) - 1], found[2]
        column = len(found[3]) - len(f"LINE {found[1]}: ")
        if shown.startswith("..."):
            shown, column = shown[3:], column - 3
        shown = shown.removesuffix("...").rstrip("\r")
        if column < 0 or not shown or text.count(shown) != 1:
            return ""
        at = "\n".join([*above, text[:text.index(shown) + column]])
        head = self.written.encode()[:self._back(len(at.encode()))].decode(errors="ignore")
        return f"line {head.count(chr(10)) + 1}, column {len(head) - head.rfind(chr(10))}"

    def _back(self, at: int) -> int:
        moved = 0
        for start, end, was_start, was_end in self.places:
            if at < start:
                break
            if at < end:
                return was_start
            moved = end - was_end
        return at - moved


def missing(statements: list[Statement], parameters: Mapping[str, Json]) -> None:
    """Raises for the first parameter that has no value."""
    names = sorted(frozenset[str]().union(*(one.parameters for one in statements)) - set(parameters))
    if names:
        name = names[0]
        raise UsageError(f"The statement uses ${name}, but no such parameter was given.",
                         hint=f"Give it a value: a variable {name} of the notebook, --param {name}=... in a shell, "
                              f"params={{'{name}': ...}} in Python.", name=name)


def bind(parser: Parser, sql: str, statement: Statement, parameters: Mapping[str, Json]) -> Bound:
    """`statement` is all of `sql`, and a SELECT; where it is something else, it stays as it is for the Gate."""
    missing([statement], parameters)
    tree = parser.tree(sql)
    if tree.get("error") is not False:
        return Bound(sql, sql)
    # DuckDB takes $m and $M for one.
    values = {fold(name): to_sql(parameters[name]) for name in statement.parameters}
    data, out, last = sql.encode(), b"", 0
    places: list[tuple[int, int, int, int]] = []
    for start, end, name, before in _marks(data, parser.tokens(sql)):
        if name not in values:
            continue  # then the trees differ
        # In brackets: 1-$n with -5 would begin a comment. After IN they would make a list of one.
        text = values[name] if before == "in" and values[name].startswith("[") else f"({values[name]})"
        out += data[last:start]
        places.append((len(out), len(out) + len(text.encode()), start, end))
        out, last = out + text.encode(), end
    bound = (out + data[last:]).decode()
    found = parser.tree(bound)
    if found.get("error") is not False or not _Comparison(parser, values).same(tree, found):
        raise UsageError("A parameter can't stand where it stands in this statement.",
                         hint="Parameters are values: write $name where a number or a text could stand.")
    return Bound(bound, sql, tuple(places))


def _marks(data: bytes, tokens: list[Token]) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, folded name, the word before) of what may be a parameter."""
    unnamed, before = 0, ""
    for i, token in enumerate(tokens):
        after = token.start + 1
        if token.kind == "operator" and token.text == "?":
            unnamed += 1
            if not data[after:after + 1].isdigit():
                yield token.start, after, str(unnamed), before
        elif token.kind == "operator" and token.text == "$":
            digits = _DIGITS.match(data, after)
            following = tokens[i + 1] if i + 1 < len(tokens) else None
            if digits:  # on 1.5 no token of their own
                yield token.start, digits.end(), str(int(digits[0])), before
            elif following is not None and following.start == after:
                name, quoted = following.text, following.text.startswith('"')
                yield (token.start, after + len(name.encode()),
                       fold(name[1:-1].replace('""', '"') if quoted else name), before)
        before = token.text.lower()


class _Comparison:
    """Whether two trees differ in nothing but that values stand for parameters."""

    def __init__(self, parser: Parser, values: Mapping[str, str]) -> None:
        self._parser, self._values = parser, values
        self._trees: dict[str, Any] = {}

    def same(self, written: Any, bound: Any, clause: str = "") -> bool:
        if isinstance(written, dict) and isinstance(bound, dict):
            name, signs = _parameter(written)
            if name is not None and (not signs or bound.get("class") == "CONSTANT"):  # -(5) is read as -5
                if clause:
                    raise UsageError(f"A parameter can't stand alone in {clause}.", hint="Write the column there.")
                return name in self._values and self.same(
                    {**self._tree(f"{signs}({self._values[name]})"), "alias": written.get("alias")}, bound)
            return written.keys() == bound.keys() and all(
                one in _MOVED or self.same(written[one], bound[one], clause if one == "expression" else
                                           _CLAUSES.get(one, "")) for one in written)
        if isinstance(written, list) and isinstance(bound, list):
            return len(written) == len(bound) and all(
                self.same(one, other, clause) for one, other in zip(written, bound, strict=True))
        return bool(type(written) is type(bound) and written == bound)

    def _tree(self, text: str) -> dict[str, Any]:
        if text not in self._trees:
            self._trees[text] = self._parser.tree(f"SELECT {text}")["statements"][0]["node"]["select_list"][0]
        found: dict[str, Any] = self._trees[text]
        return found


def _parameter(node: Mapping[str, Any]) -> tuple[str | None, str]:
    """(its folded name, the signs before it) of a node that is a parameter."""
    signs = ""
    while node.get("function_name") == "-":
        inner = node.get("children") or [one["expression"] for one in node.get("arguments") or ()]  # 1.5, 2.0
        if len(inner) != 1:
            break
        node, signs = inner[0], signs + "- "
    return (fold(str(node["identifier"])) if node.get("class") == "PARAMETER" else None), signs
