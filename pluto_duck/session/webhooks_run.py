"""Delivering for a workspace: one process at a time, by a lease that its death lets go of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack

from pluto_duck.events.lease import Lease
from pluto_duck.events.model import ChangeReader
from pluto_duck.events.webhooks.delivering import LOOK_S, Deliverer
from pluto_duck.events.webhooks.intake import Intake
from pluto_duck.events.webhooks.model import Webhook
from pluto_duck.session import Session
from pluto_duck.session.webhooks import Hooks, actor_of
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Role, Workspace

_log = logging.getLogger("pluto_duck.events")


def deliver(workspace: Workspace, settings: Settings, stop: threading.Event, *, role: Role, label: str) -> None:
    """Until `stop`, once nobody else does. The database is opened with the first webhook that is to be delivered to."""
    lease = Lease.wait(workspace.folder, "webhooks", stop)
    if lease is None:
        return
    control = ControlStore(workspace.control)
    try:
        hooks = Hooks.of(workspace, control, settings)
        while not stop.is_set():
            if not any(one.live for one in hooks.store.all()):
                stop.wait(LOOK_S)
                continue
            with ExitStack() as opened:
                readers = Readers(workspace, settings, role, label, opened)
                deliverer = Deliverer(hooks.store, hooks.queue, Intake(hooks.queue, readers), hooks.sender(),
                                      keep_s=float(settings["webhooks.keep_days"]) * 86_400)
                deliverer.run(stop)
    finally:
        control.close()
        lease.close()


class Readers:
    """Sessions by whom a webhook reads as: the owner's for most, one for each that has roles."""

    def __init__(self, workspace: Workspace, settings: Settings, role: Role, label: str, opened: ExitStack) -> None:
        self._open: Callable[[Webhook | None], Session] = lambda webhook: opened.enter_context(Session(
            workspace, settings, role=role, label=label,
            actor=None if webhook is None else actor_of(webhook.wish, webhook.id)))
        self._known: dict[tuple[object, ...], Session] = {}

    def __call__(self, webhook: Webhook | None) -> ChangeReader:
        key: tuple[object, ...] = () if webhook is None else (webhook.id, webhook.wish.roles, repr(webhook.wish.claims))
        if key not in self._known:
            self._known[key] = self._open(webhook)
        return self._known[key]
