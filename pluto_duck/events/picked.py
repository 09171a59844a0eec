"""Changes of an UPDATE or DELETE whose rows can be told beforehand: its condition looks at one row at a time.

DuckDB turns an UPDATE with RETURNING into deletes and inserts, which costs ten times as much where there is a key.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.events.tracked import Tracked
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import fold, quote

if TYPE_CHECKING:
    from pluto_duck.events.recording import Recording
    from pluto_duck.events.writes import Write


class Picked:
    """The rows that the statement is about to change, as they are; a temporary table, dropped by `take`."""

    def __init__(self, cursor: Cursor, table: Tracked, picks: str, *, deletes: bool) -> None:
        self._cursor, self._table, self._deletes = cursor, table, deletes
        self._whole = table.before or not table.key_columns
        self._name = f"pluto_was_{uuid.uuid4().hex}"
        shown = [f"{quote(one)} AS k{i}" for i, one in enumerate(table.key_columns)]
        if self._whole:
            shown.append(table.packed({name: quote(name) for name, _kind in table.columns}) + " AS was")
        # By a name of its own the table would hide what the condition calls it.
        cursor.execute(f"CREATE TEMPORARY TABLE {self._name} AS SELECT {', '.join(shown)} FROM {picks}\n")

    def take(self, recording: Recording) -> int:
        """Takes down what became of them."""
        table, catalog = self._table, recording.journal.catalog
        into = (f"INSERT INTO {table.changes(catalog)} SELECT {recording.number()}, "
                f"{recording.n} + row_number() OVER ()")
        was = "p.was" if self._whole else "NULL"
        keys = {one: f"p.k{i}" for i, one in enumerate(table.key_columns)}
        if self._deletes:
            was = was if self._whole else table.key_alone(keys)
            rows = self._cursor.fetchall(f"{into}, 'd', {was}, NULL FROM temp.main.{self._name} AS p")
        else:
            there = {one: f"t.{quote(one)}" for one in table.key_columns}
            rows = self._cursor.fetchall(f"{into}, 'u', {was}, {table.row('t')} FROM temp.main.{self._name} AS p "
                                         f"JOIN {table.source(catalog)} AS t ON {table.same(keys, there)}")
        self.drop()
        return int(rows[0][0])

    def drop(self) -> None:
        self._cursor.execute(f"DROP TABLE temp.main.{self._name}")


def foretell(recording: Recording, cursor: Cursor, table: Tracked, write: Write) -> int:
    """Takes down the rows that an UPDATE is about to change, as they are and as it will make them: it casts what it
    sets as a CAST does."""
    assigned = dict(write.assigns)
    was = table.packed({name: quote(name) for name, _kind in table.columns}) if table.before else "NULL"
    made = table.packed({name: f"CAST(({assigned[fold(name)]}\n) AS {kind})" if fold(name) in assigned else quote(name)
                         for name, kind in table.columns})
    try:
        return int(cursor.fetchall(
            f"INSERT INTO {table.changes(recording.journal.catalog)} SELECT {recording.number()}, "
            f"{recording.n} + row_number() OVER (), 'u', {was}, {made} FROM {write.picks}\n")[0][0])
    except PlutoError as error:
        error.facts.pop("position", None)  # in our statement, not in theirs
        raise


__all__ = ["Picked", "foretell"]
