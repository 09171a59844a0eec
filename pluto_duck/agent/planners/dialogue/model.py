"""What a dialogue asks of a model's server, whichever protocol it speaks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pluto_duck.agent.budget import Usage
from pluto_duck.agent.sharing import Cleared
from pluto_duck.agent.tools import Tool


@dataclass(frozen=True)
class Call:
    """A tool that the model wants to use."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    """None: what it wrote is no JSON object."""

    @classmethod
    def of(cls, id: str, name: str, text: str) -> Call:
        try:
            found = json.loads(text or "{}")
        except ValueError:
            found = None
        return cls(id, name, found if isinstance(found, dict) else None)


@dataclass(frozen=True)
class Reply:
    """A model's whole reply. One that broke off is never made into a Reply."""

    text: str
    calls: tuple[Call, ...]
    stop: Literal["done", "calls", "length", "refusal"]
    raw: Any = None
    """In the protocol's own shape, where it must go back as it came."""


@dataclass(frozen=True)
class Result:
    """What a tool said to a call."""

    call: Call
    text: Cleared
    failed: bool = False


@dataclass(frozen=True)
class Message:
    role: Literal["user", "model", "tools"]
    text: Cleared | None = None
    reply: Reply | None = None
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class Request:
    system: Cleared
    messages: Sequence[Message]
    tools: Sequence[Tool]
    max_tokens: int
    """Of the reply."""

    @property
    def size(self) -> int:
        """About how many tokens reading it takes; rather too many than too few."""
        words = len(self.system) + sum(len(json.dumps(one.parameters)) + len(one.description) for one in self.tools)
        for one in self.messages:
            words += len(one.text or "") + sum(len(result.text) for result in one.results)
            if one.reply is not None:
                words += len(one.reply.text) + sum(len(json.dumps(call.arguments)) for call in one.reply.calls)
        return words // 3


Part = str | Usage | Reply
"""A piece of text as it comes; all the tokens of this request so far; at last the whole reply."""


class Model(Protocol):
    """Made for one question, used in one thread's event loop, closed there."""

    name: str
    secrets: Sequence[str]
    """What must not appear in a prompt, a transcript or an error."""

    def ask(self, request: Request) -> AsyncIterator[Part]:
        """Ends with a Reply, or raises: a stream that just ends is an error (`broken_off`).
        Raises PlutoError; leaving it early closes the connection."""
        ...

    async def close(self) -> None: ...


@dataclass
class Growing:
    """A call whose arguments come in pieces."""

    id: str = ""
    name: str = ""
    text: list[str] = field(default_factory=list)

    def call(self) -> Call:
        return Call.of(self.id, self.name, "".join(self.text))
