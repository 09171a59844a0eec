"""The webhooks of a workspace, put together: their store with the seals and the audit, their sender with its guard."""

from __future__ import annotations

import hmac
import json
import sqlite3
from typing import Any

from pluto_duck.errors import SettingError
from pluto_duck.events.webhooks.delivering import Sender
from pluto_duck.events.webhooks.guard import Allowed, Guard
from pluto_duck.events.webhooks.sending import trust
from pluto_duck.events.webhooks.store import Webhooks
from pluto_duck.governance import seal as seals
from pluto_duck.governance.audit import Chain, owners
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Workspace


class OwnersVault:
    """What only this user on this machine can make."""

    def __init__(self, workspace: Workspace, control: ControlStore) -> None:
        self._workspace, self._chain = workspace, Chain(workspace, control)

    def seal(self, *parts: object) -> str:
        return seals.seal(self._workspace, *parts)

    def is_sealed(self, mark: str, *parts: object) -> bool:
        return seals.is_sealed(self._workspace, mark, *parts)

    def key(self, *parts: str) -> bytes:
        text = json.dumps([str(self._workspace.root), *parts])
        return hmac.digest(seals.derived("webhooks"), text.encode(), "sha256")

    def ready(self) -> None:
        self._chain.reading()

    def tell(self, db: sqlite3.Connection, action: str, on: str, **detail: Any) -> None:
        self._chain.append_in(db, [owners(action, on, **detail)])


def webhooks(workspace: Workspace, control: ControlStore) -> Webhooks:
    return Webhooks(control, OwnersVault(workspace, control))


def guard(settings: Settings) -> Guard:
    return Guard(Allowed.read(settings["webhooks.allow"]))


def sender(known: Webhooks, settings: Settings) -> Sender:
    """Raises SettingError."""
    try:
        certificates = trust(settings["webhooks.ca_file"])
    except OSError as error:
        raise SettingError(f"webhooks.ca_file can't be read: {error.strerror or error}.") from error
    return Sender(known, guard(settings), certificates)
