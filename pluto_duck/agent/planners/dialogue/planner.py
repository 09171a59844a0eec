"""The loop: ask the model, do what its calls want, until a tool ends the question or a limit does."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pluto_duck.agent.answer import Answer, Event
from pluto_duck.agent.budget import Budget, Spent, Usage
from pluto_duck.agent.planners import Context
from pluto_duck.agent.planners.dialogue import prompt
from pluto_duck.agent.planners.dialogue.faults import broken_off
from pluto_duck.agent.planners.dialogue.model import Call, Message, Model, Reply, Request, Result
from pluto_duck.agent.planners.dialogue.wire import Wire
from pluto_duck.agent.sharing import Cleared, Piece, Sharing
from pluto_duck.agent.tools import Desk, Tool, offered
from pluto_duck.errors import ModelBusy, PlutoError, Refused, StatementError, TimedOut, UnknownName, UsageError, nearest
from pluto_duck.settings import Settings

MAX_REPLY = 4_096
MAX_CALLS = 8
"""Of one reply; more are told to come later."""
MAX_SAID = 12_000
"""Characters that a tool may say at once."""
MAX_BAD_ENDINGS = 2
"""Final SQL that does not run goes back once, with the nearest names; then it is over."""
TELLABLE = (StatementError, UnknownName, UsageError, Refused, TimedOut)
"""Errors of what a model wrote; all others end the question. TimedOut here is the statement's: a run that ends
interrupts, and says so again."""


class DialoguePlanner:
    """What the planners of the model servers share; each names itself and makes its Model."""

    name = ""
    address = ""
    """Where its server is, unless agent.base_url says otherwise."""

    def model(self, settings: Settings) -> Model:
        raise NotImplementedError

    def plan(self, question: str, context: Context) -> Answer:
        settings = context.session.settings
        if context.model:
            settings = settings.but(agent__model=context.model)
        if not context.catalog().tables:
            return Answer("declined", question, self.name, "There are no tables yet. Ingest some data first.")
        model = self.model(settings)
        sharing = Sharing(settings["agent.share"], model.secrets)
        wire = Wire()
        try:
            with context.session.interrupting(wire.stop):
                talk = Dialogue(model, wire, context, Desk(question, context, sharing, self.name))
                return talk.answer()
        finally:
            wire.close(model.close)


class Dialogue:
    """One question."""

    def __init__(self, model: Model, wire: Wire, context: Context, desk: Desk) -> None:
        settings = context.session.settings
        self._model, self._wire, self._context, self._desk = model, wire, context, desk
        self._ends_at = time.monotonic() + settings["agent.deadline_s"]
        self._turns = int(settings["agent.max_turns"])
        self._budget = Budget.of(settings, model.name)
        self._tools = {one.name: one for one in offered(desk.sharing, forced=context.forced)}
        self._system = prompt.system(context.catalog(), desk.sharing, forced=context.forced)
        self._messages: list[Message] = []
        self._bad_endings = 0
        self._silent = 0

    def answer(self) -> Answer:
        found = self._worked_out()
        return replace(found, cost=self._budget.cost(), share=self._desk.sharing.level, sent=tuple(self._sent()),
                       evidence=(*found.evidence, *self._evidence()))

    def _worked_out(self) -> Answer:
        opening = prompt.opening(self._desk.question, self._context, self._desk.sharing)
        self._messages.append(Message("user", opening))
        for _ in range(self._turns):
            try:
                reply = self._ask()
            except Spent as spent:
                return self._declined(f"{spent.message} {spent.hint}")
            if reply.stop == "refusal":
                return self._declined("The model refused to work on this question. Ask it in other words, or use "
                                      "the planner builtin.")
            self._messages.append(Message("model", reply=reply))
            ending = self._react(reply)
            if ending is not None:
                return ending
        return self._declined(f"The model came to no answer within {self._turns} replies (agent.max_turns). "
                              "Ask for less at once.")

    def _react(self, reply: Reply) -> Answer | None:
        if reply.calls and reply.stop != "length":
            results = []
            for i, call in enumerate(reply.calls):
                if i >= MAX_CALLS:
                    results.append(self._failed(call, "Too many calls at once: this one was not made. Call it again."))
                    continue
                done = self._do(call)
                if isinstance(done, Answer):
                    return done
                results.append(done)
            self._messages.append(Message("tools", results=tuple(results)))
            return None
        self._silent += 1
        if self._silent > 1:
            return self._declined("The model wrote text instead of an answer that can be checked. "
                                  "A model that supports tools does better.")
        said = ("Your reply was cut: it was too long. Write less." if reply.stop == "length" else
                "Nothing was called. End with final_answer, ask_user or decline.")
        if reply.calls:
            self._messages.append(Message("tools", results=tuple(self._failed(one, said) for one in reply.calls)))
        else:
            self._messages.append(Message("user", self._clear(Piece(said))))
        return None

    # -- asking -----------------------------------------------------------------------------------

    def _ask(self) -> Reply:
        """A reply that broke off is asked for once more: nothing of it was used."""
        try:
            return self._asked_once()
        except ModelBusy as error:
            if error.facts.get("reason") != "broken_off":
                raise
            self._context.emit(Event("reasoning", "error", error.message))
            return self._asked_once()

    def _asked_once(self) -> Reply:
        request = Request(self._system, tuple(self._messages), tuple(self._tools.values()), MAX_REPLY)
        request = replace(request, max_tokens=self._budget.room(request.size, MAX_REPLY))
        try:
            for part in self._wire.each(lambda: self._model.ask(request), ends_at=self._ends_at):
                if isinstance(part, str):
                    self._context.emit(Event("reasoning", "chunk", part))
                elif isinstance(part, Usage):
                    self._budget.note(part)
                    self._meter()
                else:
                    return part
        finally:
            self._budget.close()
        raise broken_off()

    def _meter(self) -> None:
        cost = self._budget.cost()
        self._context.emit(Event("progress", "chunk", str(self._budget), {
            "input_tokens": cost.input_tokens, "output_tokens": cost.output_tokens,
            "usd": cost.usd if cost.usd_known else None}))

    # -- doing ------------------------------------------------------------------------------------

    def _do(self, call: Call) -> Result | Answer:
        tool = self._tools.get(call.name)
        if tool is None:
            near = nearest(call.name, self._tools)
            meant = f" Did you mean {near[0]}?" if near else ""
            return self._failed(call, f"There is no tool of that name.{meant}")
        if call.arguments is None:
            return self._failed(call, "The arguments are no JSON object. Write them again.")
        self._context.emit(Event("tool", "start", call.name, {"arguments": dict(call.arguments)}))
        try:
            reply = tool.call(self._desk, call.arguments)
        except TELLABLE as error:
            self._context.emit(Event("tool", "error", call.name, {"message": error.message}))
            return self._mended(tool, call, error)
        self._context.emit(Event("tool", "end", call.name))
        if reply.answer is not None:
            return reply.answer
        return Result(call, self._clear(*reply.pieces))

    def _mended(self, tool: Tool, call: Call, error: PlutoError) -> Result | Answer:
        """An error of the model's own, told to it; of final SQL only so often."""
        written = json.dumps(call.arguments, ensure_ascii=False)
        if tool.name == "final_answer" and "sql" in (call.arguments or {}):
            self._bad_endings += 1
            if self._bad_endings >= MAX_BAD_ENDINGS:
                return self._declined(f"The model's SQL does not run: {error.message} "
                                      "Ask in other words, or for less at once.")
        pieces = [self._desk.sharing.error(error, written)]
        if isinstance(error, UnknownName | StatementError):
            pieces += prompt.names_near(written, self._context.catalog())
        return Result(call, self._clear(*pieces), failed=True)

    def _failed(self, call: Call, text: str) -> Result:
        return Result(call, self._clear(Piece(text)), failed=True)

    def _clear(self, *pieces: Piece) -> Cleared:
        return self._desk.sharing.clear(*pieces, most=MAX_SAID)

    # -- telling ----------------------------------------------------------------------------------

    def _declined(self, text: str) -> Answer:
        return Answer("declined", self._desk.question, self._desk.planner, text)

    def _evidence(self) -> Sequence[str]:
        """The steps in short; `Answer.sent` has every word."""
        calls = [call for one in self._messages if one.reply is not None for call in one.reply.calls]
        steps = [f"{one.name}({_brief(one.arguments)})" for one in calls if one.name not in _ENDINGS]
        return (f"model {self._model.name}, which was told: {self._desk.sharing.level}", *steps,
                *(f"waits for approval: {one}" for one in self._desk.proposed))

    def _sent(self) -> list[dict[str, Any]]:
        """In the order in which it left: the system text, the tools, then message after message."""
        sent: list[dict[str, Any]] = [{"role": "system", "text": str(self._system)},
                                      {"role": "tools", "names": list(self._tools)}]
        for one in self._messages:
            if one.reply is not None:
                sent.append({"role": "model", "text": one.reply.text, "calls": [
                    {"name": call.name, "arguments": self._desk.sharing.clear_json(call.arguments)}
                    for call in one.reply.calls]})
            for result in one.results:
                sent.append({"role": "tool", "name": result.call.name, "text": str(result.text)})
            if one.text:
                sent.append({"role": one.role, "text": str(one.text)})
        return sent


_ENDINGS = ("final_answer", "ask_user", "decline")


def _brief(arguments: Any) -> str:
    text = ", ".join(map(str, (arguments or {}).values()))
    return text if len(text) <= 120 else text[:120] + "..."
