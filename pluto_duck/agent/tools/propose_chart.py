"""Proposes how the rows of the answer are to be drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pluto_duck.agent.tools import Desk, Reply, tool


@tool()
def propose_chart(
    desk: Desk, kind: Literal["line", "bar", "scatter", "histogram"],
    x: Annotated[str, "The column along the bottom, by its name in the final result."],
    y: Annotated[list[str], "The columns drawn."],
    title: Annotated[str, "A title of a few words."] = "",
) -> Reply:
    """Propose a chart for the rows of the final answer; call it before final_answer. A description, never code."""
    desk.chart = {"kind": kind, "x": x, "y": list(y), "title": title[:200]}
    return Reply.of("Noted. It is shown if the final result has these columns.")
