"""What comes back from a question, and what is told on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from pluto_duck.workspace import Result

Status = Literal["answered", "assumed", "clarify", "declined"]


@dataclass(frozen=True)
class Choice:
    """One reading of a question that has several."""

    text: str
    """The reading in plain English."""
    sql: str


@dataclass(frozen=True)
class Otherwise:
    """An assumption, and the question as it reads without it."""

    assumption: str
    text: str
    """That reading in plain English."""
    sql: str
    assumptions: tuple[str, ...] = ()
    """What that reading assumes."""


@dataclass(frozen=True)
class Cost:
    """What a planner spent; the builtin one spends nothing."""

    input_tokens: int = 0
    """Read by the model, from its cache or anew."""
    output_tokens: int = 0
    usd: float = 0.0
    usd_known: bool = True
    """False where tokens were spent at a model whose price is not known."""


@dataclass(frozen=True)
class Answer:
    status: Status
    """answered: without a caveat; assumed: read the assumptions; clarify: pick a choice; declined: no SQL."""
    question: str
    planner: str
    text: str
    """The question as it was understood, in plain English; what to choose; or why it was declined."""
    sql: str = ""
    """What was run. For clarify and declined: empty."""
    assumptions: tuple[str, ...] = ()
    confidence: float = 0.0
    """0 to 1; comparable between answers of one planner only."""
    evidence: tuple[str, ...] = ()
    """Which words were taken for which table, column or value."""
    choices: tuple[Choice, ...] = ()
    unknown_words: tuple[str, ...] = ()
    cost: Cost = Cost()
    elapsed_s: float = 0.0
    result: Result | None = None
    chart: Mapping[str, Any] = field(default_factory=dict)
    """The chart that a planner proposes for the rows: kind, x, y, title. Empty: none."""
    share: str = ""
    """What of the data a model was allowed to see (the setting agent.share); empty: no model was asked."""
    sent: tuple[Mapping[str, Any], ...] = ()
    """Everything that a model was told, in order: the messages as they left this machine, without the key."""
    id: str = ""
    """What it is kept by in `agent.memory`; empty: it is not kept."""
    conversation: str = ""
    """The conversation it belongs to; empty: none."""
    verified: str = ""
    """The verified question whose SQL this is; empty: a planner worked it out."""
    chosen: int = 0
    """Which of the choices of the answer before it this is, counted from 1; 0: none."""
    otherwise: tuple[Otherwise, ...] = ()
    """For some of the assumptions the other reading, whose SQL fits the tables and has not been run."""

    @cached_property
    def finding(self) -> str:
        """What its rows say, computed from them by rules; "" where nothing is to be said."""
        from pluto_duck.display import finding

        return finding(self.result) if self.result is not None else ""

    @cached_property
    def drawing(self) -> Mapping[str, Any]:
        """The chart that is drawn: the planner's if its rows can be drawn so, else the one that fits their shape.
        As a mapping that `display.chart_of` reads; empty: none."""
        from pluto_duck.agent.drawing import drawn_of

        return drawn_of(self)


@dataclass(frozen=True)
class Event:
    """A step on the way to an Answer, in the vocabulary of a run's events."""

    type: Literal["reasoning", "tool", "message", "progress"]
    subtype: Literal["start", "chunk", "end", "final", "error"]
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
