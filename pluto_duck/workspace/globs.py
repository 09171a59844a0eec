"""Patterns for names of tables and columns: `*` and `?`, nothing else."""

from __future__ import annotations

import re
from functools import lru_cache

from pluto_duck.errors import UsageError
from pluto_duck.workspace.tableref import TableRef, fold

OURS = "_pluto"
"""The schema of our own records, which no pattern fits."""


@lru_cache(maxsize=4_096)
def _compiled(text: str) -> re.Pattern[str]:
    if not text or "\0" in text:
        raise ValueError(f"{text!r} is no pattern of a name")
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in fold(text)), re.S)


class Glob:
    """Of one name. Compares as DuckDB does, without the case of ASCII letters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._pattern = _compiled(text)

    @property
    def is_plain(self) -> bool:
        return not set(self.text) & set("*?")

    def fits(self, name: str) -> bool:
        return self._pattern.fullmatch(fold(name)) is not None


@lru_cache(maxsize=4_096)
def _parts(text: str) -> tuple[str, str]:
    try:
        ref = TableRef.parse(text)
    except UsageError as error:
        raise ValueError(f"{text!r} is no pattern of tables: write sales.*, orders or *.*") from error
    return ref.schema, ref.name


def fits_table(text: str, table: TableRef) -> bool:
    """`orders` and `*` are tables of the schema main, `sales.*` is a whole schema, `*.*` everything."""
    if fold(table.schema) == OURS:
        return False
    schema, name = _parts(text)
    return Glob(schema).fits(table.schema) and Glob(name).fits(table.name)
