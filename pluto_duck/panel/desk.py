"""Where the frames of a kernel's or server's sidebars are worked on: a few threads, a session for each request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pluto_duck.commands.workbench import Workbench
from pluto_duck.commands.workbench import open as open_workbench
from pluto_duck.errors import Cancelled, PlutoError, unknown_name
from pluto_duck.panel.frames import PREFIX, Frames, fingerprint, frames
from pluto_duck.panel.protocol import Frame, Request, Send
from pluto_duck.workspace import Role

if TYPE_CHECKING:
    from pluto_duck.runs import Runs

THREADS = 4
"""For what may take long: a question, a profile, a grid and a load at a time; more wait."""
SHORT_THREADS = 2
"""For the looks between them: a list must not wait behind four profiles of views that compute for long."""
WATCH_S = 1.0
"""How often the versions of the tables are looked at, for a sidebar to show what cells and others did."""
AGAIN_S = 0.05

Work = Callable[["Desk", Request, Workbench], None]

OPS = {
    "hello": "looking", "tables": "looking", "sizes": "looking", "profile": "looking", "rows": "looking",
    "ask": "asking", "query": "asking", "conversations": "asking", "conversation": "asking", "rate": "asking",
    "rename": "asking", "forget": "asking", "markdown": "asking", "models": "asking",
    "verify": "asking",
    "fix": "mending",
    "discover": "loading", "load": "loading", "reload": "loading", "loads": "loading", "connections": "loading",
    "remember": "loading", "files": "filing", "upload": "filing", "export": "giving",
    "reread": "answering", "show": "answering", "follow_ups": "answering", "propose": "answering",
    "python": "answering",
    "approvals": "deciding", "approve": "deciding", "reject": "deciding", "edit": "deciding",
    "running": "running", "stop": "running",
    "projects": "building", "scaffold": "building", "build": "building", "builds": "building", "follow": "building",
    "halt": "building",
    "details": "knowing", "states": "knowing", "impact": "knowing", "picture": "knowing",
    "schedules": "scheduling", "set_schedule": "scheduling",
    "complete": "cells", "format": "cells", "plan": "cells", "draw": "cells",
}
"""The room that has the function of that name."""
SHORT = {"hello", "tables", "conversations", "conversation", "models", "approvals", "running", "connections", "loads",
         "complete", "format", "projects", "builds", "build", "states",
         "schedules", "set_schedule"}
"""Read what is kept, and compute nothing."""
AT_ONCE = {"stop", "halt", "follow"}
"""Must not wait in line behind what they are to end, nor keep others waiting while a run goes on: each has a thread of
its own."""


class Desk:
    def __init__(self, workspace: Callable[[], str | None], push: Callable[[Frame], None],
                 namespace: Callable[[], Mapping[str, Any]] = dict, *, role: Role = "kernel",
                 runs: Callable[[], Runs] | None = None) -> None:
        """`runs`: of whoever goes on when the sidebars have gone; without it the desk has its own."""
        self._workspace = workspace
        self.namespace = namespace
        """The names of the notebook, among which are its DataFrames."""
        self.frames = Frames()
        self._push = push
        self._role = role
        self._lent_runs = runs
        self._own_runs: dict[str, Runs] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pluto-duck-panel")
        self._short = ThreadPoolExecutor(SHORT_THREADS, thread_name_prefix="pluto-duck-panel-short")
        self._lock = threading.Lock()
        self._idle: list[tuple[str | None, Workbench]] = []
        self._working: dict[tuple[str, int], Workbench | None] = {}
        """(comm, request) -> the session it works with, None while it has none yet."""
        self._stopped: set[tuple[str, int]] = set()
        self._over = threading.Event()
        self._seen: dict[str, int] | None = None
        self._watch: threading.Thread | None = None

    # -- frames -----------------------------------------------------------------------------------

    def take(self, comm: str, frame: Any, send: Send) -> None:
        """Never waits: a frame that stops another one comes on the same thread."""
        request = Request(frame, send)
        try:
            request.check()
            if request.op == "cancel":
                self._cancel(comm, request)
                return
            if request.op == "ping":
                request.reply("pong", end=True)
                return
            if request.op not in OPS:
                raise unknown_name("operation", request.op, [*OPS, "cancel", "ping"])
            key = (comm, request.id)
            with self._lock:
                self._working[key] = None
            if request.op in AT_ONCE:
                threading.Thread(target=self._work, args=(key, request), name="pluto-duck-panel-stop").start()
            else:
                (self._short if request.op in SHORT else self._pool).submit(self._work, key, request)
        except PlutoError as error:
            request.fail(error)
        except RuntimeError:  # the pool is closed: the kernel is on its way out
            pass

    def _work(self, key: tuple[str, int], request: Request) -> None:
        work: Work = getattr(import_module(f"pluto_duck.panel.{OPS[request.op]}"), request.op)
        try:
            with self._session(key, request) as session:
                self._check(key)
                work(self, request, session)
        except BaseException as error:
            with suppress(Exception):  # the comm may be gone, and nobody waits for the reply
                request.fail(error)
        finally:
            with self._lock:
                self._working.pop(key, None)
                self._stopped.discard(key)

    def _check(self, key: tuple[str, int]) -> None:
        with self._lock:
            if key in self._stopped:
                raise Cancelled("Stopped.")

    def _cancel(self, comm: str, request: Request) -> None:
        target = (comm, request.whole("target", -1))
        with self._lock:
            there = target in self._working
            session = self._working.get(target)
            if there:
                self._stopped.add(target)
        if session is not None:
            threading.Thread(target=self._interrupt, args=(target,), name="pluto-duck-panel-stop", daemon=True).start()
        request.reply("cancelled", end=True, target=target[1], running=there)

    def left(self, comm: str) -> None:
        """A sidebar went away: nobody waits for what it asked."""
        with self._lock:
            gone = [(key, session) for key, session in self._working.items() if key[0] == comm]
            self._stopped.update(key for key, _session in gone)
        for key, session in gone:
            if session is not None:
                threading.Thread(target=self._interrupt, args=(key,), name="pluto-duck-panel-stop", daemon=True).start()

    def _interrupt(self, key: tuple[str, int]) -> None:
        """Again and again until it has ended: an interrupt that comes between two statements stops neither."""
        while not self._over.is_set():
            with self._lock:  # so that it never hits whoever has the session next
                session = self._working.get(key)
                if session is None:
                    return
                with suppress(PlutoError):
                    session.interrupt()
            self._over.wait(AGAIN_S)

    # -- sessions ---------------------------------------------------------------------------------

    @contextmanager
    def _session(self, key: tuple[str, int], request: Request) -> Iterator[Workbench]:
        """One that nobody else uses meanwhile, in the workspace that the cells use now."""
        folder = self._workspace()
        with self._lock:
            fitting = [one for one in self._idle if one[0] == folder]
            if fitting:
                self._idle.remove(fitting[-1])
        session = fitting[-1][1] if fitting else open_workbench(folder, role=self._role, label="sidebar")
        with self._lock:
            self._working[key] = session
        try:
            yield session
        finally:
            self._put_away(key, request, session, folder)

    def _put_away(self, key: tuple[str, int], request: Request, session: Workbench, folder: str | None) -> None:
        with self._lock:
            self._working[key] = None
            # What a person's own SQL left behind, a SET or a temporary table, belongs to nobody else.
            keep = (not self._over.is_set() and folder == self._workspace() and not session.in_transaction
                    and request.op != "query")
            if keep:
                self._idle.append((folder, session))
            stale = [] if keep else [(folder, session)]
            stale += [one for one in self._idle if one[0] != folder]
            self._idle = [one for one in self._idle if one[0] == folder]
        for _folder, one in stale:
            _close(one)

    def runs(self, session: Workbench) -> Runs:
        """Those that go on when the request that began them, and the page that sent it, are over."""
        if self._lent_runs is not None:
            return self._lent_runs()
        from pluto_duck.runs import Runs

        with self._lock:
            folder = str(session.workspace.root)
            if folder not in self._own_runs and not self._over.is_set():
                self._own_runs[folder] = Runs(session, session.workspace)
            return self._own_runs[folder]

    # -- news -------------------------------------------------------------------------------------

    def watch(self, versions: dict[str, int], where: tuple[str, str]) -> None:
        """From now on sidebars are told when tables have other versions than these, and when the folder of the
        workspace, or who hosts it, is another one."""
        with self._lock:
            if self._watch is not None or self._over.is_set():
                return
            self._seen = versions
            self._watch = threading.Thread(target=self._look_out, args=(where,), name="pluto-duck-panel-watch",
                                           daemon=True)
        self._watch.start()

    def _look_out(self, where: tuple[str, str]) -> None:
        from pluto_duck.panel.deciding import Proposals
        from pluto_duck.panel.running import Lookout
        from pluto_duck.panel.status import Status

        folder, session = self._workspace(), None
        running, proposals, status = Lookout(self._push), Proposals(self._push), Status(self._push, where)
        seen = fingerprint(frames(self.namespace()))
        while not self._over.wait(WATCH_S):
            try:
                if session is None or folder != self._workspace():
                    before, session = session, None
                    if before is not None:
                        _close(before)
                    folder = self._workspace()
                    session = open_workbench(folder, role=self._role, label="sidebar")
                    # The first cell names the folder that was found before: what it has just done is news all the same.
                    if before is not None and before.workspace.root != session.workspace.root:
                        self._seen = None
                versions = session.versions()
                bound = fingerprint(frames(self.namespace()))
                status.look(session)
            except Exception:  # a host that is on its way; the next look will tell. No error ends the news for good.
                continue
            for look in (running.look, proposals.look):  # neither keeps the news of tables back
                with suppress(Exception):
                    look(session)
            if self._seen is not None and (versions != self._seen or bound != seen):
                changed = sorted(key for key in {*versions, *self._seen} if versions.get(key) != self._seen.get(key))
                changed += sorted(f"{PREFIX}{name}" for name in {*bound, *seen} if bound.get(name) != seen.get(name))
                with suppress(Exception):
                    self._push({"v": 1, "op": "changed", "tables": changed, "hosting": session.hosting})
            self._seen, seen = versions, bound
        if session is not None:
            _close(session)

    def close(self) -> None:
        self._over.set()
        with self._lock:
            working = [one for one in self._working.values() if one is not None]
            idle, self._idle = self._idle, []
            own, self._own_runs = list(self._own_runs.values()), {}
        for session in working:
            session.interrupt()
        for runs in own:
            runs.close()
        for pool in (self._pool, self._short):
            pool.shutdown(wait=False, cancel_futures=True)
        for _folder, session in idle:
            _close(session)
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join(timeout=5)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with self._lock:
                if not self._working:
                    return
            time.sleep(0.01)


def _close(session: Workbench) -> None:
    with suppress(PlutoError):
        if "runs" in vars(session):
            session.runs.close()
        session.close()
