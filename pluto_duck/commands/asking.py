"""`tables`, `describe`, `query`, `ask`, `history`: looking at what is there."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pluto_duck.commands import Door, Formatted, Rows, only_in_a_shell
from pluto_duck.commands.group import SECTIONS, Verb, Whole, verb
from pluto_duck.commands.kinds import is_load
from pluto_duck.errors import PlutoError, UnknownName, UsageError, nearest, unknown_name

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.ingest.live import LiveTable
    from pluto_duck.runs import Runs, Status
    from pluto_duck.session import Session, TableInfo
    from pluto_duck.workspace import Result

Format = Literal["table", "csv", "json"]

_OUTCOMES: dict[str, Status] = {"cancelled": "cancelled", "timed_out": "timed_out"}

_LOOK = 10_000
"""Rows that are fetched for a table on screen, which shows far fewer; `--format csv|json` has no limit."""

_format = click.option("--format", "format_", type=click.Choice(["table", "csv", "json"]), default="table",
                       show_default=True, help="How the rows are written.")


def formatted(value: object, format_: Format, max_rows: int | None = None) -> object:
    return value if format_ == "table" and max_rows is None else Formatted(value, format_, max_rows)


def parameters(texts: tuple[str, ...]) -> dict[str, Any]:
    """`--param name=value`: a number, true, false, null or "quoted text" as JSON writes it, else text."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, raw = text.partition("=")
        if not (name and equals):
            raise UsageError(f"--param {text} is not name=value.", hint="For example: --param month=7")
        try:
            value = json.loads(raw)
        except ValueError:
            value = raw
        found[name.removeprefix("$")] = raw if isinstance(value, dict) else value
    return found


def _text(door: Door, given: str | None, file: str | None, what: str) -> str:
    if (given is None) == (file is None):
        raise UsageError(f"Give the {what} as one argument in quotes, as - to read it from standard input, "
                         "or with --file.")
    if file is not None:
        try:
            return Path(file).expanduser().read_text(encoding="utf-8")
        except FileNotFoundError:
            folder = Path(file).expanduser().parent
            there = [one.name for one in folder.iterdir()] if folder.is_dir() else []
            raise unknown_name("file", file, nearest(Path(file).name, there)) from None
        except OSError as error:
            raise UsageError(f"{file} can't be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not UTF-8 text.") from error
    if given == "-":
        only_in_a_shell(door, "query -", "a cell has no standard input. Use %%pluto sql.")
        return sys.stdin.read()
    return str(given)


def _runs(session: Session) -> AbstractContextManager[Runs]:
    """The history of the workspace; a Workbench keeps its own open, since opening one costs 7 ms."""
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.runs import Runs

    return nullcontext(session.runs) if isinstance(session, Workbench) else closing(Runs(session, session.workspace))


def recorded(session: Session, kind: str, text: str, work: Callable[[], Any]) -> Any:
    """Does the work and writes it into the history of the workspace, failed or not."""
    started = time.perf_counter()
    with _runs(session) as runs:
        try:
            value = work()
        except PlutoError as error:
            status = _OUTCOMES.get(error.code, "failed")
            runs.record(kind, text, status, time.perf_counter() - started, error=error)
            raise
        rows = value.rows if is_load(value) else getattr(getattr(value, "result", value), "row_count", 0)
        runs.record(kind, text, "succeeded", time.perf_counter() - started, rows)
    return value


@verb(SECTIONS[2], "tables")
@_format
def tables(door: Door, format_: Format) -> object:
    """The tables and views of the workspace, when each was loaded last, and the live ones that it reads elsewhere."""
    from pluto_duck.commands.fresh import tables as found

    session = door.open_session()
    return formatted(found(session, _live(session)), format_)


def _live(session: Session) -> list[LiveTable]:
    from pluto_duck.session.watch import watches

    if not watches(session.control, "live"):
        return []
    from pluto_duck.ingest.live import live_tables

    return live_tables(session)


def find_table(session: Session, name: str) -> TableInfo:
    """The table of that name. Raises UnknownName with the nearest names."""
    from pluto_duck.workspace import TableRef

    wanted = TableRef.parse(name)
    there = session.tables()
    for one in there:
        if one.ref.key == wanted.key:
            return one
    raise unknown_name("table", name, [str(one.ref) for one in there])


@verb(SECTIONS[2], "describe flights")
@click.argument("table")
@_format
def describe(door: Door, table: str, format_: Format) -> object:
    """The columns of one table, their types and keys, and when it was loaded last."""
    from pluto_duck.commands.fresh import described
    from pluto_duck.workspace import quote
    from pluto_duck.workspace.tableref import fold

    session = door.open_session()
    try:
        found: object = described(session, find_table(session, table))
    except (UnknownName, UsageError) as error:
        one = next((one for one in _live(session) if fold(table) in (
            fold(str(one.ref)), fold(f"{one.source}.{one.name}"))), None)
        if one is None:
            raise error from None
        found = session.query(f"DESCRIBE {'.'.join(map(quote, filter(None, (one.source, one.schema, one.name))))}")
    return formatted(found, format_)


class Query(Verb):
    """Takes SQL that begins with a comment for SQL, not for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # No option's name has a blank in it; the line break in front changes nothing for the database.
        return super().parse_args(ctx, ["\n" + one if re.match(r"--[^=]*\s", one) else one for one in args])


@verb(SECTIONS[2], 'query "select carrier, count(*) from flights group by all"',
      "query --file report.sql --format csv > report.csv",
      "query 'select * from flights where month = $m limit 5' --param m=7", cls=Query)
@click.argument("sql", required=False)
@click.option("--file", metavar="PATH", help="Read the SQL from a file.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE",
              help="A value for $NAME: 7, true, null, text; \"7\" in double quotes is text. May be repeated.")
@_format
@click.option("--max-rows", type=Whole(1), help="Rows to show or write at most.")
def query(door: Door, sql: str | None, file: str | None, params: tuple[str, ...], format_: Format,
          max_rows: int | None) -> object:
    """Run SQL; of several statements the last one's rows are shown.

    Values belong into --param, never pasted into the SQL. The SQL may be - for standard input.
    """
    text = _text(door, sql, file, "SQL")
    values: Mapping[str, Any] = parameters(params)
    session = door.open_session()
    keep = max_rows if format_ != "table" else max(max_rows or 0, _LOOK)
    result: Result = recorded(session, "sql", text, lambda: session.query(
        text, values or None, namespace=door.namespace, max_rows=keep))
    return formatted(result, format_, max_rows)


@verb(SECTIONS[2], 'ask "how many flights per month?"',
      'ask "which 10 destinations had the worst average arrival delay in July?" --format csv',
      "ask -c only carrier AA", "ask --choose 2")
@click.argument("question", nargs=-1)
@click.option("--planner", metavar="NAME", help="Who answers; else the setting agent.planner.")
@click.option("-c", "--continue", "carry_on", is_flag=True, help="Go on with the last conversation.")
@click.option("--conversation", metavar="ID", default="", help="Go on with this one.")
@click.option("--choose", type=Whole(1), metavar="N", help="Pick one of the choices that the last answer offered.")
@click.option("--sent", is_flag=True, help="Show every word that a language model was told, as messages.")
@_format
def ask(door: Door, question: tuple[str, ...], planner: str | None, carry_on: bool, conversation: str,
        choose: int | None, sent: bool, format_: Format) -> object:
    """Ask in plain words; the answer shows the SQL it came from.

    The builtin planner works offline, knows the words of your tables, and says so when it does not
    understand (exit code 7). `ask --choose 2` picks the second of the choices that were offered, `ask -c only
    Europe` changes the question before it.
    """
    session, text = door.open_session(), " ".join(question)
    if choose is not None:
        found = chosen(door, session, _offering(door, session, text, conversation), choose)
    elif not text.strip():
        raise UsageError("There is no question.", hint=f'{door.program} ask "how many ...?"')
    else:
        found = answered(door, session, text, conversation=conversation, carry_on=carry_on, planner=planner)
    if sent:
        for one in found.sent or ({"role": "nothing", "text": "was sent: no language model was asked."},):
            words = [str(said) for name, said in one.items() if name != "role" and said]
            door.say(f"[{one['role']}] " + "\n".join(words))
    return formatted(found, format_)


def _offering(door: Door, session: Session, question: str, conversation: str) -> str:
    """The id of the last answer of the conversation that offered choices: a second look at them is welcome."""
    from pluto_duck.agent.memory import Memory

    if question:
        raise UsageError("--choose answers the question before: no other may stand beside it.")
    memory = Memory(session)
    turns = memory.turns(memory.conversation(conversation).id if conversation else memory.last(door.kind))
    found = next((one.answer.id for one in reversed(turns) if one.answer.choices), "")
    if not found:
        raise UsageError("No choices were offered in this conversation.", hint=f"{door.program} conversations")
    return found


def chosen(door: Door, session: Session, answer: str, number: int) -> Answer:
    """The Answer by one of the choices that another, named by its id, offered."""
    from pluto_duck.agent.conversing import choose

    return recorded(session, "question", f"choice {number}", lambda: choose(  # type: ignore[no-any-return]
        session, answer, number, on_event=door.follow, door=door.kind, namespace=door.namespace))


def answered(door: Door, session: Session, question: str, *, conversation: str = "", carry_on: bool = False,
             planner: str | None = None) -> Answer:
    """The Answer to a question, kept as a turn of its conversation. `carry_on`: with the last one of this door."""
    from pluto_duck.agent.conversing import attended
    from pluto_duck.agent.memory import Memory

    if carry_on and not conversation:
        conversation = Memory(session).last(door.kind)
    with _runs(session) as runs:
        return attended(runs, session, question, conversation=conversation, planner=planner,
                        on_event=door.follow, door=door.kind, namespace=door.namespace)


def _when(moment: dt.datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


@verb(SECTIONS[2], "history", "history --limit 100")
@click.option("--limit", type=Whole(1), default=20, show_default=True, help="How many.")
@_format
def history(door: Door, limit: int, format_: Format) -> object:
    """What was run in this workspace, from any door, newest first."""
    with _runs(door.open_session()) as runs:
        found = runs.list(limit)
    rows = tuple((_when(run.created_at), run.kind, run.status, run.row_count, round(run.elapsed_s, 3),
                  " ".join(run.text.split())) for run in found)
    columns = ("when", "what", "status", "rows", "seconds", "text")
    return formatted(Rows(columns, rows, "Nothing was run yet."), format_)
