"""What a handler tells the audit: who asked for what from where, and how it ended.

A read is noted when its answer has gone out. A write or a denial is on the disk before the answer begins: `finish`
waits for it, and where it can't be recorded the answer is 503 instead.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.base.handlers import APIHandler

if TYPE_CHECKING:
    from pluto_duck.api.identity import Caller
    from pluto_duck.errors import AuditUnavailable
    from pluto_duck.governance.audit import Entry, Recorder, Trail, Who

READS = frozenset({"read", "schema", "query", "ask", "run", "look"})
"""Actions whose entry may come after the answer."""
_BY_METHOD = {"GET": "read", "HEAD": "read", "POST": "write", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_KEY_ID = re.compile(r"(?i:bearer|token)\s+pdk_([0-9A-Za-z]{8})_")
_DONE = object()


class Audited(APIHandler):  # type: ignore[misc]
    actions: ClassVar[Mapping[str, str]] = {}
    """HTTP method -> action, where it is not what the method says; "" for what is not recorded."""
    caller: Caller | None
    _trail: Trail | None = None
    _held: asyncio.Task[Any] | None = None
    _told: object = None
    _keeper: Recorder | None = None

    async def _execute(self, transforms: Any, *args: bytes, **kwargs: bytes) -> None:
        from pluto_duck.governance.audit.trail import begin

        begin(self.trail)  # of this task, and of the threads and runs that it starts
        await super()._execute(transforms, *args, **kwargs)

    @property
    def trail(self) -> Trail:
        if self._trail is None:
            from pluto_duck.governance.audit import Trail

            method = self.request.method or ""
            self._trail = Trail(self._who, "rest", str(self.request.remote_ip),
                                self.request.headers.get("User-Agent", ""), self._trace(),
                                self.actions.get(method, _BY_METHOD.get(method, "")))
        return self._trail

    def _known_user(self) -> Any:
        """None before anybody is known: to ask tornado for it would log somebody in."""
        return getattr(self, "_jupyter_current_user", None)

    def _trace(self) -> str:
        found = TRACEPARENT.fullmatch(self.request.headers.get("traceparent", "").strip())
        return found[1] if found else self.request_id

    def _who(self) -> Who:
        from pluto_duck.governance.audit import Who, who_of

        if self.caller is not None:
            return who_of(self.caller.actor)
        if self._known_user() is not None:
            return who_of(None)
        claimed = _KEY_ID.match(self.request.headers.get("Authorization", ""))
        return Who("nobody", id=claimed[1] if claimed else "")

    # -- the end of a request -----------------------------------------------------------------------

    def _entry(self) -> Entry | None:
        """None for what is not recorded: the owner's requests, where nothing asks for it."""
        from pluto_duck.governance.audit import Entry

        status, trail = self.get_status(), self.trail
        if self.caller is None and self._known_user() is None:
            if status not in (401, 403):
                return None
            return Entry("login", self._who(), "rest", decision="deny", rule=trail.denied, status=str(status),
                         address=trail.address, agent=trail.agent, trace=trail.trace, detail=self._detail())
        keeper = self._recorder() if trail.action else None
        if keeper is None or (self.caller is None and not keeper.owners):
            return None
        trail.detail |= self._detail()
        denied = status in (401, 403, 429)
        if denied and not trail.denied:
            trail.denied = str(self._reason)
        return keeper.recorded(trail, status=str(status), denied=denied)

    def _detail(self) -> dict[str, str]:
        return {"route": f"{self.request.method} {route_of(type(self))}"}

    def _recorder(self) -> Recorder | None:
        """That of the caller's workspace; a login that failed is the default one's."""
        if self._keeper is not None:
            return self._keeper
        from pluto_duck.governance.audit import recorder

        places = self.settings["pluto_duck"].places
        named = places.named()
        name = self.caller.workspace if self.caller is not None else self.get_query_argument("workspace", "")
        workspace = named.get(name) or next(iter(named.values()), None)
        found = None if workspace is None else recorder(workspace)
        if self.caller is not None:
            self._keeper = found
        return found

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        if self._held is not None and self._told is not _DONE:
            return self._held  # tornado's own call at the end of a method
        entry = self._entry() if self._told is None else None
        read = entry is None or (entry.decision == "allow" and entry.action in READS and not self.trail.wrote)
        if entry is None or read or self._headers_written or entry.status == "429":
            self._told = _DONE
            if entry is not None:
                self._note(entry)
            return super().finish(*args, **kwargs)
        self._told = entry
        self._held = asyncio.ensure_future(self._finish_later(entry, args, kwargs))
        return self._held

    def noted(self) -> None:
        """For what ends without an answer of its own."""
        entry = self._entry()
        if entry is not None:
            self._note(entry)

    async def recorded(self) -> None:
        """For what is answered otherwise than by `finish`, before the answer. Raises AuditUnavailable."""
        entry = self._entry()
        keeper = None if entry is None else self._recorder()
        if entry is None or keeper is None:
            return
        if (entry.decision == "allow" and entry.action in READS and not self.trail.wrote) or entry.status == "429":
            keeper.note(entry)
            return
        error = await _kept(keeper, entry)
        if error is not None and keeper.required and entry.action != "login":
            if entry.decision == "allow" and self.get_status() < 400:
                error.message = f"What was asked for was done, but could not be recorded: {error.message}"
            raise error

    def _note(self, entry: Entry) -> None:
        keeper = self._recorder()
        if keeper is not None:
            keeper.note(entry)

    async def _finish_later(self, entry: Entry, args: Any, kwargs: Any) -> None:
        keeper = self._recorder()
        error = None if keeper is None else await _kept(keeper, entry)
        self._told = _DONE
        if error is None or keeper is None or not keeper.required or entry.action == "login":
            super().finish(*args, **kwargs)
            return
        from pluto_duck.api.handler import problem

        done = entry.decision == "allow" and self.get_status() < 400
        self.set_status(503)
        self.set_header("Retry-After", "1")
        body = problem(error, 503, instance=self.request.path, request_id=entry.trace)
        if done:
            body["detail"] = f"What was asked for was done, but could not be recorded: {error.message}"
        super().finish(json.dumps(body), set_content_type="application/problem+json")


async def _kept(keeper: Recorder, entry: Entry) -> AuditUnavailable | None:
    from pluto_duck.errors import AuditUnavailable

    loop = asyncio.get_running_loop()
    found: asyncio.Future[AuditUnavailable | None] = loop.create_future()

    def arrived(error: AuditUnavailable | None) -> None:
        if not found.done():
            found.set_result(error)

    def done(error: AuditUnavailable | None) -> None:
        loop.call_soon_threadsafe(arrived, error)

    keeper.keep_soon(entry, done)
    try:
        async with asyncio.timeout(5.0):
            return await found
    except TimeoutError:
        return AuditUnavailable("The audit is not written in time.", hint="Try again in a moment.")


def route_of(handler: type[Any]) -> str:
    """As the OpenAPI document has it: an address itself may name a person."""
    from pluto_duck.api.routes import ROUTES

    found = _routes.get(handler)
    if found is None:
        pattern = next((pattern for pattern, one in ROUTES if one is handler), "/api/v1")
        found = _routes[handler] = re.sub(r"\(.*?\)", "{}", pattern.removeprefix("/api/v1")) or "/"
    return found


_routes: dict[type[Any], str] = {}
