"""The planner `anthropic`: Claude through the Messages API, streamed, with tools and prompt caching."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.agent.budget import Usage
from pluto_duck.agent.planners.dialogue import DialoguePlanner, Message, Model, Reply, Request, keys
from pluto_duck.agent.planners.dialogue.faults import broken_off, rejected, unreachable
from pluto_duck.agent.planners.dialogue.model import Growing, Part
from pluto_duck.errors import ModelError, SettingError, missing_extra
from pluto_duck.settings import Settings

if TYPE_CHECKING:
    import anthropic

ADDRESS = "https://api.anthropic.com"
_CACHED: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}


class AnthropicPlanner(DialoguePlanner):
    name = "anthropic"
    address = ADDRESS

    def model(self, settings: Settings) -> Model:
        return Claude(settings)


class Claude:
    def __init__(self, settings: Settings) -> None:
        try:
            import anthropic
        except ImportError:
            raise missing_extra("anthropic", "anthropic", why="The planner anthropic") from None
        self.name = str(settings["agent.model"])
        if not self.name:
            raise SettingError("No model is named.", hint="Set agent.model, for example: "
                               "export PLUTODUCK_AGENT__MODEL=claude-sonnet-4-5")
        self._where = str(settings["agent.base_url"]) or ADDRESS
        key, self._key_from = keys.find(settings, "ANTHROPIC_API_KEY", "anthropic", self._where)
        if key is None:
            raise ModelError("There is no key for the planner anthropic.", hint="export ANTHROPIC_API_KEY=..., or keep "
                             f"it in the keyring: {keys.how_to_keep('anthropic', self._where)}")
        self.secrets: Sequence[str] = (key,)
        # Its own tracing stays off: prompts belong in no telemetry.
        self._client = anthropic.AsyncAnthropic(api_key=key, base_url=self._where, open_telemetry=False,
                                                max_retries=settings["agent.retries"])

    async def listed(self) -> AsyncIterator[str]:
        """The models of the server, by name."""
        import anthropic

        try:
            async for one in self._client.models.list():
                yield one.id
        except anthropic.APIConnectionError as error:
            raise unreachable(self._where, error.__cause__ if isinstance(error.__cause__, Exception) else error,
                              self.secrets) from error
        except anthropic.APIStatusError as error:
            raise rejected(error.status_code, error, model=self.name, key_from=self._key_from,
                           secrets=self.secrets) from error
        except (anthropic.APIError, ValueError, LookupError) as error:
            raise broken_off() from error

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, request: Request) -> AsyncIterator[Part]:
        import anthropic
        import httpx2

        body: dict[str, Any] = {
            "model": self.name, "max_tokens": request.max_tokens, "stream": True,
            "system": [{"type": "text", "text": request.system, **_CACHED}],
            "tools": _tools(request), "messages": _messages(request.messages)}
        begun = False
        try:
            async with await self._client.messages.create(**body) as stream:
                begun = True
                async for part in _read(stream):
                    yield part
        except anthropic.APIConnectionError as error:
            if begun:
                raise broken_off() from error
            raise unreachable(self._where, error.__cause__ if isinstance(error.__cause__, Exception) else error,
                              self.secrets) from error
        except anthropic.APIStatusError as error:
            raise rejected(_status(error), error, model=self.name, key_from=self._key_from,
                           secrets=self.secrets) from error
        except (httpx2.HTTPError, ValueError, LookupError) as error:  # an event that is no JSON, or out of order
            raise broken_off() from error
        except anthropic.APIError as error:
            raise rejected(500, error, model=self.name, key_from=self._key_from, secrets=self.secrets) from error


_STREAMED = {"overloaded_error": 529, "rate_limit_error": 429, "invalid_request_error": 400,
             "authentication_error": 401, "permission_error": 403, "not_found_error": 404, "api_error": 500}


def _status(error: anthropic.APIStatusError) -> int:
    """An error inside a stream comes under the status 200 that the stream began with."""
    body = error.body
    inner = body.get("error") if isinstance(body, Mapping) else None
    kind = str(inner.get("type", "")) if isinstance(inner, Mapping) else ""
    return error.status_code if error.status_code >= 400 else _STREAMED.get(kind, 500)


async def _read(stream: Any) -> AsyncIterator[Part]:
    """The events of one reply."""
    usage, stop, ended = Usage(), "", False
    blocks: dict[int, dict[str, Any]] = {}
    growing: dict[int, Growing] = {}
    async for event in stream:
        if event.type == "message_start":
            usage = _usage(usage, event.message.usage)
            yield usage
        elif event.type == "content_block_start":
            blocks[event.index] = event.content_block.to_dict()
            if event.content_block.type == "tool_use":
                growing[event.index] = Growing(event.content_block.id, event.content_block.name)
        elif event.type == "content_block_delta":
            block, delta = blocks[event.index], event.delta
            if delta.type == "text_delta":
                block["text"] = block.get("text", "") + delta.text
                yield str(delta.text)
            elif delta.type == "input_json_delta":
                growing[event.index].text.append(delta.partial_json)
            elif delta.type == "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta.thinking
            elif delta.type == "signature_delta":
                block["signature"] = delta.signature
        elif event.type == "message_delta":
            stop = event.delta.stop_reason or stop
            usage = _usage(usage, event.usage)
            yield usage
        elif event.type == "message_stop":
            ended = True
    if not ended or not stop:
        raise broken_off()
    calls = {index: one.call() for index, one in growing.items()}
    for index, call in calls.items():
        blocks[index]["input"] = dict(call.arguments or {})
    kept = [block for _, block in sorted(blocks.items()) if block.get("type") != "text" or block.get("text")]
    yield Reply("".join(block.get("text", "") for block in kept), tuple(calls.values()), _STOPS.get(stop, "done"), kept)


_STOPS: dict[str, Any] = {"tool_use": "calls", "max_tokens": "length", "model_context_window_exceeded": "length",
                          "refusal": "refusal"}


def _usage(before: Usage, told: Any) -> Usage:
    """The counts of a stream are of the whole message so far; what an event leaves out stays as it was."""
    def latest(name: str, known: int) -> int:
        value = getattr(told, name, None)
        return known if value is None else int(value)

    return Usage(latest("input_tokens", before.read), latest("output_tokens", before.written),
                 latest("cache_read_input_tokens", before.cache_read),
                 latest("cache_creation_input_tokens", before.cache_write))


def _tools(request: Request) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = [{"name": one.name, "description": one.description, "input_schema": one.parameters}
                                   for one in request.tools]
    if tools:
        tools[-1].update(_CACHED)
    return tools


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """With a mark at the end: the next request of this question reads all of this from the cache."""
    made: list[dict[str, Any]] = []
    for one in messages:
        if one.reply is not None:
            made.append({"role": "assistant", "content": one.reply.raw or [{"type": "text", "text": "(nothing)"}]})
        else:
            content = [{"type": "tool_result", "tool_use_id": result.call.id, "content": result.text or "(nothing)",
                        "is_error": result.failed} for result in one.results]
            made.append({"role": "user", "content": content or [{"type": "text", "text": one.text}]})
    made[-1]["content"][-1] = {**made[-1]["content"][-1], **_CACHED}
    return made
