"""Arrow IPC, written by the caller from the stream: batch by batch, never the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pluto_duck.ingest.export.files import TEXT, as_type
from pluto_duck.ingest.export.rows import Column, Rows

# DuckDB's own export to Arrow wraps, drops the offset, or has none.
_AS_TEXT = ("UHUGEINT", "BIGNUM", "TIME WITH TIME ZONE", "BIT", "VARIANT")


def write(rows: Rows, path: Path, *, stream: bool, compression: str, notices: list[str],
          on_rows: Callable[[int], None]) -> int:
    """An IPC file (random access) or, with `stream`, an IPC stream; how many rows."""
    import pyarrow
    import pyarrow.ipc

    def way(column: Column) -> str | None:
        wanted = column.kind.mapped(lambda kind: TEXT if kind.name in _AS_TEXT else kind)
        if wanted != column.kind:
            notices.append(f"{column.name} stands as text: Arrow has no place for {column.kind}.")
        return as_type(column, wanted)

    options = pyarrow.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
    make = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    count = 0
    with rows.session.stream(rows.written(way), namespace=rows.namespace) as reading, open(path, "wb") as sink, \
            make(sink, reading.schema, options=options) as writer:
        for batch in reading:
            writer.write_batch(batch)
            count += batch.num_rows
            on_rows(count)
    return count
