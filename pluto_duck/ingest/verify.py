"""Comparing what was written with what the source holds, beyond the number of rows.

Where the source counts for itself, its sums are compared with ours. Elsewhere it is read once more, and
every value is compared by its hash, whatever the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors import Checksums
from pluto_duck.ingest.connectors.measures import Measure, counted, measure
from pluto_duck.ingest.plan import TableLoad
from pluto_duck.session import Session
from pluto_duck.workspace import quote

_WORDS: dict[Measure, str] = {
    "sum": "add up to", "digest": "have the digest", "true": "that are true number",
    "days": "add up, in days, to", "microseconds": "add up, in microseconds, to", "values": "number"}


def against_sums(worker: Session, load: TableLoad, table: str, theirs: Checksums) -> None:
    """`theirs` were counted by the source at the same moment. Raises SourceError, naming what differs."""
    checked = []
    for column in load.columns:
        source = load.table.columns[column.place]
        # A target may be wider than its source; what a value measures must be the same in both types.
        if source.name in theirs.columns and measure(column.type) == measure(source.type):
            checked.append(column)
    sums = [counted(quote(column.name), measure(column.type), column.type) for column in checked]
    rows, *ours = worker.internal([f"SELECT {', '.join(['count(*)', *sums])} FROM {table}"])[0][0]
    _same_rows(load, rows, theirs.rows)
    for column, mine in zip(checked, ours, strict=True):
        other = theirs.columns[load.table.columns[column.place].name]
        if not _equal(mine, other):
            what = _WORDS[measure(column.type)]
            raise SourceError(f"{load.table.name}: the values of {column.name} {what} {mine or 'nothing'} here and "
                              f"{other or 'nothing'} at the source.",
                              hint="Nothing of this table was kept; run it again.")


def against_second_reading(worker: Session, load: TableLoad, table: str, read_again: Callable[[str], str]) -> None:
    """`read_again` reads the source into a temp table of the given name, and returns it as SQL."""
    again = read_again("pluto_again")
    picks = ", ".join(f"count({quote(c.name)}), CAST(bit_xor(hash({quote(c.name)})) AS VARCHAR)" for c in load.columns)
    ours, theirs = (rows[0] for rows in worker.internal([
        f"SELECT count(*), {picks} FROM {table}", f"SELECT count(*), {picks} FROM {again}"]))
    worker.internal([f"DROP TABLE {again}"])
    _same_rows(load, ours[0], theirs[0])
    for place, column in enumerate(load.columns):
        if ours[1 + 2 * place:3 + 2 * place] != theirs[1 + 2 * place:3 + 2 * place]:
            raise SourceError(f"{load.table.name}: the values of {column.name} were others when they were read again.",
                              hint="Nothing of this table was kept; run it again when the source is still.")


def _same_rows(load: TableLoad, ours: int, theirs: int) -> None:
    if ours != theirs:
        raise SourceError(f"{load.table.name}: {ours:,} rows were written, and the source has {theirs:,}.",
                          hint="Nothing of this table was kept; run it again.")


def _equal(mine: str | None, other: str | None) -> bool:
    try:
        return Decimal(mine or "0") == Decimal(other or "0")
    except InvalidOperation:
        return mine == other
