"""Sends events to a file, one JSON object a line, or to an address; whatever goes wrong, the work goes on."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pluto_duck.errors import SettingError
from pluto_duck.session import Session

KEY = "OPENLINEAGE_API_KEY"
"""The variable with what is sent as Bearer; as in OpenLineage's own clients."""
TIMEOUT_S = 5.0
CLOSE_S = 10.0
"""That the end of a run waits for events that are on their way."""
WAITING = 10_000
GIVEN_UP = 3
"""Failures in a row after which the rest of a run is not tried."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_log = logging.getLogger("pluto_duck.openlineage")


class Emitter:
    """Of one run. `close` it."""

    def __init__(self, file: Path | None, url: str) -> None:
        self._file, self._url = file, url
        self._failures = 0
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def send(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "replace")
        if self._file is not None:
            self._append(self._file, line + b"\n")
        if self._url:
            if self._thread is None:
                self._thread = threading.Thread(target=self._post_all, name="openlineage", daemon=True)
                self._thread.start()
            try:
                self._queue.put_nowait(line)
            except queue.Full:
                self._trouble("too many events are waiting")

    def close(self) -> None:
        if self._thread is not None:
            end = time.monotonic() + CLOSE_S
            try:
                self._queue.put(None, timeout=CLOSE_S)
            except queue.Full:
                return
            self._thread.join(max(0.0, end - time.monotonic()))
            if self._thread.is_alive():
                self._trouble("it takes its time; the rest of the events is left")

    def _append(self, file: Path, line: bytes) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # One write: lines of processes side by side do not mix.
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)
        except (OSError, ValueError) as error:
            self._trouble(f"{file}: {getattr(error, 'strerror', error)}")

    def _post_all(self) -> None:
        while (line := self._queue.get()) is not None:
            if self._failures < GIVEN_UP:
                self._post(line)

    def _post(self, line: bytes) -> None:
        import http.client

        parts = urlsplit(self._url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json", "User-Agent": "pluto-duck"}
        key = os.environ.get(KEY, "")
        if key and (parts.scheme == "https" or parts.hostname in _LOOPBACK):
            headers["Authorization"] = f"Bearer {key}"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", path, line, headers)
            reply = connection.getresponse()
            reply.read(10_000)
            if reply.status >= 300:  # and nobody is followed elsewhere
                self._trouble(f"{parts.hostname} answers {reply.status}")
            else:
                self._failures = 0
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self._trouble(f"{parts.hostname}: {type(error).__name__}")
        finally:
            connection.close()

    def _trouble(self, why: str) -> None:
        self._failures += 1
        if self._failures == 1:
            _log.warning("OpenLineage events could not be delivered: %s", why)


def emitter(session: Session) -> Emitter:
    """As the settings lineage.file and lineage.url say. Raises SettingError."""
    file, url = str(session.settings["lineage.file"]), str(session.settings["lineage.url"])
    try:
        parts = urlsplit(url)
        good = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
                           and (parts.port or 1) > 0)
    except ValueError:
        good = False
    if not good:
        raise SettingError("lineage.url is no address of a server.",
                           hint=f"https://lineage.example.com/api/v1/lineage; a key belongs into {KEY}.")
    return Emitter(session.workspace.root / Path(file).expanduser() if file else None, url)
