"""`view create|list|show|refresh|drop`: views, and those whose rows are kept and stay fresh."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, _runs, formatted
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.runs import RunContext
    from pluto_duck.session import Session, TableRef
    from pluto_duck.session.views import Refresh, Refreshed, ViewInfo

HOW = ("on-change", "schedule", "manual")


@family(SECTIONS[0], 'view create totals "select region, sum(price) as total from orders group by region" '
        "--materialized --refresh on-change", "view list", "view refresh totals")
def view(context: click.Context) -> object:
    """Views, and those whose rows are kept and stay fresh. Without a verb: the list."""
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@view.verb('view create totals "select region, sum(price) as total from orders group by region" --materialized '
           "--refresh on-change",
           'view create daily --file daily.sql --materialized --refresh schedule --cron "0 6 * * *"',
           'view create open_orders "select * from orders where status = \'open\'"', name="create")
@click.argument("name")
@click.argument("sql", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="Read the SELECT from a file.")
@click.option("--materialized", is_flag=True, help="Keep its rows. Else it is a plain view, made of its tables each "
              "time it is read.")
@click.option("--refresh", type=click.Choice(HOW), help="When its rows are brought up to date: soon after each commit "
              "to its tables, at the times of --cron, or by `view refresh` alone (if nothing is said).")
@click.option("--cron", metavar="CRON", help='With --refresh schedule: "0 6 * * *", @hourly, @daily.')
@click.option("--tz", "zone", metavar="ZONE", help="Of those times: Europe/Berlin, UTC. Else this machine's.")
@click.option("--replace", is_flag=True, help="Make a view of that name anew.")
@click.option("--no-track", is_flag=True, help="Don't keep changes of its table, which it could be refreshed from.")
def create(door: Door, name: str, sql: str | None, file: Path | None, materialized: bool, refresh: Refresh | None,
           cron: str | None, zone: str | None, replace: bool, no_track: bool) -> Facts:
    """Make a view of one SELECT, in quotes or from a file."""
    from pluto_duck.workspace import TableRef

    if (sql is None) == (file is None):
        raise UsageError("Give the SELECT, or --file with it.", hint=f'{door.program} view create {name} "select ..."')
    if not materialized and (refresh is not None or cron is not None):
        raise UsageError("A plain view needs no refresh: it is as its tables are.", hint="Add --materialized.")
    if (refresh == "schedule") != (cron is not None):
        raise UsageError("--refresh schedule and --cron go together.", hint='--refresh schedule --cron "0 6 * * *"')
    ref, session = TableRef.parse(name), door.open_session()
    text = sql if sql is not None else _read(file)
    if cron is not None:
        _try_cron(cron, zone)
    made = session.views.create(ref, text, materialized=materialized, refresh=refresh or "manual", replace=replace,
                                track=not no_track)
    _unscheduled(door, ref)
    if cron is not None:
        _scheduled(door, ref, cron, zone)
    return _shown(door, made)



def _read(file: Path | None) -> str:
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from None


def _try_cron(cron: str, zone: str | None) -> None:
    """Raises UsageError before anything is made."""
    from pluto_duck.schedule.times import local_zone, times

    times(cron, zone or local_zone())


def _refreshes(ref: TableRef) -> tuple[str, ...]:
    from pluto_duck.workspace.tableref import quote

    return "view", "refresh", str(ref) if str(ref).replace(".", "_").replace("_", "a").isalnum() else (
        f"{quote(ref.schema)}.{quote(ref.name)}")


def _scheduled(door: Door, ref: TableRef, cron: str, zone: str | None) -> None:
    from pluto_duck.commands.schedules import kept
    from pluto_duck.schedule.model import Wish
    from pluto_duck.schedule.times import local_zone

    with kept(door) as known:
        known.add("", Wish(cron, zone or local_zone(), _refreshes(ref), str(known.workspace.root), "once"))


def _unscheduled(door: Door, ref: TableRef) -> None:
    from pluto_duck.commands.schedules import kept

    with kept(door) as known:
        for one in known.all():
            if one.wish.args == _refreshes(ref):
                known.remove(one.name)


@view.verb("view list", "view list --format json", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """Every view: whether its rows are fresh, as of when, and how many changes behind."""
    found = door.open_session().views.list()
    rows = tuple((str(one.ref), "materialized" if one.materialized else "plain", one.refresh or "", _state(one),
                  _when(one.as_of), one.behind, one.rows, one.incremental) for one in found)
    return formatted(Rows(("view", "kind", "refresh", "is", "as of", "changes behind", "rows", "kept"), rows,
                          f'No views yet. Make one: {door.program} view create NAME "select ..." --materialized'),
                     format_)


def _state(one: ViewInfo) -> str:
    return {"plain": "", "unknown": "not known", "broken": "BROKEN"}.get(one.state, one.state)


@view.verb("view show totals")
@click.argument("name")
def show(door: Door, name: str) -> Facts:
    """One view: what it is made of, how it is kept, how far it has come, and its last refreshes."""
    from pluto_duck.workspace import TableRef

    return _shown(door, door.open_session().views.show(TableRef.parse(name)))


def _shown(door: Door, one: ViewInfo) -> Facts:
    facts: list[tuple[str, str]] = [("made of", one.sql)]
    if one.materialized:
        from pluto_duck.commands.load_report import count

        behind = "" if not one.behind else f", {count(one.behind, 'change')} behind"
        facts += [("reads", ", ".join(key.removeprefix("main.") for key in one.sources) or "no table"),
                  ("refresh", one.refresh or ""), ("kept", one.incremental),
                  ("is", f"{_state(one)}{behind}{f': {one.why}' if one.state == 'unknown' else ''}"),
                  ("as of", f"{_when(one.as_of)} (commit {one.as_of_seq})"), ("rows", f"{one.rows:,}")]
    if one.tracked:
        facts.append(("tracked now", f"{one.tracked}: its changes are kept from here on, which writing to it pays for "
                      f"({door.program} changes untrack {one.tracked} ends that)"))
    sections = [(f"View {one.ref}", tuple(facts))]
    if one.history:
        sections.append(("Last refreshes", tuple((_when(it.at), told(it)) for it in one.history[:10])))
    problems = ((f"Its last refresh failed: {one.why}",
                 f"Its rows are those of before. Mend it, then: {door.program} view refresh {one.ref.shell}"),)
    return Facts(tuple(sections), problems if one.state == "broken" else ())


def told(it: Refreshed) -> str:
    """A refresh in a line."""
    if it.way == "nothing":
        return "nothing had changed"
    if it.way == "failed":
        return f"failed after {it.elapsed_s:.2f} s: {it.because}"
    why = f" ({it.because})" if it.because else ""
    return f"{it.way}{why}: {it.changed:,} of {it.rows:,} rows written in {it.elapsed_s:.2f} s"


@view.verb("view refresh totals", "view refresh --stale", "view refresh totals --full")
@click.argument("names", nargs=-1)
@click.option("--stale", is_flag=True, help="All that are stale, those first that others are made of.")
@click.option("--full", is_flag=True, help="Make them anew, whatever has changed.")
def refresh(door: Door, names: tuple[str, ...], stale: bool, full: bool) -> Facts:
    """Bring views up to date, from the changes of their tables where that can be done."""
    from pluto_duck.workspace import TableRef

    if bool(names) == stale:
        raise UsageError("Name views, or say --stale.", hint=f"{door.program} view refresh NAME")
    session = door.open_session()
    refs = [TableRef.parse(name) for name in names] or in_order(session.views.list())
    done = [(str(ref), told(refreshed(door, session, ref, full=full))) for ref in refs]
    return Facts((("Refreshed", tuple(done) or (("", "nothing is stale"),)),))


def in_order(views: list[ViewInfo]) -> list[TableRef]:
    """The stale ones, and those that are made of them, each after what it is made of."""
    left = {one.ref.key: one for one in views if one.materialized}
    stale = {key for key, one in left.items() if one.state != "fresh"}
    while more := {key for key, one in left.items() if key not in stale and stale & set(one.sources)}:
        stale |= more
    found = []
    while ready := [key for key, one in left.items() if not set(one.sources) & (left.keys() - {key})]:
        found += [left.pop(key).ref for key in ready]
    return [one for one in found if one.key in stale]


def refreshed(door: Door, session: Session, ref: TableRef, *, full: bool = False) -> Refreshed:
    """As a run of kind `view`, which anybody may follow and cancel."""
    def work(run: RunContext) -> tuple[Refreshed, int, dict[str, Any]]:
        done = session.views.refresh(ref, full=full, run_id=run.run_id)
        return done, done.rows, facts_of(ref, done)

    with _runs(session) as runs:
        return runs.attend("view", f"view refresh {ref}", session, work)


def facts_of(ref: TableRef, done: Refreshed) -> dict[str, Any]:
    return {"view": str(ref), "way": done.way, "because": done.because, "changed": done.changed,
            "as_of": done.at.isoformat()}


@view.verb("view drop totals")
@click.argument("name")
def drop(door: Door, name: str) -> str:
    """Take a view away. Its tables stay as they are, and tracked if they were."""
    from pluto_duck.workspace import TableRef

    ref = TableRef.parse(name)
    door.open_session().views.drop(ref)
    _unscheduled(door, ref)
    return f"Dropped the view {ref}."


def _when(at: dt.datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
