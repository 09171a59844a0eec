"""Asks a SQLite table what its columns hold: one pass when every declaration is kept, one more when not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluto_duck.ingest.connectors.sqlite_types import CLASSES, DOUBLE_WHOLE, Carrier, held
from pluto_duck.workspace import quote

COLUMNS_AT_ONCE = 250
"""SQLite takes at most 2,000 columns in a result, and expressions up to a depth of 1,000."""


class Values:
    def __init__(self, connection: Any, relation: str) -> None:
        self._connection = connection
        self._relation = relation

    def _row(self, sql: str) -> tuple[Any, ...] | None:
        row = self._connection.execute(sql).fetchone()
        return tuple(row) if row is not None else None

    def count(self) -> int:
        row = self._row(f"SELECT count(*) FROM {self._relation}")
        return int(row[0]) if row else 0

    def ways(self, expected: Mapping[str, Carrier | None]) -> dict[str, tuple[Carrier | None, str]]:
        """Column -> (its way, None when no type holds its values; their storage classes in words)."""
        found: dict[str, tuple[Carrier | None, str]] = {}
        names = list(expected)
        for start in range(0, len(names), COLUMNS_AT_ONCE):
            part = {name: expected[name] for name in names[start:start + COLUMNS_AT_ONCE]}
            loose = [name for name, way in part.items() if way is None] + self._broken(part)
            found.update({name: (way, "") for name, way in part.items()})
            found.update(self._asked(loose))
        return found

    def _broken(self, expected: Mapping[str, Carrier | None]) -> list[str]:
        """The columns with a value that does not go the expected way."""
        fits = {name: way.fits.format(quote(name)) for name, way in expected.items() if way is not None}
        if not fits:
            return []
        kept = " AND ".join(fits.values())
        if self._row(f"SELECT 1 FROM {self._relation} WHERE NOT ({kept}) LIMIT 1") is None:
            return []
        row = self._row(f"SELECT {', '.join(f'max(NOT {one})' for one in fits.values())} FROM {self._relation}")
        assert row is not None
        return [name for name, broken in zip(fits, row, strict=True) if broken]

    def _asked(self, names: list[str]) -> dict[str, tuple[Carrier | None, str]]:
        if not names:
            return {}
        asked = []
        for name in names:
            column = quote(name)
            asked += [f"max(typeof({column}) = '{one}')" for one in CLASSES]
            asked.append(f"max(typeof({column}) = 'integer' "
                         f"AND {column} NOT BETWEEN -{DOUBLE_WHOLE} AND {DOUBLE_WHOLE})")
        row = self._row(f"SELECT {', '.join(asked)} FROM {self._relation}")
        assert row is not None
        found = {}
        for place, name in enumerate(names):
            *there, large = row[place * 5:place * 5 + 5]
            classes = [one for one, is_there in zip(CLASSES, there, strict=True) if is_there]
            words = " and ".join(classes) + (" (too large for a double)" if large and "real" in classes else "")
            found[name] = (held(frozenset(classes), large=bool(large)), words)
        return found

    def misfit(self, name: str, way: Carrier) -> tuple[Any] | None:
        """A value that does not go this way, as its only member; None when all do."""
        column = quote(name)
        row = self._row(f"SELECT CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE {column} END "
                        f"FROM {self._relation} WHERE NOT ({way.fits.format(column)}) LIMIT 1")
        return None if row is None else (row[0],)
