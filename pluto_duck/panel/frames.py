"""The DataFrames of the notebook, as tables beside those of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.governance import Gate
    from pluto_duck.session import TableInfo
    from pluto_duck.workspace import Result

PREFIX = "frame:"
"""Of their keys; a schema's name is folded, and no key of a table begins with it unless somebody quotes it so."""
_KINDS = {"pandas": ("DataFrame",), "polars": ("DataFrame",), "pyarrow": ("Table",)}


def frames(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> DataFrame or Arrow table. Cells go on meanwhile and may bind names."""
    for _ in range(5):
        try:
            return {name: value for name, value in list(namespace.items())
                    if isinstance(name, str) and not name.startswith("_") and _is_one(value)}
        except RuntimeError:  # the dictionary changed its size
            continue
    return {}


def _is_one(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ in _KINDS.get(kind.__module__.partition(".")[0], ())


def fingerprint(found: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Another one for a frame that was bound anew, or that has other rows or columns."""
    return {name: (id(value), *value.shape) for name, value in found.items()}


class Frames:
    """What is known of them, for as long as they are the same."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], TableInfo]] = {}

    def tables(self, session: Workbench, namespace: Mapping[str, Any], taken: set[str]) -> list[tuple[TableInfo, int]]:
        """(as a table, its bytes) by name; `taken`: names of tables, which hide frames of that name."""
        found = frames(namespace)
        marks = fingerprint(found)
        known = {name: one for name, one in self._known.items() if marks.get(name) == one[0]}
        for name in sorted(found):
            if name not in known and name.casefold() not in taken:
                known[name] = marks[name], _described(session, name, found[name])
        self._known = known
        return [(known[name][1], _bytes(found[name])) for name in sorted(known) if name.casefold() not in taken]

    def find(self, session: Workbench, namespace: Mapping[str, Any], key: str) -> TableInfo:
        name = key.removeprefix(PREFIX)
        found = frames(namespace)
        if name not in found:
            raise unknown_name("DataFrame", name, list(found))
        return _described(session, name, found[name])


def _described(session: Workbench, name: str, frame: Any) -> TableInfo:
    from pluto_duck.session import ColumnInfo, TableInfo
    from pluto_duck.workspace import TableRef, quote

    try:
        there = session.query(f"SELECT * FROM {quote(name)} LIMIT 0", namespace={name: frame}).columns
        columns = tuple(ColumnInfo(one.name, one.type, True) for one in there)
    except PlutoError:  # values that DuckDB can't take: it is listed all the same
        columns = ()
    return TableInfo(TableRef(name), "view", columns, int(frame.shape[0]), 0)


def _bytes(frame: Any) -> int:
    if hasattr(frame, "nbytes"):
        return int(frame.nbytes)
    if hasattr(frame, "estimated_size"):
        return int(frame.estimated_size())
    return int(frame.memory_usage(index=True).sum())


class Lent:
    """A session whose statements find the frames, for statements that only ask."""

    def __init__(self, session: Workbench, namespace: Mapping[str, Any]) -> None:
        self._session, self._namespace = session, namespace

    def query(self, sql: str, *, read_only: bool = False, **options: Any) -> Result:
        # The agent's catalog, which `read_only` means, has no frames.
        if read_only:
            _must_only_read(self._session, sql, self._namespace)
        return self._session.query(sql, namespace=self._namespace, **options)


def _must_only_read(session: Workbench, sql: str, namespace: Mapping[str, Any]) -> None:
    """Raises what the read-only Gate does, with the frames beside the tables: the SQL of an answer is nobody's own."""
    from pluto_duck.governance import Names
    from pluto_duck.workspace import TableRef

    tables = {one.ref.key: one for one in session.tables()}
    named = _gate().approved(sql, Names([*(TableRef(one) for one in frames(namespace)),
                                         *(one.ref for one in tables.values())])).tables
    for one in named:
        if one.key in tables and tables[one.key].kind == "view":  # it may read what the Gate lets nobody name
            session.query(f"SELECT 1 FROM {tables[one.key].ref.sql} LIMIT 0", read_only=True)


@lru_cache(maxsize=1)
def _gate() -> Gate:
    from pluto_duck.governance import Gate
    from pluto_duck.workspace.parser import Parser

    return Gate(Parser())
