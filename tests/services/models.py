"""A server that speaks the two wire protocols of language models, streamed, and says what a test wrote for it.

It stands in for a model, never for its quality: no test with it says anything about how right answers are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Says:
    """One reply: text, tool calls as (name, arguments), how it ends."""

    calls: tuple[tuple[str, Any], ...] = ()
    text: str = ""
    stop: str = ""
    """In the protocol's own word; empty: what fits."""
    read: int = 100
    written: int = 20
    cached: int = 0
    breaks_off: str = ""
    """reset: the connection dies in the middle; ends: the stream just ends; waits: it hangs until the client goes;
    error: an error event in the stream; garbage: an event that is no JSON."""


@dataclass
class Fails:
    """An HTTP status instead of a reply."""

    status: int
    message: str = "no"
    kind: str = "error"


Script = Says | Fails | Callable[[dict[str, Any]], Any]


def calls(name: str, /, **arguments: Any) -> Says:
    return Says(((name, arguments),))


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ModelServer:
    """Replies with `script` in turn, the last one again and again."""

    script: list[Script] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a client left a reply that waits."""
    waiting: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    knows_tools: bool = True
    knows_schemas: bool = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wire(self) -> str:
        """Every word that came in, bodies and headers, but for the key's own header."""
        return "\n".join(json.dumps(one.body, ensure_ascii=False) + json.dumps(
            {name: value for name, value in one.headers.items() if name not in ("x-api-key", "authorization")})
            for one in self.asked)

    def next(self, asked: Asked) -> Any:
        self.asked.append(asked)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return said(asked.body) if callable(said) else said


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "small-model", "object": "model"}]}).encode()
        self._plain(200, body)

    def do_POST(self) -> None:
        models: ModelServer = self.server.models
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        chat = "chat/completions" in self.path
        if chat and "tools" in body and not models.knows_tools:
            models.asked.append(asked)
            return self._fail(Fails(400, "small-model does not support tools"), chat)
        if chat and "response_format" in body and not models.knows_schemas:
            models.asked.append(asked)
            return self._fail(Fails(400, "response_format is not supported"), chat)
        said = models.next(asked)
        if isinstance(said, Fails):
            return self._fail(said, chat)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            whole = True
            for number, event in enumerate((_chat if chat else _messages)(said)):
                if said.breaks_off and number == 3:
                    whole = self._break_off(said, models, chat)
                    break
                self._send(event)
            if whole:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            models.gone.set()
            self.close_connection = True
        return None

    def _break_off(self, said: Says, models: ModelServer, chat: bool) -> bool:
        """Whether the stream is to end as a whole one does."""
        if said.breaks_off == "ends":
            return True
        if said.breaks_off == "error":
            error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
            self._send(b"data: " + json.dumps({"error": {"message": "Overloaded", "code": 529}}).encode() + b"\n\n"
                       if chat else b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n")
            return True
        if said.breaks_off == "garbage":
            self._send(b"event: content_block_delta\ndata: {\"type\": \n\n")
            return True
        if said.breaks_off == "waits":
            models.waiting.set()
            self.connection.settimeout(30)
            if self.connection.recv(1) == b"":  # the client closed its side
                models.gone.set()
        self.close_connection = True
        return False

    def _send(self, event: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.flush()

    def _fail(self, said: Fails, chat: bool) -> None:
        error: dict[str, Any] = {"type": said.kind, "message": said.message}
        self._plain(said.status, json.dumps({"error": error} if chat else {"type": "error", "error": error}).encode())

    def _plain(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(body)


def _pieces(arguments: Any) -> list[str]:
    """Arguments as a model sends them: in pieces that mean nothing by themselves."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return [text[i:i + 7] for i in range(0, len(text), 7)] or [""]


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def _messages(said: Says) -> Iterator[bytes]:
    """The Messages API's events."""
    yield _event("message_start", message={
        "id": "msg_1", "type": "message", "role": "assistant", "model": "test", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": said.read, "output_tokens": 1,
                                         "cache_read_input_tokens": said.cached, "cache_creation_input_tokens": 0}})
    yield _event("ping")
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": said.text or "Looking."})
    yield _event("content_block_stop", index=0)
    for index, (name, arguments) in enumerate(said.calls, 1):
        yield _event("content_block_start", index=index, content_block={
            "type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}})
        for piece in _pieces(arguments):
            yield _event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece})
        yield _event("content_block_stop", index=index)
    stop = said.stop or ("tool_use" if said.calls else "end_turn")
    yield _event("message_delta", delta={"stop_reason": stop, "stop_sequence": None},
                 usage={"output_tokens": said.written})
    yield _event("message_stop")


def _chat(said: Says) -> Iterator[bytes]:
    """The chat-completions chunks."""
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return b"data: " + json.dumps({
            "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "small-model",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"

    yield chunk({"role": "assistant", "content": ""})
    for piece in (said.text[i:i + 9] for i in range(0, len(said.text), 9)):
        yield chunk({"content": piece})
    for index, (name, arguments) in enumerate(said.calls):
        yield chunk({"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function",
                                     "function": {"name": name, "arguments": ""}}]})
        for piece in _pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, said.stop or ("tool_calls" if said.calls else "stop"))
    yield b"data: " + json.dumps({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "small-model", "choices": [],
        "usage": {"prompt_tokens": said.read, "completion_tokens": said.written,
                  "total_tokens": said.read + said.written,
                  "prompt_tokens_details": {"cached_tokens": said.cached}}}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


@contextmanager
def serving() -> Iterator[ModelServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    made = ModelServer(port=server.server_address[1])
    server.models = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """A server of the test's own."""
    with serving() as made:
        yield made
