"""Ends the question by asking back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pluto_duck.agent.answer import Answer, Choice
from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.errors import UsageError


@dataclass(frozen=True)
class Reading:
    text: Annotated[str, "The reading, in plain English."]
    sql: Annotated[str, "The SELECT that answers it when read so."]


@tool(guesses_less=True)
def ask_user(
    desk: Desk, question: Annotated[str, "What you need to know, in a sentence."],
    choices: Annotated[list[Reading], "Two or three readings of the question that give different results."],
) -> Reply:
    """Ask the person which of two or three readings is meant, where they would give different answers."""
    if not 2 <= len(choices) <= 3:
        raise UsageError("Give two or three choices.")
    for one in choices:
        desk.context.run(one.sql, max_rows=1)
    return Reply(answer=Answer("clarify", desk.question, desk.planner, question.strip(),
                               choices=tuple(Choice(one.text, one.sql) for one in choices)))
