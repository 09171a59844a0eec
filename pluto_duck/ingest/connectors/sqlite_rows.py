"""Rows of Python's SQLite driver as Arrow record batches, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

FIRST_ROWS = 256
MOST_ROWS = 65_536
BATCH_BYTES = 8 << 20


def schema_of(columns: Sequence[tuple[str, str]]) -> Any:
    """Of (name, int64 | float64 | string | binary)."""
    import pyarrow

    return pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in columns])


def batches(fetch: Callable[[int], list[Any]], schema: Any) -> Iterator[Any]:
    """`fetch` returns at most so many rows as tuples, none at the end.

    The first batches are small: how wide rows are is only known once some have come.
    """
    import pyarrow

    count = FIRST_ROWS
    while rows := fetch(count):
        columns = zip(zip(*rows, strict=True), schema.types, strict=True)
        arrays = [pyarrow.array(values, kind) for values, kind in columns]
        batch = pyarrow.record_batch(arrays, schema=schema)
        width = max(1, batch.nbytes // len(rows))
        yield batch
        count = max(1, min(MOST_ROWS, count * 4, BATCH_BYTES // width))
