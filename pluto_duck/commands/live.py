"""`ingest --live`, `detach` and `cache`: databases that are attached instead of copied, and copies of their tables."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Rows
from pluto_duck.commands.asking import recorded
from pluto_duck.commands.group import SECTIONS, verb
from pluto_duck.errors import Refused, UsageError
from pluto_duck.workspace.blot import blotted

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadOptions
    from pluto_duck.ingest.cache import Cache, Estimate
    from pluto_duck.ingest.live import Attached
    from pluto_duck.session import Session

SHOWN = 6
"""Columns that are named one by one; of more, how many."""


def attach(door: Door, uri: str | None, connection: str | None, options: LoadOptions) -> str:
    """What `ingest --live` does: of the options only a name and a connector mean something then."""
    from pluto_duck.ingest import LoadOptions, live

    if uri is None and connection is None:
        raise UsageError("A DataFrame is here already; there is nothing to attach.")
    if options != LoadOptions(into=options.into, connector=options.connector):
        raise UsageError("--live attaches a whole database; only --into and --connector go with it.",
                         hint=f"Copy what you want of it afterwards: {door.program} cache TABLE --where ...")
    session = door.open_session()
    made: Attached = recorded(session, "ingest", f"--live {connection or blotted(str(uri))}", lambda: live.attach(
        session, uri or "", name=options.into, connector=options.connector, connection=connection))
    return attached_text(made, door.program)


def attached_text(made: Attached, program: str) -> str:
    source = made.source
    count = len(source.tables)
    lines = [f"Attached {source.connection or source.address} as {source.name}, read-only: "
             f"{count} table{'' if count == 1 else 's'}."]
    first = str(source.tables[0].ref) if source.tables else f"{source.name}.TABLE"
    if made.risks:
        several = len(made.risks)
        does = "column does" if several == 1 else "columns do"
        lines.append(f"{several} {does} not come exactly when read live; a copy does:")
        lines += [f"  {one}" for one in made.risks[:SHOWN]]
        if several > SHOWN:
            lines.append(f"  and {several - SHOWN} more")
        first = f"{source.name}.{made.risks[0].table}"
    lines.append(f"Read it by name: SELECT * FROM {source.tables[0].ref if source.tables else first}. "
                 f"An exact copy: {program} cache {first}")
    return "\n".join(lines)


@verb(SECTIONS[1], "detach shop")
@click.argument("name")
def detach(door: Door, name: str) -> str:
    """Forget a live source that `ingest --live` attached.

    Copies that `cache` made of its tables stay, as tables of your own.
    """
    from pluto_duck.ingest import cache, live

    session = door.open_session()
    gone = live.detach(session, name)
    copies = [cache.remove(session, str(one.ref)) for one in cache.caches(session.control, gone.name)]
    kept = f" Its copies stay as they are: {', '.join(str(one.ref) for one in copies)}." if copies else ""
    return f"Detached {gone.name}.{kept}"


@verb(SECTIONS[1], "cache shop.public.orders --ttl 1h", "cache shop.orders --where \"day >= '2026-01-01'\" --as recent",
      "cache --refresh", "cache --list")
@click.argument("table", required=False)
@click.option("--ttl", metavar="SPAN", help="Refresh it at the next use when it is older: 30m, 1h, 7d. "
              "Without it, only --refresh does.")
@click.option("--where", metavar="CONDITION", help="Copy these rows alone; in the source's own SQL.")
@click.option("--as", "name", metavar="NAME", help="What to call the copy; else as the table is called.")
@click.option("--skip", multiple=True, metavar="COLUMN", help="Leave this column out; may be repeated.")
@click.option("--cast", multiple=True, metavar="COLUMN=TYPE",
              help="Carry a column as another type of the source; may be repeated.")
@click.option("--refresh", is_flag=True, help="Copy TABLE anew, or all that are cached.")
@click.option("--list", "list_", is_flag=True, help="What is cached, from where, how old.")
@click.option("--remove", is_flag=True, help="Refresh TABLE no more; its rows stay.")
@click.option("--yes", is_flag=True, help="Copy it however large it is; with --refresh, although it was changed here.")
def cache(door: Door, table: str | None, ttl: str | None, where: str | None, name: str | None, skip: tuple[str, ...],
          cast: tuple[str, ...], refresh: bool, list_: bool, remove: bool, yes: bool) -> object:
    """Copy a table of a live source into the workspace, exactly, and keep it fresh.

    A statement that names a copy older than its ttl waits until it is loaded anew. Where that takes too long
    (the setting cache.wait_s) or the source is down, the old rows come, with their age.
    """
    if refresh + list_ + remove > 1:
        raise UsageError("Say one of --refresh, --list and --remove.")
    if (refresh or list_ or remove) and (ttl or where or name or skip or cast):
        raise UsageError("--ttl, --where, --as, --skip and --cast belong to a new copy.",
                         hint=f"{door.program} cache shop.orders --ttl 1h")
    session = door.open_session()
    if refresh:
        return _refreshed(door, session, table, yes)
    if remove:
        return _removed(door, session, table)
    if list_ or table is None:
        return _listed(door, session)
    from pluto_duck.ingest.cache import estimate
    from pluto_duck.ingest.spans import seconds

    return _made(door, session, table, estimate(session, table, ttl_s=seconds(ttl) if ttl else None, where=where or "",
                                                name=name, skip=skip, cast=_casts(cast)), yes)


def _casts(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        column, equals, kind = text.partition("=")
        if not (column and equals and kind):
            raise UsageError(f"--cast {text} is not column=type.", hint="For example: --cast amount=text")
        found[column] = kind
    return found


def _made(door: Door, session: Session, table: str, wanted: Estimate, yes: bool) -> str:
    from pluto_duck.ingest import cache
    from pluto_duck.ingest.spans import span_text

    if wanted.asks and not yes:
        _ask(door, wanted)
    made: Cache = recorded(session, "ingest", f"cache {table}", lambda: cache.create(
        session, wanted, on_progress=door.progress))
    fresh = f"It is refreshed at the next use when older than {span_text(made.ttl_s)}." if made.ttl_s is not None else \
        f"Refresh it: {door.program} cache --refresh {made.ref}"
    return f"Copied {made.origin} to {made.ref}: {made.rows:,} rows in {made.elapsed_s:.1f} s. {fresh}"


def _ask(door: Door, wanted: Estimate) -> None:
    """Raises Refused unless a person says yes."""
    large = f"{wanted.cache.origin} is about {size_text(wanted.size_bytes or 0)}"
    if wanted.rows is not None and wanted.rows >= 0:
        large += f", {wanted.rows:,} rows"
    if door.interactive and door.ask is not None and door.ask(f"{large}. Copy all of it?"):
        return
    raise Refused(f"{large}.", hint="Cache a filter of it: --where \"...\". Or all of it: --yes")


def size_text(size_bytes: int) -> str:
    """As people say it: 5 GB, 820 MB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= size:
            amount = size_bytes / size
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{size_bytes} bytes"


def _refreshed(door: Door, session: Session, table: str | None, yes: bool) -> str:
    from pluto_duck.errors import PlutoError
    from pluto_duck.ingest import cache

    wanted = [cache.get(session.control, table)] if table else cache.caches(session.control)
    lines: list[str] = []
    failed: list[PlutoError] = []
    for one in wanted:
        try:
            made: Cache = recorded(session, "ingest", f"cache --refresh {one.ref}", lambda one=one: cache.refresh(  # type: ignore[misc]
                session, one, overwrite=yes, on_progress=door.progress))
        except PlutoError as error:
            if len(wanted) == 1:
                raise
            failed.append(error)
            door.say(f"{one.ref} was not refreshed: {error.message} {error.hint}".rstrip())
        else:
            lines.append(f"Refreshed {made.ref} from {made.origin}: {made.rows:,} rows in {made.elapsed_s:.1f} s.")
    if failed:
        for line in lines:
            door.say(line)
        raise type(failed[0])(f"{len(failed)} of {len(wanted)} copies were not refreshed.",
                              hint=f"{door.program} cache --list tells which and why.")
    return "\n".join(lines) or "Nothing is cached yet."


def _removed(door: Door, session: Session, table: str | None) -> str:
    from pluto_duck.ingest import cache

    if table is None:
        raise UsageError("Name the copy.", hint=f"{door.program} cache --remove orders")
    gone = cache.remove(session, table)
    return f"{gone.ref} is an ordinary table now, and no longer refreshed from {gone.origin}."


def _listed(door: Door, session: Session) -> Rows:
    from pluto_duck.ingest import cache
    from pluto_duck.ingest.spans import span_text

    def state(one: Cache) -> str:
        if not cache.trusted(session, one):
            return "came with this folder: never refreshed"
        if one.failure:
            return f"failed: {one.failure}"
        return "stale" if one.stale else "fresh" if one.ttl_s is not None else "by hand"

    return Rows(("table", "from", "where", "rows", "refreshed", "ttl", "state"), tuple(
        (str(one.ref), one.origin, one.where, one.rows,
         dt.datetime.fromtimestamp(one.refreshed_at).strftime("%Y-%m-%d %H:%M:%S"),
         span_text(one.ttl_s) if one.ttl_s is not None else "", state(one))
        for one in cache.caches(session.control)),
        f"Nothing is cached yet. Copy a table of a live source: {door.program} cache SOURCE.TABLE --ttl 1h")
