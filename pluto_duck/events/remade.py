"""Tables that a transaction made anew, altered, dropped or renamed: compared with what they were, at its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluto_duck.events.comparing import Copy, drop, tells_apart, written
from pluto_duck.events.tracked import Tracked, columns_of
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import fold, quote

if TYPE_CHECKING:
    from pluto_duck.events.recording import Recording


def remade(recording: Recording, cursor: Cursor, table: Tracked, was: Copy | None) -> None:
    journal = recording.journal
    columns = columns_of(cursor, journal.catalog, table.ref)
    there_before = was is not None and was.present
    if columns is None:
        if there_before:
            recording.mark(cursor, table, "drop")
    else:
        names = {fold(name): name for name, _kind in columns}
        key = tuple(names[fold(one)] for one in table.declared if fold(one) in names)
        now = Tracked(table.ref, table.declared, table.before, table.started_seq, table.shape, table.version, columns,
                      key if len(key) == len(table.declared) else ())
        if now.key_columns and not tells_apart(cursor, now, now.source(journal.catalog)):
            now = Tracked(now.ref, now.declared, now.before, now.started_seq, now.shape, now.version, columns, ())
        other = (now.columns, now.key_columns) != (table.columns, table.key_columns)
        if other:
            now = journal.reshaped(cursor, table, columns, now.key_columns)
            journal.shaped(cursor, now)
            recording.adopted[table.key] = now
        if other or not there_before:
            recording.mark(cursor, now, "schema",
                           before=[list(one) for one in table.columns] if there_before else None,
                           after=[list(one) for one in columns])
        _rows(recording, cursor, table, now, was if there_before else None)
    if was is not None:
        drop(cursor, was)


def _rows(recording: Recording, cursor: Cursor, old: Tracked, now: Tracked, was: Copy | None) -> None:
    if was is None:
        recording._wrote(now, recording.whole(cursor, now))
        return
    kinds = {fold(name): (name, kind) for name, kind in was.columns}
    picks, retyped = [], False
    for name, kind in now.columns:
        before = kinds.get(fold(name))
        if before is None:
            picks.append(f"CAST(NULL AS {kind}) AS {quote(name)}")
        elif before[1] == kind:
            picks.append(f"{quote(before[0])} AS {quote(name)}")
        else:
            retyped = True
            picks.append(f"TRY_CAST({quote(before[0])} AS {kind}) AS {quote(name)}")
    source = f"(SELECT {', '.join(picks)} FROM {was.source})"
    keyed = bool(now.key_columns) and bool(old.key_columns) and tells_apart(cursor, now, source)
    rekeyed = [fold(one) for one in old.key_columns] != [fold(one) for one in now.key_columns]
    if rekeyed or (retyped and not keyed):
        # The rows that others have can't be told apart from these by their values, or stand there under another key.
        recording.mark(cursor, now, "t")
        _rows(recording, cursor, old, now, None)
        return
    recording._wrote(now, written(recording, cursor, now, source, keyed=keyed, all_differ=retyped))
