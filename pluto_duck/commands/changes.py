"""`changes track|untrack|status`: whose rows every change is kept of."""

from __future__ import annotations

import datetime as dt
import fnmatch
from typing import Any

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.session import Session, TableRef


@family(SECTIONS[3], "changes track orders", "changes track 'raw.*' --before", "changes status", "changes show orders",
        "changes follow orders", "changes untrack orders")
def changes(context: click.Context) -> object:
    """Tracked tables: every change of their rows is kept, in order, for whoever follows them. Without a verb: the
    status."""
    return context.invoke(status, table=None, format_="table") if context.invoked_subcommand is None else None


changes.otherwise = "show"


@changes.verb("changes track orders", "changes track 'raw.*' --before", "changes track log --full-row")
@click.argument("table")
@click.option("--before", is_flag=True, help="Keep the rows as they were, too.")
@click.option("--full-row", is_flag=True, help="For tables without a primary key: whole rows are told apart.")
def track(door: Door, table: str, before: bool, full_row: bool) -> Facts:
    """Keep every change of a table from now on, or of all that a pattern like main.* names."""
    session = door.open_session()
    refs = _named(session, table, [one.ref for one in session.tables() if one.kind == "table"])
    lost = [] if before else [str(one) for one in refs if one.key in _with_before(session)]
    session.track(refs, before=before, full_row=full_row)
    told = ("the row as it was and as it is" if before else "a delete and an insert" if full_row else
            "the row as it is; with --before also as it was")
    facts = [("tracked", ", ".join(map(str, refs))), ("updates tell", told)]
    if lost:
        facts.append(("no longer", f"the rows of {', '.join(lost)} as they were, which webhooks with --when need, and "
                      "roles that see some rows"))
    facts.append(("see them", f"{door.program} changes follow {refs[0] if len(refs) == 1 else ''}".rstrip()))
    return Facts((("Changes", tuple(facts)),))


def _with_before(session: Session) -> set[str]:
    return {TableRef(one["name"], one["schema"]).key for one in session.tracked()["tables"] if one["before"]}


@changes.verb("changes untrack orders")
@click.argument("table")
def untrack(door: Door, table: str) -> Facts:
    """Keep its changes no longer. What is kept of before goes with its age."""
    session = door.open_session()
    tracked = [TableRef(one["name"], one["schema"]) for one in session.tracked()["tables"]]
    refs = _named(session, table, tracked, "tracked table")
    session.untrack(refs)
    return Facts((("Changes", (("tracked no longer", ", ".join(map(str, refs))),)),))


@changes.verb("changes status", "changes status orders", name="status")
@click.argument("table", required=False)
@_format
def status(door: Door, table: str | None, format_: Format) -> object:
    """What is tracked, since when, and what is kept of it."""
    session = door.open_session()
    found = session.tracked()["tables"]
    refs = [TableRef(one["name"], one["schema"]) for one in found]
    wanted = {one.key for one in (refs if table is None else _named(session, table, refs, "tracked table"))}
    rows = tuple(_row(ref, one) for ref, one in zip(refs, found, strict=True) if ref.key in wanted)
    names = ("table", "key", "before", "since commit", "changes", "first", "last", "newest", "state")
    return formatted(Rows(names, rows, "No table is tracked: pluto-duck changes track TABLE"), format_)


def _row(ref: TableRef, one: dict[str, Any]) -> tuple[Any, ...]:
    at = one["last_at_ms"]
    when = "" if at is None else dt.datetime.fromtimestamp(at / 1000, dt.UTC).isoformat(sep=" ", timespec="seconds")
    return (str(ref), ", ".join(one["key"]) or "whole rows", "kept" if one["before"] else "", one["started_seq"],
            one["changes"], one["first_seq"], one["last_seq"], when, "" if one["there"] else "dropped")


def _named(session: Session, text: str, among: list[TableRef], kind: str = "table") -> list[TableRef]:
    """The one that is named, or all that a pattern fits."""
    if "*" not in text and "?" not in text:
        ref = TableRef.parse(text)
        if kind == "table" or ref.key in {one.key for one in among}:
            return [ref]
        raise unknown_name(kind, text, [str(one) for one in among])
    schema, _, name = text.rpartition(".")
    found = [one for one in among if fnmatch.fnmatchcase(one.name.lower(), name.lower())
             and fnmatch.fnmatchcase(one.schema.lower(), (schema or "main").lower())]
    if not found:
        raise UsageError(f"No {kind} has a name like {text}.", hint="pluto-duck tables lists them.")
    return found
