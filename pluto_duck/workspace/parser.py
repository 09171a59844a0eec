"""DuckDB's own parser on a private in-memory instance: statement types, trees, tokens."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

from pluto_duck.errors import UsageError
from pluto_duck.workspace.engine_errors import translated

TokenKind = Literal["identifier", "number", "string", "operator", "keyword", "comment"]
_CACHED_LENGTH = 10_000
"""Of longer texts the last is kept: what looks at a statement looks at it again and again."""
_LONGEST = 1_000_000

_KINDS: tuple[TokenKind, ...] = ("identifier", "number", "string", "operator", "keyword", "comment")


@dataclass(frozen=True)
class Statement:
    type: str
    """DuckDB's word: SELECT, INSERT, CREATE, COPY, ...; MULTI is a PIVOT that must look at its data first."""
    sql: str
    parameters: frozenset[str]
    """Names without `$`; positional ones are "1", "2", ..."""


@dataclass(frozen=True)
class Token:
    kind: TokenKind
    text: str
    """As written, for an identifier or string with its quotes."""
    start: int


def own_parser() -> Parser:
    """The process's: making one costs a sixth of opening a workspace. A forked child has another, since a thread of its
    parent may have held the lock; the parent's is kept, so that the child does not take down a copied instance."""
    return _PARSERS.get(os.getpid()) or _PARSERS.setdefault(os.getpid(), Parser())


class Parser:
    """Safe to use from many threads. Holds no user data; executes nothing of what it parses (but on 1.5
    parsing IMPORT DATABASE opens the files it names)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The same cell or request comes again and again, and parsing costs as much as a point query.
        self._known_statements = lru_cache(maxsize=512)(self._statements)
        self._known_tokens = lru_cache(maxsize=512)(self._tokens)
        self._last_tokens = lru_cache(maxsize=1)(self._tokens)

    @cached_property
    def _connection(self) -> Any:
        import duckdb

        return duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false",
                                                  "autoload_known_extensions": "false",
                                                  "threads": "1"})

    def statements(self, sql: str) -> list[Statement]:
        """Raises StatementError where the text does not parse."""
        return list((self._known_statements if len(sql) < _CACHED_LENGTH else self._statements)(sql))

    def _statements(self, sql: str) -> tuple[Statement, ...]:
        if "\0" in sql:
            raise UsageError("SQL text must not contain a NUL character.")
        found = self._extract(sql)
        if all(one.sql for one in found):
            return tuple(found)
        # 1.5 turns a PIVOT without IN into two statements without text: it is one, and runs as written.
        pieces = [self._extract(piece) for piece in self._split(sql)]
        return tuple(piece[0] if len(piece) == 1 and piece[0].sql else Statement("MULTI", text, frozenset().union(
            *(one.parameters for one in piece))) for piece, text in zip(pieces, self._split(sql), strict=True) if piece)

    def _extract(self, sql: str) -> list[Statement]:
        with self._lock, translated(sql):
            return [Statement(one.type.name, one.query, frozenset(one.named_parameters))
                    for one in self._connection.extract_statements(sql)]

    def _split(self, sql: str) -> list[str]:
        """The text between the semicolons, as DuckDB's lexer sees them."""
        data = sql.encode()
        ends = [token.start for token in self.tokens(sql) if token.text == ";"]
        starts = [0, *(end + 1 for end in ends)]
        return [data[start:end].decode() for start, end in zip(starts, [*ends, len(data)], strict=True)]

    def tree(self, sql: str) -> dict[str, Any]:
        """json_serialize_sql's answer, as it is: {"error": bool, "statements": [...]}; SELECT only."""
        # Inlined, not bound: a bound parameter imports pandas on 1.5.
        text = sql.replace("'", "''")
        with self._lock, translated(sql):
            row = self._connection.execute(f"SELECT json_serialize_sql('{text}')").fetchone()
        tree: dict[str, Any] = json.loads(row[0])
        return tree

    def written(self, tree: dict[str, Any]) -> str:
        """The SQL of a tree as `tree` gives it."""
        text = json.dumps(tree).replace("'", "''")
        with self._lock, translated():
            row = self._connection.execute(f"SELECT json_deserialize_sql('{text}')").fetchone()
        return str(row[0])

    def tokens(self, sql: str) -> list[Token]:
        """By DuckDB's own lexer, without comments and white space."""
        known = (self._known_tokens if len(sql) < _CACHED_LENGTH else
                 self._last_tokens if len(sql) < _LONGEST else self._tokens)
        return list(known(sql))

    def _tokens(self, sql: str) -> tuple[Token, ...]:
        import duckdb

        try:
            data = sql.encode()
        except UnicodeEncodeError as error:  # half of a character beyond the first 65,536
            raise UsageError(f"SQL text must be valid Unicode: {error.reason} at character {error.start}.") from None
        with self._lock:
            found = [(offset, kind) for offset, kind in duckdb.tokenize(sql)]
        # 1.5 numbers the kinds, 2.0 names them; offsets count bytes in both.
        tokens: list[Token] = []
        for i, (offset, kind) in enumerate(found):
            end = found[i + 1][0] if i + 1 < len(found) else len(data)
            name = str(kind).rsplit(".", 1)[-1].split(":")[0].rstrip(">").strip()
            plain: TokenKind = {"numeric_const": "number", "string_const": "string"}.get(name, name)  # type: ignore[assignment]
            if plain not in _KINDS or plain == "comment":
                continue
            text = data[offset:end].decode(errors="replace")
            tokens.append(Token(plain, _trim(text, plain), offset))
        return tuple(tokens)

    def functions(self) -> list[tuple[str, str, str, str]]:
        """(name, kind, stability, definition of a macro) of all that this engine is born with."""
        with self._lock:
            found = self._connection.execute(
                "SELECT function_name, function_type, coalesce(stability, ''), coalesce(macro_definition, '') "
                "FROM duckdb_functions() WHERE database_name = 'system'").fetchall()
        return [(str(name), str(kind), str(stability), str(body)) for name, kind, stability, body in found]

    def version(self) -> str:
        import duckdb

        return str(duckdb.__version__)


_PARSERS: dict[int, Parser] = {}


def _trim(text: str, kind: TokenKind) -> str:
    """The token alone: on 1.5 the gap to the next token may hold white space and comments."""
    if kind == "operator":
        return text[:1] if text[:1] in "()[]{},;.$?" else text.split()[0] if text.split() else text
    if kind == "string" and text[:1] == "$":
        mark = text[:text.index("$", 1) + 1] if "$" in text[1:] else text
        end = text.find(mark, len(mark))
        return text[:end + len(mark)] if end >= 0 else text
    if kind == "string" and text[:1] in "eExX" and text[1:2] == "'":
        return text[0] + _trim(text[1:], kind)
    if text[:1] in "\"'" and kind in ("identifier", "string", "keyword"):
        mark, i = text[0], 1
        while i < len(text):
            if text[i] == mark:
                if text[i + 1:i + 2] != mark:
                    return text[:i + 1]
                i += 1
            i += 1
        return text
    for i, char in enumerate(text):
        if char.isspace() or (char in "-/" and text[i:i + 2] in ("--", "/*")):
            return text[:i]
    return text
