"""A real Jupyter Server with our extension, on a workspace of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from pluto_duck.governance.keys import Keys
from pluto_duck.workspace import ControlStore, Workspace, create
from tests.api.door import Door, governed


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"pluto_duck": True}},
            "PlutoDuckApp": {"disconnect_grace_s": 0.05}}


@pytest.fixture(autouse=True)
def jp_server_cleanup(tmp_path: Path, jp_server_cleanup: None) -> None:
    """The server ends before its folder goes: what is set up later is taken down earlier."""


@pytest.fixture
def jp_root_dir(workspace: Workspace) -> Path:
    """The server stands in the workspace's folder: that makes it the default."""
    return workspace.root


@pytest.fixture
def other_workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "other")


class Client:
    """Asks as a program that holds the token; never raises for a status."""

    def __init__(self, fetch: Callable[..., Awaitable[HTTPResponse]]) -> None:
        self._fetch = fetch

    async def __call__(self, *path: str, method: str = "GET", body: Any = None, accept: str = "",
                       headers: dict[str, str] | None = None, **query: object) -> HTTPResponse:
        headers = dict(headers or {})
        if accept:
            headers["Accept"] = accept
        data = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        return await self._fetch("api", "v1", *path, method=method, headers=headers, raise_error=False, body=data,
                                 params={k: str(v) for k, v in query.items()}, allow_nonstandard_methods=True)

    async def run(self, **body: Any) -> str:
        """Starts a run; its id."""
        answer = await self("query", method="POST", body=body)
        assert answer.code == 202, answer.body
        return str(json.loads(answer.body)["run_id"])

    async def done(self, run_id: str, **query: object) -> dict[str, Any]:
        """The JSON of a run once it has ended."""
        answer = await self("query", run_id, wait=30, **query)
        assert answer.code == 200, answer.body
        return json.loads(answer.body)  # type: ignore[no-any-return]

    async def sql(self, sql: str, **body: Any) -> dict[str, Any]:
        return await self.done(await self.run(sql=sql, **body))


@pytest.fixture
def client(jp_fetch: Callable[..., Awaitable[HTTPResponse]]) -> Client:
    return Client(jp_fetch)


class Wire:
    """A connection by hand: to read a stream as it comes and to hang up in its middle."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}

    async def head(self) -> None:
        line = await self._reader.readline()
        self.status = int(line.split()[1])
        while (line := await self._reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()

    async def chunk(self) -> bytes:
        """The next piece of the body; empty at its proper end. Raises when the connection breaks before."""
        size = int((await self._reader.readuntil(b"\r\n")).strip(), 16)
        data = await self._reader.readexactly(size + 2)
        return data[:-2]

    async def body(self) -> bytes:
        found = b""
        while piece := await self.chunk():
            found += piece
        return found

    async def until(self, text: bytes) -> bytes:
        """The body up to the piece that has the text."""
        found = b""
        while text not in found:
            piece = await self.chunk()
            assert piece, found
            found += piece
        return found

    def hang_up(self) -> None:
        self._writer.transport.abort()


@pytest.fixture
def wire(jp_serverapp: Any, http_server_port: Any, jp_base_url: str, jp_auth_header: dict[str, str],
         http_server: Any) -> Iterator[Callable[..., Awaitable[Wire]]]:
    opened: list[Wire] = []

    async def open(*path: str, headers: dict[str, str] | None = None) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1], limit=1 << 26)
        lines = [f"GET {jp_base_url}api/v1/{'/'.join(path)} HTTP/1.1", "Host: localhost",
                 *(f"{k}: {v}" for k, v in {**jp_auth_header, **(headers or {})}.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        connection = Wire(reader, writer)
        opened.append(connection)
        await connection.head()
        return connection

    yield open
    for one in opened:
        one.hang_up()


@pytest.fixture
def door(workspace: Workspace, http_server_client: Any, jp_base_url: str, jp_serverapp: Any) -> Iterator[Door]:
    governed(workspace)
    keys = Keys(ControlStore(workspace.control), workspace)
    yield Door(http_server_client.fetch, jp_base_url, keys)
    keys.close()
