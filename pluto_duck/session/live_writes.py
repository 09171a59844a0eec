"""Functions that hand a text to another database as it is: past a live source's promise that it is only read.

postgres_execute sends what it is given, and a COMMIT in it ends the read-only transaction that DuckDB began.
(postgres_query and sqlite_query prepare theirs, which the server or DuckDB refuses when it writes.)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from pluto_duck.errors import Refused
from pluto_duck.governance.everyone import string_constants
from pluto_duck.workspace.parser import Parser, Token
from pluto_duck.workspace.tableref import fold

_SENDS = re.compile(r"(?:postgres|mysql)_execute|mysql_query", re.IGNORECASE)
_READS = re.compile(r"\s*\(*\s*(?:select|with|values|table|show|describe|desc|explain)\b[^;]*;?\s*\Z", re.IGNORECASE)


def refuse_writes(parser: Parser, sql: str, sources: Collection[str]) -> None:
    """Raises Refused where a text calls such a function on one of the live `sources`, or on a database whose
    name only the run will tell."""
    if not _SENDS.search(sql):
        return
    tokens = parser.tokens(sql)
    # query('FROM postgres_execute(...)')
    if sources and any(_SENDS.search(text) for text in string_constants(tokens, sql)):
        raise _refused(min(sources))
    for i, token in enumerate(tokens):
        word = fold(token.text.strip('"'))
        if not _SENDS.fullmatch(word) or [one.text for one in tokens[i + 1:i + 2]] != ["("]:
            continue
        named = _argument(tokens, sql, i + 2)
        if named is None:
            raise Refused(f"{word} needs the name of its database as a plain string here: it could be that of a live "
                          "source, which is only read.", hint=f"Write it out: {word}('NAME', ...)")
        if fold(named) in {fold(one) for one in sources} and not (
                word == "mysql_query" and _READS.match(_argument(tokens, sql, i + 4) or "")):
            raise _refused(named, word)


def _argument(tokens: Sequence[Token], sql: str, place: int) -> str | None:
    """The value of a string constant that stands alone."""
    if [one.kind for one in tokens[place:place + 1]] != ["string"] or \
            [one.text[:1] for one in tokens[place + 1:place + 2]] not in ([","], [")"]):
        return None
    found = string_constants(tokens[place:place + 2], sql)
    return found[0] if found else None


def _refused(name: str, word: str = "postgres_execute") -> Refused:
    return Refused(f"{name} is a live source, which is only read, and {word} could write there.",
                   hint="Change it with the database's own client (psql, mysql); to read with its own SQL: "
                        f"{word.partition('_')[0]}_query('{name}', 'SELECT ...')")
