"""Ends the question with SQL, which is run here and now: what it returns is the answer."""

from __future__ import annotations

from typing import Annotated

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.tools import Desk, Reply, tool
from pluto_duck.agent.tools.doubts import doubts
from pluto_duck.errors import UsageError

SURE = 0.6
"""Below it an answer carries a caveat, whatever else its planner said."""


@tool()
def final_answer(
    desk: Desk, sql: Annotated[str, "One SELECT in DuckDB's dialect that answers the question."],
    restatement: Annotated[str, "What the SQL computes, in one plain sentence without any values you were not told."],
    assumptions: Annotated[list[str] | None, "What you took for granted and the person should know."] = None,
    confidence: Annotated[float, "0 to 1: how sure you are that this is what was asked."] = 0.5,
) -> Reply:
    """Answer with SQL. It is checked and run read-only; its rows go to the person, not to you."""
    if not 0 <= confidence <= 1:
        raise UsageError("confidence must be from 0 to 1.")
    result = desk.context.run(sql)
    if not result.columns:
        raise UsageError("The SELECT returns no columns.")
    stated = [one.strip() for one in assumptions or () if one.strip()]
    stated += doubts(sql, result, desk)
    if confidence < SURE and not stated:
        stated.append("the model is not sure that this is what was asked")
    chart = desk.chart
    names = {one.name for one in result.columns}
    if chart and not {chart["x"], *chart["y"]} <= names:
        chart = {}
    return Reply(answer=Answer(
        "assumed" if stated else "answered", desk.question, desk.planner, restatement.strip(), sql,
        tuple(dict.fromkeys(stated)), round(confidence, 3), result=result, chart=chart))
