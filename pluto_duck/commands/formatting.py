"""SQL on lines of its own: only white space and the case of keywords change, never a token or a comment.

A person's SQL is laid out as they wrote it (`x::int` stays), which a formatter that reads and rewrites it can't do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pluto_duck.errors import UsageError
from pluto_duck.workspace.parser import Parser, Token


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


WIDTH = 88
STEP = "  "

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_UPPER = _set(
    "all and anti any as asc asof between by case cast create cross delete desc describe distinct "
    "drop else end except exists explain false filter from full group having ilike in inner insert "
    "intersect into is join lateral left like limit natural not null offset on or order outer over "
    "partition pivot positional qualify recursive replace returning right select semi set summarize "
    "table then true union unpivot update using values view when where window with")
_ONLY_AFTER = {"by": "group order partition cluster", "partition": "(", "view": "create replace temp temporary",
               "replace": "or", "recursive": "with", "outer": "left right full"}
_ONLY_BEFORE = {"filter": "(", "over": "(", "values": "(", "left": "join outer semi anti",
                 "right": "join outer semi anti",
                "natural": "join left right inner full", "positional": "join", "asof": "join left", "semi": "join",
                "anti": "join"}
"""Words that may be names or functions, too: keywords only beside one of these."""
_CLAUSES = _set(
    "with select from where group having order limit offset qualify window union intersect except "
    "values set returning using insert update delete")
_JOINS = _set(
    "join left right inner full cross natural asof semi anti positional")
_LISTS = _set(
    "select group order with set values returning")
_CONDITIONS = _set(
    "where having qualify on")


@dataclass
class _Word:
    text: str
    kind: str
    gap: bool
    """White space stood in front of it."""
    comments: list[str] = field(default_factory=list)
    """In front of it, as they are."""
    inner: list[_Word] = field(default_factory=list)
    """Of an opening bracket: what stands in it."""
    close: _Word | None = None

    @property
    def low(self) -> str:
        return self.text.lower() if self.kind == "keyword" or self.text == "(" else ""


def laid_out(sql: str, parser: Parser | None = None) -> str:
    """The SQL with a clause on each line and long ones broken. Raises UsageError where it can't be told apart."""
    parser = parser or Parser()
    parser.statements(sql)  # what does not parse says so, with its place
    tokens = parser.tokens(sql)
    if not tokens:
        return sql.strip()
    words, rest = _read(sql, tokens)
    done = "\n".join(_statements(_nested(words)) + rest) + "\n"
    if not _same(sql, done, parser):
        raise UsageError("This SQL can't be laid out without changing it.", hint="It runs as it is.")
    return done.rstrip()


# -- reading --------------------------------------------------------------------------------------


def _read(sql: str, tokens: list[Token]) -> tuple[list[_Word], list[str]]:
    data, at, words = sql.encode(), 0, list[_Word]()
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        gap = data[at:token.start].decode()
        keyword = _is_keyword(token, words, after.text.lower() if after is not None else "")
        words.append(_Word(token.text.upper() if keyword else token.text, "keyword" if keyword else "other",
                           gap != "", _COMMENT.findall(gap)))
        at = token.start + len(token.text.encode())
    return words, _COMMENT.findall(data[at:].decode())


def _is_keyword(token: Token, before: list[_Word], after: str) -> bool:
    low, last = token.text.lower(), before[-1].text.lower() if before else ""
    if token.kind != "keyword" or low not in _UPPER or last == ".":
        return False
    if last == "as" and not (low in ("select", "with", "from") and before[0].text in ("CREATE", "EXPLAIN")):
        return False  # the name of a column may be any word
    if low in _ONLY_AFTER:
        return last in _ONLY_AFTER[low].split()
    return low not in _ONLY_BEFORE or after in _ONLY_BEFORE[low].split()


def _nested(words: list[_Word]) -> list[_Word]:
    top: list[_Word] = []
    open_: list[_Word] = []
    for word in words:
        if word.text in (")", "]", "}") and open_:
            open_.pop().close = word
            continue
        (open_[-1].inner if open_ else top).append(word)
        if word.text in ("(", "[", "{"):
            open_.append(word)
    return top


# -- writing --------------------------------------------------------------------------------------


def _statements(words: list[_Word]) -> list[str]:
    lines: list[str] = []
    part: list[_Word] = []
    for word in [*words, None]:
        if word is not None and word.text != ";":
            part.append(word)
            continue
        lines += _query(part, "")
        if word is not None:
            lines += [*word.comments]
            lines[-1:] = [(lines[-1] if lines else "") + ";"] if not word.comments else [lines[-1], ";"]
        part = []
    return [one for one in lines if one.strip()]


def _query(words: list[_Word], indent: str) -> list[str]:
    """Clauses, each from a line of its own."""
    lines: list[str] = []
    for clause in _split(words):
        comments, clause[0].comments = clause[0].comments, []
        lines += [indent + one for one in comments]
        lines += _clause(clause, indent)
    return lines


def _split(words: list[_Word]) -> list[list[_Word]]:
    found: list[list[_Word]] = []
    for at, word in enumerate(words):
        before = words[at - 1].low if at else ""
        begins = word.low in _CLAUSES and before not in ("on", "is", "distinct", "within", "insert", "or", "exclude")
        if word.low in _JOINS and before not in _JOINS | {"outer"}:
            begins = any(one.low == "join" for one in words[at:at + 4])
        if word.low == "from" and before == "distinct":  # IS DISTINCT FROM
            begins = False
        if word.low == "using" and found and found[-1][0].low in _JOINS:
            begins = False
        if word.low in ("select", "values", "set") and before in ("insert", "all", "by"):
            begins = before == "all"
        if not found or begins:
            found.append([])
        found[-1].append(word)
    return found


def _clause(words: list[_Word], indent: str) -> list[str]:
    line = indent + _flat(words)
    if len(line) <= WIDTH and "\n" not in line and not any(_is_query(one) and len(_flat([one])) > 40 for one in words):
        return [line]
    first = words[0].low
    if first in _LISTS or words[-1].low == "(":
        head, items = _head(words)
        if len(items) > 1:
            lines = [indent + _flat(head)]
            for at, item in enumerate(items):
                lines += _broken(item, indent + STEP, "," if at < len(items) - 1 else "")
            return lines
    if first in _CONDITIONS or first in _JOINS:
        return _conditions(words, indent)
    return _broken(words, indent, "")


def _head(words: list[_Word]) -> tuple[list[_Word], list[list[_Word]]]:
    """SELECT DISTINCT ... and the items between the commas."""
    size = 1
    while size < len(words) and words[size].low in ("by", "distinct", "all", "recursive", "on"):
        size += 2 if words[size].low == "on" else 1
    items: list[list[_Word]] = [[]]
    for word in words[size:]:
        if word.text == "," and not word.comments:
            items.append([])
        else:
            items[-1].append(word)
    return words[:size], [one for one in items if one]


def _conditions(words: list[_Word], indent: str) -> list[str]:
    """Broken before each AND and OR that is not of a BETWEEN."""
    lines: list[str] = []
    part: list[_Word] = []
    between = case = 0
    for word in words:
        between += word.low == "between"
        case += (word.low == "case") - (word.low == "end")
        if word.low in ("and", "or") and part and not case and not (word.low == "and" and between):
            lines += _broken(part, indent + (STEP if lines else ""), "")
            part = []
        between -= word.low == "and" and between > 0
        part.append(word)
    return lines + _broken(part, indent + (STEP if lines else ""), "")


def _broken(words: list[_Word], indent: str, end: str) -> list[str]:
    """On one line, or with its first long bracket opened over several."""
    hung = _hung(words, indent)
    line = indent + _flat(words) + end
    long = [at for at, one in enumerate(words) if one.inner and len(_flat([one])) > 40]
    queries = [at for at in long if _is_query(words[at])]
    if not long or (len(line) <= WIDTH and "\n" not in line and not queries):
        return [*hung, line]
    at = (queries or long)[0]
    word, before, after = words[at], words[:at], words[at + 1:]
    opened = indent + _flat(before) + (" " if before and _spaced(before[-1], word) else "") + word.text
    inner = (_query if _is_query(word) else _items)(word.inner, indent + STEP)
    close = word.close or _Word("", "other", False)
    tail = _flat(after)
    joined = indent + close.text + (" " if after and _spaced(close, after[0]) else "") + tail + end
    return [*hung, opened, *inner, *_hung([close], indent + STEP), joined]


def _items(words: list[_Word], indent: str) -> list[str]:
    _none, items = _head([_Word("", "", False), *words])
    lines: list[str] = []
    for at, item in enumerate(items):
        lines += _broken(item, indent, "," if at < len(items) - 1 else "")
    return lines


def _hung(words: list[_Word], indent: str) -> list[str]:
    """Comments in front of a line, which go on lines of their own above it."""
    if not words or not words[0].comments:
        return []
    comments, words[0].comments = words[0].comments, []
    return [indent + one for one in comments]


def _is_query(word: _Word) -> bool:
    return bool(word.text == "(" and word.inner and word.inner[0].low in ("select", "with", "from", "values"))


_CLOSE = (",", ")", "]", ";", ".", "::", ":")
_BINARY = ("=", "<>", "!=", "<", ">", "<=", ">=", "||", "->", "->>", "+", "/", "%")


def _flat(words: list[_Word]) -> str:
    text = ""
    before: _Word | None = None
    for word in words:
        text += (" " if _spaced(before, word) else "") + _noted(word) + word.text
        if word.close is not None:
            text += _flat(word.inner) + (" " if word.close.comments else "") + _noted(word.close) + word.close.text
        before = word
    return text


def _noted(word: _Word) -> str:
    """The comments in front of a word; a line comment ends its line."""
    return "".join(f"{one}\n" if one.startswith("--") else f"{one} " for one in word.comments)


def _spaced(before: _Word | None, word: _Word) -> bool:
    if before is None or before.text in (".", "::") or word.text in _CLOSE:
        return bool(before is not None and word.comments)
    if before.text == "," or word.text in _BINARY or before.text in _BINARY:
        return True
    return word.gap


# -- proving --------------------------------------------------------------------------------------


def _same(before: str, after: str, parser: Parser) -> bool:
    def told(sql: str) -> list[str]:
        return [one.text.lower() if one.kind == "keyword" else one.text for one in parser.tokens(sql)]

    def remarks(sql: str) -> list[str]:
        words, rest = _read(sql, parser.tokens(sql))
        return [one for word in words for one in word.comments] + rest

    return told(before) == told(after) and remarks(before) == remarks(after)


__all__ = ["laid_out"]
