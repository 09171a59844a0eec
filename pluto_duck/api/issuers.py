"""The keys of issuers, fetched on the event loop without holding it up, and kept for a while.

One fetch at a time for each issuer, at most one a minute for keys that nobody knows, none for ten seconds after one
that failed: neither a flood of made-up tokens nor an issuer that is down makes this server ask or wait more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pluto_duck.errors import IssuerUnreachable, PlutoError, SettingError
from pluto_duck.governance.tokens.rules import is_loopback, must_be_safe

if TYPE_CHECKING:
    from pluto_duck.governance.tokens.keyset import KeySet

KEEP_S = 600.0
UNKNOWN_EVERY_S = 60.0
AFTER_FAILURE_S = 10.0
TIMEOUT_S = 5.0
MAX_BYTES = 262_144

_log = logging.getLogger("pluto_duck.api")


class Issuer:
    """One of them; to be touched on the event loop alone."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.fetches = 0
        self._clock = clock
        self._keys: KeySet | None = None
        self._got_at = self._failed_at = self._forced_at = -1e9
        self._under_way: asyncio.Task[None] | None = None

    async def keys(self, kid: str | None = None) -> KeySet:
        """Its keys, with a look for new ones where none is called `kid`. Raises IssuerUnreachable."""
        now = self._clock()
        if self._keys is None or now - self._got_at > KEEP_S:
            await self._fetch(now)
        elif not self._keys.knows(kid) and now - self._forced_at >= UNKNOWN_EVERY_S:
            self._forced_at = now
            try:
                await self._fetch(now)
            except IssuerUnreachable:
                pass  # those that are known are still good
        elif not self._keys.knows(kid) and self._under_way is not None:
            await asyncio.wait([self._under_way])  # somebody else's look may find it
        assert self._keys is not None
        return self._keys

    async def _fetch(self, now: float) -> None:
        if self._under_way is None:
            if now - self._failed_at < AFTER_FAILURE_S:
                raise self._unreachable()
            self._under_way = asyncio.ensure_future(self._renew())
            self._under_way.add_done_callback(self._ended)
        # Shielded: the client that began it may hang up, and others wait for the same.
        await asyncio.shield(self._under_way)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way = None
        if not task.cancelled():
            task.exception()  # whoever waits hears of it; nobody may

    async def _renew(self) -> None:
        from pluto_duck.governance.tokens.keyset import key_set

        self.fetches += 1
        try:
            about = await self._json(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
            if about.get("issuer") != self.url:
                raise ValueError(f"it calls itself {about.get('issuer')!r}")
            address = about.get("jwks_uri")
            if not isinstance(address, str):
                raise ValueError("it names no jwks_uri")
            self._must_be_its_own(address)
            self._keys = await asyncio.to_thread(key_set, await self._json(address))
            self._got_at = self._clock()
        except PlutoError as error:
            if not isinstance(error, SettingError):
                raise
            self._fail(error)
        except Exception as error:  # whatever an issuer may answer, or its network
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failed_at = self._clock()
        _log.warning("The keys of the issuer %s can't be had: %s", self.url, error)
        raise self._unreachable() from error

    def _must_be_its_own(self, address: str) -> None:
        """Keys may lie with another host, as those of large issuers do, but no host sends us to our own machine."""
        must_be_safe(address.partition("?")[0], "jwks_uri")
        if is_loopback(urlsplit(address).hostname or "") and not is_loopback(urlsplit(self.url).hostname or ""):
            raise ValueError(f"its jwks_uri {address} is an address of this machine")

    async def _json(self, url: str) -> dict[str, Any]:
        from tornado.httpclient import AsyncHTTPClient

        # One of its own: limits of size belong to a client, not to a request.
        client = AsyncHTTPClient(force_instance=True, max_body_size=MAX_BYTES, max_header_size=32_768)
        try:
            answer = await client.fetch(url, follow_redirects=False, connect_timeout=TIMEOUT_S,
                                        request_timeout=TIMEOUT_S, headers={"Accept": "application/json"},
                                        decompress_response=False)
        finally:
            client.close()
        found = json.loads(answer.body)
        if not isinstance(found, dict):
            raise ValueError(f"{url} answers no JSON object")
        return found

    def _unreachable(self) -> IssuerUnreachable:
        wait_s = max(1, round(self._failed_at + AFTER_FAILURE_S - self._clock()))
        return IssuerUnreachable("Whoever made the token can't be asked for its keys now, so it can't be checked.",
                                 hint="Try again in a few seconds; the server's log says what is wrong.",
                                 retry_after_s=wait_s)
