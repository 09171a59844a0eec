"""What a body may be, seen from the socket."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pluto_duck.api.protect_body import LINGER, MAX_BODY, Body

Send = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
def send(jp_serverapp: Any, http_server_port: Any, jp_base_url: str, jp_auth_header: dict[str, str],
               http_server: Any) -> Iterator[Send]:
    """Sends a POST by hand; its status and problem."""
    writers = []

    async def post(pieces: Iterable[bytes], path: str = "query", **headers: str) -> tuple[int, dict[str, Any]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
        writers.append(writer)
        told = {**jp_auth_header, "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"POST {jp_base_url}api/v1/{path} HTTP/1.1", "Host: localhost",
                 *(f"{name}: {value}" for name, value in told.items() if value), "", ""]
        writer.write("\r\n".join(lines).encode())
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass  # it has answered before the end
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0]) if "content-length" in head else 0
        return int(head.split()[1]), json.loads(await reader.readexactly(length) or b"{}")

    yield post
    for one in writers:
        one.transport.abort()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_a_long_body_is_refused_by_its_length_alone(send: Send) -> None:
    status, told = await send([], Content_Length=str(10**12))
    assert (status, told["status"]) == (413, 413)
    assert str(MAX_BODY) in told["detail"]


async def test_a_body_without_a_length_is_cut_where_it_gets_too_long(send: Send) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while len(sent) < 10_000:
            sent.append(1)
            yield chunk(b" " * 100_000)

    try:
        status, _told = await send(endless(), Transfer_Encoding="chunked")
        assert status == 413
    except ConnectionError:
        pass  # whoever sends on and on may see the end of the connection before the problem
    assert len(sent) < 500, "a gigabyte was on offer"


async def test_a_connection_that_ends_with_an_answer_says_so(send: Send, http_server_port: Any, jp_base_url: str,
                                                              jp_auth_header: dict[str, str], jp_serverapp: Any) -> None:
    async def head(length: int, body: bytes) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
        writer.write(f"POST {jp_base_url}api/v1/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                     f"{jp_auth_header['Authorization']}\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {length}\r\n\r\n".encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        writer.transport.abort()
        return told

    assert "connection: close" in await head(10**9, b"")
    assert "connection: close" not in await head(2, b"{}")  # refused, too, and may go on


async def test_a_body_that_is_a_little_too_long_gets_its_problem_whole(send: Send) -> None:
    for size in (MAX_BODY + 1, MAX_BODY * LINGER):
        assert (await send([b" " * size], Content_Length=str(size)))[0] == 413
        assert (await send([chunk(b" " * size), b"0\r\n\r\n"], Transfer_Encoding="chunked"))[0] == 413


async def test_chunks_make_a_body(send: Send) -> None:
    sent = json.dumps({"sql": "select 1"}).encode()
    pieces = [chunk(sent[at:at + 3]) for at in range(0, len(sent), 3)] + [b"0\r\n\r\n"]
    assert (await send(pieces, Transfer_Encoding="chunked"))[0] == 202


async def test_nobody_s_body_is_read_before_it_is_known_whose_it_is(send: Send, jp_serverapp: Any) -> None:
    status, _ = await send([], Content_Length=str(MAX_BODY * 5), Authorization="")
    assert status == 401, "no byte of it was sent"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_a_compressed_body_is_refused_unread(send: Send, encoding: str) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    status, told = await send([bomb], Content_Length=str(len(bomb)), Content_Encoding=encoding)
    assert (status, told["status"]) == (415, 415)


@pytest.mark.parametrize("text", [
    b"[" * 900_000, b'{"sql":' * 100_000, b'{"sql": "select 1", "max_rows": ' + b"9" * 900_000 + b"}",
    b'{"sql": "select 1", "timeout_s": 1e999999}', b'{"sql": "select 1", "timeout_s": NaN}',
    b'{"sql": "select 1", "params": {"a": 1e400}', b'{"sql": "select 1", "max_rows": 1e2}', b"\xff\xfe{}", b"",
    b'{"sql": "\\ud800"}', b'{"sql": "select 1", "timeout_s": -Infinity}',
    b'{"sql": "select 1", "timeout_s": 5e-324}'],
    ids=["depth", "objects", "digits", "exponent", "NaN", "inner", "float", "utf-16", "empty", "surrogate", "infinity", "hardly"])
async def test_a_bomb_of_json_is_told_what_it_is(send: Send, text: bytes) -> None:
    status, told = await send([text], Content_Length=str(len(text)))
    assert (status, told["status"]) == (400, 400)


async def test_headers_without_an_end_end_the_connection(http_server_port: Any, jp_serverapp: Any, http_server: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000)
    async with asyncio.timeout(20):
        try:
            assert await reader.read() in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n")
        except ConnectionError:
            pass
    writer.close()


@pytest.mark.parametrize(("length", "time_s"), [("0", 30), ("1000000", 50), ("999999999999", 50), ("", 50), ("-1", 50)])
def test_a_large_body_may_take_longer_and_none_for_ever(length: str, time_s: float) -> None:
    handler: Any = SimpleNamespace(request=SimpleNamespace(headers={"Content-Length": length} if length else {}))
    assert Body(handler, 1_000_000).time_s(30.0) == time_s


async def test_a_client_that_does_not_send_its_body_is_cut_off(send: Send, jp_serverapp: Any) -> None:
    app = jp_serverapp.web_app.settings["pluto_duck"]
    (await app.protection()).client_timeout_s = 0.2
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await send([b"{"], Content_Length="100")
