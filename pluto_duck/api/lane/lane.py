"""Finds the requests that may take the lane, before any handler is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPMessageDelegate, RequestStartLine
from tornado.routing import Router

from pluto_duck.api.audited import route_of
from pluto_duck.api.lane.answers import Answers
from pluto_duck.api.lane.gate import Admitted, Gate
from pluto_duck.api.rows.desk import Row
from pluto_duck.api.rows.handlers import LIVE, VARY, TableRowHandler, key_parts
from pluto_duck.api.tags import matches
from pluto_duck.errors import PlutoError
from pluto_duck.governance.audit import recorder

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from pluto_duck.api.app import PlutoDuckApp

ADDRESS = "api/v1/tables/"


class Lane(Router):  # type: ignore[misc]
    def __init__(self, app: PlutoDuckApp) -> None:
        self.app = app
        self.gate = Gate(app)
        self._base = app.serverapp.base_url.rstrip("/") + "/" + ADDRESS
        self._row: Answers | None = None

    @property
    def row_answers(self) -> Answers:
        if self._row is None:
            self._row = Answers(self.app, TableRowHandler, VARY)
        return self._row

    def find_handler(self, request: HTTPServerRequest, **_more: Any) -> HTTPMessageDelegate | None:
        """None: whatever handler stands at that address."""
        path = request.path
        if request.method != "GET" or request.query or not path.startswith(self._base) or not self.gate.is_open:
            return None
        if getattr(request, "off_the_lane", False):
            return None
        name, rows, key = _parts(path[len(self._base):])
        if rows != "rows" or not name or not key or request.headers.get("Content-Length", "0") != "0":
            return None
        try:
            keys = key_parts(path)
            admitted = self.gate.admitted(request, TableRowHandler.scopes["GET"], "reads", "read")
            if admitted is None:
                return None
            return ReadRow(self, request, admitted, name, keys)
        except PlutoError:
            return None  # the handler tells it


def _parts(path: str) -> tuple[str, str, str]:
    """(table, "rows", key); the name of the table as it stands, or nothing for one that is written otherwise."""
    name, _, rest = path.partition("/")
    rows, _, key = rest.partition("/")
    return ("", "", "") if "%" in name or "/" in key else (name, rows, key)


class ReadRow(HTTPMessageDelegate):  # type: ignore[misc]
    """One GET of a row."""

    def __init__(self, lane: Lane, request: HTTPServerRequest, admitted: Admitted, name: str,
                 key: tuple[str, ...]) -> None:
        self._lane, self._request, self._admitted = lane, request, admitted
        self._group = admitted.known.group("GET", name)
        self._key = key

    def finish(self) -> None:
        app, admitted = self._lane.app, self._admitted
        app.drain.requests += 1
        admitted.place.desk(app).reads.put(self._group, self._key, admitted.trail, self._arrived)

    def _arrived(self, outcome: Row | BaseException) -> None:
        self._lane.app.drain.requests -= 1
        if isinstance(outcome, BaseException):
            hand_over(self._lane.app, self._request, self._admitted)
            return
        try:
            self._send(outcome)
        except Exception:
            self._lane.app.log.exception("%s %s", self._request.method, self._request.path)
            self._request.connection.stream.close()

    def _send(self, row: Row) -> None:
        app, admitted, request = self._lane.app, self._admitted, self._request
        app.protecting.spend(admitted.known.caller, admitted.allowance, rows=1)
        tag = f'"{row.tag}"'
        told = request.headers.get("If-None-Match", "")
        status = 304 if told and matches(told, tag) else 200
        note(admitted, TableRowHandler, request.method or "", status)
        headers = (*admitted.limits.items(), ("ETag", tag), ("Cache-Control", LIVE))
        self._lane.row_answers.send(request, admitted.known.user, status, headers, b"" if status == 304 else row.body)


def note(admitted: Admitted, handler: type[Any], method: str, status: int) -> None:
    """What the handler would tell the audit of a good read."""
    trail = admitted.trail
    trail.detail["route"] = f"{method} {route_of(handler)}"
    keeper = recorder(admitted.place.workspace)
    keeper.note(keeper.recorded(trail, status=str(status)))


def hand_over(app: PlutoDuckApp, request: HTTPServerRequest, admitted: Admitted, body: bytes = b"") -> None:
    """To the handler, as if the request came now; only its rate is not counted twice."""
    request.off_the_lane = True
    request.admitted = admitted.limits
    delegate = app.serverapp.web_app.find_handler(request)
    ready = delegate.headers_received(RequestStartLine(request.method, request.uri, request.version), request.headers)

    def go_on(_ready: Any = None) -> None:
        if body:
            delegate.data_received(body)
        delegate.finish()

    if ready is None:
        go_on()
    else:
        ready.add_done_callback(go_on)
