"""Three ways to ask for a tool call: the protocol's own, a schema for the reply, and plain words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from pluto_duck.agent.planners.dialogue import Call, Message, Request
from pluto_duck.agent.tools import Tool

Form = Literal["tools", "schema", "text"]
FORMS: tuple[Form, ...] = ("tools", "schema", "text")

_HOW = """
Reply with one JSON object and nothing else: {"tool": NAME, "arguments": {...}}. You are then told what the tool said.
The tools, with the JSON schema of their arguments:
"""


def options(request: Request, form: Form) -> dict[str, Any]:
    """What the body of a request has beside its messages."""
    if form == "tools":
        return {"tools": [{"type": "function", "function": {
            "name": one.name, "description": one.description, "parameters": one.parameters}} for one in request.tools]}
    if form == "schema":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "call", "schema": {
            "anyOf": [_call_schema(one) for one in request.tools]}}}}
    return {}


def _call_schema(one: Tool) -> dict[str, Any]:
    return {"type": "object", "properties": {"tool": {"type": "string", "const": one.name},
                                             "arguments": one.parameters},
            "required": ["tool", "arguments"], "additionalProperties": False}


def messages(request: Request, form: Form) -> list[dict[str, Any]]:
    system = str(request.system)
    if form != "tools":
        lines = [f"- {one.name}: {' '.join(one.description.split())} {json.dumps(one.parameters)}"
                 for one in request.tools]
        system += _HOW + "\n".join(lines)
    made: list[dict[str, Any]] = [{"role": "system", "content": system}]
    for one in request.messages:
        made += _native(one) if form == "tools" else _worded(one)
    return made


def _native(one: Message) -> list[dict[str, Any]]:
    reply = one.reply
    if reply is not None and reply.raw:
        return [{"role": "assistant", "content": reply.text or None, "tool_calls": [
            {"id": call.id, "type": "function", "function": {
                "name": call.name, "arguments": json.dumps(call.arguments or {})}} for call in reply.calls]}]
    if one.results and all(result.call.id for result in one.results):
        return [{"role": "tool", "tool_call_id": result.call.id, "content": str(result.text)}
                for result in one.results]
    return _worded(one)


def _worded(one: Message) -> list[dict[str, Any]]:
    if one.reply is not None:
        written = one.reply.text or "\n".join(json.dumps({"tool": call.name, "arguments": call.arguments or {}})
                                              for call in one.reply.calls)
        return [{"role": "assistant", "content": written or "(nothing)"}]
    said = [f"{result.call.name} {'failed' if result.failed else 'said'}: {result.text}" for result in one.results]
    return [{"role": "user", "content": "\n".join(said) or str(one.text or "")}]


def calls_in(text: str, tools: Sequence[Tool]) -> tuple[Call, ...]:
    """The first JSON object of a text that names a tool, as a call; small models write theirs so."""
    names, decoder, at = {one.name for one in tools}, json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            name = found.get("tool") or found.get("name") if isinstance(found, dict) else None
            known = isinstance(name, str) and name in names
            arguments = found.get("arguments", found.get("parameters")) if known else None
            if isinstance(arguments, dict):
                return (Call("", str(name), arguments),)
        at = text.find("{", end)
    return ()
