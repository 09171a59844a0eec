"""Answers with the headers that the handler's own have, most of them put together once."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Collection
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jupyter_server.prometheus.metrics import HTTP_REQUEST_DURATION_SECONDS
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine, format_timestamp

from pluto_duck.api import cors
from pluto_duck.api.protect_slow import watch

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.handler import PlutoHandler

REASONS = {200: "OK", 201: "Created", 304: "Not Modified"}


def _lines(headers: Collection[tuple[str, str]]) -> str:
    """Raises ValueError for what would begin another header."""
    made = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if made.count("\n") != len(headers) or made.count("\r") != len(headers):
        raise ValueError("a line break in a header")
    return made


class Answers:
    """In the name of one handler."""

    def __init__(self, app: PlutoDuckApp, handler: type[PlutoHandler], vary: str = "") -> None:
        self._app = app
        self._name = f"{handler.__module__}.{handler.__name__}"
        self._metrics: dict[tuple[str, int], Any] = {}
        web = app.serverapp.web_app
        nobody = SimpleNamespace(set_close_callback=lambda _callback: None, context=None)
        example = handler(web, HTTPServerRequest(
            start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders(Host="localhost"),
            connection=nobody))
        always = [(name, value) for name, value in example._headers.get_all() if name not in ("Date", "Content-Type")]
        if told := cors.vary(example, vary):
            always.append(("Vary", told))
        self._always = _lines(always)
        self._type = _lines([("Content-Type", "application/json")])
        self._settings = web.settings
        self._second, self._date = 0, ""

    def send(self, request: HTTPServerRequest, who: str, status: int, headers: Collection[tuple[str, str]],
             body: bytes) -> None:
        now = time.time()
        if int(now) != self._second:
            self._second, self._date = int(now), format_timestamp(now)
            self._settings["api_last_activity"] = dt.datetime.now(dt.UTC)
        kind = "" if status == 304 else f"{self._type}Content-Length: {len(body)}\r\n"
        if request.headers.get("Connection", "").lower() == "close":
            kind += "Connection: close\r\n"
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\n{self._always}Date: {self._date}\r\n{_lines(headers)}{kind}\r\n"
        connection: Any = request.connection
        # As it is: tornado would put the same lines together from parts that it looks through one by one.
        written = connection.write(head.encode("latin1") + body)
        connection.finish()
        if not written.done() and connection.stream is not None:
            watch(connection.stream, written, self._app.client_timeout_s, lambda: self._stalled(request))
        self._measured(request.method or "", status, now - request._start_time)
        if self._app.serverapp.log_level <= logging.DEBUG:
            self._app.serverapp.log.debug("%d %s %s (%s@%s) %.2fms", status, request.method, request.path, who,
                                          request.remote_ip, (now - request._start_time) * 1_000)

    def _measured(self, method: str, status: int, seconds: float) -> None:
        """As `jupyter_server.prometheus.log_functions` does it."""
        found = self._metrics.get((method, status))
        if found is None:
            found = self._metrics[method, status] = HTTP_REQUEST_DURATION_SECONDS.labels(
                method=method, handler=self._name, status_code=status)
        found.observe(seconds)

    def _stalled(self, request: HTTPServerRequest) -> None:
        self._app.log.warning("%s %s: the client took nothing for %g s and is cut off", request.method, request.path,
                              self._app.client_timeout_s)
