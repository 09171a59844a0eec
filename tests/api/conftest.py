"""A real Jupyter Server with our extension, on a workspace of its own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from pluto_duck.workspace import Workspace, create


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"pluto_duck": True}},
            "PlutoDuckApp": {"disconnect_grace_s": 0.05}}


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
