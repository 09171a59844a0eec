"""Ends the question without an answer."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.tools import Desk, Reply, tool


@tool(guesses_less=True)
def decline(
    desk: Desk, reason: Annotated[str, "Why these tables can't answer it, in a sentence for the person who asked."],
    unknown_words: Annotated[list[str] | None, "Words of the question that stand for nothing in the tables."] = None,
) -> Reply:
    """Say that the question can't be answered from these tables. Better than a guess."""
    return Reply(answer=Answer("declined", desk.question, desk.planner, reason.strip() or "It can't be answered here.",
                               unknown_words=tuple(unknown_words or ())))
