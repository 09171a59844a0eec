"""One POST to a pinned address: no redirect, no proxy, everything bounded, by one deadline."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pluto_duck.errors import Refused
from pluto_duck.events.webhooks.guard import Guard, Url
from pluto_duck.events.webhooks.retrying import retry_after
from pluto_duck.version import __version__
from pluto_duck.workspace.blot import blotted

TIMEOUT_S = 15.0
CONNECT_S = 5.0
MOST_READ = 65_536
MOST_KEPT = 300
IDLE_S, OLDEST_S = 20.0, 60.0
"""How long a connection is kept without use, and at all: then the name is looked up and judged again."""
_SECRETS = re.compile(r"(whsec_|pdk_|v1,|(?i:bearer )\s*)[A-Za-z0-9+/=_.-]{8,}")


@dataclass(frozen=True)
class Answer:
    status: int | None
    """None: there was none; `error` says why."""
    ms: float
    said: str = ""
    """The first of its body, without what looks like a secret."""
    error: str = ""
    retry_after_s: float | None = None

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _Until:
    """A socket as http.client uses it, whose every wait ends at one moment: a drip of bytes prolongs nothing."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.deadline = sock, 0.0
        self._users = 1

    def _limit(self) -> socket.socket:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock

    def sendall(self, data: Any) -> None:
        self._limit().sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._users += 1
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """As that of a socket: http.client closes the connection while an answer is still read from it."""
        self._users -= 1
        if self._users <= 0:
            self.sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, until: _Until) -> None:
        self._until = until

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._until.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        return self._until._limit().recv_into(buffer)


class Line:
    """The connection to one endpoint, kept between deliveries. For one thread at a time."""

    def __init__(self, url: Url, guard: Guard, trust: ssl.SSLContext, *, timeout_s: float = TIMEOUT_S) -> None:
        self.url, self._guard, self._trust, self._timeout_s = url, guard, trust, timeout_s
        self._open: http.client.HTTPConnection | None = None
        self._opened = self._used = 0.0

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what an endpoint or the network may do."""
        started = time.monotonic()
        kept = self._is_fresh(started)
        try:
            try:
                return self._post(body, headers, started)
            except (http.client.RemoteDisconnected, ConnectionError):
                if not kept:
                    raise
                self.close()  # it was closed at the other end while nothing was sent
                return self._post(body, headers, started)
        except Exception as error:
            self.close()
            return Answer(None, _ms(started), error=_words(error, self._timeout_s))

    def close(self) -> None:
        kept, self._open = self._open, None
        if kept is not None:
            kept.close()

    def _is_fresh(self, now: float) -> bool:
        if self._open is not None and (now - self._used > IDLE_S or now - self._opened > OLDEST_S):
            self.close()
        return self._open is not None

    def _post(self, body: bytes, headers: Mapping[str, str], started: float) -> Answer:
        deadline = started + self._timeout_s
        connection = self._open or self._connect(deadline)
        cast(_Until, connection.sock).deadline = deadline
        connection.putrequest("POST", self.url.target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": self.url.authority, "User-Agent": f"pluto-duck/{__version__}",
                            "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        status, wait_s = answer.status, retry_after(answer.getheader("Retry-After"), time.time())
        try:
            said = answer.read(MOST_READ)
        except (OSError, http.client.HTTPException):
            said = b""  # the status was the answer
            self.close()
        if not answer.isclosed() or answer.will_close:
            answer.close()
            self.close()  # it says more than anybody reads, or wants to end it
        self._used = time.monotonic()
        return Answer(status, _ms(started), scrubbed(said), "" if 200 <= status < 300 else _meaning(status), wait_s)

    def _connect(self, deadline: float) -> http.client.HTTPConnection:
        """To an address that was judged a moment ago, and never by its name again."""
        failed: OSError | None = None
        for address in self._guard.addresses(self.url)[:3]:
            try:
                sock = self._connected(address, deadline)
            except OSError as error:
                failed = error
                continue
            self._open = http.client.HTTPConnection(self.url.host, self.url.port)
            self._open.sock = _Until(sock)
            self._opened = time.monotonic()
            return self._open
        raise failed or OSError("no address")

    def _connected(self, address: str, deadline: float) -> socket.socket:
        left = min(CONNECT_S, deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError
        sock = socket.create_connection((address, self.url.port), timeout=left)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.url.scheme == "https":
                return self._trust.wrap_socket(sock, server_hostname=self.url.host)
        except BaseException:
            sock.close()
            raise
        return sock


def trust(ca_file: str = "") -> ssl.SSLContext:
    """Whose certificates count: the system's, and those of a file. Raises OSError."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def scrubbed(said: bytes) -> str:
    """What an endpoint says is a stranger's: one short line, without control characters."""
    text = "".join(one if one.isprintable() else " " for one in said[:4 * MOST_KEPT].decode("utf-8", "replace"))
    return _SECRETS.sub(r"\1***", blotted(" ".join(text.split())))[:MOST_KEPT]


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1_000, 1)


def _meaning(status: int) -> str:
    if 300 <= status < 400:
        return f"{status}: redirects are not followed; the webhook needs the address it leads to"
    return f"{status} {http.client.responses.get(status, '')}".strip()


def _words(error: Exception, timeout_s: float) -> str:
    """Of ours, for what can go wrong between here and there; never the address."""
    if isinstance(error, Refused):
        return error.message
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no reason was given'}"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, socket.gaierror):
        return "its host name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, http.client.HTTPException):
        return f"it does not answer as HTTP does ({type(error).__name__})"
    return f"it can't be reached ({(error.strerror if isinstance(error, OSError) else '') or type(error).__name__})"
