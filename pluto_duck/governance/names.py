"""The tables and views that a role may name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pluto_duck.workspace.tableref import TableRef, fold


class Names:
    """Compared by identity, so that a cache may hang on it: each change of the grants makes a new one."""

    def __init__(self, tables: Iterable[TableRef] = ()) -> None:
        self._tables = {(fold(one.schema), fold(one.name)): one for one in tables}

    def holds(self, schema: str, name: str) -> bool:
        return (fold(schema), fold(name)) in self._tables

    def __iter__(self) -> Iterator[TableRef]:
        """As they were created, sorted by schema and name."""
        return iter(one for _key, one in sorted(self._tables.items()))

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, table: object) -> bool:
        return isinstance(table, TableRef) and self.holds(table.schema, table.name)
