"""What the work of a run is given: its session, its voice, and the news that it should stop."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.errors import Cancelled, PlutoError, TimedOut, UsageError
from pluto_duck.runs.model import EVENT_TYPES, SUBTYPES, Column, EventType, Subtype
from pluto_duck.runs.rowsfile import RowsWriter, rows_path
from pluto_duck.runs.store import RunStore
from pluto_duck.session import Session

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.runs.cache import Kept
    from pluto_duck.session import Result, Stream
    from pluto_duck.workspace import Workspace

StopReason = Literal["cancelled", "timed_out"]
_LOG = logging.getLogger(__name__)


class RunContext:
    """Belongs to the thread of the run; `stop` alone may come from others."""

    def __init__(self, run_id: str, store: RunStore, workspace: Workspace, open_session: Callable[[], Session],
                 changed: Callable[[], None]) -> None:
        self.run_id = run_id
        self.workspace = workspace
        self.columns: tuple[Column, ...] | None = None
        """Of the rows that are kept; None while there are none, or not yet all."""
        self.batches: list[tuple[int, int]] = []
        """(rows, bytes of the file up to its end) of each that is kept."""
        self._afterwards: list[Callable[[], None]] = []
        self.versions: Mapping[str, int] | None = None
        """Of the tables in the snapshot that its rows came from; None: they came from the tables themselves."""
        self._store = store
        self._folder = workspace.runs
        self._open_session = open_session
        self._changed = changed
        self._session: Session | None = None
        self._lent = False
        self._session_lock = threading.Lock()
        self._rows: RowsWriter | None = None
        self.stop_reason: StopReason | None = None
        self.max_bytes: int | None = None
        """Of the rows it keeps; the batch that passes it is the last."""
        self._kept_rows = 0
        self.full = False
        """It had more than that."""
        self.ends_at: float | None = None
        """By time.monotonic(); None: it may take as long as it takes."""

    @property
    def row_count(self) -> int:
        """Kept so far, computed here or by another run."""
        return self._rows.row_count if self._rows is not None else self._kept_rows

    @property
    def left_s(self) -> float | None:
        """Until its deadline; None where it has none."""
        return None if self.ends_at is None else max(0.01, self.ends_at - time.monotonic())

    @property
    def session(self) -> Session:
        """The run's own, opened at first use and closed with the run."""
        if self._session is None:
            self.check()
            opened = self._open_session()
            with self._session_lock:
                self._session = opened
        return self._session

    @property
    def cancelled(self) -> bool:
        return self.stop_reason is not None

    def check(self) -> None:
        """Raises Cancelled or TimedOut once the run should stop: call it in loops of your own."""
        if self.stop_reason == "timed_out":
            raise TimedOut("The run took longer than it may.", hint="Ask for less, or raise its timeout.")
        if self.stop_reason == "cancelled":
            raise Cancelled("The run was cancelled.")

    def emit(self, type: EventType, subtype: Subtype, **content: Any) -> int:
        """Adds an event; its sequence number. Raises Cancelled when the run should stop."""
        if type not in EVENT_TYPES or subtype not in SUBTYPES or type in ("run", "rows"):
            raise UsageError(f"A run's work can't emit {type}/{subtype}.",
                             hint=f"Types: {', '.join(EVENT_TYPES)}; run and rows are written by the run itself.")
        self.check()
        seq = self._store.append(self.run_id, type, subtype, content)
        self._changed()
        return seq

    # -- rows -------------------------------------------------------------------------------------

    def write_batches(self, columns: Sequence[Column], schema: pyarrow.Schema,
                      batches: Iterable[pyarrow.RecordBatch], *, truncated: Callable[[], bool] = bool) -> int:
        """Keeps Arrow batches as the run's rows, each readable to followers at once; how many rows.

        Once per run. `truncated` is asked after the last batch.
        """
        if self._rows is not None:
            raise UsageError("A run keeps one set of rows.")
        self._rows = rows = RowsWriter(rows_path(self._folder, self.run_id), schema)
        self._store.rows_start(self.run_id, columns)
        self._changed()
        for batch in batches:
            self.check()
            number, offset = rows.batches, rows.row_count
            size = rows.write(batch)
            self.batches.append((batch.num_rows, size))
            self._store.rows_chunk(self.run_id, batch=number, offset=offset, count=batch.num_rows, size=size)
            self._changed()
            self.full = self.max_bytes is not None and size > self.max_bytes
            if self.full:
                break
        self.check()
        size = rows.close()
        self._store.rows_end(self.run_id, size=size, count=rows.row_count, truncated=self.full or truncated())
        self.columns = tuple(columns)
        return rows.row_count

    @property
    def rows_file(self) -> Path:
        """Where this run's rows are, or will be."""
        return rows_path(self._folder, self.run_id)

    def write_kept(self, kept: Kept, facts: dict[str, Any]) -> dict[str, Any]:
        """As `write_stream`, for rows that another run has computed and that are in `rows_file` already."""
        self.check()
        facts = {**kept.facts, **facts}
        if self.session.actor is not None:
            facts |= aged(dt.datetime.now(dt.UTC))  # what it was computed from has not changed since
        self._store.note(self.run_id, facts)  # a download begins before the run has ended
        self._kept_rows = sum(count for count, _end in kept.batches)
        self._store.rows_whole(self.run_id, kept.columns, kept.batches, size=kept.size,
                               truncated=bool(facts.get("truncated")))
        self._changed()
        return facts

    def write_stream(self, stream: Stream) -> dict[str, Any]:
        """Keeps what a statement returns, batch by batch; the facts that the work may return."""
        facts: dict[str, Any] = {"statement": stream.statement}
        if stream.affected_rows is not None:
            facts["affected_rows"] = stream.affected_rows
        self.versions = stream.versions
        if stream.as_of is not None:
            facts |= aged(stream.as_of)
            self._store.note(self.run_id, facts)  # a download begins before the run has ended
        if stream.schema is not None:
            columns = [Column(one.name, one.type) for one in stream.columns]
            self.write_batches(columns, stream.schema, stream, truncated=lambda: stream.truncated)
            facts |= self._cut(stream.truncated)
        return facts

    def write_result(self, result: Result) -> dict[str, Any]:
        """As `write_stream`, for rows that are in memory already."""
        facts: dict[str, Any] = {"statement": result.statement}
        if result.affected_rows is not None:
            facts["affected_rows"] = result.affected_rows
        if result.has_rows:
            table = result.arrow()
            columns = [Column(one.name, one.type) for one in result.columns]
            self.write_batches(columns, table.schema, table.to_batches(), truncated=lambda: result.truncated)
            facts |= self._cut(result.truncated)
        return facts

    def _cut(self, truncated: bool) -> dict[str, Any]:
        if self.full:
            return {"truncated": True, "truncated_by": "bytes"}
        return {"truncated": truncated} | ({"truncated_by": "rows"} if truncated else {})

    def afterwards(self, act: Callable[[], None]) -> None:
        """Calls it in this thread once the run has ended, however; with the session still open."""
        self._afterwards.append(act)

    # -- for Runs ---------------------------------------------------------------------------------

    def lend(self, session: Session) -> None:
        """The session of somebody who stays its owner."""
        self._session, self._lent = session, True

    def stop(self, reason: StopReason) -> None:
        """From any thread: remembered, and the running statement is interrupted."""
        self.stop_reason = self.stop_reason or reason
        with self._session_lock:
            if self._session is not None:
                try:
                    self._session.interrupt()
                except PlutoError:
                    pass  # the host went away: the statement fails by itself

    def progress(self) -> float:
        with self._session_lock:
            return self._session.progress() if self._session is not None else -1.0

    def settle(self) -> None:
        """What was left for after its end; what fails there is nobody's failure any more."""
        acts, self._afterwards = self._afterwards, []
        for act in acts:
            try:
                act()
            except Exception as error:
                _LOG.info("run %s: %s after its end", self.run_id, error)

    def close(self) -> None:
        if self._rows is not None:
            self._rows.abandon()
        with self._session_lock:
            session, self._session = self._session, None
        if session is not None and not self._lent:
            session.close()


def aged(as_of: dt.datetime) -> dict[str, Any]:
    """What a run says of rows that are as of then."""
    age_s = (dt.datetime.now(dt.UTC) - as_of).total_seconds()
    return {"as_of": as_of.isoformat(timespec="milliseconds"), "age_s": round(max(0.0, age_s), 3)}
