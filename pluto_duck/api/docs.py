"""GET /api/v1/docs: the description as a page that needs no network and no script."""

from __future__ import annotations

from typing import ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded


class DocsHandler(PlutoHandler):
    scopes: ClassVar = {"GET": ""}
    page = False

    @property
    def content_security_policy(self) -> str:
        if not self.page:
            return str(super().content_security_policy)
        from pluto_duck.api.docs_style import STYLE_HASH

        return (f"default-src 'none'; style-src '{STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'self'")

    @guarded
    async def get(self) -> None:
        from pluto_duck.api.docs_page import page
        from pluto_duck.api.openapi import document

        base = f"{self.request.protocol}://{self.request.host}"
        self.page = True
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("Cache-Control", "no-store")
        self.finish(page(document(self.base_url), base), set_content_type="text/html; charset=utf-8")
