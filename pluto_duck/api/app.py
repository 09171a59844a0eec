"""The extension of Jupyter Server, and `serve`, which starts a server with nothing else in it.

Loaded with every server start: nothing here may import duckdb, pyarrow or the rooms that need them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Float, List, TraitError, Unicode, validate

from pluto_duck.api.cors import is_origin
from pluto_duck.api.drain import Drain

if TYPE_CHECKING:
    from pluto_duck.api.delivering import Delivering
    from pluto_duck.api.issuers import Issuer
    from pluto_duck.api.places import Places
    from pluto_duck.api.protect import Protection

T = TypeVar("T")

DELIVER_AFTER_S = 1.0
"""Webhooks wait until the server has started."""
THREADS = 8
"""For short blocking calls. Streams hold none while they wait, so followers can't use them up."""


class PlutoDuckApp(ExtensionApp):  # type: ignore[misc]
    """`PlutoDuckApp.workspaces = ["/data/sales"]` in jupyter_server_config.py, or on the command line."""

    name = "pluto_duck"
    extension_url = "/api/v1/health"
    load_other_extensions = False
    open_browser = False

    workspaces = List(
        Unicode(), config=True,
        help="Folders of workspaces that requests may name, besides the default one: that of the server's "
             "root folder, else the personal one.")
    cors_origins = List(
        Unicode(), config=True,
        help="Origins (https://app.example.com) whose pages may use /api/v1 with a key or token of their own. "
             "None else may; a cookie never counts there.")
    heartbeat_s = Float(15.0, config=True, help="Seconds of silence before a stream of events sends a comment.")
    disconnect_grace_s = Float(
        2.0, config=True,
        help="Seconds after its last follower went away before a running query is cancelled.")

    delivers = Bool(
        True, config=True,
        help="Whether this server delivers the webhooks of its workspaces; one process at a time does.")

    runs_schedules = Bool(
        True, config=True,
        help="Whether this server runs the schedules of its workspaces; one process at a time does.")

    drains = Bool(
        False, config=True,
        help="Whether SIGTERM lets what runs end first, for the setting server.drain_s. `pluto-duck serve` does; a "
             "JupyterLab stops as it always did.")

    def initialize_settings(self) -> None:
        self.drain = Drain(self)
        self._delivering: Delivering | None = None
        self.ready: tuple[float, str] | None = None
        """(until when it counts, what /readyz says)"""
        self._pool: ThreadPoolExecutor | None = None
        self._places: Places | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._protection: Protection | None = None
        self._issuers: dict[str, Issuer] = {}
        self.hosts: set[str] = set()
        """`Host` headers that were let in."""
        self.content_policies: dict[type, str] = {}
        self.closing = False
        """Streams without an end of their own end then."""

    def initialize_handlers(self) -> None:
        from tornado.routing import AnyMatches, Rule

        from pluto_duck.api.lane.lane import Lane
        from pluto_duck.api.resource import at_the_root
        from pluto_duck.api.routes import ROUTES

        self.handlers.extend(ROUTES)
        if self.drains:
            self.drain.listen()
            self.serverapp.io_loop.add_callback(self._bound_connections)
        if self.delivers or self.runs_schedules:
            self.serverapp.io_loop.call_later(DELIVER_AFTER_S, self._deliver)
        # Beside the base URL, not below it: that is where this address must be.
        self.serverapp.web_app.add_handlers(".*$", at_the_root(self))
        # Before all handlers: what it does not take they look at.
        self.serverapp.web_app.default_router.rules.insert(0, Rule(AnyMatches(), Lane(self)))

    @validate("cors_origins")  # type: ignore[untyped-decorator]
    def _are_origins(self, proposal: Any) -> Any:
        for one in proposal.value:
            if not is_origin(one):
                raise TraitError(f"PlutoDuckApp.cors_origins: {one!r} is no origin. For example: "
                                 "https://app.example.com, in small letters, without a path; * is none.")
        return proposal.value

    def issuer(self, url: str) -> Issuer:
        """Keys of one issuer are the same for every workspace."""
        from pluto_duck.api.issuers import Issuer

        if url not in self._issuers:
            self._issuers[url] = Issuer(url)
        return self._issuers[url]

    @property
    def places(self) -> Places:
        if self._places is None:
            from pluto_duck.api.places import Places

            self._places = Places(Path(self.serverapp.root_dir), [Path(one) for one in self.workspaces])
        return self._places

    async def protection(self) -> Protection:
        """By the settings of the default workspace, as they are at the first request."""
        if self._protection is None:
            made = await self.in_thread(self._protect)
            self._protection = self._protection or made
        return self._protection

    @property
    def protection_at_hand(self) -> Protection | None:
        """None before the first request."""
        return self._protection

    @property
    def client_timeout_s(self) -> float:
        return self._protection.client_timeout_s if self._protection is not None else 30.0

    @property
    def protecting(self) -> Protection:
        """The same, for who comes after the first request."""
        assert self._protection is not None
        return self._protection

    def _deliver(self) -> None:
        from pluto_duck.api.delivering import Delivering

        if not self.closing:
            self._delivering = Delivering(Path(self.serverapp.root_dir), [Path(one) for one in self.workspaces],
                                          delivers=self.delivers, runs_schedules=self.runs_schedules)
            self.drain.on_begin(self._delivering.begin_nothing)
            self._delivering.start()

    async def _bound_connections(self) -> None:
        """Headers that don't come and connections that nobody uses; only where the whole server is ours."""
        protection = await self.protection()
        self.serverapp.http_server.conn_params.header_timeout = float(protection.settings["server.idle_s"])

    def at_work(self) -> int:
        """Runs of this process that have not ended."""
        scheduled = self._delivering.at_work() if self._delivering is not None else 0
        return scheduled + (self._places.at_work() if self._places is not None else 0)

    def cancel_all(self) -> None:
        if self._delivering is not None:
            self._delivering.cancel_all()
        if self._places is not None:
            self._places.cancel_all()

    def _protect(self) -> Protection:
        from pluto_duck.api.protect import Protection
        from pluto_duck.governance.trust import is_trusted
        from pluto_duck.settings import Settings

        workspace = self.places.default()
        return Protection(Settings.load(workspace.toml, trusted=is_trusted(workspace)), self.places)

    async def in_thread(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The one way from the event loop to anything that blocks."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pluto-duck-api")
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, partial(copy_context().run, function, *args, **kwargs))

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """In a thread, while nobody waits for it."""
        task = asyncio.get_running_loop().create_task(self.in_thread(function, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop_extension(self) -> None:
        """Cancels what this server runs and leaves its workspaces."""
        self.closing = True
        if self._delivering is not None:
            await self.in_thread(self._delivering.close)
        if self._places is not None:
            await self.in_thread(self._places.close)
            self._places = None
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None
