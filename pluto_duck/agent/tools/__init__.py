"""The seam for tools: one typed function a file, registered under `pluto_duck.tools`, used by every planner.

A tool looks, or it ends the question. A tool that would change something makes an Approval and changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pluto_duck import plugins
from pluto_duck.agent.answer import Answer
from pluto_duck.agent.sharing import Level, Piece, Sharing
from pluto_duck.agent.tools.schema import bound, schema_of

if TYPE_CHECKING:
    from pluto_duck.agent.planners import Context

GROUP = "pluto_duck.tools"


@dataclass
class Desk:
    """What a tool may use while one question is worked on."""

    question: str
    context: Context
    sharing: Sharing
    planner: str
    chart: Mapping[str, Any] = field(default_factory=dict)
    """The chart that was proposed for the final rows."""
    proposed: list[str] = field(default_factory=list)
    """Ids of the approvals that tools asked for."""


@dataclass(frozen=True)
class Reply:
    """What a tool says to the planner that called it."""

    pieces: tuple[Piece, ...] = ()
    answer: Answer | None = None
    """Set by a tool that ends the question."""

    @classmethod
    def of(cls, *pieces: Piece | str) -> Reply:
        return cls(tuple(Piece(one) if isinstance(one, str) else one for one in pieces))


@dataclass(frozen=True)
class Tool:
    function: Callable[..., Reply]
    needs: Level = "schema"
    """A tool that has nothing to say below this level is not offered there."""
    writes: bool = False
    """It makes an Approval."""
    guesses_less: bool = False
    """It ends the question without SQL: not offered where the best guess is wanted."""

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def description(self) -> str:
        return inspect.getdoc(self.function) or ""

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """JSON schema of the arguments, from the signature."""
        return schema_of(self.function)

    def call(self, desk: Desk, arguments: Mapping[str, Any]) -> Reply:
        """Raises UsageError for arguments that do not fit, and what the work raises."""
        return self.function(desk, **bound(self.function, arguments))


def tool(*, needs: Level = "schema", writes: bool = False,
         guesses_less: bool = False) -> Callable[[Callable[..., Reply]], Tool]:
    """Makes a Tool of a function whose first parameter is the Desk; its docstring is what a model reads."""
    return lambda function: Tool(function, needs, writes, guesses_less)


def offered(sharing: Sharing, *, forced: bool = False) -> list[Tool]:
    """The tools for one question, by name: always in the same order, so that a prompt cache holds."""
    tools: list[Tool] = [plugins.load(GROUP, name) for name in plugins.names(GROUP)]
    return [one for one in tools if sharing.allows(one.needs) and not (forced and (one.guesses_less or one.writes))]


__all__ = ["GROUP", "Desk", "Reply", "Tool", "offered", "tool"]
