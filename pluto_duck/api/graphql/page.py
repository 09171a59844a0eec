"""GET /api/v1/graphiql: a page to try GraphQL with, which asks nothing of any other machine.

It holds no data: whoever opens it asks with Jupyter's login or with a key that is pasted in.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated

from pluto_duck.api.handler import PlutoHandler

_HERE = Path(__file__).parent


class GraphiQLHandler(PlutoHandler):
    _nonce = ""

    @property
    def content_security_policy(self) -> str:
        """`'self'` covers the websocket, too (CSP 3)."""
        if not self._nonce:
            return str(super().content_security_policy)
        return (f"default-src 'none'; script-src 'nonce-{self._nonce}'; style-src 'nonce-{self._nonce}'; "
                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")

    @allow_unauthenticated  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        def page() -> str:
            script = (_HERE / "graphiql.js").read_text(encoding="utf-8")
            return (_HERE / "graphiql.html").read_text(encoding="utf-8").replace("SCRIPT", script)

        text = await self.in_thread(page)
        self._nonce = secrets.token_urlsafe(18)
        self.xsrf_token  # noqa: B018 sets the cookie that the page sends back beside Jupyter's
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.finish(text.replace("NONCE", self._nonce), set_content_type="text/html; charset=utf-8")
