"""Which tables a statement writes: for table versions, which caches and ETags hang on."""

from __future__ import annotations

from dataclasses import dataclass

from pluto_duck.workspace.parser import Parser, Statement, Token
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef

EVERYTHING = "*"
SCHEMA = "#schema"
"""The key whose version moves with every CREATE, ALTER and DROP."""
POLICY = "#policy"
"""For governed sessions: another number after each change of what they may see."""

WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE_INTO", "CREATE", "DROP", "ALTER", "COPY"})
"""Statement types that commit something of the user's and can run inside a transaction."""

_BEFORE = {"INSERT": "into", "DELETE": "from", "MERGE_INTO": "into", "UPDATE": "update"}
_SKIP = {"if", "not", "exists", "or", "replace", "ignore", "temp", "temporary", "only", "persistent"}


def may_write(statement: Statement, parser: Parser) -> bool:
    """True for what hides another statement, which can be a write: EXECUTE and EXPLAIN ANALYZE."""
    return statement.type == "EXECUTE" or (
        statement.type == "EXPLAIN" and "analyze" in (t.text.lower() for t in parser.tokens(statement.sql)[1:8]))


@dataclass(frozen=True)
class Target:
    keys: frozenset[str]
    """`schema.table` as TableRef.key, `*` for "can't be told", SCHEMA for a change of shape."""
    temporary: bool = False
    table: str = ""
    """The name as written, "" when it can't be told."""
    parts: tuple[str, ...] = ()
    """The same in its parts, unquoted: ("catalog", "schema", "table") or fewer."""


def target(statement: Statement, parser: Parser, *, schema: str = DEFAULT_SCHEMA) -> Target:
    """The tables one writing statement names as its target; `schema` is where a bare name stands, "" when
    that can't be told. Over-approximates, never misses."""
    tokens = parser.tokens(statement.sql)
    words = [t.text.lower() for t in tokens]
    if words[:1] == ["deallocate"]:  # DuckDB calls it a DROP
        return Target(frozenset())
    shape = {SCHEMA} if statement.type in ("CREATE", "DROP", "ALTER") else set()
    temporary = statement.type == "CREATE" and bool({"temp", "temporary"} & set(words[:4]))
    start = _start(statement, words, tokens)
    parts = _parts(tokens, start) if start is not None else []
    if not parts:
        if statement.type == "COPY" and not _copies_in(words):
            return Target(frozenset())
        if statement.type == "CREATE":  # a schema, macro, type, sequence, index: no rows change
            return Target(frozenset(shape), temporary)
        return Target(frozenset({EVERYTHING} | shape), temporary)
    ref = TableRef(parts[-1], parts[-2] if len(parts) > 1 else schema)
    if ref.schema and statement.type == "ALTER" and (named := _renamed(tokens, words)):
        shape.add(TableRef(named, ref.schema).key)
    return Target(frozenset({ref.key if ref.schema else EVERYTHING} | shape), temporary, ".".join(parts), tuple(parts))


def _renamed(tokens: list[Token], words: list[str]) -> str:
    """The new name of a table, in ALTER TABLE ... RENAME TO; of a column there is one word more before TO."""
    for i in range(len(words) - 2):
        if words[i:i + 2] == ["rename", "to"]:
            return (_parts(tokens, i + 2) or [""])[-1]
    return ""


def _copies_in(words: list[str]) -> bool:
    depth = 0
    for word in words:
        depth += word.count("(") - word.count(")")
        if depth == 0 and word in ("from", "to"):
            return word == "from"
    return True


def _start(statement: Statement, words: list[str], tokens: list[Token]) -> int | None:
    kind = statement.type
    if kind == "COPY":
        return 1 if _copies_in(words) else None
    if kind in ("CREATE", "DROP", "ALTER"):
        for i, word in enumerate(words[:6]):
            if word in ("table", "view"):
                return i + 1
        return None
    if words[:1] == ["truncate"]:
        return 2 if words[1:2] == ["table"] else 1
    mark = _BEFORE.get(kind)
    depth = 0
    for i, word in enumerate(words):
        if tokens[i].kind == "operator":
            depth += word.count("(") - word.count(")")
        if depth == 0 and word == mark:
            return i + 1
    return None


def _parts(tokens: list[Token], start: int) -> list[str]:
    """The dotted name that starts at a token, unquoted; [] when there is none."""
    i = start
    while i < len(tokens) and tokens[i].text.lower() in _SKIP:
        i += 1
    parts: list[str] = []
    while i < len(tokens) and tokens[i].kind in ("identifier", "keyword"):
        text = tokens[i].text
        parts.append(text[1:-1].replace('""', '"') if text.startswith('"') else text)
        if i + 1 < len(tokens) and tokens[i + 1].text == ".":
            i += 2
            continue
        break
    return parts if len(parts) <= 3 and all(parts) else []
