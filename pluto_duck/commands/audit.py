"""`audit tail|search|verify|export|head|prune|accept`: who did what, and whether the record of it is whole."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, family
from pluto_duck.commands.keys import span
from pluto_duck.errors import Refused, UsageError

if TYPE_CHECKING:
    from pluto_duck.governance.audit import Chain, Entry
    from pluto_duck.governance.audit.searching import Filter, Row

COLUMNS = ("row", "at", "who", "via", "action", "on", "decision", "rule", "status", "rows", "ms", "address")
_EMPTY = "Nothing has been recorded yet."


def _chain(door: Door) -> Chain:
    from pluto_duck.governance.audit import recorder

    return recorder(door.open_session().workspace).chain


def _keep(door: Door, entry: Entry) -> None:
    from pluto_duck.governance.audit import recorder

    recorder(door.open_session().workspace).keep(entry)


@family(SECTIONS[3], "audit tail", "audit search --who dashboard --since 1d", "audit verify")
def audit(context: click.Context) -> object:
    """Who did what with this workspace, when, from where, and which rule let them. Without a verb: the last entries."""
    return context.invoke(tail, count=20, follow=False) if context.invoked_subcommand is None else None


def _wanted(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
            click.option("--trace", metavar="ID", default="", help="Of the request."),
            click.option("--run", metavar="ID", default="", help="Of the run."),
            click.option("--sql", metavar="SQL", default="", help="Exactly this statement."),
            click.option("--until", metavar="TIME", default="", help="As --since."),
            click.option("--since", metavar="TIME", default="", help="1h, 7d, 2026-11-22 or 2026-11-22T10:30."),
            click.option("--via", metavar="DOOR", default="", help="rest, graphql, cell, shell, sidebar or agent."),
            click.option("--decision", type=click.Choice(("allow", "deny")), help="What the rule said."),
            click.option("--action", metavar="ACTION", default="", help="read, query, login, key.create, 'key.*'..."),
            click.option("--table", metavar="TABLE", default="", help="What it was done to: orders, run:ID, key:ID."),
            click.option("--who", metavar="NAME", default="", help="The name or id of a key, token or person.")):
        function = option(function)
    return function


def filter_of(who: str = "", table: str = "", action: str = "", decision: str | None = None, via: str = "",
              since: str = "", until: str = "", sql: str = "", run: str = "", trace: str = "") -> Filter:
    """Of texts as people and programs give them. Raises UsageError."""
    from pluto_duck.governance.audit.searching import Filter
    from pluto_duck.workspace import TableRef

    key = table if not table or ":" in table else TableRef.parse(table).key
    return Filter(who, key, action, decision or "", via, run, trace, sql, moment(since), moment(until))


def moment(text: str) -> int | None:
    """Microseconds since 1970 of a date or of a time ago; None for "". Without an offset: this machine's time zone."""
    if not text:
        return None
    now = dt.datetime.now().astimezone()
    if re.fullmatch(r"\s*\d+\s*[mhdw]\s*", text):
        at = now - dt.timedelta(seconds=span(text))
    else:
        try:
            at = dt.datetime.fromisoformat(text.strip()).astimezone()
        except (ValueError, OverflowError):
            raise UsageError(f"{text!r} is no time.", hint="For example: 1h, 7d or 2026-11-22T10:30") from None
    return int(at.timestamp() * 1_000_000)


@audit.verb("audit tail", "audit tail -f")
@click.option("-n", "count", type=Whole(1), default=20, show_default=True, help="How many to begin with.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
def tail(door: Door, count: int, follow: bool) -> object:
    """The last entries; with -f also those to come."""
    from pluto_duck.governance.audit import owners
    from pluto_duck.governance.audit.searching import search

    chain = _chain(door)
    _keep(door, owners("audit.read", follow=follow))
    found = search(chain, limit=count)[::-1]
    return _followed(chain, found) if follow else _rows(found)


def _followed(chain: Chain, found: list[Row]) -> Iterator[object]:
    from pluto_duck.governance.audit.searching import follow

    for row in found:
        yield _line(row)
    for new in follow(chain, after=found[-1].seq if found else 0):
        if new is not None:
            yield _line(new)


@audit.verb("audit search --who dashboard --decision deny --since 7d", "audit search --table orders --action read")
@_wanted
@click.option("--limit", type=Whole(1), default=100, show_default=True, help="How many at most, the newest first.")
@_format
def search(door: Door, limit: int, format_: Format, **wanted: Any) -> object:
    """Entries by who, what, when and how it was decided."""
    from pluto_duck.governance.audit import owners
    from pluto_duck.governance.audit.searching import search as look

    asked = filter_of(**wanted)
    _keep(door, owners("audit.read", **{name: value for name, value in wanted.items() if value and name != "sql"}))
    empty = "No entry is like that." if any(wanted.values()) else _EMPTY
    return formatted(_rows(look(_chain(door), asked, limit=limit), empty), format_)


@audit.verb("audit verify", "audit verify --head head.json")
@click.option("--head", "heads", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="What `audit head` printed earlier: its row must still be there. May be repeated.")
def verify(door: Door, heads: tuple[Path, ...]) -> Facts:
    """Walk the whole chain: every change, gap, insertion and cut is told with its row (exit code 1)."""
    from pluto_duck.governance.audit import owners
    from pluto_duck.governance.audit import verify as walk

    chain = _chain(door)
    known = []
    for path in heads:
        try:
            known.append(chain.imported(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} is no head of an audit of yours: {error}.",
                             hint="`audit head > FILE` writes one.") from error
    found = walk(chain, known)
    _keep(door, owners("audit.verify", status="whole" if found.whole else "broken", rows=found.rows))
    facts = [("rows", f"{found.rows:,}"), ("state", "whole" if found.whole else "broken")]
    if found.head is not None:
        facts += [("chain", found.head.chain), ("last row", str(found.head.seq))]
    if found.start:
        facts.append(("pruned", f"rows 1 to {found.start}"))
    facts += [(f"row {one.seq}", one.what) for one in found.notes]
    problems = tuple((f"row {one.seq}: {one.what}" if one.seq else one.what, "") for one in found.problems)
    if found.more:
        problems += ((f"and {found.more} more", ""),)
    return Facts((("Audit", tuple(facts)),), problems)


@audit.verb("audit export audit.ndjson", "audit export audit.ndjson --since 30d")
@click.argument("path", type=click.Path(path_type=Path))
@_wanted
def export(door: Door, path: Path, **wanted: Any) -> str:
    """Write entries to a new file, oldest first, one JSON object a line, with the signed head as the last."""
    import json

    from pluto_duck.governance.audit import owners
    from pluto_duck.governance.audit.searching import walk

    asked, chain = filter_of(**wanted), _chain(door)
    _keep(door, owners("audit.export", file=path.name, **{name: value for name, value in wanted.items()
                                                          if value and name != "sql"}))
    head, count = chain.export_head(), 0
    try:
        with open(path, "x", encoding="utf-8") as file:
            for row in walk(chain, asked, upto=head["seq"]):
                file.write(json.dumps(told(row)) + "\n")
                count += 1
            file.write(json.dumps({"head": head}) + "\n")
    except FileExistsError:
        raise Refused(f"There is {path} already; it is left as it is.", hint="Choose another name.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error
    return f"Wrote {count:,} entries to {path}."


@audit.verb("audit head", "audit head > head.json")
def head(door: Door) -> str:
    """The signed end of the chain as JSON: keep it elsewhere, and a cut end is found by `verify --head`."""
    import json

    return json.dumps(_chain(door).export_head())


@audit.verb("audit prune --keep 365d")
@click.option("--keep", required=True, metavar="SPAN", help="How much to keep: 365d, 52w.")
def prune(door: Door, keep: str) -> str:
    """Remove the oldest entries. Where the rest begins is sealed, so that it still verifies; the pruning is told."""
    import time

    from pluto_duck.governance.audit import owners

    before = int((time.time() - span(keep)) * 1_000_000)
    gone = _chain(door).prune(before, owners("audit.prune", keep=keep))
    return f"Removed {gone:,} entries." if gone else "Nothing is that old."


@audit.verb('audit accept "restored from the backup of Monday"')
@click.argument("reason")
def accept(door: Door, reason: str) -> str:
    """Say why the chain is broken, after a restore of control.sqlite for example: what was noticed until now counts as
    accepted, and stays told."""
    from pluto_duck.governance.audit import owners

    _keep(door, owners("audit.accept", why=reason[:500]))
    _chain(door).accept()
    return "Noted. `audit verify` goes on telling what was noticed, as accepted."


def _rows(found: list[Row], empty: str = _EMPTY) -> Rows:
    return Rows(COLUMNS, tuple(_cells(one) for one in found), empty)


def _cells(row: Row) -> tuple[Any, ...]:
    one = row.entry
    who = f"{one.who.name or one.who.kind}{f' ({one.who.id})' if one.who.id else ''}"
    return (row.seq, _local(one.at), who, one.via, one.action, ", ".join(one.on) or one.run, one.decision, one.rule,
            one.status, one.rows, one.ms, one.address)


def _line(row: Row) -> str:
    cells = [str(one) for one in _cells(row) if one not in ("", None)]
    return "  ".join(cells)


def _local(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1_000_000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def told(row: Row) -> dict[str, Any]:
    """An entry for programs, with its place in the chain."""
    import json

    body = json.loads(row.entry.body())
    at = dt.datetime.fromtimestamp(row.entry.at / 1_000_000, dt.UTC).isoformat(timespec="microseconds")
    return {"seq": row.seq, **body, "at": at, "prev": row.prev, "mac": row.mac}
