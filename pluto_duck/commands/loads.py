"""`loads`: what was loaded, when, and how old it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, verb
from pluto_duck.errors import unknown_name

if TYPE_CHECKING:
    from pluto_duck.session import Session


@verb(SECTIONS[1], "loads", "loads --table orders", "loads --freshness", "loads --failed --format json",
      "loads --following")
@click.option("--table", metavar="NAME", help="Only loads of this table.")
@click.option("--failed", is_flag=True, help="Only those that did not arrive, with the reason.")
@click.option("--freshness", is_flag=True, help="Instead: each table, when it was loaded last, and how old that is.")
@click.option("--following", is_flag=True, help="Instead: the databases that are followed, how far, and what their "
              "sources keep on disk for that.")
@click.option("--limit", type=Whole(1), default=50, show_default=True, help="How many.")
@_format
def loads(door: Door, table: str | None, failed: bool, freshness: bool, following: bool, limit: int,
          format_: Format) -> object:
    """What was loaded into this workspace, newest first, the loads that failed too."""
    session = door.open_session()
    if following:
        return formatted(_followed(session), format_)
    key = None if table is None else _key(session, table)
    return formatted(_fresh(session, key) if freshness else _history(session, key, failed, limit), format_)


def _key(session: Session, name: str) -> str:
    """Of a table that is there, or of one that somebody tried to load."""
    from pluto_duck.ingest.attempts import history
    from pluto_duck.workspace import TableRef

    wanted = TableRef.parse(name)
    known = {one.ref.key: str(one.ref) for one in session.tables()}
    known |= {one.table: _shown(one.table) for one in history(session, 10_000) if one.table not in {*known, ""}}
    if wanted.key not in known:
        raise unknown_name("table", name, known.values())
    return wanted.key


def _shown(key: str) -> str:
    """A table that is not there, in the way of one that is."""
    from pluto_duck.workspace.tableref import DEFAULT_SCHEMA

    return key.removeprefix(f"{DEFAULT_SCHEMA}.")


def _history(session: Session, key: str | None, failed: bool, limit: int) -> Rows:
    from pluto_duck.commands.fresh import when
    from pluto_duck.ingest.attempts import history

    names = {one.ref.key: str(one.ref) for one in session.tables()}
    found = [one for one in history(session, limit if key is None and not failed else 10_000)
             if (key is None or one.table == key) and not (failed and one.state in ("succeeded", "running"))][:limit]
    told = any(one.error for one in found)
    rows = tuple((when(one.started_at), names.get(one.table, _shown(one.table)), one.source, one.mode, one.state,
                  one.rows,
                  None if one.finished_at is None else round((one.finished_at - one.started_at).total_seconds(), 3),
                  *((one.error,) if told else ())) for one in found)
    columns = ("when", "table", "from", "mode", "state", "rows", "seconds", *(("why",) if told else ()))
    return Rows(columns, rows, "Nothing failed." if failed else "Nothing was loaded yet: pluto-duck ingest FILE")


def _fresh(session: Session, key: str | None) -> Rows:
    from pluto_duck.commands.fresh import age, when
    from pluto_duck.ingest.attempts import freshness

    names = {one.ref.key: one for one in session.tables()}
    found = sorted((one for one in freshness(session) if key in (None, one.table)), key=lambda one: one.age_s)
    return Rows(("table", "loaded", "age", "rows", "brought", "mode", "from"), tuple(
        (str(names[one.table].ref), when(one.finished_at), age(one.age_s), names[one.table].row_estimate, one.rows,
         one.mode, one.source) for one in found), "Nothing was loaded yet: pluto-duck ingest FILE")


def _followed(session: Session) -> Rows:
    from pluto_duck.commands.fresh import when
    from pluto_duck.commands.load_report import size
    from pluto_duck.ingest.follow.watching import watched

    return Rows(("from", "tables", "followed", "changes", "newest", "kept at the source", "why not"), tuple(
        (one.source, len(one.tables), one.by or "by nobody", one.changes, when(one.newest) if one.newest else None,
         None if one.retained_bytes is None else size(one.retained_bytes), one.trouble) for one in watched(session)),
        "Nothing is followed: pluto-duck ingest --from-postgres URI --follow")
