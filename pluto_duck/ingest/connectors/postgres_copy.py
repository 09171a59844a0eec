"""COPY TO STDOUT as a stream of Arrow record batches, exact and in flat memory.

The server sends one CopyData message for each row (documented in its protocol), so blocks are cut
between rows and each is parsed on its own: no row can straddle two blocks, however long its values are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pluto_duck.errors import ColumnRefused, SourceError

BLOCK_BYTES = 4 << 20
"""1M mixed rows take as long with 1 as with 16 MiB; small keeps memory flat and progress lively."""

_WHERE = re.compile(r"In CSV column #(\d+)")


def blocks(copy: Any) -> Iterator[bytes]:
    """The rows of a psycopg Copy in blocks that end at a row's end."""
    held: list[bytes] = []
    size = 0
    for row in copy:
        held.append(bytes(row))
        size += len(row)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


class RowParser:
    """Turns blocks of COPY's csv into record batches."""

    def __init__(self, table: str, columns: Sequence[tuple[str, str, str]]) -> None:
        """Columns as (name in the stream, name in the source, Arrow type)."""
        import pyarrow
        from pyarrow import csv

        self._table = table
        self._columns = columns
        self.schema = pyarrow.schema([(incoming, _arrow(arrow)) for incoming, _name, arrow in columns])
        self._parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        # COPY writes NULL as nothing and the empty text as "": only the quotes tell them apart.
        self._convert = csv.ConvertOptions(
            column_types=self.schema, null_values=[""], strings_can_be_null=True,
            quoted_strings_can_be_null=False, true_values=["t"], false_values=["f"])

    def batches(self, block: bytes) -> Iterator[Any]:
        """Raises ColumnRefused for a value that the column's type can't hold."""
        import pyarrow
        from pyarrow import csv

        source: Any = pyarrow.BufferReader(block)
        options = csv.ReadOptions(column_names=self.schema.names, use_threads=False, block_size=len(block) + 1)
        try:
            parsed = csv.read_csv(source, options, self._parse, self._convert)
        except pyarrow.ArrowInvalid as error:
            raise self._refused(str(error)) from error
        yield from parsed.to_batches()

    def _refused(self, said: str) -> SourceError:
        where = _WHERE.search(said)
        if where is None:
            return SourceError(f"{self._table} sent rows that can't be read: {said}")
        _incoming, name, _arrow = self._columns[int(where[1])]
        # The server checks every number it sends: what fails is text that is no text, from a database in SQL_ASCII.
        return ColumnRefused(f"{self._table}.{name} holds text that is not UTF-8.",
                             hint=f"Leave it out with --skip {name}.", column=name, table=self._table)


def _arrow(name: str) -> Any:
    import pyarrow

    return pyarrow.bool_() if name == "bool" else getattr(pyarrow, name)()
