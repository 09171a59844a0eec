"""Begins and ends the tracking of tables, in the host; each call is a commit of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pluto_duck.errors import Refused
from pluto_duck.events.recording import Recording
from pluto_duck.session.ledger import Ledger
from pluto_duck.session.targets import SCHEMA
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import TableRef, fold


def track(ledger: Ledger, recording: Recording, refs: Sequence[TableRef], *, before: bool,
          full_row: bool) -> list[Json]:
    """What is tracked already, and so, stays as it is."""
    journal = ledger.journal
    for ref in refs:
        if fold(ref.schema) == "_pluto":
            raise Refused("The schema _pluto keeps this workspace's own records, whose changes nobody follows.")

    def work(cursor: Cursor) -> None:
        for ref in refs:
            table = journal.plan(cursor, ref, before=before, full_row=full_row, started=ledger.seq + 1)
            known = journal.tracked.get(ref.key)
            if known is None or (known.before, known.declared) != (table.before, table.declared):
                journal.note_tracked(cursor, table)
                recording.adopted[ref.key] = table

    _committed(ledger, recording, work)
    return [one.key for one in refs]


def untrack(ledger: Ledger, recording: Recording, refs: Sequence[TableRef]) -> list[Json]:
    journal = ledger.journal

    def work(cursor: Cursor) -> None:
        for ref in refs:
            if ref.key in journal.tracked:
                journal.note_untracked(cursor, ref.key)
                recording.adopted[ref.key] = None

    _committed(ledger, recording, work)
    return sorted(recording.adopted)


def _committed(ledger: Ledger, recording: Recording, work: Callable[[Cursor], None]) -> None:
    cursor = ledger.journal.database.cursor()
    try:
        with cursor.transaction():
            work(cursor)
            if recording.adopted:
                ledger.commit(cursor, frozenset({SCHEMA}), recording=recording)
    finally:
        cursor.close()


def status(ledger: Ledger) -> Json:
    """{tables: [...], head, oldest}."""
    ledger.notice()
    journal, cursor = ledger.journal, ledger.journal.database.cursor()
    try:
        return {"tables": journal.status(cursor), "head": ledger.seq, "oldest": journal.oldest(cursor)}
    finally:
        cursor.close()


__all__ = ["status", "track", "untrack"]
