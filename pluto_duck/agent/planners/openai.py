"""The planner `openai`: any server that speaks chat-completions, near (Ollama, llama.cpp, vLLM, ...) or far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from pluto_duck.agent.budget import Usage
from pluto_duck.agent.planners.dialogue import DialoguePlanner, Model, Reply, Request, keys
from pluto_duck.agent.planners.dialogue.faults import broken_off, rejected, said, unreachable
from pluto_duck.agent.planners.dialogue.model import Growing, Part
from pluto_duck.agent.planners.openai_forms import FORMS, Form, calls_in, messages, options
from pluto_duck.errors import ModelError, SettingError, missing_extra
from pluto_duck.settings import Settings

ADDRESS = "https://api.openai.com/v1"

_FORMS: dict[tuple[str, str], Form] = {}
"""What each (address, model) turned out to understand, while this process lives."""


class OpenaiPlanner(DialoguePlanner):
    name = "openai"
    address = ADDRESS

    def model(self, settings: Settings) -> Model:
        return ChatModel(settings)


class ChatModel:
    def __init__(self, settings: Settings) -> None:
        try:
            import openai
        except ImportError:
            raise missing_extra("openai", "openai", why="The planner openai") from None
        self.name = str(settings["agent.model"])
        if not self.name:
            raise SettingError("No model is named.", hint="Set agent.model to a name that the server has, for example: "
                               "export PLUTODUCK_AGENT__MODEL=qwen2.5-coder:7b")
        self._where = str(settings["agent.base_url"]) or ADDRESS
        # The key of one company is not for the server of another: elsewhere it must be named.
        variable = "OPENAI_API_KEY" if self._where == ADDRESS else ""
        key, self._key_from = keys.find(settings, variable, "openai", self._where)
        if key is None and self._where == ADDRESS:
            raise ModelError("There is no key for the planner openai.", hint="export OPENAI_API_KEY=..., or set "
                             "agent.base_url to a server of your own, such as http://127.0.0.1:11434/v1")
        self.secrets: Sequence[str] = (key,) if key else ()
        self._client = openai.AsyncOpenAI(api_key=key or "none", base_url=self._where,
                                          max_retries=settings["agent.retries"])

    async def listed(self) -> AsyncIterator[str]:
        """The models of the server, by name."""
        import openai

        try:
            async for one in self._client.models.list():
                yield one.id
        except openai.APIConnectionError as error:
            raise unreachable(self._where, error.__cause__ if isinstance(error.__cause__, Exception) else error,
                              self.secrets) from error
        except openai.APIStatusError as error:
            raise rejected(error.status_code, error, model=self.name, key_from=self._key_from,
                           secrets=self.secrets) from error
        except (openai.APIError, ValueError, LookupError) as error:
            raise broken_off() from error

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, request: Request) -> AsyncIterator[Part]:
        """In the best form that the server takes: tools, a JSON schema for the reply, JSON in plain text."""
        import openai

        while True:
            form = _FORMS.get((self._where, self.name), FORMS[0])
            try:
                async for part in self._asked(request, form):
                    yield part
                return
            except (openai.BadRequestError, openai.UnprocessableEntityError, openai.InternalServerError) as error:
                worse = _worse(form, said(error, ()))
                if worse is None:
                    raise rejected(error.status_code, error, model=self.name, key_from=self._key_from,
                                   secrets=self.secrets) from error
                _FORMS[self._where, self.name] = worse

    async def _asked(self, request: Request, form: Form) -> AsyncIterator[Part]:
        import httpx2
        import openai

        limit = "max_completion_tokens" if self._where == ADDRESS else "max_tokens"
        body: dict[str, Any] = {"model": self.name, "stream": True, "stream_options": {"include_usage": True},
                                limit: request.max_tokens, "messages": messages(request, form),
                                **options(request, form)}
        begun = False
        try:
            async with await self._client.chat.completions.create(**body) as stream:
                begun = True
                async for part in _read(stream, request, form):
                    yield part
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            raise
        except openai.InternalServerError as error:
            if error.status_code in (500, 501):
                raise  # Ollama and llama.cpp say so when a model's template has no place for tools
            raise rejected(error.status_code, error, model=self.name, key_from=self._key_from,
                           secrets=self.secrets) from error
        except openai.APIConnectionError as error:
            if begun:
                raise broken_off() from error
            raise unreachable(self._where, error.__cause__ if isinstance(error.__cause__, Exception) else error,
                              self.secrets) from error
        except openai.APIStatusError as error:
            raise rejected(error.status_code, error, model=self.name, key_from=self._key_from,
                           secrets=self.secrets) from error
        except (httpx2.HTTPError, ValueError, LookupError) as error:  # an event that is no JSON, or out of order
            raise broken_off() from error
        except openai.APIError as error:
            raise rejected(500, error, model=self.name, key_from=self._key_from, secrets=self.secrets) from error


def _worse(form: Form, message: str) -> Form | None:
    """The next form, where the server's words blame this one; None where they don't."""
    blamed = {"tools": ("tool", "function"), "schema": ("response_format", "json_schema", "grammar", "schema")}
    words = blamed.get(form, ())
    if not any(one in message.lower() for one in words):
        return None
    return FORMS[FORMS.index(form) + 1]


async def _read(stream: Any, request: Request, form: Form) -> AsyncIterator[Part]:
    text: list[str] = []
    growing: dict[int, Growing] = {}
    finish, refused, usage = "", False, None
    async for chunk in stream:
        if chunk.usage is not None:
            usage = _usage(chunk.usage)
        for choice in chunk.choices[:1]:
            finish = choice.finish_reason or finish
            delta = choice.delta
            if delta is None:
                continue
            refused = refused or bool(getattr(delta, "refusal", None))
            if delta.content:
                text.append(delta.content)
                yield str(delta.content)
            for piece in delta.tool_calls or ():
                one = growing.setdefault(piece.index or 0, Growing())
                one.id = piece.id or one.id
                if piece.function is not None:
                    one.name = piece.function.name or one.name
                    one.text.append(piece.function.arguments or "")
    whole = "".join(text)
    # Not every server counts; a budget must hold there, too.
    written = (len(whole) + sum(len(piece) for one in growing.values() for piece in one.text)) // 3
    yield usage or Usage(request.size, written)
    if not finish:
        raise broken_off()
    calls = tuple(one.call() for _, one in sorted(growing.items()))
    if not calls:
        calls = calls_in(whole, request.tools)
    stop = "refusal" if refused or finish == "content_filter" else "length" if finish == "length" else \
        "calls" if calls else "done"
    yield Reply(whole, calls, stop, raw=bool(growing))  # type: ignore[arg-type]


def _usage(told: Any) -> Usage:
    cached = getattr(getattr(told, "prompt_tokens_details", None), "cached_tokens", None) or 0
    return Usage(int(told.prompt_tokens) - cached, int(told.completion_tokens), cached)
