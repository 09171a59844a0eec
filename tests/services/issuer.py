"""An issuer of tokens that does as a test wants: it turns keys, goes away, redirects, is slow or says too much.

It stands beside a real OIDC server (oidc.py), which does none of that on demand.
"""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://data.example/api"
_MADE: dict[tuple[str, str], Any] = {}


def private_key(kind: str, name: str = "") -> Any:
    """The same for the same name: making an RSA key takes a while."""
    make = {"RS256": lambda: rsa.generate_private_key(65537, 2048), "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate, "short": lambda: rsa.generate_private_key(65537, 1024)}
    if (kind, name) not in _MADE:
        _MADE[kind, name] = make[kind]()
    return _MADE[kind, name]


def public_jwk(key: Any, **members: Any) -> dict[str, Any]:
    algorithm = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "Ed": OKPAlgorithm}[
        next(one for one in ("RSA", "EC", "Ed") if type(key).__name__.lstrip("_").upper().startswith(one.upper()))]
    return {**json.loads(algorithm.to_jwk(key.public_key())), **members}


class TestIssuer:
    __test__ = False

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.keys: dict[str, tuple[str, Any]] = {"one": ("RS256", private_key("RS256"))}
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        """path -> what it answers instead: (status, headers, body)."""
        self.discovery: dict[str, Any] = {}
        self.more_keys: list[Any] = []
        self.waits_s = 0.0

    def document(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovery}
        if path == "/keys":
            return {"keys": [public_jwk(key, kid=kid, use="sig", alg=algorithm)
                             for kid, (algorithm, key) in self.keys.items()] + self.more_keys}
        return None

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        found = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300, "roles": ["eu"],
                 "region": "EU", "scope": "schema:read query:ask query:run data:read data:write data:ingest approvals:write", **changes}
        return {name: value for name, value in found.items() if value is not ...}

    def token(self, *, kid: str | None = "one", key: Any = None, alg: str = "", headers: dict[str, Any] | None = None,
              **changes: Any) -> str:
        """A good one, but for what is said; a claim that is `...` is left out."""
        algorithm, own = self.keys.get(kid or "one", ("RS256", private_key("RS256")))
        sent = {**({"kid": kid} if kid is not None else {}), **(headers or {})}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a short key is what some tests want
            return jwt.encode(self.claims(**changes), key or own, algorithm=alg or algorithm, headers=sent)


def _serve(issuer_of: dict[str, TestIssuer]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer = issuer_of["it"]
            issuer.asked.append(self.path)
            if issuer.waits_s:
                issuer_of["gone"].wait(issuer.waits_s)  # type: ignore[attr-defined]
            status, headers, body = issuer.answers.get(self.path) or (200, {}, None)
            if body is None:
                found = issuer.document(self.path)
                status, body = (status, json.dumps(found)) if found is not None else (404, "{}")
            data = body if isinstance(body, bytes) else body.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(data)
            except OSError:
                pass  # the other side has had enough

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    known: dict[str, Any] = {"gone": threading.Event()}
    server = _serve(known)
    known["it"] = TestIssuer(server.server_port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield known["it"]
    known["gone"].set()
    server.shutdown()
    server.server_close()
