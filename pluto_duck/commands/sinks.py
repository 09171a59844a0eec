"""`sinks add|list|status|pause|resume|remove|run|dead`: where the changes of tracked tables go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts, Rows, only_in_a_shell
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import Refused, UsageError

if TYPE_CHECKING:
    from pluto_duck.events.sinkstore import SinkRecord, Sinks
    from pluto_duck.workspace import Workspace


@contextmanager
def kept(door: Door) -> Iterator[tuple[Sinks, Workspace, str]]:
    """The sinks of the door's workspace, whose database is not opened for them, and why those of pluto.toml don't
    count."""
    from pluto_duck.commands.relaying import sync
    from pluto_duck.events.sinkstore import Sinks
    from pluto_duck.workspace import ControlStore, find

    workspace = find(door.workspace) if door.kind == "shell" else door.open_session().workspace
    control = ControlStore(workspace.control)
    try:
        known = Sinks(control)
        yield known, workspace, sync(workspace, known)
    finally:
        control.close()


@family(SECTIONS[3], "sinks", "sinks add archive --kind file -o folder=changes",
        "sinks add events --kind kafka -o bootstrap=localhost:9092 --table orders", "sinks status events",
        "sinks dead events")
def sinks(context: click.Context) -> object:
    """Where the changes of tracked tables go: files, Kafka. Without a verb: the list.

    `serve` and Jupyter Server deliver by themselves, `sinks run` in the foreground; one process at a time.
    """
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@sinks.verb("sinks list", "sinks list --format json", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """Every sink, how far it has come and what is wrong."""
    with kept(door) as (known, workspace, why):
        if why:
            door.say(f"{why} `{door.program} trust` shows them.")
        rows = tuple((one.name, one.kind, ", ".join(map(str, one.tables)) or "all tracked", state_of(one, workspace),
                      one.lag, one.delivered, known.dead_count(one.name), one.error if one.state in _WRONG else "")
                     for one in known.all())
    return formatted(Rows(("name", "kind", "tables", "state", "commits behind", "delivered", "dead letters", "error"),
                          rows, f"No sinks yet. Make one: {door.program} sinks add NAME --kind file -o folder=changes"),
                     format_)


_WRONG = ("retrying", "failed")


def state_of(one: SinkRecord, workspace: Workspace) -> str:
    """In a word; whether anybody is at work is told by its lock, not by what was noted last."""
    from pluto_duck.commands.relaying import locks_of
    from pluto_duck.events.lease import is_held

    if one.paused:
        return "paused"
    if not is_held(locks_of(workspace), one.name):
        return "nobody delivers"
    return "waiting" if one.state in ("new", "stopped") else one.state


@sinks.verb("sinks add archive --kind file -o folder=changes -o format=parquet",
            "sinks add events --kind kafka -o bootstrap=kafka.example:9093 -o security=SASL_SSL -o sasl=SCRAM-SHA-512 "
            "-o username=me -o password=env:KAFKA_PASSWORD", "sinks add new --kind file -o folder=new --from now",
            name="add")
@click.argument("name")
@click.option("--kind", required=True, help="file, kafka, or what a plug-in brought.")
@click.option("--table", "tables", multiple=True, metavar="TABLE",
              help="Only this one's changes; may be repeated. Else those of every tracked table.")
@click.option("-o", "--option", "options", multiple=True, metavar="NAME=VALUE",
              help="What the kind must know; may be repeated. A secret is env:NAME, or keyring, which asks for it.")
@click.option("--from", "begin", type=click.Choice(["snapshot", "now"]), default="snapshot", show_default=True,
              help="Whether the target is told the tables as they are first, or only what changes from now on.")
def add(door: Door, name: str, kind: str, tables: tuple[str, ...], options: tuple[str, ...], begin: str) -> str:
    """Send tables to a target as they are, and each of their changes from then on."""
    from pluto_duck.commands.sink_wishes import added

    wanted = dict(_pair(one) for one in options)

    def secret(option: str) -> str:
        if door.ask_secret is None:
            raise UsageError(f"Nobody can be asked for the {option} here.", hint=f"Say -o {option}=env:NAME.")
        return door.ask_secret(f"{option} of {name}: ")

    session = door.open_session()
    with kept(door) as (known, _, _):
        added(session, known, name, kind, tables=tables, options=wanted, begin=begin, secret=secret)
    return (f"Added the sink {name}.\n{door.program} serve and Jupyter Server deliver to it; here and now: "
            f"{door.program} sinks run {name}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("An option of a sink is NAME=VALUE.", hint="For example: -o folder=changes")
    return name.strip(), value


@sinks.verb("sinks status events", name="status")
@click.argument("name")
def status(door: Door, name: str) -> Facts:
    """One sink: how far, how fresh, what is wrong."""
    from pluto_duck.commands.relaying import is_ours, not_ours

    with kept(door) as (known, workspace, why):
        one = known.get(name)
        dead, state = known.dead_count(one.name), state_of(one, workspace)
    facts = [("kind", one.kind), ("tables", ", ".join(map(str, one.tables)) or "all tracked"), ("state", state),
             ("stands at", str(one.position)), ("commits behind", str(one.lag)),
             ("delivered", f"{one.delivered:,} changes"), ("last delivery", _when(one.delivered_at)),
             ("dead letters", str(dead)), ("delivers", one.holder if state != "nobody delivers" else ""),
             ("last sign of life", _when(one.seen_at)), ("since", _when(one.added_at)),
             ("stands in", one.origin), *((f"option {key}", str(value)) for key, value in one.options.items())]
    problems = []
    if not (why and one.origin) and not is_ours(workspace, one):
        problems.append((str(not_ours(one)), not_ours(one).hint))
    if why and one.origin:
        problems.append((why, f"{door.program} trust"))
    if state in _WRONG:
        problems.append((one.error, one.hint))
    elif one.error:
        facts.append(("last error", f"{_when(one.error_at)} {one.error}"))
    if dead:
        problems.append((f"{dead} changes could not be delivered.", f"{door.program} sinks dead {one.name}"))
    return Facts(((f"Sink {one.name}", tuple((key, value) for key, value in facts if value)),), tuple(problems))


def _when(at: float | None) -> str:
    return "" if at is None else dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


@sinks.verb("sinks pause events")
@click.argument("name")
def pause(door: Door, name: str) -> str:
    """Deliver nothing for now. Changes are kept for it, but no longer than `changes` keeps any."""
    with kept(door) as (known, _, _):
        return f"The sink {known.pause(name).name} is paused; `{door.program} sinks resume {name}` lets it go on."


@sinks.verb("sinks resume events")
@click.argument("name")
def resume(door: Door, name: str) -> str:
    """Go on where it stood; one that failed tries again at once."""
    with kept(door) as (known, _, _):
        return f"The sink {known.pause(name, False).name} goes on."


@sinks.verb("sinks remove events")
@click.argument("name")
def remove(door: Door, name: str) -> str:
    """Forget a sink, where it stood and its dead letters. What it delivered stays where it is."""
    from pluto_duck.commands.sink_wishes import removed

    with kept(door) as (known, workspace, _):
        one = removed(known, workspace, name)
    return f"Removed the sink {one.name}."


@sinks.verb("sinks run events", "sinks run archive --until-caught-up")
@click.argument("name")
@click.option("--until-caught-up", is_flag=True, help="Stop once everything there is has been delivered.")
def run(door: Door, name: str, until_caught_up: bool) -> str:
    """Deliver here, until Ctrl-C. Waits while another process does."""
    from pluto_duck.commands.relaying import is_ours, locks_of, not_ours, relay_of
    from pluto_duck.events.lease import is_held

    if not until_caught_up:
        only_in_a_shell(door, "sinks run", "it does not end. --until-caught-up does.")
    with kept(door) as (known, workspace, why):
        one = known.get(name)
        if why and one.origin:
            raise Refused(why, hint=f"{door.program} trust")
        if not is_ours(workspace, one):
            raise not_ours(one)
    session = door.open_session()
    relay = relay_of(session, one.name)
    busy = is_held(locks_of(workspace), one.name)
    door.say((f"{one.holder or 'Another process'} delivers to {one.name}; waiting for its turn ..." if busy
              else f"Delivering to {one.name} ...") + ("" if until_caught_up else " Ctrl-C stops."))
    try:
        relay.run(until_caught_up=until_caught_up)
    except KeyboardInterrupt:
        relay.stop()
    with kept(door) as (known, _, _):
        found = known.find(one.name)
    if found is None:
        return f"The sink {one.name} was removed."
    return f"{found.name} stands at {found.position}: {found.delivered - one.delivered:,} changes were delivered."


@sinks.verb("sinks dead events", "sinks dead events --retry", "sinks dead events --drop --id 12")
@click.argument("name")
@click.option("--retry", is_flag=True, help="Try them again.")
@click.option("--drop", is_flag=True, help="Forget them.")
@click.option("--id", "ids", type=int, multiple=True, help="Only this one; may be repeated.")
@_format
def dead(door: Door, name: str, retry: bool, drop: bool, ids: tuple[int, ...], format_: Format) -> object:
    """Changes that the target can't take, with the reason. Those after them were delivered."""
    if retry and drop:
        raise UsageError("Either --retry or --drop.")
    with kept(door) as (known, _, _):
        if retry:
            return f"{known.retry(name, ids)} will be tried again."
        if drop:
            return f"{known.drop(name, ids)} are forgotten."
        rows = tuple((one.id, str(one.position), str(one.table), one.op, one.key or "", one.attempts, _when(one.at),
                      one.reason) for one in known.dead(known.get(name).name))
    return formatted(Rows(("id", "position", "table", "op", "key", "attempts", "at", "reason"), rows,
                          "Everything could be delivered."), format_)
