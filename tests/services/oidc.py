"""A real OpenID Connect server (nanoidp), in an environment of its own: `make oidc` makes it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("PLUTODUCK_OIDC") or ROOT / ".venv-oidc") / "bin" / "python"
START_S = 60.0
AUDIENCE = "https://data.example/api"
SETTINGS = """
config_version: 1
server: {{host: 127.0.0.1, port: {port}}}
oauth:
  issuer: "http://127.0.0.1:{port}"
  audience: "{audience}"
  token_expiry_minutes: 60
  scopes_supported: [openid, profile, "schema:read", "query:ask", "query:run"]
  clients:
    - {{client_id: nightly, client_secret: of-nightly, description: a program of its own}}
    - {{client_id: cli, client_secret: of-cli, description: a shell, redirect_uris: ["http://127.0.0.1:1/back"]}}
"""
USERS = """
config_version: 1
users:
  alice: {password: of-alice, email: alice@example.org, roles: [sales-eu], tenant: EU}
  bob: {password: of-bob, email: bob@example.org, roles: [kitchen], tenant: US}
"""


class Oidc:
    """On a loopback port. The flows are those that docs/auth.md shows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30)

    def post(self, path: str, client: str = "", **form: str) -> dict[str, Any]:
        answer = self.client.post(path, data=form, auth=(client, f"of-{client}") if client else None)
        return {"status": answer.status_code, **answer.json()}

    def of_program(self, scope: str = "schema:read query:run") -> str:
        return str(self.post("/token", "nightly", grant_type="client_credentials", scope=scope)["access_token"])

    def turn_key(self) -> None:
        self.client.post("/api/keys/rotate").raise_for_status()


@pytest.fixture(scope="session")
def oidc() -> Iterator[Oidc]:
    if not PYTHON.exists():
        pytest.skip("there is no .venv-oidc: `make oidc` makes it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pluto-oidc-") as name:
        folder = Path(name)
        (folder / "settings.yaml").write_text(SETTINGS.format(port=port, audience=AUDIENCE), encoding="utf-8")
        (folder / "users.yaml").write_text(USERS, encoding="utf-8")
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen([PYTHON, "-m", "nanoidp", "--config", str(folder), "--port", str(port)], cwd=folder,
                                       stdout=log, stderr=log, start_new_session=True,
                                       env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
        try:
            _wait(f"http://127.0.0.1:{port}", process, folder / "log")
            yield Oidc(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/.well-known/openid-configuration", timeout=10) as answer:
                assert json.load(answer)["issuer"] == url
                return
        except OSError:
            time.sleep(0.05)  # nothing to wait on: the port is not open yet
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def of_device(oidc: Oidc, user: str, scope: str = "schema:read query:run") -> dict[str, Any]:
    """The device flow (RFC 8628): a shell asks, a person says yes elsewhere, the shell gets its token."""
    asked = oidc.post("/device_authorization", "cli", scope=scope)
    page = oidc.client.post(asked["verification_uri"], data={
        "user_code": asked["user_code"], "username": user, "password": f"of-{user}", "action": "authorize"})
    page.raise_for_status()
    return oidc.post("/token", "cli", grant_type="urn:ietf:params:oauth:grant-type:device_code",
                     device_code=asked["device_code"])


def of_browser(oidc: Oidc, user: str, scope: str = "openid schema:read query:run") -> dict[str, Any]:
    """Authorization code with PKCE (RFC 7636): an access token, and an ID token that must open nothing."""
    verifier = secrets.token_urlsafe(40)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"response_type": "code", "client_id": "cli", "redirect_uri": "http://127.0.0.1:1/back", "scope": scope, "state": "s",
             "nonce": "n", "code_challenge": digest, "code_challenge_method": "S256"}
    page = oidc.client.get("/authorize", params=asked)
    (transaction,) = re.findall(r'name="transaction_id" value="([^"]+)"', page.text)
    back = oidc.client.post("/authorize", params=asked, data={
        "transaction_id": transaction, "username": user, "password": f"of-{user}"})
    code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
    return oidc.post("/token", "cli", grant_type="authorization_code", code=code, redirect_uri=asked["redirect_uri"],
                     code_verifier=verifier)
