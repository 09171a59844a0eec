"""The rows of a run as CSV, NDJSON, Parquet or an Arrow stream, batch by batch while the run goes on."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol

from tornado.iostream import StreamClosedError

from pluto_duck.api.follow import Follower
from pluto_duck.api.tags import tag_of
from pluto_duck.display.jsonable import csv_batch

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.api.forms import RunForms
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run

CSV, PARQUET, ARROW = "text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
ENDINGS = {CSV: "csv", NDJSON: "ndjson", PARQUET: "parquet", ARROW: "arrows"}
FORMATS = {"csv": CSV, "ndjson": NDJSON, "parquet": PARQUET, "arrow": ARROW}
"""For clients that can't send Accept."""
TEXTS = (CSV, NDJSON)
PIECE = 4 << 20
"""Bytes of an Arrow file that are sent at once."""


class Encoder(Protocol):
    def start(self, schema: pyarrow.Schema, types: list[str]) -> None: ...

    def batch(self, batch: pyarrow.RecordBatch) -> Iterator[bytes]: ...

    def end(self) -> bytes: ...


class Csv:
    """RFC 4180 with a header line; NULL is empty, an empty text is \"\"."""

    def start(self, schema: pyarrow.Schema, types: list[str]) -> None:
        import pyarrow

        self._types = types
        self._header = csv_batch(pyarrow.RecordBatch.from_pylist([], schema=schema), types)
        self._first = True

    def batch(self, batch: pyarrow.RecordBatch) -> Iterator[bytes]:
        from pluto_duck.display.ndjson import cut

        for piece in cut(batch):
            yield self._text(csv_batch(piece, self._types))

    def _text(self, batch: pyarrow.RecordBatch) -> bytes:
        import pyarrow.csv

        sink = io.BytesIO()
        pyarrow.csv.write_csv(batch, sink, pyarrow.csv.WriteOptions(include_header=self._first))
        self._first = False
        return sink.getvalue()

    def end(self) -> bytes:
        return self._text(self._header) if self._first else b""


class NdJsonLines:
    """An object a line; of two columns with one name the second is `name_1`."""

    def start(self, schema: pyarrow.Schema, types: list[str]) -> None:
        from pluto_duck.display.ndjson import NdJson

        self._writer = NdJson(schema.names, types)

    def batch(self, batch: pyarrow.RecordBatch) -> Iterator[bytes]:
        return self._writer.pieces(batch)

    def end(self) -> bytes:
        return b""


class Parquet:
    def start(self, schema: pyarrow.Schema, types: list[str]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._sink = io.BytesIO()
        self._sent = 0
        self._writer = pyarrow.parquet.ParquetWriter(
            pyarrow.PythonFile(_Tail(self._sink), "w"), schema, compression="zstd")

    def batch(self, batch: pyarrow.RecordBatch) -> Iterator[bytes]:
        self._writer.write_batch(batch)
        yield self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        data = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return data


class _Tail(io.RawIOBase):
    """A sink whose bytes are taken away as they come, and which still knows how many there were."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink, self._written = sink, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        count = self._sink.write(data)
        self._written += count
        return count

    def tell(self) -> int:
        return self._written


def _arrow_bytes(path: str, start: int, end: int) -> Iterator[bytes]:
    """The file is an Arrow stream already."""
    with open(path, "rb") as file:
        file.seek(start)
        while start < end:
            data = file.read(min(PIECE, end - start))
            start += len(data)
            yield data


_ENCODERS: dict[str, type[Encoder]] = {CSV: Csv, NDJSON: NdJsonLines, PARQUET: Parquet}


def is_far(address: str) -> bool:
    """Whether bytes to there cost more than the time to compress them: not on this machine, where a proxy that stands
    before us compresses by itself."""
    try:
        return not ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False  # a socket of this machine


def coding(handler: PlutoHandler, kind: str) -> str:
    """"gzip" where it is asked for and pays: CSV and NDJSON shrink to a fifth, Parquet and Arrow do not."""
    if kind not in TEXTS or not is_far(str(handler.request.remote_ip)):
        return ""
    for one in handler.request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, quality = one.replace(" ", "").partition(";q=")
        if name == "gzip":
            return "" if quality.strip("0.") == "" and quality else "gzip"
    return ""


async def stream(handler: RunForms, place: Place, run: Run, kind: str) -> None:
    """Answers with the run's rows once the first are there. A run that failed before answers with its
    problem; one that fails later breaks the connection off, so that nobody takes a part for the whole."""
    coded = coding(handler, kind)
    if run.status == "succeeded" and run.columns is not None and handler.unchanged(
            await handler.in_thread(tag_of, place, run, ENDINGS[kind], coded)):
        return  # before a file is opened
    follower = Follower(handler.app, place, run.run_id)
    handler.on_gone = follower.leave
    sender = _Sender(handler, place, kind, coded)
    try:
        async with follower:
            async for state in follower.states():
                run = state
                failure = run.failure()
                if failure is not None:
                    if not sender.started:
                        raise failure
                    handler.request.connection.stream.close()
                    return
                if run.columns is not None and (run.batches or run.done):
                    await sender.send(run)
        if run.done and run.columns is None:
            handler.set_status(204)
    except StreamClosedError:
        pass
    finally:
        sender.close()


class _Sender:
    def __init__(self, handler: RunForms, place: Place, kind: str, coded: str) -> None:
        self._handler, self._place, self._kind, self._coded = handler, place, kind, coded
        self._encoder: Encoder | None = _ENCODERS[kind]() if kind in _ENCODERS else None
        self._gzip = zlib.compressobj(1, wbits=31) if coded else None
        self._reader: Any = None
        self._sent = 0
        self.started = False

    async def send(self, run: Run) -> None:
        in_thread = self._handler.in_thread
        if not self.started:
            if self._encoder is not None:
                await in_thread(self._open, run)
            self.started = True
            self._handler.tagged(await in_thread(tag_of, self._place, run, ENDINGS[self._kind], self._coded))
            self._handler.set_header("Content-Type", self._kind + ("; charset=utf-8" if self._kind in TEXTS else ""))
            self._handler.set_header("Cache-Control", self._handler.caching)
            if self._coded:
                self._handler.set_header("Content-Encoding", self._coded)
            self._handler.set_header("Accept-Ranges", "none")
            self._handler.say_age(run)
            self._handler.set_header("Content-Disposition",
                                     f'attachment; filename="{run.run_id[:8]}.{ENDINGS[self._kind]}"')
        pieces = self._pieces(run)
        while (data := await in_thread(next, pieces, None)) is not None:
            if data:
                self._handler.write(data)
                await self._handler.flush()

    def _open(self, run: Run) -> None:
        self._reader = self._place.runs.open_rows(run)
        assert self._encoder is not None
        self._encoder.start(self._reader.schema, [one.type for one in run.columns or ()])

    def _pieces(self, run: Run) -> Iterator[bytes]:
        if self._gzip is None:
            yield from self._plain(run)
            return
        for piece in self._plain(run):
            yield self._gzip.compress(piece)
        if run.done:
            yield self._gzip.flush()

    def _plain(self, run: Run) -> Iterator[bytes]:
        if self._encoder is None:
            start, self._sent = self._sent, run.size
            yield from _arrow_bytes(str(self._place.workspace.runs / f"{run.run_id}.arrow"), start, run.size)
            return
        for batch in self._reader.upto(run.batches):
            yield from self._encoder.batch(batch)
        if run.done:
            yield self._encoder.end()

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
