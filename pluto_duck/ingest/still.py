"""A load that finds nothing new, told by one question: neither the source nor the table here has moved.

When a load by cursor has found nothing new it keeps what the source says of shape and rows (`Checked.stamp`) and what
was asked for. The next one that asks for the same, of a table that nobody wrote since, and hears the same, is done:
nothing is looked up, planned or read. Any doubt, and the load goes its whole way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.ingest import state
from pluto_duck.ingest.connectors import Selection, SourceTable
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.records import history_row
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import fold

if TYPE_CHECKING:
    from pluto_duck.ingest.connectors import Connector
    from pluto_duck.ingest.plan import TableLoad

FORMAT = "1"
"""Moves when a load like that of last time may do something else: another type for a column, say."""
EVERYTHING = "*"
KINDS = ("table", "partitioned table")


@dataclass(frozen=True)
class Kept:
    """What stands in `_pluto.ingest_state.pulse`."""

    pulse: str | None = None
    stamp: str | None = None
    asked: str = ""
    cursor_type: str = ""
    everything: int = 0
    """The version of what nobody could tell the table of."""

    @classmethod
    def read(cls, text: str | None) -> Kept:
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def text(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Still:
    """One table of which nothing is new."""

    table: SourceTable
    ref: TableRef


def asked(options: LoadOptions) -> str:
    told = {name: value for name, value in asdict(options).items() if name not in ("parallel", "check")}
    return hashlib.sha256((FORMAT + json.dumps(told, sort_keys=True, default=str)).encode()).hexdigest()[:16]


def askable(options: LoadOptions) -> bool:
    """Whether a load of this kind, of tables by their plain names, can ever be told by one question."""
    return (options.mode != "replace" and options.cursor not in (None, state.XMIN) and bool(options.tables)
            and not (options.query or options.exclude or options.cast or options.verify)
            and options.rejects == "refuse" and ";" not in (options.where or "")
            and not any(mark in name for name in options.tables for mark in "*?[."))


def by_name(options: LoadOptions) -> list[SourceTable]:
    """The tables as the names alone tell them."""
    return [SourceTable(name, options.schema or "", ()) for name in options.tables]


def keep(session: Session, connector: Any, load: TableLoad, options: LoadOptions, *, after: str | None,
         pulse: str | None) -> Kept:
    """What is to be kept of a load that found nothing new; `connector` is on the moment of the rows it looked at."""
    stamp, kind = None, ""
    table = load.table
    if askable(options) and table.name in options.tables and "." not in table.schema + table.name \
            and table.kind in KINDS and not load.alters and after is not None:
        column = state.cursor_column(table, str(options.cursor))
        ask = getattr(connector, "stamp", None)
        kind = column.type
        stamp = ask(table.name, table.schema, Selection(options.where or "", column.name, after),
                    default=options.schema is None) if ask is not None else None
    return Kept(pulse, stamp, asked(options), kind, session.versions().get(EVERYTHING, 0))


def unmoved(session: Session, connector: Connector, options: LoadOptions,
            tables: Sequence[tuple[SourceTable, TableRef]]) -> list[Still] | None:
    """All of the tables, when nothing is new in any of them; None when that can't be told at once."""
    ask = getattr(connector, "stamp", None)
    if ask is None:
        return None
    states = state.States(session, connector.source, [ref.key for _table, ref in tables])
    found = []
    for table, ref in tables:
        known = states.only(ref.key)
        if known is None or fold(known.cursor) != fold(options.cursor or ""):
            return None
        schema, _dot, name = known.source_table.partition(".")
        kept = Kept.read(known.state.pulse)
        last = known.state.last
        if (name != table.name or options.schema not in (None, schema) or kept.stamp is None or last is None
                or kept.asked != asked(options) or known.state.selection != state.fingerprint(options)
                or known.state.target_gone or states.written_since(ref.key, known.state)
                or states.everything != kept.everything):
            return None
        try:
            after = state.before(session, last, kept.cursor_type, options.lag) if options.lag else last
            stamp = ask(name, schema, Selection(options.where or "", known.cursor, after),
                        default=options.schema is None)
        except PlutoError:
            return None  # what is wrong is said by the load itself
        if stamp != kept.stamp:
            return None
        found.append(Still(SourceTable(name, schema, ()), ref))
    return found


def record(session: Session, tables: Sequence[Still], options: LoadOptions, *, load_id: str, shown: str,
           started_at: str) -> None:
    rows = ", ".join(history_row(one.ref, options.mode, load_id, shown, 0, started_at) for one in tables)
    with session.transaction():
        session.internal([f"INSERT INTO _pluto.loads VALUES {rows}"], writes=["_pluto.loads"])
