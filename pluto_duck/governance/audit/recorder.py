"""Takes entries from any thread and appends them in groups: one transaction, one fsync for all that came meanwhile.

A read is noted and its answer goes out; it is on the disk `GROUP_S` later. A write, a key, a denial is kept: it is on
the disk before the answer. While the store can't be written, nothing that must be audited is served.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.errors import AuditUnavailable, PlutoError
from pluto_duck.governance.audit.chain import Chain
from pluto_duck.governance.audit.entry import Entry
from pluto_duck.governance.audit.trail import Trail
from pluto_duck.workspace import ControlStore, Workspace

GROUP_S = 0.025
BUSY_S = 2.0
"""A store that somebody else holds for longer counts as one that can't be written."""
WAIT_S = 5.0
"""How long an answer waits for its entry."""
AGAIN_S = 0.2
IDLE_S = 10.0
"""A thread that has nothing to write ends."""
MOST_WAITING = 20_000
"""Entries in memory; at some thousand a second the disk has been gone for seconds then."""

_LOG = logging.getLogger("pluto_duck.audit")


@dataclass(eq=False)
class _Waiting:
    entry: Entry
    done: Callable[[AuditUnavailable | None], None] | None = None


class Recorder:
    """One for each workspace in a process."""

    def __init__(self, workspace: Workspace, *, required: bool = True, summaries: bool = False,
                 owners: bool = False) -> None:
        """`owners`: the owner's own requests are recorded, too."""
        self.workspace = workspace
        self.required, self.summaries, self.owners = required, summaries, owners
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._urgent = False
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failing: AuditUnavailable | None = None
        self._chain: Chain | None = None

    @property
    def chain(self) -> Chain:
        """To read, and for what is written in a transaction of its own; the writer's thread has another."""
        if self._chain is None:
            self._chain = self._open()
        return self._chain

    def _open(self) -> Chain:
        return Chain(self.workspace, ControlStore(self.workspace.control, busy_s=BUSY_S, durable=True))

    # -- from any thread --------------------------------------------------------------------------

    def must_be_ready(self) -> None:
        """Raises AuditUnavailable where what would be served now could not be recorded."""
        failing = self._failing
        if failing is not None and self.required:
            raise AuditUnavailable(failing.message, hint=failing.hint)

    def note(self, entry: Entry) -> None:
        """Soon on the disk; does not wait."""
        self._put(_Waiting(entry))

    def keep(self, entry: Entry) -> None:
        """On the disk when it returns. Raises AuditUnavailable, where the setting audit.required is on."""
        ended = threading.Event()
        told: list[AuditUnavailable | None] = []

        def done(error: AuditUnavailable | None) -> None:
            told.append(error)
            ended.set()

        self.keep_soon(entry, done)
        if not ended.wait(WAIT_S):
            told.append(AuditUnavailable("The audit is not written in time.", hint="Try again in a moment."))
        if told[0] is not None and self.required:
            raise AuditUnavailable(told[0].message, hint=told[0].hint)

    def keep_soon(self, entry: Entry, done: Callable[[AuditUnavailable | None], None]) -> None:
        """As `keep`, but tells `done` from the writer's thread: None, or why it is not on the disk. The entry stays in
        line until it can be written."""
        self._put(_Waiting(entry, done))

    def _put(self, one: _Waiting) -> None:
        if os.getpid() != self._pid:
            self._reset()  # the parent's thread writes what the parent has
        with self._changed:
            if len(self._waiting) >= MOST_WAITING and one.done is None:
                _LOG.error("An entry of the audit is lost, the store can't be written: %s", one.entry.body())
                return
            self._waiting.append(one)
            wakes = len(self._waiting) == 1 or one.done is not None  # it waits for others to come along, else
            self._urgent = self._urgent or one.done is not None
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="pluto-duck-audit", daemon=True)
                self._thread.start()
            if wakes:
                self._changed.notify_all()

    def flush(self) -> None:
        """Waits until all that was noted is on the disk or could not be written."""
        with self._changed:
            self._urgent = True
            self._changed.notify()
            self._changed.wait_for(lambda: not self._waiting or self._failing is not None or self._thread is None,
                                   WAIT_S)

    def close(self) -> None:
        if os.getpid() != self._pid:
            return
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(WAIT_S)
        if self._chain is not None:
            self._chain.close()

    def recorded(self, trail: Trail, *, status: str, denied: bool = False) -> Entry:
        """The entry of a trail: its SQL as the settings let it be kept."""
        from pluto_duck.governance.audit.summary import summary

        return trail.entry(status=status, decision="deny" if denied or trail.denied else "allow",
                           sql=self.chain.key.of_sql(trail.sql) if trail.sql else "",
                           summary=summary(trail.sql) if trail.sql and self.summaries else "")

    # -- the thread -------------------------------------------------------------------------------

    def _write(self) -> None:
        chain = self._open()
        try:
            self._go_on(chain)
        finally:
            chain.close()

    def _go_on(self, chain: Chain) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed, IDLE_S)
                if not self._waiting:
                    self._thread = None
                    return
                if not self._urgent and not self._closed:
                    self._changed.wait_for(lambda: self._urgent or self._closed, GROUP_S)
                taken, self._urgent = list(self._waiting), False
            failed = self._tried(chain, taken)
            with self._changed:
                if failed is None:
                    del self._waiting[:len(taken)]
                if self._failing is None and failed is not None:
                    _LOG.error("%s", failed)
                self._failing = failed
                self._changed.notify_all()
            for one in taken:
                if one.done is not None:  # told once; an entry that could not be written stays in line
                    done, one.done = one.done, None
                    done(failed)
            if failed is not None:
                if self._closed:
                    self._thread = None
                    return
                time.sleep(AGAIN_S)

    def _tried(self, chain: Chain, taken: list[_Waiting]) -> AuditUnavailable | None:
        try:
            chain.append([one.entry for one in taken])
        except AuditUnavailable as error:
            return error
        except PlutoError as error:
            return AuditUnavailable(error.message, hint=error.hint)
        except Exception as error:
            _LOG.exception("the audit could not be written")
            return AuditUnavailable(f"The audit can't be written: {type(error).__name__}.")
        return None


_recorders: dict[Path, Recorder] = {}
_lock = threading.Lock()


def recorder(workspace: Workspace) -> Recorder:
    """That of this process; opened at the first call, closed at the process's end or by `forget`."""
    with _lock:
        found = _recorders.get(workspace.root)
        if found is None:
            from pluto_duck.governance.trust import is_trusted
            from pluto_duck.settings import Settings

            settings = Settings.load(workspace.toml, trusted=is_trusted(workspace))
            found = _recorders[workspace.root] = Recorder(
                workspace, required=settings["audit.required"], summaries=settings["audit.sql"] == "summary",
                owners=settings["audit.owner"])
        return found


def leave(workspace: Workspace) -> None:
    """Writes what is left and lets go of the store."""
    with _lock:
        found = _recorders.pop(workspace.root, None)
    if found is not None:
        found.close()


def _exiting() -> None:
    for one in list(_recorders.values()):
        one.close()


atexit.register(_exiting)
