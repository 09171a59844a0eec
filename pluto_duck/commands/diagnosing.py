"""`diagnose`: what a person should know of a file before loading it."""

from __future__ import annotations

from typing import Any

import click

from pluto_duck.commands import Door
from pluto_duck.commands.asking import Format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, verb
from pluto_duck.commands.load_options import FROM, HOW, OTHER, WHAT, Ingest, option, pairs


@verb(SECTIONS[1], "diagnose sales.csv", "diagnose 'logs/*.parquet'", "diagnose budget.xlsx --option sheet=2026",
      "diagnose --from shop --table orders", cls=Ingest)
@click.argument("uri", required=False)
@option(FROM, "--from", "connection", metavar="NAME", help="A saved connection: `connections add NAME URI`.")
@option(WHAT, "--table", "tables", multiple=True, metavar="NAME",
        help="A table of the source, or a pattern; may be repeated. Without it: all of them.")
@option(WHAT, "--max-rows", type=Whole(1), metavar="N", help="Look at the first N rows of each; else a million.")
@option(HOW, "--option", "settings", multiple=True, metavar="NAME=VALUE",
        help="For the kind of source: encoding=latin-1, sheet=Budget; may be repeated.")
@option(OTHER, "--format", "format_", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
        help="How it is written.")
def diagnose(door: Door, uri: str | None, connection: str | None, tables: tuple[str, ...], max_rows: int | None,
             settings: tuple[str, ...], format_: Format, **aliases: str | None) -> object:
    """Look at a file without loading it: types, gaps, doubles, suspicious values, and what could be the key."""
    from pluto_duck.commands import load_run
    from pluto_duck.commands.load_place import meant, place
    from pluto_duck.errors import PlutoError
    from pluto_duck.ingest import diagnosis

    there = place(door, uri, connection, aliases)
    if there.secret is not None and there.typed is not None:
        load_run.warn(door, door.open_session())
    limit: dict[str, Any] = {} if max_rows is None else {"max_rows": max_rows}
    try:
        found = diagnosis.diagnose(there.source, tables=tables or None, connector=there.connector, options=pairs(
            settings, "--option", "name=value", "--option encoding=latin-1"), **limit)
    except PlutoError as error:
        raise meant(door, load_run.without(error, there.secret), there) from error.__cause__
    return formatted(found, format_)
