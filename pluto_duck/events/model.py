"""The words of changes: where one stands, what a batch of them is, who reads and who delivers them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pluto_duck.errors import UsageError
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    import pyarrow

OPS = ("c", "u", "d", "r", "t", "schema", "drop", "resync")
"""Debezium's create, update, delete, read and truncate; and of a whole table: another shape, gone, and changes that
could not be seen, after which only a new snapshot is certain."""

_POSITION = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")


@dataclass(frozen=True, order=True)
class Position:
    """After which change a reader stands: the commit, and the change within it. Commits are numbered in their order."""

    seq: int = 0
    n: int = 0
    """0: nothing of the commit was read. LAST: all of it."""

    LAST = 10**18 - 1

    def __str__(self) -> str:
        return str(self.seq) if self.n == self.LAST else f"{self.seq}.{self.n}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """`12` is after commit 12, `12.3` after its third change. Raises UsageError."""
        found = _POSITION.fullmatch(text.strip())
        if not found:
            raise UsageError(f"{text!r} is no position of a change.", hint="Give the id of the last change you have, "
                             "for example 12.3; 0 reads all there is.")
        return cls(int(found[1]), cls.LAST if found[2] is None else int(found[2]))


@dataclass(frozen=True)
class ChangeBatch:
    """Changes in their order, as DuckDB wrote them; a transaction may go on in the next batch."""

    table: pyarrow.Table
    """One row a change: `seq` and `n` BIGINT (its Position), `last` BOOLEAN (the last of its transaction), `schema`,
    `name`, `op` VARCHAR, `key` VARCHAR (the primary key as a JSON object; NULL without one), `event` VARCHAR
    (the CloudEvent as JSON)."""
    position: Position
    """After the last change looked at, also where none of them was for this reader."""
    head: int
    """The newest commit: `head - position.seq` tells how far behind the reader is."""
    view: Mapping[str, str] = field(default_factory=dict)
    """Of a reader with a policy: by TableRef.key, what moves when it begins to see the rows of a table otherwise. Rows
    that came into its sight, or went out of it, by that alone are not told."""


class ChangeReader(Protocol):
    """Whoever can read changes: a Session. Raises HistoryGone where `after` is older than what is kept."""

    def changes(self, after: Position, *, tables: Sequence[TableRef] = (), limit: int = 1000,
                wait_s: float = 0.0) -> ChangeBatch:
        """Up to about `limit` changes of these tables (none: all tracked ones), waiting for the first of them."""
        ...

    def snapshot_changes(self, table: TableRef) -> tuple[Position, pyarrow.RecordBatchReader]:
        """The rows of a table as changes `r`, in the shape of ChangeBatch.table, and the position they are of."""
        ...


@dataclass(frozen=True)
class Delivery:
    """What became of a batch in a Sink: everything up to `position` is durable there."""

    position: Position
    dead: tuple[DeadLetter, ...] = field(default=())


@dataclass(frozen=True)
class DeadLetter:
    """A change that can never be delivered, which stays aside so that the others can go on."""

    position: Position
    table: TableRef
    event: str
    reason: str


class Sink(Protocol):
    """One target of changes. The relay calls it from one thread, one batch at a time, under the lease of its name."""

    def start(self, position: Position) -> Position:
        """Opens it; where to go on: what the target itself has durably, else `position`, the relay's own note.
        Raises Transient for what may pass (the broker is away), Terminal for what will not. A target that lost what
        came after that position, although it stands where the relay's note does, says so by `has_forgotten = True`.
        A sink may have a method `look()`, called when there is nothing to deliver: it raises what `deliver` would
        where the target has lost something or is away."""
        ...

    def deliver(self, batch: ChangeBatch) -> Delivery:
        """Returns when the batch is durable at the target. A batch may come again after a failure: the position in
        each event lets the target drop what it has."""
        ...

    def close(self) -> None: ...


__all__ = ["OPS", "ChangeBatch", "ChangeReader", "DeadLetter", "Delivery", "Position", "Sink"]
