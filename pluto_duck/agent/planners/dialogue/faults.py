"""What goes wrong between here and a model's server, in our words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pluto_duck.errors import ModelBusy, ModelError, PlutoError
from pluto_duck.workspace.blot import blotted

MAX_SAID = 300


def broken_off() -> ModelBusy:
    return ModelBusy("The model's server broke off in the middle of a reply.",
                     hint="Nothing of it was used. Ask again.", reason="broken_off")


def unreachable(where: str, error: Exception, secrets: Iterable[str]) -> ModelBusy:
    return ModelBusy(f"The model's server at {where} can't be reached: {said(error, secrets)}.",
                     hint="Check agent.base_url, and that the server runs; the planner builtin needs none.",
                     reason="connection")


def rejected(status: int, error: Exception, *, model: str, key_from: str, secrets: Iterable[str]) -> PlutoError:
    """An HTTP status that is no success."""
    words = said(error, secrets)
    facts: dict[str, Any] = {"status": status}
    if status in (401, 403):
        return ModelError(f"The model's server does not take the key ({status}): {words}",
                          hint=f"The key comes from {key_from}. Check it there.", **facts)
    if status == 402:
        return ModelError(f"The account has no credit left: {words}", hint="See the account of the key.", **facts)
    if status == 404:
        return ModelError(f"The server has no model {model!r}, or agent.base_url is not its address: {words}",
                          hint="Set agent.model to a name that it has.", **facts)
    if status == 429:
        return ModelBusy(f"The model's server takes no more requests at the moment: {words}",
                         hint="Wait a little, then ask again.", **facts)
    if status >= 500:
        return ModelBusy(f"The model's server is overloaded or failed ({status}): {words}",
                         hint="Wait a little, then ask again.", **facts)
    return ModelError(f"The model's server refused the request ({status}): {words}",
                      hint="agent.model may not support what is asked of it (tools, length).", **facts)


def said(error: Exception, secrets: Iterable[str]) -> str:
    """A server's words, cut, without anything secret."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    text = str(inner.get("message", "")) if isinstance(inner, dict) else ""
    text = blotted(" ".join((text or str(error) or type(error).__name__).split()))
    for secret in secrets:
        text = text.replace(secret, "***")
    return text[:MAX_SAID].rstrip(".")
