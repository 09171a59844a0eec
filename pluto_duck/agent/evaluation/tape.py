"""Replies of a model on a tape: an evaluation that was recorded runs again without the model, its key or its price.

A tape holds what the model said, never what it was told: of the prompt only a digest, and no key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.budget import Usage
from pluto_duck.agent.planners import Context, Planner
from pluto_duck.agent.planners.dialogue import DialoguePlanner
from pluto_duck.agent.planners.dialogue.model import Call, Model, Part, Reply, Request
from pluto_duck.errors import ModelError, PlutoError, UsageError, from_dict
from pluto_duck.plugins import load
from pluto_duck.settings import Settings

VERSION = 1


@dataclass
class Dialogue:
    """What a model said to one question: for each request its parts, in order."""

    question: str
    model: str
    prompt: str
    """Digest of the first request."""
    replies: list[list[dict[str, Any]]] = field(default_factory=list)
    played: bool = False


class Tape:
    def __init__(self, dialogues: Sequence[Dialogue] = ()) -> None:
        self.dialogues = list(dialogues)
        self.drifted = 0
        """Questions that are put to the model in other words than when they were recorded."""
        self.missing: list[str] = []

    @classmethod
    def read(cls, path: Path) -> Tape:
        """Raises UsageError for a file that is no tape."""
        try:
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            if not lines or lines[0].get("tape") != VERSION:
                raise ValueError
            return cls([Dialogue(one["question"], one["model"], one["prompt"], one["replies"]) for one in lines[1:]])
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}.") from None
        except (ValueError, LookupError, TypeError, AttributeError):
            raise UsageError(f"{path} is not a recording of a model's replies.",
                             hint="Make one: eval FILE --planner P --record OUT") from None

    def write(self, path: Path) -> None:
        lines: list[dict[str, Any]] = [{"tape": VERSION}]
        lines += [{"question": one.question, "model": one.model, "prompt": one.prompt, "replies": one.replies}
                  for one in self.dialogues]
        try:
            path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}.") from None

    def find(self, question: str, prompt: str) -> Dialogue:
        """Recorded with that very prompt, else the next one of the question. Raises ModelError."""
        there = [one for one in self.dialogues if one.question == question]
        found = next((one for one in there if one.prompt == prompt), None)
        if found is None:
            found = next((one for one in there if not one.played), None)
            self.drifted += found is not None
        if found is None:
            self.missing.append(question)
            raise ModelError("No reply to this question was recorded.", hint="Record it again.")
        found.played = True
        return found


def recorded(planner: str, tape: Tape) -> Planner:
    """The planner, with all that its model says written on the tape."""
    return _Taped(planner, tape, lambda question, model: _Recorder(question, tape, model()))


def replayed(planner: str, tape: Tape) -> Planner:
    """The planner, with the tape in place of its model: no key, no server, no SDK."""
    return _Taped(planner, tape, lambda question, model: _Player(question, tape))


class _Making(Protocol):
    def __call__(self, question: str, model: _Made, /) -> Model: ...


class _Made(Protocol):
    def __call__(self) -> Model: ...


class _Taped:
    def __init__(self, planner: str, tape: Tape, making: _Making) -> None:
        self.name = planner
        self._kind = load("pluto_duck.planners", planner)
        self._making = making
        if not (isinstance(self._kind, type) and issubclass(self._kind, DialoguePlanner)):
            raise UsageError(f"The planner {planner} asks no language model: there is nothing to record.",
                             hint="--planner anthropic, or openai.")

    def plan(self, question: str, context: Context) -> Answer:
        worker: DialoguePlanner = self._kind()
        plain, making = worker.model, self._making

        def model(settings: Settings) -> Model:
            return making(question, lambda: plain(settings))

        worker.model = model  # type: ignore[method-assign]
        return worker.plan(question, context)


class _Recorder:
    def __init__(self, question: str, tape: Tape, model: Model) -> None:
        self.name, self.secrets = model.name, model.secrets
        self._model, self._tape = model, tape
        self._dialogue = Dialogue(question, model.name, "")

    async def ask(self, request: Request) -> AsyncIterator[Part]:
        if not self._dialogue.prompt:
            self._dialogue.prompt = _digest(request)
            self._tape.dialogues.append(self._dialogue)
        said: list[dict[str, Any]] = []
        self._dialogue.replies.append(said)
        try:
            async for part in self._model.ask(request):
                said.append(self._clean(_written(part)))
                yield part
        except PlutoError as error:
            said.append(self._clean({"error": error.to_dict()}))
            raise

    def _clean(self, part: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(part, ensure_ascii=False)
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return json.loads(text)  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self._model.close()


class _Player:
    def __init__(self, question: str, tape: Tape) -> None:
        self.secrets: Sequence[str] = ()
        self._question, self._tape = question, tape
        self._dialogue: Dialogue | None = None
        self._at = 0
        there = next((one.model for one in tape.dialogues if one.question == question), "")
        self.name = there or "a recording"

    async def ask(self, request: Request) -> AsyncIterator[Part]:
        if self._dialogue is None:
            self._dialogue = self._tape.find(self._question, _digest(request))
        if self._at >= len(self._dialogue.replies):
            self._tape.missing.append(self._question)
            raise ModelError("The recording of this question ends before the dialogue does.", hint="Record it again.")
        said = self._dialogue.replies[self._at]
        self._at += 1
        for part in said:
            yield _read(part)

    async def close(self) -> None:
        return None


def _digest(request: Request) -> str:
    told = [request.system, *(one.text or "" for one in request.messages), *(one.name for one in request.tools)]
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _written(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": str(part)}
    if isinstance(part, Usage):
        return {"usage": asdict(part)}
    calls = [{"id": one.id, "name": one.name, "arguments": None if one.arguments is None else dict(one.arguments)}
             for one in part.calls]
    return {"reply": {"text": part.text, "calls": calls, "stop": part.stop}}


def _read(part: Mapping[str, Any]) -> Part:
    """Raises what was recorded as an error, and ModelError for what no recording holds."""
    try:
        if "text" in part:
            return str(part["text"])
        if "usage" in part:
            return Usage(**part["usage"])
        if "error" in part:
            raise from_dict(part["error"])
        told = part["reply"]
        return Reply(told["text"], tuple(Call(one["id"], one["name"], one["arguments"]) for one in told["calls"]),
                     told["stop"])
    except (LookupError, TypeError) as error:
        raise ModelError("The recording can't be read.", hint="Record it again.") from error
