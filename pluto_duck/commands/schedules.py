"""`schedule add|list|show|run|pause|resume|remove|history|log|next`: verbs that run by themselves."""

from __future__ import annotations

import datetime as dt
import os
import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, family
from pluto_duck.commands.keys import span
from pluto_duck.errors import Refused, RunError, UsageError

if TYPE_CHECKING:
    from pluto_duck.schedule.model import Firing, Missed, Schedule
    from pluto_duck.schedule.running import Scheduler
    from pluto_duck.schedule.store import Schedules


@contextmanager
def kept(door: Door) -> Iterator[Schedules]:
    """The schedules of the door's workspace, whose database is not opened for them."""
    from pluto_duck.schedule.store import Schedules
    from pluto_duck.workspace import ControlStore, find

    workspace = find(door.workspace) if door.kind == "shell" else door.open_session().workspace
    known = Schedules(ControlStore(workspace.control), workspace)
    try:
        yield known
    finally:
        known.close()


@family(SECTIONS[3], 'schedule add "0 6 * * *" --name nightly --tz Europe/Berlin --retries 2 -- ingest --from shop',
        'schedule add "*/15 * * * *" --skip --timeout 10m -- run-dbt build --select marts', "schedule list",
        "schedule next nightly", "schedule history nightly", "schedule run nightly")
def schedule(context: click.Context) -> object:
    """Verbs that run by themselves, at the times of a cron expression. Without a verb: the list.

    `serve` and Jupyter Server run what is due, or a cron of yours: schedule run-due. One process at a time does.
    """
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@schedule.verb('schedule add "0 6 * * MON-FRI" --tz Europe/Berlin -- ingest --from shop --table orders --mode merge',
               "schedule add @daily --name safe --catch-up -- backup --keep 7",
               'schedule add "*/5 * * * *" --skip --timeout 4m --retries 2 --retry-after 20s -- run-dbt', name="add")
@click.argument("cron")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- VERB ...")
@click.option("--name", default="", help="What to call it; else after its verb.")
@click.option("--tz", "zone", metavar="ZONE", help="Of the times: Europe/Berlin, UTC. Else this machine's.")
@click.option("--catch-up", "missed", flag_value="once",
              help="Times that were missed (asleep, not running, the one before took too long): one run makes up for "
                   "all of them. The default.")
@click.option("--catch-up-all", "missed", flag_value="all", help="One run for each of them, the newest 24 at most.")
@click.option("--skip", "missed", flag_value="skip", help="No run for any of them.")
@click.option("--retries", type=Whole(0, 100), default=0, show_default=True, metavar="N",
              help="Further attempts of a run that failed.")
@click.option("--retry-after", default="30s", show_default=True, metavar="SPAN",
              help="Before the first of them; twice as long before each other one, an hour at most.")
@click.option("--timeout", default="1d", show_default=True, metavar="SPAN", help="Of each attempt: 90s, 10m, 1h, 1d.")
@click.option("--only-if", "only_if", metavar="'VERB ...'", default="",
              help="Another verb that must succeed first, as one text: 'check orders'. Else the run has failed.")
@click.option("--pause-on-failure", is_flag=True,
              help="Once a run has failed, retries and all, it is paused until `schedule resume`.")
@click.option("--alert", default="", metavar="ID", help="A webhook to tell when a run has failed, retries and all.")
def add(door: Door, cron: str, words: tuple[str, ...], name: str, zone: str | None, missed: Missed | None,
        retries: int, retry_after: str, timeout: str, only_if: str, pause_on_failure: bool,
        alert: str) -> Facts:
    """Run a verb of pluto-duck at the times of CRON, five fields or @hourly, @daily, @weekly, @monthly.

    The verb and its arguments are checked now; no shell reads them. Paths begin where you are now.
    """
    from pluto_duck.schedule.model import Wish
    from pluto_duck.schedule.times import local_zone

    wish = Wish(cron, zone or local_zone(), words, os.getcwd(), missed or "once", retries=retries,
                backoff_s=float(seconds(retry_after)), timeout_s=float(seconds(timeout)), only_if=_split(only_if),
                pause_on_failure=pause_on_failure, alert=alert)
    with kept(door) as known:
        made = known.add(name, wish)
        return _shown(door, known, made)


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--only-if {text!r} can't be split into words: {error}.", hint="Close the quote.") from None


def seconds(text: str) -> int:
    """Of 20s, 10m, 1h, 1d, 2w."""
    bare = text.strip()
    return int(bare[:-1]) if bare[:-1].isdecimal() and len(bare) < 8 and bare.endswith("s") else span(text)


@schedule.verb("schedule list", "schedule list --format json", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """Every schedule: what it runs, when next, and how the last run went."""
    from pluto_duck.schedule.running import somebody_runs

    with kept(door) as known:
        found = known.all()
        if found and format_ == "table" and not somebody_runs(known.workspace):
            door.say("Nobody runs them now: pluto-duck serve and Jupyter Server do, or pluto-duck schedule run-due "
                     "from a cron.")
        rows = tuple((one.name, one.wish.cron, one.wish.zone, shlex.join(one.wish.args), state_of(one),
                      when(one.next_at, one) if not one.paused else "", "" if one.last is None else one.last.state,
                      "" if one.last is None else when(one.last.begun_at or one.last.due_at, one)) for one in found)
    return formatted(Rows(("name", "cron", "time zone", "runs", "state", "next", "last", "at"), rows,
                          f'No schedules yet. Make one: {door.program} schedule add "0 6 * * *" -- ingest --from shop'),
                     format_)


def state_of(one: Schedule) -> str:
    """In a word."""
    if not one.ours:
        return "not made here: runs nothing"
    if one.paused:
        return "paused"
    if one.last is not None and one.last.state == "running":
        return "running"
    if one.last is not None and one.last.state == "queued" and one.last.attempt:
        return f"failed, tries again ({one.last.attempt + 1} of {one.wish.retries + 1})"
    return "active" if one.next_at is not None else "comes no more"


def when(at: float | None, one: Schedule) -> str:
    """In the schedule's own time zone."""
    from pluto_duck.errors import PlutoError
    from pluto_duck.schedule.times import zone_of

    if at is None:
        return ""
    zone: dt.tzinfo
    try:
        zone = zone_of(one.wish.zone)
    except PlutoError:
        zone = dt.UTC
    return dt.datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


@schedule.verb("schedule show nightly")
@click.argument("name")
def show(door: Door, name: str) -> Facts:
    """One schedule, its next times and what is wrong with it."""
    with kept(door) as known:
        return _shown(door, known, known.get(name))


_MISSED = {"skip": "skipped", "once": "one run for all of them", "all": "a run for each, the newest {most} at most"}


def _shown(door: Door, known: Schedules, one: Schedule) -> Facts:
    from pluto_duck.errors import PlutoError
    from pluto_duck.schedule.store import not_ours
    from pluto_duck.schedule.words import checked

    wish = one.wish
    facts = [("runs", shlex.join(wish.args)), ("only if", shlex.join(wish.only_if)),
             ("in", wish.folder), ("at", wish.cron), ("time zone", wish.zone),
             ("missed times", _MISSED.get(wish.missed, wish.missed).format(most=wish.most)),
             ("retries", f"{wish.retries}, first after {_span(wish.backoff_s)}" if wish.retries else "none"),
             ("timeout", _span(wish.timeout_s)), ("when it fails", "it is paused" if wish.pause_on_failure else ""),
             ("alert", f"webhook {wish.alert}" if wish.alert else ""),
             ("state", state_of(one)),
             ("next", ", ".join(when(at, one) for at in known.upcoming(one, 3)) if not one.paused else ""),
             ("id", one.id)]
    problems = []
    if not one.ours:
        problems.append((not_ours(one).message, f"{door.program} schedule adopt {one.name}"))
    else:
        try:
            checked(wish.args)
            if wish.only_if:
                checked(wish.only_if)
        except PlutoError as error:
            problems.append((error.message, error.hint))
    if one.last is not None:
        facts.append(("last", f"{one.last.state}, {when(one.last.begun_at or one.last.due_at, one)}"))
        if one.last.error and one.last.state != "skipped":
            problems.append((f"The last run: {one.last.error}", one.last.hint))
    return Facts(((f"Schedule {one.name}", tuple((key, value) for key, value in facts if value)),), tuple(problems))


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


@schedule.verb("schedule pause nightly")
@click.argument("name")
def pause(door: Door, name: str) -> str:
    """Run it no more until it is resumed. What runs at the moment goes on."""
    with kept(door) as known:
        return f"The schedule {known.pause(name).name} is paused; `{door.program} schedule resume {name}` ends that."


@schedule.verb("schedule resume nightly")
@click.argument("name")
def resume(door: Door, name: str) -> str:
    """From its next time on; what came due while it was paused is not made up for."""
    with kept(door) as known:
        one = known.resume(name)
        return f"The schedule {one.name} goes on: next {when(one.next_at, one) or 'never'}."


@schedule.verb("schedule remove nightly")
@click.argument("name")
def remove(door: Door, name: str) -> str:
    """Forget a schedule and its history."""
    with kept(door) as known:
        return f"Removed the schedule {known.remove(name).name}."


@schedule.verb("schedule adopt nightly")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
def adopt(door: Door, name: str, yes: bool) -> Facts | str:
    """Let one run that came with the folder, or that you made before the folder was moved."""
    with kept(door) as known:
        one = known.get(name)
        if one.ours:
            return f"The schedule {one.name} is yours already."
        first = f"`{shlex.join(one.wish.only_if)}`, then " if one.wish.only_if else ""
        line = f"{first}`{shlex.join(one.wish.args)}`"
        question = f"Run {line} in {one.wish.folder} at {one.wish.cron} ({one.wish.zone})?"
        if not yes:
            if door.ask is None or not door.interactive:
                raise Refused(question, hint=f"If so: {door.program} schedule adopt {one.name} --yes")
            if not door.ask(question):
                return "Nothing was changed."
        return _shown(door, known, known.adopt(name))


@schedule.verb("schedule history", "schedule history nightly --limit 100")
@click.argument("name", required=False, default="")
@click.option("--limit", type=Whole(1, 10_000), default=20, show_default=True, metavar="N", help="So many at most.")
@_format
def history(door: Door, name: str, limit: int, format_: Format) -> object:
    """What became of its times, newest first; `query` and REST find each run by its id."""
    with kept(door) as known:
        return formatted(_table(known, known.history(name, limit=limit)), format_)


@schedule.verb("schedule log nightly", "schedule log nightly --back 1")
@click.argument("name")
@click.option("--back", type=Whole(0, 199), default=0, show_default=True, metavar="N",
              help="Of the run so many before the last one.")
def log(door: Door, name: str, back: int) -> str:
    """What its last run printed, and how it ended."""
    from pluto_duck.runs import Runs
    from pluto_duck.workspace import ControlStore

    with kept(door) as known:
        one = known.get(name)
        ran = [firing for firing in known.history(name, limit=200) if firing.run_id]
        if len(ran) <= back:
            raise UsageError(f"{one.name} has run {len(ran)} times." if ran else f"{one.name} has not run yet.",
                             hint=f"{door.program} schedule run {one.name}")
        found = ran[back]
        with closing(Runs(ControlStore(known.workspace.control), known.workspace)) as runs:
            lines = [str(event.content["text"]) for event in runs.read_events(found.run_id, limit=10_000)
                     if event.type == "log" and event.content.get("text")]
        lines.append(f"{found.state}, {when(found.begun_at, one)}, attempt {found.attempt}, run {found.run_id}"
                     + (f"\n{found.error}\n{found.hint}".rstrip() if found.error else ""))
        return "\n".join(lines)


def _table(known: Schedules, found: list[Firing]) -> Rows:
    by_id = {one.id: one for one in known.all()}
    rows = tuple((by_id[one.schedule].name, when(one.due_at, by_id[one.schedule]), one.kind, one.state, one.attempt,
                  None if one.begun_at is None or one.ended_at is None else round(one.ended_at - one.begun_at, 1),
                  (one.error if one.times == 1 else f"{one.times:,} times: {one.error}"), one.run_id)
                 for one in found if one.schedule in by_id)
    return Rows(("name", "due", "why", "state", "attempts", "seconds", "what it says", "run"), rows,
                "Nothing has run yet.")


@schedule.verb("schedule next", "schedule next nightly --count 10", name="next")
@click.argument("name", required=False, default="")
@click.option("--count", type=Whole(1, 1_000), default=10, show_default=True, metavar="N", help="So many.")
@_format
def next_(door: Door, name: str, count: int, format_: Format) -> object:
    """The next due times, of one schedule or of all."""
    with kept(door) as known:
        asked = [known.get(name)] if name else [one for one in known.all() if not one.paused]
        found = sorted((at, one.name, one) for one in asked for at in known.upcoming(one, count))[:count]
        rows = tuple((when(at, one), one.name, shlex.join(one.wish.args)) for at, _, one in found)
    return formatted(Rows(("at", "name", "runs"), rows, "Nothing comes."), format_)


@schedule.verb("schedule run nightly")
@click.argument("name")
def run(door: Door, name: str) -> str:
    """Run it here and now, whatever its times say; also one that is paused."""
    with kept(door) as known:
        asked = known.ask_for(name)
        with _scheduler(known) as scheduler:
            done = scheduler.run_one(asked.id) or _elsewhere(known, asked.id)
        if done is None:
            return f"{known.get(name).name} runs already: it is run once more after that, by whoever runs schedules."
        if done.state != "succeeded":
            raise RunError(f"{known.get(name).name}: {done.state}. {done.error}".strip(), hint=done.hint or
                           f"{door.program} schedule history {name}", run_id=done.run_id)
        took_s = (done.ended_at or 0) - (done.begun_at or 0)
        return f"{known.get(name).name}: done in {took_s:.1f} s (run {done.run_id})."


def _elsewhere(known: Schedules, id: int) -> Firing | None:
    """Once it has ended, where a server was quicker to begin it; None where it waits for the run before."""
    import time

    while (found := known.firing(id)) is not None and found.state == "running":
        time.sleep(0.2)
    return found if found is not None and (found.done or found.attempt) else None


@schedule.verb("schedule run-due", name="run-due")
@_format
def run_due(door: Door, format_: Format) -> Iterator[object]:
    """Run what is due now, to its end: for a cron of yours, where no server runs. Safe beside one."""
    with kept(door) as known:
        with _scheduler(known) as scheduler:
            done = scheduler.run_due()
        yield formatted(_table(known, done) if done else Rows((), (), "Nothing is due."), format_)
        if failed := [one for one in done if one.state != "succeeded"]:
            raise RunError(f"{len(failed)} of {len(done)} did not succeed.",
                           hint=f"{door.program} schedule history", runs=[one.run_id for one in failed])


@contextmanager
def _scheduler(known: Schedules) -> Iterator[Scheduler]:
    from pluto_duck.governance.trust import is_trusted
    from pluto_duck.schedule.running import Scheduler
    from pluto_duck.settings import Settings

    settings = Settings.load(known.workspace.toml, trusted=is_trusted(known.workspace))
    scheduler = Scheduler(known.workspace, settings, role="shell")  # with a control store of its own
    try:
        yield scheduler
    finally:
        scheduler.close()
        scheduler.leave()
