"""Ctrl-C while rows flow. They are read inside DuckDB's call, often on one of its threads: there a
KeyboardInterrupt of the main thread would leave the stream running (DuckDB 1.5) or strike anywhere in it.
So the signal is noted, the source is told to stop, and the stream itself raises it between two batches."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pluto_duck.ingest.connectors import Connector


class CtrlC:
    """For one load: `batches` passes a stream's batches on and raises KeyboardInterrupt when it is time."""

    def __init__(self, source: Connector) -> None:
        self._source = source
        self._pressed = False
        self._reading = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Takes the signal over. Only the main thread can, and only from Python's own handler: whoever has
        set another one has plans of their own."""
        ours = threading.current_thread() is threading.main_thread() \
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, self._pressed_now)
        try:
            yield
        finally:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def _pressed_now(self, number: int, frame: Any) -> None:
        if not self._reading or self._pressed:  # the second time it is not waited for anybody
            raise KeyboardInterrupt
        self._pressed = True
        with suppress(Exception):  # the source may be the very thing that hangs
            self._source.interrupt()

    @contextmanager
    def reading(self) -> Iterator[None]:
        self._reading = True
        try:
            yield
        finally:
            self._reading = False
        self._check()

    def batches(self, rows: Any) -> Iterator[Any]:
        try:
            for batch in rows:
                self._check()
                yield batch
        except Exception:
            self._check()  # the source's complaint that it was told to stop
            raise

    def _check(self) -> None:
        if self._pressed:
            raise KeyboardInterrupt
