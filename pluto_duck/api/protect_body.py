"""Bodies that are read as they come, after it is known who sends them, and never more of them than a route wants.

Jupyter buffers a body of up to half a gigabyte before it asks who sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.web import stream_request_body

from pluto_duck.api.problems import HTTPProblem

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler

MAX_BODY = 1_000_000
"""Bytes: a question or a statement with its parameters, never data."""
LINGER = 3
"""Times the limit that are still read, and thrown away, so that the client reads its problem instead of a reset."""

SLOWEST = 50_000
"""Bytes a second, below which a client is cut off that sends its body piece by piece."""
LENGTH = "Content-Length"

streamed = stream_request_body


class Body:
    """Of one request."""

    def __init__(self, handler: PlutoHandler, most: int) -> None:
        self._handler = handler
        self._most = most
        self._size = 0
        self._chunks: list[bytes] = []
        self.refused: BaseException | None = None
        """Told once the body has gone by: an answer before its end would break the connection."""
        self.has_ended = False

    def check_headers(self) -> None:
        """Raises HTTPProblem for what needs no look at the body."""
        headers = self._handler.request.headers
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise HTTPProblem(415, "A compressed body is not taken.", hint="Send it without Content-Encoding.")
        length = headers.get(LENGTH, "")
        if length.isdecimal() and int(length) > self._most:
            raise self._too_long(length)

    def time_s(self, least: float) -> float:
        """Seconds in which it must be there, as a whole: a large one may take longer."""
        length = self._handler.request.headers.get(LENGTH, "")
        return least + min(int(length) if length.isdecimal() else self._most, self._most) / SLOWEST

    def small(self) -> bool:
        """True where waiting for the rest of the body costs little."""
        headers = self._handler.request.headers
        length = headers.get(LENGTH, "")
        return "Transfer-Encoding" not in headers and length.isdecimal() and 0 < int(length) <= self._most * LINGER

    @property
    def unread(self) -> bool:
        """Whether an answer now would come before the end of the body."""
        headers = self._handler.request.headers
        return not self.has_ended and ("Transfer-Encoding" in headers or headers.get(LENGTH, "0").strip("0") != "")

    def take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= self._most and self.refused is None:
            self._chunks.append(chunk)
            return
        self._chunks.clear()
        self.refused = self.refused or self._too_long(f"more than {self._most}")
        if self._size > self._most * LINGER and not self._handler._finished:
            self._handler._handle_request_exception(self.refused)  # and with it the connection ends

    def whole(self) -> bytes:
        """Raises what it is refused for."""
        self.has_ended = True
        if self.refused is not None:
            raise self.refused
        body, self._chunks = b"".join(self._chunks), []
        return body

    def _too_long(self, length: Any) -> HTTPProblem:
        return HTTPProblem(413, f"The body has {length} bytes; {self._most} are the most.",
                           hint="Load data with `pluto-duck ingest`; send statements and questions here.")
