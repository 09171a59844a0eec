"""`changes show` and `changes follow`: what was changed, when and by whom, and what is being changed."""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import click

from pluto_duck.commands import Door, Growing, Rows
from pluto_duck.commands.asking import formatted
from pluto_duck.commands.changes import changes
from pluto_duck.commands.group import Whole
from pluto_duck.errors import HistoryGone, UsageError

if TYPE_CHECKING:
    from pluto_duck.events.model import Position
    from pluto_duck.session import Session, TableRef

Format = Literal["table", "csv", "json", "ndjson"]
NAMES = ("id", "op", "table", "key", "changed", "when", "who")
WAIT_S = 60.0
SHOWN = 200
"""Changes that a cell which follows them keeps in sight."""
_LONGEST = 60
_OPS = {"c": "created", "u": "updated", "d": "deleted", "t": "truncated", "schema": "altered", "drop": "dropped",
        "resync": "changed unseen"}

_since = click.option("--since", metavar="ID", help="Only what came after this change: 12.3, 12, 0 or now.")
_as = click.option("--format", "format_", type=click.Choice(["table", "csv", "json", "ndjson"]), default="table",
                   show_default=True, help="ndjson: each change as a CloudEvent.")


@changes.verb("changes show orders", "changes orders", "changes show orders --since 12.3 --format ndjson",
              "changes orders --follow")
@click.argument("table", required=False)
@_since
@click.option("--limit", type=Whole(1, 10_000), default=20, show_default=True,
              help="How many: the newest; with --since the first ones after it.")
@click.option("-f", "--follow", "follow_", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@_as
def show(door: Door, table: str | None, since: str | None, limit: int, follow_: bool, format_: Format) -> object:
    """The newest changes of a tracked table, or of all of them."""
    session = door.open_session()
    tables = _tables(table)
    found, at = _newest(session, tables, limit) if since is None else _after(session, tables, limit, since)
    if follow_:
        return _followed(session, tables, found, at, format_)
    if format_ == "ndjson":
        return "\n".join(str(one["event"]) for one in found)
    none = "No change was kept yet." if since is None else "Nothing has come since."
    return formatted(Rows(NAMES, tuple(_row(one) for one in found), none), format_)


@changes.verb("changes follow orders", "changes follow --format ndjson")
@click.argument("table", required=False)
@_since
@_as
def follow(door: Door, table: str | None, since: str | None, format_: Format) -> object:
    """Changes as they happen, until Ctrl-C."""
    session = door.open_session()
    tables = _tables(table)
    _none, at = _after(session, tables, 0, since or "now")
    if door.kind == "shell":
        door.say("Waiting for changes; Ctrl-C stops.")
    return _followed(session, tables, [], at, format_)


def _tables(table: str | None) -> tuple[TableRef, ...]:
    from pluto_duck.session import TableRef

    return (TableRef.parse(table),) if table is not None else ()


def _newest(session: Session, tables: tuple[TableRef, ...], limit: int) -> tuple[list[dict[str, Any]], Position]:
    """Looks back further and further: few commits are many changes where rows come in bulk."""
    from pluto_duck.events.model import Position

    head = session.changes_head()
    back = 50
    while True:
        start = Position(max(0, head - back), Position.LAST)
        first = start.seq == 0
        try:
            found, at = _read(session, tables, start, keep=limit)
        except HistoryGone as gone:
            found, at = _read(session, tables, Position(int(gone.facts["oldest"]), Position.LAST), keep=limit)
            first = True
        if first or len(found) >= limit:
            return found, at
        back *= 8


def _read(session: Session, tables: tuple[TableRef, ...], at: Position,
          keep: int) -> tuple[list[dict[str, Any]], Position]:
    found: deque[dict[str, Any]] = deque(maxlen=keep)
    while True:
        batch = session.changes(at, tables=tables, limit=10_000)
        found.extend(batch.table.slice(max(0, batch.table.num_rows - keep)).to_pylist())
        at = batch.position
        if not batch.table.num_rows and at.seq >= batch.head:
            return list(found), at


def _after(session: Session, tables: tuple[TableRef, ...], limit: int,
           since: str) -> tuple[list[dict[str, Any]], Position]:
    from pluto_duck.events.model import Position

    at = Position(session.changes_head(), Position.LAST) if since == "now" else Position.parse(since)
    found: list[dict[str, Any]] = []
    session.changes(at, tables=tables, limit=1)  # says what is wrong with it
    while len(found) < limit:
        batch = session.changes(at, tables=tables, limit=limit - len(found))
        found += batch.table.to_pylist()
        at = batch.position
        if not batch.table.num_rows and at.seq >= batch.head:
            break
    return found, at


def _followed(session: Session, tables: tuple[TableRef, ...], found: list[dict[str, Any]], at: Position,
              format_: Format) -> Iterator[object]:
    if format_ not in ("table", "ndjson"):
        raise UsageError(f"What is followed can't be written as {format_}.", hint="--format ndjson")
    shown: deque[tuple[Any, ...]] = deque(maxlen=SHOWN)
    id, new = uuid.uuid4().hex, found
    while True:
        if new and format_ == "ndjson":
            yield "\n".join(str(one["event"]) for one in new)
        elif new or not shown:
            shown.extend(_row(one) for one in new)
            text = "\n".join("  ".join(str(part) for part in _row(one) if part) for one in new)
            yield Growing(id, Rows(NAMES, tuple(shown), "Nothing has come yet."), text)
        batch = session.changes(at, tables=tables, wait_s=WAIT_S)
        new, at = batch.table.to_pylist(), batch.position


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    event = json.loads(one["event"], parse_float=str)
    data = event["data"]
    key = ", ".join(f"{name}={_short(value)}" for name, value in json.loads(one["key"]).items()) if one["key"] else ""
    name = one["name"] if one["schema"] == "main" else f"{one['schema']}.{one['name']}"
    when = str(event["time"]).replace("T", " ").removesuffix("Z")
    who = " ".join(str(part) for part in (data["source"]["actor"], data["source"]["run"]) if part)
    return (f"{one['seq']}.{one['n']}", _OPS.get(one["op"], one["op"]), name, key, _changed(data), when, who)


def _changed(data: dict[str, Any]) -> str:
    """Old -> new of what an update changed; else the row."""
    before, after = data["before"], data["after"]
    if before is not None and after is not None:
        return ", ".join(f"{name}: {_short(before.get(name))} -> {_short(value)}" for name, value in after.items()
                         if name not in before or before[name] != value)
    if data["op"] == "schema":
        return ", ".join(f"{one['name']} {one['type']}" for one in data["columns"])
    if data["op"] == "resync":
        return str(data.get("why", ""))
    return ", ".join(f"{name}={_short(value)}" for name, value in (after or before or {}).items())


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", " ")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


__all__ = ["follow", "show"]
