"""The websocket at /api/v1/graphql: `graphql-transport-ws`, for queries, changes and the events of runs.

Source: PROTOCOL.md of the npm package graphql-ws.

    4400  no message of the protocol                       4408  no connection_init in time
    4401  an operation before connection_init              4409  an id that is in use
    4403  connection_init with a credential that is bad    4429  a second connection_init
    4406  another protocol
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from pluto_duck.api.graphql.http import GraphQLHandler, asked_of
from pluto_duck.api.handler import status_of
from pluto_duck.errors import PlutoError, UsageError

PROTOCOL = "graphql-transport-ws"
INIT_S = 10.0
"""In which a client must say who it is."""
MOST = 32
"""Operations of one connection at once."""
MAX_MESSAGE = 1_000_000
SLOW_S = 60.0
"""In which a client must take a message."""
_TYPES = ("connection_init", "ping", "pong", "subscribe", "complete")


class Operation(GraphQLHandler):
    """One operation of a websocket as a request of its own: who asks is asked each time, and each is counted."""

    def __init__(self, socket: GraphQLSocket, credential: str) -> None:
        request = copy.copy(socket.request)
        request.method = "POST"
        request.headers = HTTPHeaders(socket.request.headers)
        if credential:
            request.headers["Authorization"] = credential
        request.connection = SimpleNamespace(
            set_close_callback=lambda _callback: None, set_body_timeout=lambda _seconds: None,
            context=getattr(socket.request.connection, "context", None))
        super().__init__(socket.application, request)
        self._socket = socket

    def _detail(self) -> dict[str, str]:
        return {"route": "WEBSOCKET /graphql"}

    def check_xsrf_cookie(self) -> None:
        """A page of elsewhere is told by its Origin, which a browser always sends with a websocket: `known`."""

    def check_origin(self, origin: str = "") -> bool:
        return True

    async def known(self) -> None:
        """Raises HTTPError and PlutoError where nobody good asks: never by the cookie of a page that comes from
        elsewhere."""
        await self._admitted(await self.app.protection())
        if self.caller is None:
            if not self.token_authenticated and not super().check_origin():
                raise HTTPError(403, "A page of another origin needs a key.")
            allowed = self.authorizer.is_authorized(self, self.current_user, "write", self.auth_resource)
            if not (await allowed if isawaitable(allowed) else allowed):
                raise HTTPError(403)


class GraphQLSocket(GraphQLHandler, WebSocketHandler):  # type: ignore[misc]
    """Both kinds of request at one address: tornado has one handler for it."""

    _gone = False
    """The connection has ended, perhaps before `open`."""
    _late: asyncio.TimerHandle | None = None

    def initialize(self, **options: Any) -> None:
        super().initialize(**options)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._offs: tuple[Callable[[], None], ...] = ()

    @property
    def upgrades(self) -> bool:
        return str(self.request.headers.get("Upgrade", "")).lower() == "websocket"

    @property
    def is_open(self) -> bool:
        """A websocket may begin with nobody: browsers can't send a header with it."""
        return self.upgrades if self.request.method == "GET" else super().is_open

    @allow_unauthenticated  # type: ignore[untyped-decorator]
    async def get(self, *args: Any, **kwargs: Any) -> None:
        if not self.upgrades:
            await GraphQLHandler.get(self)
            return
        await WebSocketHandler.get(self, *args, **kwargs)

    def check_origin(self, origin: str = "") -> bool:
        """A page of elsewhere may open one; what it may there is decided by `Operation`."""
        return True if self.upgrades else bool(super().check_origin(origin))

    def _check_cross_origin(self, *args: Any, **kwargs: Any) -> Any:
        return None if self.upgrades else super()._check_cross_origin(*args, **kwargs)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return PROTOCOL if PROTOCOL in subprotocols else None

    def on_connection_close(self) -> None:
        if self.ws_connection is None:
            super().on_connection_close()
        else:
            WebSocketHandler.on_connection_close(self)

    # -- the connection ---------------------------------------------------------------------------

    def open(self, *_args: str, **_kwargs: str) -> None:
        if self._gone:
            return
        self._credential, self._greeted, self._acknowledged = "", False, False
        self._sending = asyncio.Lock()
        drain = self.app.drain
        self._offs = drain.on_begin(self._leave_if_idle), drain.on_end(self._leave)
        self._late = asyncio.get_running_loop().call_later(
            INIT_S, lambda: self._greeted or self.close(4408, "Connection initialisation timeout"))
        if self.selected_subprotocol != PROTOCOL:
            self.close(4406, "Subprotocol not acceptable")

    def _leave(self) -> None:
        self.close(1001, "The server stops")

    def _leave_if_idle(self) -> None:
        if not self._tasks:
            self._leave()

    def on_close(self) -> None:
        self._gone = True
        self.ended()
        for off in self._offs:
            off()
        if self._late is not None:
            self._late.cancel()
        for task in list(self._tasks.values()):
            task.cancel()

    async def on_message(self, message: str | bytes) -> None:
        told = _message(message)
        if told is None:
            self.close(4400, "Invalid message received")
            return
        kind = told["type"]
        if kind == "connection_init":
            await self._greet(told.get("payload") or {})
        elif kind == "ping":
            await self._send({"type": "pong", **({"payload": told["payload"]} if "payload" in told else {})})
        elif kind == "complete":
            task = self._tasks.pop(told["id"], None)
            if task is not None:
                task.cancel()
        elif kind == "subscribe":
            self._subscribe(told)

    async def _greet(self, payload: dict[str, Any]) -> None:
        credential = payload.get("Authorization", payload.get("authorization", ""))
        if self._greeted:
            self.close(4429, "Too many initialisation requests")
        elif not isinstance(credential, str) or len(credential) > 20_000 or not credential.isprintable():
            self.close(4400, "Invalid message received")
        else:
            self._greeted, self._credential = True, credential
            if await self._operation() is None:
                self.close(4403, "Forbidden")
                return
            self._acknowledged = True
            await self._send({"type": "connection_ack"})

    async def _operation(self) -> Operation | None:
        """None where nobody good asks (any more)."""
        found = Operation(self, self._credential)
        try:
            await found.known()
        except (HTTPError, PlutoError) as error:
            found.set_status(status_of(error))
            await found.recorded()
            if status_of(error) == 429:
                raise
            return None
        return found

    async def still_known(self) -> bool:
        try:
            return await self._operation() is not None
        except PlutoError:
            return True  # it has only asked for too much

    async def _send(self, body: dict[str, Any]) -> None:
        """Once it is taken: a client that reads slowly is waited for, one that does not read is left."""
        try:
            async with self._sending, asyncio.timeout(SLOW_S):
                await self.write_message(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
        except WebSocketClosedError:
            pass
        except TimeoutError:
            self.close(1013, "Too slow")

    # -- operations -------------------------------------------------------------------------------

    def _subscribe(self, told: dict[str, Any]) -> None:
        id = told["id"]
        if not self._acknowledged:
            self.close(4401, "Unauthorized")
        elif id in self._tasks:
            self.close(4409, f"Subscriber for {id[:60]} already exists")
        else:
            self._tasks[id] = asyncio.get_running_loop().create_task(self._operate(id, told["payload"]))

    async def _operate(self, id: str, payload: dict[str, Any]) -> None:
        from pluto_duck.api.graphql.answering import as_error

        task = asyncio.current_task()
        errors: list[dict[str, Any]] = []
        try:
            self.app.drain.check(begins_something=True)
            if len(self._tasks) > MOST:
                raise UsageError(f"More than {MOST} operations at once.", hint="Complete some, or connect again.")
            operation = await self._operation()
            if operation is None:
                self.close(4403, "Forbidden")
                return
            errors = await self._answered(operation, id, payload)
        except PlutoError as error:
            errors = [as_error(error)]
        except Exception:
            self.log.exception("GraphQL over a websocket, request_id %s", self.request_id)
            errors = [{"message": "The server met an error it did not expect; its log has the details.",
                       "extensions": {"code": "error", "request_id": self.request_id}}]
        finally:
            mine = self._tasks.get(id) is task
            if mine:
                del self._tasks[id]
        if mine:  # else the client has completed it
            await self._send({"id": id, "type": "error", "payload": errors} if errors else
                             {"id": id, "type": "complete"})
        if self.app.drain.is_on:
            self._leave_if_idle()

    async def _answered(self, operation: Operation, id: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
        """What is wrong with the operation as a whole."""
        from pluto_duck.api.graphql.answering import May
        from pluto_duck.api.graphql.desk import Desk
        from pluto_duck.api.graphql.events import events
        from pluto_duck.api.graphql.runs import answer_runs
        from pluto_duck.governance.audit.trail import begin

        begin(operation.trail)
        operation.trail.via = "graphql"
        try:
            place, caller = await operation.place(), operation.caller
            may = May(caller is None or "schema:read" in caller.scopes, subscribe=True)
            answer = await Desk.of(place).answer(operation, asked_of(payload), may)
        except asyncio.CancelledError:
            if operation.on_gone is not None:
                operation.on_gone()
            operation.noted()
            raise
        except PlutoError as error:
            operation.set_status(status_of(error))
            await operation.recorded()
            raise
        if not answer.began:
            operation.set_status(400)
            await operation.recorded()
            return answer.errors
        if answer.subscribes:
            try:
                with operation.app.protecting.stream(caller, operation.allowance):
                    async for body in events(self, operation, answer):
                        await self._send({"id": id, "type": "next", "payload": body})
            finally:
                operation.noted()
            return []
        if answer.runs:
            await answer_runs(operation, place, answer)
        await operation.recorded()
        await self._send({"id": id, "type": "next", "payload": answer.body()})
        return []


def _message(message: str | bytes) -> dict[str, Any] | None:
    """None for what is none of the protocol."""
    if not isinstance(message, str) or len(message) > MAX_MESSAGE:
        return None
    try:
        told = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("type") not in _TYPES:
        return None
    if told["type"] in ("subscribe", "complete") and not (isinstance(told.get("id"), str) and told["id"]):
        return None
    if told["type"] == "subscribe" and not isinstance(told.get("payload"), dict):
        return None
    return told if isinstance(told.get("payload"), dict | None) else None
