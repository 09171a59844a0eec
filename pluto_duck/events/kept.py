"""The shapes whose changes are kept, as the Journal knows them."""

from __future__ import annotations

from dataclasses import dataclass

from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import TableRef


@dataclass(frozen=True)
class Kept:
    """One shape that a table has, or had."""

    shape: int
    ref: TableRef
    version: int
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    is_tracked: bool
    before: bool
    """Whether the rows as they were are kept."""
    newest: bool
    """It is the shape that the table has now, or had last."""


class Shapes:
    """Of one open database. Shapes are only added, so what is known by its number stays true."""

    def __init__(self, ours: str) -> None:
        """`ours`: the schema _pluto in SQL."""
        self._ours = ours
        self._known: tuple[object, dict[int, Kept]] = (None, {})

    def of(self, cursor: Cursor) -> dict[int, Kept]:
        """As the cursor's transaction has them, by their numbers."""
        print_ = cursor.fetchall(
            f"SELECT (SELECT [system.main.count(*), system.main.max(shape)] FROM {self._ours}.change_shapes), "
            f"(SELECT system.main.list(table_key) FROM {self._ours}.tracked)")
        if self._known[0] != print_:
            self._known = print_, self._read(cursor)
        return self._known[1]

    def _read(self, cursor: Cursor) -> dict[int, Kept]:
        rows = cursor.fetchall(
            "SELECT s.shape, s.table_key, t.schema_name, t.table_name, s.version, s.columns, s.key_columns, "
            "t.table_key IS NOT NULL, s.before, "
            "s.version = system.main.max(s.version) OVER (PARTITION BY s.table_key) "
            f"FROM {self._ours}.change_shapes AS s LEFT JOIN {self._ours}.tracked AS t USING (table_key) ORDER BY 1")
        found = {}
        for shape, key, schema, name, version, columns, keys, tracked, before, newest in rows:
            where, _, what = key.partition(".")  # no text for a parser: a name may hold quotes and dots
            ref = TableRef(name, schema) if tracked else TableRef(what, where)
            found[int(shape)] = Kept(int(shape), ref, int(version),
                                     tuple((str(one["name"]), str(one["type"])) for one in columns), tuple(keys),
                                     bool(tracked), bool(before), bool(newest))
        return found


__all__ = ["Kept", "Shapes"]
