"""`model create`: an answer, a cell or any SQL, kept as a dbt model or a view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door
from pluto_duck.commands.approvals import told
from pluto_duck.commands.asking import _runs, _text
from pluto_duck.commands.conversations import last_answer
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UnknownName, UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.agent.keeping import Form, Origin

FORMS = ("view", "table", "incremental", "workspace-view")


@family(SECTIONS[0], "model create late_flights --last", "model create late_flights --from-answer 8c1f --as table")
def model(context: click.Context) -> object:
    """Answers and SQL as dbt models or views: proposed, and made when you approve."""
    return context.get_help() if context.invoked_subcommand is None else None


@model.verb("model create late_flights --last", "model create late_flights --from-answer 8c1f --as table",
            'model create open_orders --sql "select * from orders where status = \'open\'" --as workspace-view',
            name="create")
@click.argument("name", metavar="NAME")
@click.option("--last", is_flag=True, help="The last answer; in a notebook the last answer or SQL cell.")
@click.option("--from-answer", "answer", metavar="ID", help="An answer, or the run of a question or of SQL, by its id.")
@click.option("--result", metavar="VARIABLE", help="Of a notebook: the SQL that gave this Result.")
@click.option("--sql", metavar="SQL", help="This SQL; - reads it from standard input.")
@click.option("--file", metavar="PATH", help="The SQL of a file.")
@click.option("--as", "form", type=click.Choice(FORMS), default="view", show_default=True,
              help="How dbt makes it; or a view of the workspace, without dbt.")
@click.option("--project", type=click.Path(path_type=Path), help="Folder of the dbt project; else the nearest one.")
@click.option("--description", metavar="TEXT", default="", help="What it says of itself; else the question.")
@click.option("--key", "keys", metavar="COLUMN", multiple=True, help="What names a row of an incremental model.")
@click.option("--replace", is_flag=True, help="Propose it in place of a model or view of that name.")
def create(door: Door, name: str, last: bool, answer: str | None, result: str | None, sql: str | None,
           file: str | None, form: Form, project: Path | None, description: str, keys: tuple[str, ...],
           replace: bool) -> Iterator[object]:
    """Propose a dbt model or a view made of an answer or SQL. Nothing is written before you approve it.

    Without a source it takes the last answer, or the last SQL cell. Tables become ref() and source(); the description
    is the question's, and tests are suggested from the data. `approvals edit` changes any of it.
    """
    from pluto_duck.agent.approvals import Approvals
    from pluto_duck.agent.keeping import Kept, propose

    given = [one for one in (answer, result, sql, file) if one is not None]
    if len(given) + last > 1:
        raise UsageError("Name one source: --last, --from-answer, --result, --sql or --file.")
    session = door.open_session()
    origin = _origin(door, answer, result, sql, file)
    one = propose(session, origin, Kept(name, form, description, project, keys, replace))
    yield from told(Approvals(session), one)
    yield (f"Next: {door.program} approvals approve {one.id} --seen {one.version}"
           + (" --build" if one.kind == "model" else "")
           + f"\nOr: {door.program} approvals edit|reject {one.id}")


def _origin(door: Door, answer: str | None, result: str | None, sql: str | None, file: str | None) -> Origin:
    from pluto_duck.agent.keeping import Origin, origin_of

    if sql is not None or file is not None:
        return Origin(_text(door, sql, file, "SQL"))
    if result is not None:
        return Origin(_sql_of(door, result))
    session = door.open_session()
    if answer is None and door.last is not None:
        last: Any = door.last()
        if last is None:
            raise UnknownName("No cell of this notebook has asked or run SQL yet.",
                              hint="Ask first, or name the SQL: --sql, --from-answer")
        if isinstance(last, str):
            return Origin(last)
        if not last.id:  # it is kept nowhere but here
            return Origin(last.sql, last.question, planner=last.planner)
        answer = last.id
    with _runs(session) as runs:
        return origin_of(session, runs, answer or last_answer(door))


def _sql_of(door: Door, name: str) -> str:
    from pluto_duck.workspace import Result

    found = door.namespace.get(name)
    if not isinstance(found, Result):
        there = [one for one, value in door.namespace.items() if isinstance(value, Result)]
        raise unknown_name("Result of this notebook", name, there)
    return found.sql
