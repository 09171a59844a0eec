"""COPY TO STDOUT as a stream of Arrow record batches: the server sends one CopyData message for each row
(documented in its protocol)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pluto_duck.errors import ColumnRefused
from pluto_duck.ingest.connectors.row_lines import RowLines


class RowParser(RowLines):
    def __init__(self, table: str, columns: Sequence[tuple[str, str, str]]) -> None:
        """Columns as (name in the stream, name in the source, Arrow type)."""
        super().__init__(table, [(incoming, name, _arrow(kind)) for incoming, name, kind in columns],
                         true="t", false="f")

    def refused(self, place: int, said: str) -> ColumnRefused:
        # The server checks every number it sends: what fails is text that is no text, from a database in SQL_ASCII.
        name = self._names[place]
        return ColumnRefused(f"{self._table}.{name} holds text that is not UTF-8.",
                             hint=f"Leave it out with --skip {name}.", column=name, table=self._table)


def _arrow(name: str) -> Any:
    import pyarrow

    return pyarrow.bool_() if name == "bool" else getattr(pyarrow, name)()
