"""Rows that come one after the other as lines of csv, as Arrow record batches: exact, and in flat memory.

Blocks are cut between rows and each is parsed on its own: no row can straddle two, however long its values are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pluto_duck.errors import ColumnRefused, SourceError

BLOCK_BYTES = 4 << 20
"""1M mixed rows take as long with 1 as with 16 MiB; small keeps memory flat and progress lively."""

_WHERE = re.compile(r"In CSV column #(\d+)")


class RowLines:
    """NULL is nothing between two delimiters, the empty text is quoted."""

    def __init__(self, table: str, columns: Sequence[tuple[str, str, Any]], *, true: str, false: str) -> None:
        """Columns as (name in the stream, name in the source, Arrow's type)."""
        import pyarrow
        from pyarrow import csv

        self._table = table
        self._names = [name for _incoming, name, _type in columns]
        self.schema = pyarrow.schema([(incoming, kind) for incoming, _name, kind in columns])
        self._parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        self._convert = csv.ConvertOptions(
            column_types=self.schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
            true_values=[true], false_values=[false])

    def batches(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Of each block as it is full. Raises ColumnRefused for a value that the column's type can't hold."""
        held: list[bytes] = []
        size = 0
        for row in rows:
            held.append(bytes(row))
            size += len(row)
            if size >= BLOCK_BYTES:
                yield from self._parsed(b"".join(held))
                held.clear()
                size = 0
        if held:
            yield from self._parsed(b"".join(held))

    def _parsed(self, block: bytes) -> Iterator[Any]:
        import pyarrow
        from pyarrow import csv

        options = csv.ReadOptions(column_names=self.schema.names, use_threads=False, block_size=len(block) + 1)
        try:
            parsed = csv.read_csv(pyarrow.BufferReader(block), options, self._parse, self._convert)
        except pyarrow.ArrowInvalid as error:
            said = str(error)
            where = _WHERE.search(said)
            if where is None:
                raise SourceError(f"{self._table} sent rows that can't be read: {said}") from error
            raise self.refused(int(where[1]), said) from error
        yield from parsed.to_batches()

    def refused(self, place: int, said: str) -> ColumnRefused:
        """Of the column at `place`, and what Arrow says of its value."""
        raise NotImplementedError
