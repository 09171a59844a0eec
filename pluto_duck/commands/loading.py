"""`ingest`: data in, from anywhere a connector reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pluto_duck.commands import Door
from pluto_duck.commands.asking import Format, formatted
from pluto_duck.commands.group import SECTIONS, verb
from pluto_duck.commands.load_options import AGAIN, GOES_ON, OTHER, Ingest, load_options, option, told
from pluto_duck.errors import PartlyLoaded, PlutoError, UsageError

if TYPE_CHECKING:
    from pluto_duck.commands.load_place import Place
    from pluto_duck.ingest import LoadOptions


@verb(SECTIONS[1], "ingest sales.csv", "ingest sales.csv --dry-run", "ingest 'logs/*.parquet' --into logs",
      "ingest --from-postgres postgresql://me@localhost/shop",
      "ingest --from shop --table orders --table customers --into shop.*",
      "ingest --from shop --table orders --mode merge --cursor updated_at --save", "ingest --all",
      "ingest --from shop --follow", cls=Ingest)
@click.argument("uri", required=False)
@load_options
@option(AGAIN, "--save", metavar="[NAME]", is_flag=False, flag_value="",
        help="Keep this load in ingest.toml of the workspace, once it has worked.")
@option(AGAIN, "--force", is_flag=True, help="With --save: replace the load of that name.")
@option(AGAIN, "--all", "everything", is_flag=True, help="Run every load of ingest.toml.")
@option(AGAIN, "--only", multiple=True, metavar="NAME", help="Run this load of ingest.toml; may be repeated.")
@option(OTHER, "--live", is_flag=True, help="Attach the database, read-only, instead of copying it: SELECT ... FROM "
        "NAME.SCHEMA.TABLE reads it where it is. --into NAME names it.")
@option(GOES_ON, "--follow", is_flag=True, help="PostgreSQL: copy the tables, then apply every change of them as it "
        "happens, until stopped; the same command goes on.")
@option(GOES_ON, "--once", is_flag=True, help="With --follow: end when all that had happened by then has come.")
@option(GOES_ON, "--resnapshot", is_flag=True, help="With --follow: begin anew, with a fresh copy.")
@option(GOES_ON, "--unfollow", is_flag=True, help="End it: drop slot and publication at the source. The tables stay.")
@option(OTHER, "--dry-run", is_flag=True, help="Show what would be loaded, with types and notes; write nothing.")
@option(OTHER, "--format", "format_", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
        help="How the report is written.")
@click.pass_context
def ingest(context: click.Context, /, door: Door, uri: str | None, connection: str | None, save: str | None,
           force: bool, everything: bool, only: tuple[str, ...], live: bool, follow: bool, once: bool,
           resnapshot: bool, unfollow: bool, dry_run: bool, format_: Format, **given: Any) -> object:
    """Bring tables in from a file or a database.

    Each table is whole or not at all: the old one stays until the new one is complete, also on Ctrl-C. A URI
    written as env:NAME is taken from the environment, --from NAME from the saved connections: so a password
    need not stand in the shell's history.
    """
    from pluto_duck.commands import load_recipes
    from pluto_duck.commands.load_place import place

    def load(there: Place, options: LoadOptions) -> object:
        return formatted(_load(door, there, options, dry_run), format_)

    if everything or only:
        _nothing_beside(context)
        return load_recipes.each_source(door, only, load)
    if uri is None and save and connection is None and not any(
            value for name, value in given.items() if name.startswith("from_")):
        raise UsageError("Name one place to read from.", hint=f"If {save} is that: {door.program} ingest {save} --save")
    there = place(door, uri, connection, {name: given.pop(name) for name in list(given) if name.startswith("from_")})
    options = told(given, there.connector)
    if unfollow or follow:
        return _followed(door, there, options, once=once, resnapshot=resnapshot, unfollow=unfollow,
                         beside=[word for word, given in (("--save", save is not None), ("--dry-run", dry_run),
                                                          ("--live", live)) if given])
    if once or resnapshot:
        raise UsageError(f"{'--once' if once else '--resnapshot'} says how to follow: it goes with --follow.")
    if live and options.check:
        raise UsageError("--live copies nothing: there is nothing to check before it can be seen.",
                         hint=f"{door.program} check holds what is there against checks.yaml.")
    if live and (save is not None or dry_run):
        raise UsageError("--live copies nothing: there is nothing to load again, and nothing to try.",
                         hint="Leave --live out, or the other one.")
    if live:
        from pluto_duck.commands.live import attach

        return attach(door, there.typed, there.connection, options)
    if save is not None and dry_run:
        raise UsageError("--dry-run writes nothing, so there is nothing to save.")
    keep = None if save is None else load_recipes.saving(door, save, there, options, force=force)
    try:
        done = load(there, options)
    except PartlyLoaded as error:
        return _what_arrived(error, format_)
    if keep is not None:
        door.say(keep())
    return done


def _followed(door: Door, there: Place, options: LoadOptions, *, once: bool, resnapshot: bool, unfollow: bool,
              beside: list[str]) -> object:
    from pluto_duck.commands import load_follow, load_run

    if beside:
        raise UsageError(f"{beside[0]} can't be used with {'--unfollow' if unfollow else '--follow'}.")
    if there.secret is not None and there.typed is not None:
        load_run.warn(door, door.open_session())
    if unfollow:
        return load_follow.unfollow(door, there)
    return load_follow.follow(door, there, options, once=once, resnapshot=resnapshot)


def _load(door: Door, there: Place, options: LoadOptions, dry_run: bool) -> object:
    from pluto_duck.commands import load_run
    from pluto_duck.commands.load_place import meant

    session = door.open_session()
    if there.secret is not None and there.typed is not None:
        load_run.warn(door, session)
    try:
        if dry_run:
            from pluto_duck.ingest.preview import plan_load

            return plan_load(session, there.source, options)
        return load_run.perform(session, there.source, options, shown=there.shown, secret=there.secret,
                                on_progress=door.progress)
    except PlutoError as error:
        raise meant(door, load_run.without(error, there.secret), there) from error.__cause__


def _what_arrived(error: PartlyLoaded, format_: Format) -> Iterator[object]:
    """The tables that arrived, then the error that names the others."""
    if error.report is not None and error.report.tables:
        yield formatted(error.report, format_)
    raise error


def _nothing_beside(context: click.Context) -> None:
    """Raises UsageError for an option that ingest.toml says already."""
    given = [one for one in context.command.get_params(context)
             if one.name not in ("everything", "only", "dry_run", "format_", "help")
             and context.get_parameter_source(str(one.name)) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(f"{given[0].opts[0]} says what to load, and so does ingest.toml.",
                         hint="Change it there, or leave --all and --only out.")
