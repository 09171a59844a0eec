"""`verified list|add|remove|check`: questions whose SQL somebody vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.conversations import last_answer
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent.memory.verified import VerifiedQuestions


def _verified(door: Door) -> VerifiedQuestions:
    from pluto_duck.agent.memory.verified import VerifiedQuestions

    return VerifiedQuestions(door.open_session())


@family(SECTIONS[2], "verified", "verified add", "verified check")
def verified(context: click.Context) -> object:
    """Questions whose SQL somebody vouches for: asked again, they are answered by it, whichever planner is set.

    They stand in semantics.yaml under `questions`. Without a verb: the list.
    """
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@verified.verb("verified list", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """The verified questions, in the order of the file."""
    rows = tuple((number, one.question, " ".join(one.sql.split()))
                 for number, one in enumerate(_verified(door).all(), 1))
    return formatted(Rows(("number", "question", "sql"), rows, "No question is verified yet."), format_)


@verified.verb("verified add", "verified add --answer 8c1f 'how much did we sell in 2024?'",
               "verified add 'open orders' --sql \"select count(*) from orders where status = 'open'\"", name="add")
@click.argument("question", nargs=-1)
@click.option("--answer", metavar="ID", help="The answer to take; else the last one, unless --sql is given.")
@click.option("--sql", default="", help="The SQL that answers the question, instead of the answer's.")
@click.option("--replace", is_flag=True, help="Take the place of the same question with other SQL.")
def add(door: Door, question: tuple[str, ...], answer: str | None, sql: str, replace: bool) -> str:
    """Vouch for a question and its SQL: those of an answer, or your own. Comments in the file stay."""
    text = " ".join(question)
    if answer is None and sql:
        if not text:
            raise UsageError("There is no question.", hint=f'{door.program} verified add "QUESTION" --sql "SELECT ..."')
        made = _verified(door).add(text, sql, replace=replace)
    else:
        from pluto_duck.agent.memory import Memory

        made = Memory(door.open_session()).verify(answer or last_answer(door), text, sql, replace=replace)
    return f"Verified: {made.question}\nSQL: {' '.join(made.sql.split())}"


@verified.verb("verified remove 2", "verified remove 'open orders'", name="remove")
@click.argument("question", nargs=-1, required=True)
def remove(door: Door, question: tuple[str, ...]) -> str:
    """Vouch no longer for a question, by its words or its number in the list."""
    return f"Removed: {_verified(door).remove(' '.join(question)).question}"


@verified.verb("verified check", name="check")
def check(door: Door) -> Facts:
    """Run the SQL of each verified question and name those that no longer hold (exit code 1).

    `eval --verified` tells what a planner would have answered to them.
    """
    found = _verified(door).check()
    good = tuple((str(number), one.question) for number, one in enumerate(found, 1) if not one.fault)
    bad = tuple((f"{number}. {one.question}: {one.fault}", f"SQL: {' '.join(one.sql.split())}")
                for number, one in enumerate(found, 1) if one.fault)
    return Facts(((f"{len(good)} of {len(found)} verified questions hold", good),), bad)
