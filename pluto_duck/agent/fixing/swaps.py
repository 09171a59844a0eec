"""One error of the database, and the one word whose change would mend it. Rules; nothing is run here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pluto_duck.errors import PlutoError, StatementError, UnknownName, nearest
from pluto_duck.workspace import quote
from pluto_duck.workspace.parser import Token

Kind = Literal["table", "column", "function", "keyword", "quotes", "group"]

ALIKE = 0.6
"""How much two words must have in common (difflib's ratio) for one to be a misspelling of the other."""
KEYWORD_ALIKE = 0.7
"""More for a keyword: where the SQL does not parse, any name may be the culprit."""
KEYWORDS = ("select", "from", "where", "group", "order", "by", "having", "limit", "offset", "join", "inner", "left",
            "right", "full", "outer", "cross", "on", "using", "and", "or", "not", "as", "distinct", "union", "all",
            "except", "intersect", "case", "when", "then", "else", "end", "with", "between", "like", "ilike", "is",
            "null", "desc", "asc", "filter", "over", "partition", "qualify", "insert", "into", "values", "update",
            "set", "delete", "create", "table", "view", "replace", "exists", "in")
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")
_SOURCE = re.compile(r'Referenced table "(.*?)" not found! Candidate tables: (.*)', re.S)
_UNGROUPED = re.compile(r'column "?(.+?)"? must appear in the GROUP BY clause')
_NAMED = re.compile(r'"([^"]+)"')
_LINE = re.compile(r"LINE (\d+): (.*)")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Swap:
    """Some text in the SQL, and what to write for it."""

    kind: Kind
    start: int
    """In characters."""
    old: str
    new: str
    """"": nothing is near enough to be proposed."""
    others: tuple[str, ...] = ()
    """What else there is that it could have meant, the nearest first."""

    def applied(self, sql: str, new: str = "") -> str:
        return sql[: self.start] + (new or self.new) + sql[self.start + len(self.old) :]


@dataclass(frozen=True)
class Known:
    """The names that a fix may use."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    functions: tuple[str, ...]


def swap_of(error: PlutoError, sql: str, tokens: Sequence[Token], known: Known) -> Swap | None:
    """None where no rule fits the error. `tokens`: of that SQL, their starts in characters."""
    at = _place(error, sql)
    if isinstance(error, UnknownName):
        return _name(error, tokens, at, known)
    if not isinstance(error, StatementError):
        return None
    function = _FUNCTION.search(error.message)
    if function:
        near = [*_NAMED.findall(error.hint), *re.findall(r"Did you mean (\w+)\?", error.hint)]
        return _nearest("function", function[1], tokens, at, [*near, *known.functions])
    source = _SOURCE.search(error.message)
    if source:
        names = _NAMED.findall(source[2])
        token = _token(source[1], tokens, at)
        return _made("table", token, names[0] if names else "", names[1:]) if token else None
    ungrouped = _UNGROUPED.search(error.message)
    if ungrouped:
        return _grouped(ungrouped[1], sql, tokens)
    return _keyword(tokens, at) if error.facts.get("engine") == "Parser" else None


def _name(error: UnknownName, tokens: Sequence[Token], at: int, known: Known) -> Swap | None:
    kind, name = str(error.facts.get("kind", "")), str(error.facts.get("name", ""))
    token = _token(name, tokens, at)
    if kind not in ("table", "column") or token is None:
        return None
    near = [str(one) for one in error.facts.get("nearest") or ()]
    if kind == "table":
        return _nearest("table", name, tokens, at, [*near, *known.tables])
    found = _nearest("column", name, tokens, at, near or known.columns)
    if token.text.startswith('"') and (found is None or not found.new):
        # "UA" is the name of a column; the text is 'UA'
        return _made("quotes", token, "'" + name.replace("'", "''") + "'", near)
    return found


def _nearest(kind: Kind, name: str, tokens: Sequence[Token], at: int, candidates: Sequence[str]) -> Swap | None:
    token = _token(name, tokens, at)
    if token is None:
        return None
    folded = name.casefold()
    there = list(dict.fromkeys(candidates))
    ranked = sorted(there, key=lambda one: -_likeness(folded, one.casefold()))
    close = [one for one in ranked if _likeness(folded, one.casefold()) >= ALIKE]
    rest = [one for one in there[:5] if one not in close] if kind == "column" and len(there) < 12 else []
    said = [_written(one) for one in (*close[:4], *rest)]
    return _made(kind, token, said[0] if close else "", (said[1:] if close else said)[:4])


def _written(name: str) -> str:
    """In quotes where it needs them."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in KEYWORDS else quote(name)


def _likeness(one: str, other: str) -> float:
    """Delay is a part of dep_delay: that counts as much as a letter that differs."""
    ratio = difflib.SequenceMatcher(None, one, other).ratio()
    return max(ratio, ALIKE) if len(one) > 3 and one in other else ratio


def _made(kind: Kind, token: Token, new: str, others: Sequence[str]) -> Swap:
    return Swap(kind, token.start, token.text, new, tuple(one for one in others if one != new))


def _token(name: str, tokens: Sequence[Token], at: int) -> Token | None:
    """The one of that name at the place, or the first one behind it, or any."""
    folded = name.casefold()
    found = [one for one in tokens if _unquoted(one.text).casefold() == folded and one.kind != "string"]
    return next((one for one in found if one.start + len(one.text) > at), found[0] if found else None)


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _keyword(tokens: Sequence[Token], at: int) -> Swap | None:
    """SELCT, FORM, GRUOP: the error stands at the word itself, or one or two behind it."""
    index = next((i for i, one in enumerate(tokens) if one.start + len(one.text) > at), len(tokens) - 1) if at >= 0 \
        else len(tokens) - 1
    found: list[tuple[float, Token, list[str]]] = []
    # DuckDB's caret is a few places too far left behind characters of several bytes.
    for token in tokens[max(0, index - 2) : index + 3]:
        word = token.text.lower()
        if token.kind == "identifier" and word not in KEYWORDS and word.isalpha() and len(word) > 1:
            close = nearest(word, KEYWORDS)
            likeness = _likeness(word, close[0]) if close else 0
            found += [(likeness, token, close)] if likeness >= KEYWORD_ALIKE else []
    if not found:
        return None
    _ratio, token, close = max(found, key=lambda one: one[0])
    return _made("keyword", token, close[0].upper(), [one.upper() for one in close[1:]])


def _grouped(name: str, sql: str, tokens: Sequence[Token]) -> Swap | None:
    """A column more in GROUP BY; where there is none yet, all that is not measured. Only where there is one SELECT."""
    words = [one.text.lower() for one in tokens]
    if words.count("select") != 1:
        return None
    if "group" in words:
        last = words.index("group") + 1
        if last + 1 >= len(tokens) or words[last] != "by":
            return None
        first = tokens[last + 1]
        return Swap("group", first.start, first.text, f"{_written(name)}, {first.text}")
    ends = [i for i, one in enumerate(words) if one in ("having", "qualify", "window", "order", "limit", "offset", ";")]
    if ends:
        token = tokens[ends[0]]
        return Swap("group", token.start, token.text, f"GROUP BY ALL {token.text}")
    last_token = tokens[-1]
    return Swap("group", last_token.start, last_token.text, f"{last_token.text}\nGROUP BY ALL")


def _place(error: PlutoError, sql: str) -> int:
    """Where DuckDB's caret points, in characters of the SQL; -1 where it says nothing."""
    lines = str(error.facts.get("position") or "").splitlines()
    said = _LINE.match(lines[0]) if len(lines) > 1 else None
    if said is None:
        return -1
    number, excerpt = int(said[1]), said[2]
    column = lines[1].find("^") - (len(lines[0]) - len(excerpt))
    written = sql.splitlines()
    if not 1 <= number <= len(written) or column < 0:
        return -1
    if excerpt.startswith("..."):  # DuckDB cuts long lines on both sides
        there = written[number - 1].find(excerpt[3:].removesuffix("..."))
        column += there - 3 if there >= 0 else 0
    return sum(len(one) + 1 for one in written[: number - 1]) + column
