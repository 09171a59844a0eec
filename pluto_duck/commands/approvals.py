"""`approvals list|show|approve|reject|edit`: what the agent proposed, and your word on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, _text, formatted
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval, Approvals


def _approvals(door: Door) -> Approvals:
    from pluto_duck.agent.approvals import Approvals

    return Approvals(door.open_session())


@family(SECTIONS[3], "approvals", "approvals show 1f0c", "approvals approve 1f0c --seen 5b1c90d2e7aa")
def approvals(context: click.Context) -> object:
    """Changes that the agent proposed: nothing of them happens before you approve it.

    Without a verb: the list. An id may be shortened.
    """
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@approvals.verb("approvals list", "approvals list --format json", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """What was proposed, newest first, and what became of it."""
    rows = tuple((one.id, one.status, f"{one.kind} {one.target}", one.question, _when(one.expires_at))
                 for one in _approvals(door).all())
    return formatted(Rows(("id", "status", "what", "asked", "expires"), rows, "Nothing was proposed."), format_)


@approvals.verb("approvals show 1f0c", "approvals show 1f0c --body > mine.txt", name="show")
@click.argument("id", metavar="ID")
@click.option("--body", is_flag=True, help="Only what may be edited, as `approvals edit --file` takes it.")
def show(door: Door, id: str, body: bool) -> Iterator[object]:
    """One proposal: its SQL, what it would change, what a trial run gave, how to take it back, its history.

    Of a view or model that waits also a few rows, as they are now.
    """
    known = _approvals(door)
    if body:
        yield known.get(id).body
        return
    yield from told(known, known.get(id))


def told(known: Approvals, one: Approval) -> Iterator[object]:
    """All about one proposal, and a few of the rows that it would give."""
    facts = [("status", one.status), ("asked", one.question), ("planner", one.planner), ("runs", one.sql),
             ("version", one.version), ("tried", one.dry_run), ("taken back by", one.rollback),
             ("expires", _when(one.expires_at))]
    if one.before:
        facts.insert(5, ("diff", one.diff))
    if known.moved(one):
        facts.append(("since then", "what is there has changed: it can't be approved any more"))
    # What runs stands above already, and of a model it is long.
    history = [(_when(entry.at), f"{entry.what} by {entry.who}"
                + (f": {entry.detail}" if entry.detail not in ("", one.sql) else "")) for entry in known.log(one.id)]
    yield Facts(((f"Approval {one.id}: {one.kind} {one.target}", tuple(facts)), ("History", tuple(history))))
    rows = known.sample(one)
    if rows is not None:
        yield rows


@approvals.verb("approvals approve 1f0c --seen 5b1c90d2e7aa", "approvals approve 1f0c --seen 5b1c90d2e7aa --build",
                name="approve")
@click.argument("id", metavar="ID")
@click.option("--seen", metavar="VERSION", help="Which text of it you read: `approvals show` names it.")
@click.option("--build", is_flag=True, help="Of a dbt model: build it then, and run its tests.")
def approve(door: Door, id: str, seen: str | None, build: bool) -> Iterator[object]:
    """Run a proposal as your own statement, once.

    Without --seen nothing is run: it says what would be, and the line that approves exactly that. An edit by somebody
    else in between is refused.
    """
    known = _approvals(door)
    one = known.get(id)
    if build and one.kind != "model":
        raise UsageError(f"A {one.kind} is not built.", hint="--build belongs to a dbt model.")
    if seen is None and one.status == "waiting":
        raise UsageError(f"Say which text you have read. The approval {one.id} runs:\n{one.sql}",
                         hint=f"{door.program} approvals approve {one.id} --seen {one.version}")
    one = known.approve(id, seen or "")
    yield f"Done: {one.sql}\nTo take it back: {one.rollback}"
    if one.kind == "model":
        from pluto_duck.agent.changes.model import built_by

        project, words = built_by(door.open_session(), one)
        if build:
            from pluto_duck.commands.transforming import _run
            from pluto_duck.transform.dbt import DbtOptions

            yield from _run(door, DbtOptions("build", project, words))
        else:
            yield f"To build it: {door.program} run-dbt --project {project} {' '.join(words)}"


@approvals.verb("approvals reject 1f0c", "approvals reject 1f0c --reason 'wrong join'", name="reject")
@click.argument("id", metavar="ID")
@click.option("--reason", default="", help="Kept in its history.")
def reject(door: Door, id: str, reason: str) -> str:
    """Turn a proposal down."""
    return f"Rejected: {_approvals(door).reject(id, reason=reason).id}. Nothing was changed."


@approvals.verb("approvals edit 1f0c 'SELECT ...'", "approvals edit 1f0c --file better.sql", name="edit")
@click.argument("id", metavar="ID")
@click.argument("body", required=False)
@click.option("--file", metavar="PATH", help="Read it from a file.")
def edit(door: Door, id: str, body: str | None, file: str | None) -> str:
    """Put something else into a proposal; it is tried again and goes on waiting.

    Into a view or table another SELECT; into a load {"source": ...} or {"connection": ..., "table": ...}; into an entry
    of semantics.yaml another JSON object; into a dbt model its files, each below its line `==> NAME <==`.
    """
    text = _text(door, body, file, "new text")
    one = _approvals(door).edit(id, text)
    return (f"Changed: {one.sql}\nTried: {one.dry_run}\n"
            f"Next: {door.program} approvals approve {one.id} --seen {one.version}")


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
