"""`reload`: a table again, from where it came."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, verb
from pluto_duck.errors import Refused, unknown_name

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadOptions, LoadReport, Progress
    from pluto_duck.ingest.attempts import Attempt
    from pluto_duck.session import Session


@verb(SECTIONS[1], "reload orders", "reload shop.orders", name="reload")
@click.argument("table")
@_format
def reload(door: Door, table: str, format_: Format) -> object:
    """Load a table again, from where it came and in the way it was loaded last.

    It stays as it is until all of the new one has come. A password is looked up as for `ingest`: in the saved
    connection with that address, in ~/.pgpass, in the environment.
    """
    return formatted(load_again(door.open_session(), table, on_progress=door.progress), format_)


def load_again(session: Session, table: str, *, password: str | None = None,
               on_progress: Callable[[Progress], None] | None = None) -> LoadReport:
    """`table`: its name or key. `password`: that of the source, where nothing else knows it."""
    from pluto_duck.commands.load_run import perform

    last = last_load(session, table)
    source, secret = _source(session, last, password)
    return perform(session, source, _options(session, last), shown=last.source, secret=secret, on_progress=on_progress)


def last_load(session: Session, table: str) -> Attempt:
    """The one that brought what is in the table now. Raises UnknownName, or Refused for what can't be repeated."""
    from pluto_duck.ingest.attempts import freshness, history
    from pluto_duck.workspace import TableRef

    key = TableRef.parse(table).key
    names = {one.ref.key: str(one.ref) for one in session.tables()}
    if key not in names:
        raise unknown_name("table", table, names.values())
    load_id = next((one.load_id for one in freshness(session) if one.table == key), None)
    found = next((one for one in history(session, 10_000) if one.table == key and one.load_id == load_id), None)
    why = reason_against(found)
    if found is None or why:
        raise Refused(f"{names[key]} can't be loaded again by itself: {why}.",
                      hint=f"Load it with all that belongs to it: ingest ... --into {names[key]}", table=names[key])
    return found


def reason_against(load: Attempt | None) -> str:
    """Why a load can't be done again by a name alone; "" where it can."""
    if load is None:
        return "no load of it is known"
    if re.search(r" in memory\Z", load.source):
        return "it came from a DataFrame"
    if load.recipe is None:
        return "how it was loaded is not known here"
    if load.mode == "append" and "cursor" not in load.recipe:
        return "its rows were added to others, and would be there twice"
    return ""


def _options(session: Session, load: Attempt) -> LoadOptions:
    from pluto_duck.ingest.attempts import history
    from pluto_duck.ingest.told import told

    assert load.recipe is not None
    options = told(None, load.recipe)
    together = sum(one.load_id == load.load_id for one in history(session, 10_000))
    # Of a load of several tables this one alone.
    return replace(options, tables=(load.source_table,), exclude=()) if together > 1 else options


def _source(session: Session, load: Attempt, password: str | None) -> tuple[str, str | None]:
    """(the whole address, the password in it)"""
    from pluto_duck.commands.load_run import apart
    from pluto_duck.ingest.connections import Connections
    from pluto_duck.ingest.connections_address import join

    if password:
        return join(load.source, password), password
    known = Connections(session.control, session.workspace)
    for one in known.all():
        uri = known.uri(one) if _same(one.address, load.source) else ""
        if uri:
            return uri, apart(uri)[1]
    return load.source, None


def _same(address: str, source: str) -> bool:
    """Of a saved connection and of a load, which writes it as its connector does."""
    from pluto_duck.errors import PlutoError
    from pluto_duck.ingest.sources import open_source

    if address == source:
        return True
    try:
        return not address.startswith("env:") and open_source(address)[1] == source
    except PlutoError:
        return False
