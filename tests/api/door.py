"""The server as somebody without its token sees it."""

from __future__ import annotations

import json
from typing import Any

from pluto_duck.governance import trust
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: orders, actions: [read, ask], rows: region = $region, hide: card, masks: {email: partial}}
  none: {}
"""


class Door:
    """The server as somebody without its token sees it, and the keys of its workspace."""

    def __init__(self, fetch: Any, base_url: str, keys: Keys) -> None:
        self._fetch, self._base_url, self.keys = fetch, base_url, keys
        self.workspace = keys._workspace

    async def __call__(self, path: str, method: str = "GET", key: str = "", body: Any = None, ours: bool = True,
                       **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        if body is None and method in ("POST", "PUT", "PATCH"):
            body = {}
        return await self._fetch(f"{self._base_url}{'api/v1/' if ours else ''}{path}", method=method, headers=sent,
                                 raise_error=False, follow_redirects=False,
                                 body=json.dumps(body) if body is not None else None, allow_nonstandard_methods=True)

    def key(self, *roles: str, name: str = "dash", **options: Any) -> str:
        options.setdefault("claims", {"region": "EU"})
        options.setdefault("scopes", ("schema:read", "query:ask", "query:run", "data:read", "data:write", "data:ingest",
                                      "approvals:write"))
        return self.keys.create(name, roles or ("eu",), **options)[1]


def governed(workspace: Workspace, policy: str = POLICY) -> None:
    """With a table of orders, another one, and a policy that counts."""
    governed_again(workspace, policy)
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders AS SELECT i AS id, 'p' || i || '@x.example' AS email, 'c' || i AS card, "
                      "['EU', 'US'][1 + i % 2] AS region FROM range(6) t(i); CREATE TABLE other AS SELECT 1 AS id")


def governed_again(workspace: Workspace, policy: str) -> None:
    """By another policy, which counts at once."""
    (workspace.root / FILE).write_text(policy, encoding="utf-8")
    trust.grant(workspace, FILE, wanted(read(policy)[1]))


def takes_tokens(workspace: Workspace, issuer: str, **settings: str) -> None:
    """Allowed by the owner."""
    lines = {"issuer": issuer, "audience": "https://data.example/api", "claims": "region", **settings}
    text = workspace.toml.read_text(encoding="utf-8").partition("[auth]")[0]
    workspace.toml.write_text(text + "\n[auth]\n" + "".join(f"{name} = {json.dumps(value)}\n"
                                                            for name, value in lines.items()), encoding="utf-8")
    trust.trust(workspace)
