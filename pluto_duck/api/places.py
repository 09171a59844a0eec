"""The workspaces this server may serve: opened when first asked for, closed with the server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pluto_duck.api.actors import Actors
from pluto_duck.api.identity import Callers
from pluto_duck.api.looks import Looks
from pluto_duck.api.moment import Moment
from pluto_duck.api.rows.once import Once
from pluto_duck.api.tokens import Tokens
from pluto_duck.errors import RunNotFound, SessionReset, WorkspaceNotFound, unknown_name
from pluto_duck.events.sinkstore import Sinks
from pluto_duck.governance.actor import Actor
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.policy.file import PolicyFile
from pluto_duck.governance.tokens.revoking import Revocations
from pluto_duck.governance.trust import is_trusted
from pluto_duck.runs import Run, Runs
from pluto_duck.runs.cache import ResultCache
from pluto_duck.schedule.store import Schedules
from pluto_duck.session import Session
from pluto_duck.session.webhooks import Hooks
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Workspace, create, find, personal_root
from pluto_duck.workspace.folder import TOML

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.changes.feed import Feeds
    from pluto_duck.api.graphql.desk import Desk
    from pluto_duck.api.panel import Seats
    from pluto_duck.api.rows.desk import Desk as RowDesk

T = TypeVar("T")
MOST_ATTACHED = 1_000


class Place:
    """One workspace: its runs, and a session that keeps it open between them."""

    def __init__(self, name: str, workspace: Workspace) -> None:
        self.name = name
        self.workspace = workspace
        self.settings = Settings.load(workspace.toml, trusted=is_trusted(workspace))
        wait_s = float(self.settings["server.lock_wait_s"])
        self.runs = Runs(ControlStore(workspace.control, busy_s=wait_s), workspace, settings=self.settings,
                         role="server")
        self.cache = ResultCache(workspace, self.settings["query.cache_mb"] << 20, self.settings["runs.keep_days"]) \
            if self.settings["query.cache"] else None
        self.keys = Keys(ControlStore(workspace.control, busy_s=wait_s), workspace)
        self.hooks = Hooks.of(workspace, ControlStore(workspace.control, busy_s=wait_s), self.settings)
        self._sinks_control = ControlStore(workspace.control, busy_s=wait_s)
        self.sinks = Sinks(self._sinks_control)
        self.schedules = Schedules(ControlStore(workspace.control, busy_s=wait_s), workspace)
        self.revocations = Revocations(ControlStore(workspace.control, busy_s=wait_s), workspace)
        self.policy = PolicyFile(workspace)
        self.tokens = Tokens(workspace)
        self.following: dict[str, int] = {}
        """run_id -> streams that follow it now; touched on the event loop only."""
        self.attached: set[str] = set()
        """Runs started here without `detach`: they end with their last follower."""
        self.looks = Looks(lambda: Session.open(workspace.root, role="server", label="Jupyter Server"))
        self.graphql: Desk | None = None
        """What GraphQL keeps; made by its first request."""
        self.actors = Actors(self._session_of)
        self.once = Once(ControlStore(workspace.control))
        self._session: Session | None = None
        self._desk: RowDesk | None = None
        self._seats: Seats | None = None
        self._feeds: Feeds | None = None
        self._lock = threading.Lock()

    def seats(self, app: PlutoDuckApp) -> Seats:
        """On the event loop."""
        if self._seats is None:
            from pluto_duck.api.panel import Seats

            self._seats = Seats(app, self)
        return self._seats

    def attach(self, run_id: str) -> None:
        """From any thread: this run ends with its last follower."""
        if len(self.attached) > MOST_ATTACHED:  # most have ended, and nobody has followed them
            self.attached = {one for one in self.attached if self.runs.is_mine(one) or self.following.get(one)}
        self.attached.add(run_id)

    def desk(self, app: PlutoDuckApp) -> RowDesk:
        """On the event loop."""
        if self._desk is None:
            from pluto_duck.api.rows.desk import Desk

            self._desk = Desk(app, self)
        return self._desk

    def feeds(self, app: PlutoDuckApp) -> Feeds:
        """On the event loop."""
        if self._feeds is None:
            from pluto_duck.api.changes.feed import Feeds

            self._feeds = Feeds(app, self)
        return self._feeds

    def _session_of(self, actor: Actor | None) -> Session:
        self.keep_open()
        return Session(self.workspace, self.settings, role="server", label="Jupyter Server", actor=actor)

    def keep_open(self) -> None:
        """Opening a database file costs more than most statements: it stays open from the first one on."""
        with self._lock:
            self._open()

    def _open(self) -> Session:
        if self._session is None:
            self._session = Session.open(self.workspace.root, role="server", label="Jupyter Server")
        return self._session

    def ask(self, question: Callable[[Session], T]) -> T:
        """A short look through the shared session, one at a time."""
        with self._lock:
            try:
                return question(self._open())
            except SessionReset:
                return question(self._open())  # it moved to a new host; nothing of ours was lost

    def ask_as(self, actor: Actor | None, question: Callable[[Session], T]) -> T:
        """The same as somebody who is not the owner; None is."""
        if actor is None:
            return self.ask(question)
        return self.actors.ask(actor, question)

    def close(self) -> None:
        self.runs.close()
        self.keys.close()
        self.revocations.close()
        self.hooks.close()
        self.schedules.close()
        self._sinks_control.close()
        self.looks.close()
        self.once.close()
        self.actors.close()
        if self._feeds is not None:
            self._feeds.close()
        if self._seats is not None:
            self._seats.close()
        if self.graphql is not None:
            self.graphql.close()
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()


class Places:
    def __init__(self, root_dir: Path, others: Sequence[Path]) -> None:
        self._root_dir = root_dir
        self._others = others
        here = root_dir.expanduser().absolute()
        self._where = [str(one / TOML) for one in (here, *here.parents)]
        self._named: tuple[tuple[int, ...], dict[str, Workspace]] | None = None
        self._open: dict[Path, Place] = {}
        self._lock = threading.Lock()
        self.moment = Moment()
        self.callers = Callers()

    def default(self) -> Workspace:
        """Found anew each time: `pluto-duck init` in the server's folder counts at once."""
        try:
            return find(self._root_dir)
        except WorkspaceNotFound:
            return create(personal_root())

    def named(self) -> dict[str, Workspace]:
        """The default one first. Folders of the same name get -2, -3, ..."""
        seen = self._seen()
        if self._named is None or self._named[0] != seen:
            self._named = seen, self._look()
        return self._named[1]

    def _seen(self) -> tuple[int, ...]:
        """What another default one would change: to look through a folder at each request cost more than its answer.
        Requests that the event loop reads at one moment share a look."""
        return self.moment.once("seen", self._looked)

    def _looked(self) -> tuple[int, ...]:
        seen: list[int] = []
        for path in self._where:
            try:
                return *seen, os.stat(path).st_mtime_ns
            except OSError:
                seen.append(0)
        return tuple(seen)

    def _look(self) -> dict[str, Workspace]:
        found: dict[str, Workspace] = {}
        for workspace in (self.default(), *(create(one) for one in self._others)):
            if any(workspace.root == one.root for one in found.values()):
                continue
            name, count = workspace.name, 1
            while name in found:
                count += 1
                name = f"{workspace.name}-{count}"
            found[name] = workspace
        return found

    def at_hand(self, name: str | None = None) -> Place | None:
        """One that was got before and is still called so; None: `get` knows. May be asked on the event loop: a change
        of threads costs more than this look."""
        known = self._named
        if known is None or known[0] != self._seen():
            return None
        workspace = known[1].get(name if name is not None else next(iter(known[1])))
        return self._open.get(workspace.root) if workspace is not None else None

    def get(self, name: str | None = None) -> Place:
        """Raises UnknownName for a workspace that this server may not serve."""
        named = self.named()
        if name is None:
            name = next(iter(named))
        if name not in named:
            raise unknown_name("workspace", name, named, where="this server")
        workspace = named[name]
        with self._lock:
            place = self._open.get(workspace.root)
            if place is None:
                place = self._open[workspace.root] = Place(name, workspace)
        return place

    def opened(self) -> Iterator[tuple[str, Place]]:
        """Those of `named` that are open, without a wait."""
        for name, workspace in self.named().items():
            place = self._open.get(workspace.root)
            if place is not None:
                yield name, place

    def of_run(self, run_id: str, name: str | None) -> tuple[Place, Run]:
        """The place that has the run: the named one, or whichever. Raises RunNotFound."""
        names = [name] if name is not None else list(self.named())
        for one in names:
            place = self.get(one)
            try:
                return place, place.runs.get(run_id)
            except RunNotFound as error:
                missing = error
        raise missing

    def at_work(self) -> int:
        with self._lock:
            places = list(self._open.values())
        return sum(one.runs.unfinished() for one in places)

    def cancel_all(self) -> None:
        with self._lock:
            places = list(self._open.values())
        for one in places:
            one.runs.cancel_mine()

    def close(self) -> None:
        with self._lock:
            places, self._open = list(self._open.values()), {}
        for place in places:
            place.close()
