"""What nobody may do, the owner included: end the process, or open the database file behind DuckDB's back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from pluto_duck.errors import Refused
from pluto_duck.workspace.parser import Token
from pluto_duck.workspace.tableref import fold

FORBIDDEN = ("enable_logging", "disable_logging", "set_log_storage", "write_log", "truncate_duckdb_logs")
"""enable_logging(storage = 'file') ends in a SIGABRT of the process on 1.5; the rest are its kin."""

_NAMES_A_TABLE = {"table", "exists", "into"}
"""CREATE TABLE [IF NOT EXISTS] write_log (...), INSERT INTO write_log (...)."""

_INDIRECT = {"query", "query_table", "json_execute_serialized_sql", "json_serialize_plan"}
_IN_TEXT = re.compile("|".join(FORBIDDEN), re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.S)
_MAX_LOOKED_UP = 200
"""Strings of one text whose file is looked up on disk; all are compared by name."""


MAX_DEPTH = 1_000
"""Brackets that are open at once: DuckDB's own limit of an expression, which it may look at only after the whole text
has been cut into tokens."""
_BRACKETS = re.compile(
    r"""(?:(\$\w*\$).*?(?:\1|\Z)|(?<!\w)[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)|'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|--[^\n]*"""
    r"""|/\*.*?(?:\*/|\Z))|([(\[{])|[)\]}]""", re.S)


def refuse_depth(sql: str) -> None:
    """Raises Refused for more than DuckDB would read, before anything reads it: 20,000 brackets take seconds."""
    if sum(map(sql.count, "([{")) <= MAX_DEPTH:
        return
    depth = 0
    for one in _BRACKETS.finditer(sql):
        if one[2]:
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"The statement is nested too deep: more than {MAX_DEPTH:,} brackets are open at once.",
                              hint="Split it with WITH, or put its values into a table.")
        elif one[0] in ")]}":
            depth = max(0, depth - 1)


def refuse_for_everyone(tokens: Sequence[Token], sql: str, protected: Sequence[str]) -> None:
    """Raises Refused. `protected`: resolved paths."""
    words = [fold(_unquoted(one)) if one.kind in ("identifier", "keyword") else one.text for one in tokens]
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        called = "(" in words[i + 1:i + 2] and before not in _NAMES_A_TABLE
        if word in FORBIDDEN and (called or before in ("call", "pragma")):
            raise _forbidden(word)
    # 1.5's lexer gives up at what it can't read and calls the rest an operator.
    if any(one.kind == "operator" and len(one.text) > 3 for one in tokens) and _IN_TEXT.search(sql):
        raise _forbidden("logging")
    strings = string_constants(tokens, sql)
    if strings and not _INDIRECT.isdisjoint(words):
        for text in (*strings, "".join(strings)):
            found = _IN_TEXT.search(text)
            if found:
                raise _forbidden(found[0].lower())
    if protected:
        names = [_unquoted(one) for one in tokens if one.kind == "identifier" and one.text.startswith('"')]
        _refuse_paths([*strings, *names], "".join(strings), protected)


def _forbidden(word: str) -> Refused:
    return Refused(f"{word} is refused to everybody: it can end the process that holds the database.",
                   hint="Leave it out; `pluto-duck doctor` and EXPLAIN ANALYZE show what a statement does.")


def _unquoted(token: Token) -> str:
    text = token.text
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


_LITERAL = re.compile(r"(?P<tag>\$[^$']*\$)(?P<dollar>.*?)(?P=tag)|[eE]'(?P<escaped>(?:[^'\\]|''|\\.)*)'|"
                      r"\w?'(?P<plain>(?:[^']|'')*)'", re.S)


def string_constants(tokens: Sequence[Token], sql: str) -> list[str]:
    """The values of all string constants: '...', E'...' and $tag$...$tag$."""
    data = sql.encode()
    found = []
    for i, token in enumerate(tokens):
        if token.kind != "string":
            continue
        # From the text, not the token: the token of an E'...' or $$...$$ may end at its first space.
        end = tokens[i + 1].start if i + 1 < len(tokens) else len(data)
        literal = _LITERAL.match(data[token.start:end].decode(errors="replace"))
        if literal is None:
            continue
        if literal["escaped"] is not None:
            found.append(_ESCAPE.sub(_unescape, literal["escaped"].replace("''", "'")))
        elif literal["dollar"] is not None:
            found.append(literal["dollar"])
        else:
            found.append(literal["plain"].replace("''", "'"))
    return found


def _unescape(found: re.Match[str]) -> str:
    for group, base in ((found[1], 16), (found[2], 16), (found[3], 16), (found[4], 8)):
        if group:
            return chr(min(int(group, base), 0x10FFFF))
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(found[5], found[5])


# -- the database file ----------------------------------------------------------------------------
# Any close of any descriptor on it by this process drops the lock that DuckDB holds (POSIX record
# locks are like that), and another program could then write unseen.

def _refuse_paths(texts: Sequence[str], joined: str, protected: Sequence[str]) -> None:
    looked_up = 0
    for text in dict.fromkeys((*texts, joined)):
        if not text or len(text) > 4096:
            continue
        lookup = looked_up < _MAX_LOOKED_UP
        looked_up += lookup
        for path in protected:
            if any(_names(spelling, path, lookup) for spelling in _spellings(text)):
                raise Refused(f"{os.path.basename(path)} is the open database itself: no statement may open it "
                              "as a file.", hint="Its tables can be read by name; `pluto-duck backup` copies it.")


def _spellings(text: str) -> Iterator[str]:
    yield text
    for prefix in ("file://localhost", "file://", "file:", "duckdb:"):
        if text.lower().startswith(prefix):
            yield text[len(prefix):]
    if "?" in text:
        yield text.split("?", 1)[0]


def _names(text: str, path: str, lookup: bool) -> bool:
    full = os.path.normpath(os.path.join(os.getcwd(), os.path.expanduser(text)))
    if full == path or os.path.normcase(full) == os.path.normcase(path):
        return True
    if any(char in text for char in "*?[") and re.fullmatch(_glob(full), path):
        return True
    if lookup and "\0" not in full:
        try:
            return os.path.samefile(full, path)  # by stat alone: a link, hard or soft, or another spelling
        except (OSError, ValueError):
            return False
    return False


def _glob(pattern: str) -> str:
    """DuckDB's globs as a regular expression: it knows no braces (JSON has them), and `**` reaches into
    folders only as a whole part of a path. [..] stands for any one character."""
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**/", i) and pattern[i - 1:i] in ("", "/"):
            out, i = out + "(?:.*/)?", i + 3  # no folder at all, too
        elif pattern[i:] == "**" and pattern[i - 1:i] in ("", "/"):
            out, i = out + ".*", i + 2
        elif pattern[i] == "[" and "]" in pattern[i + 2:]:
            out, i = out + "[^/]", pattern.index("]", i + 2) + 1
        else:
            out, i = out + {"*": "[^/]*", "?": "[^/]"}.get(pattern[i], re.escape(pattern[i])), i + 1
    return out
