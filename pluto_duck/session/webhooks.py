"""The webhooks of a workspace, put together: store and queue with seals and audit, wishes held against the tables."""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, SettingError, UsageError, unknown_name
from pluto_duck.events.model import Position
from pluto_duck.events.webhooks.delivering import Sender
from pluto_duck.events.webhooks.guard import Allowed, Guard, parse
from pluto_duck.events.webhooks.model import Attempt, Delivery, Wish
from pluto_duck.events.webhooks.queue import Queue
from pluto_duck.events.webhooks.rules import Filter
from pluto_duck.events.webhooks.sending import trust
from pluto_duck.events.webhooks.store import Webhooks
from pluto_duck.governance import seal as seals
from pluto_duck.governance.actor import Actor
from pluto_duck.governance.audit import Chain, owners
from pluto_duck.governance.trust import is_trusted
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, TableRef, Workspace
from pluto_duck.workspace.tableref import fold

if TYPE_CHECKING:
    from pluto_duck.session import Session


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


@dataclass(frozen=True)
class Hooks:
    """All that verbs and routes need of one workspace."""

    workspace: Workspace
    store: Webhooks
    queue: Queue
    settings: Settings

    @classmethod
    def of(cls, workspace: Workspace, control: ControlStore, settings: Settings) -> Hooks:
        return cls(workspace, Webhooks(control, OwnersVault(workspace, control)), Queue(control), settings)

    def guard(self) -> Guard:
        return Guard(self._allowed)

    def _allowed(self) -> Allowed:
        """As pluto.toml and its trust are now: a server that runs for weeks is not begun again for an address."""
        settings = self.settings
        if settings.values["webhooks.allow"].source != "argument":
            settings = Settings.load(self.workspace.toml, trusted=is_trusted(self.workspace))
        return Allowed.read(settings["webhooks.allow"])

    def sender(self) -> Sender:
        """Raises SettingError."""
        try:
            certificates = trust(self.settings["webhooks.ca_file"])
        except OSError as error:
            raise SettingError(f"webhooks.ca_file can't be read: {error.strerror or error}.") from error
        return Sender(self.store, self.guard(), certificates)

    def test(self, id: str) -> tuple[Delivery, Attempt]:
        """Sends a message that tells nothing, now, also to one that is paused or disabled."""
        webhook = self.store.find(id)
        if not webhook.sealed:
            raise Refused(f"The webhook {id} was not made by you on this machine; it sends nothing.")
        n = self.queue.put_test(id, f"msg_{id}_test_{secrets.token_hex(8)}")
        delivery, _ = self.queue.get(id, n)
        self.queue.note(delivery, self.sender().test(webhook, delivery), once=True)
        delivery, attempts = self.queue.get(id, n)
        return delivery, attempts[-1]

    def close(self) -> None:
        self.store.close()


@dataclass(frozen=True)
class Asked:
    """What somebody wants of a webhook; None leaves it as it is."""

    url: str | None = None
    tables: Sequence[str] | None = None
    ops: Sequence[str] | None = None
    when: Sequence[str] | None = None
    roles: Sequence[str] | None = None
    """Of policy.yaml; none of them: the owner's own view."""
    claims: Mapping[str, Any] | None = None
    concurrency: int | None = None


def wish(session: Session, hooks: Hooks, asked: Asked, old: Wish | None = None) -> tuple[Wish, Position, str]:
    """The wish, checked; where the Journal ends now; and what should be known about it. Raises UsageError, Refused."""
    if asked.url is not None:
        url = parse(asked.url)
        try:
            hooks.guard().addresses(url)
        except OSError:
            pass  # it may not be known yet, or not from here; each delivery looks again
    elif old is not None:
        url = old.url
    else:
        raise UsageError("A webhook needs an address.", hint="https://hooks.example.com/orders")
    before = old.filter if old is not None else Filter()
    changed = asked.tables is not None or asked.ops is not None or asked.when is not None or old is None
    filter = before if not changed else Filter.read(
        before.tables if asked.tables is None else asked.tables,
        asked.ops if asked.ops is not None else (() if asked.when is not None or old is None else before.ops),
        [str(one) for one in before.when] if asked.when is None else asked.when)
    roles = (old.roles if old is not None else None) if asked.roles is None else tuple(asked.roles) or None
    claims = (dict(old.claims) if old is not None else {}) if asked.claims is None else dict(asked.claims)
    made = Wish(url, filter, roles, claims if roles else {},
                asked.concurrency or (old.concurrency if old is not None else 1))
    actor_of(made, "wh")  # its claims are checked there
    kept = session.tracked()
    mind = _about_tables(session, filter, kept["tables"])
    return made, Position(int(kept["head"]), Position.LAST), mind


def actor_of(wish: Wish, id: str) -> Actor | None:
    """Whose view of the changes it gets; None: the owner's."""
    if wish.roles is None:
        return None
    return Actor("key", f"webhook {id}", wish.roles, wish.claims, f"webhook:{id}")


def _about_tables(session: Session, filter: Filter, tracked: Sequence[Mapping[str, Any]]) -> str:
    """Raises UsageError where a rule could never be judged; else why less may be sent than is wished for."""
    fitting = [(TableRef(one["name"], one["schema"]), one) for one in tracked]
    fitting = [(ref, one) for ref, one in fitting if filter.fits(ref)]
    if not fitting:
        named = next((one for one in filter.tables if set("*?").isdisjoint(one)), "TABLE")
        return ("No table whose changes are kept fits. Until one does, nothing is sent: "
                f"pluto-duck changes track {named}")
    if not filter.when:
        return ""
    without = [ref for ref, one in fitting if not one["before"]]
    if without:
        raise UsageError("A rule about a change of state needs the rows as they were, and of "
                         f"{', '.join(map(str, without))} they are not kept.",
                         hint=f"pluto-duck changes track {without[0].shell} --before")
    columns = {ref: [one.name for one in info.columns] for info in session.tables(ref for ref, _ in fitting)
               for ref in (info.ref,)}
    for rule in filter.when:
        if not any(fold(rule.column) in map(fold, names) for names in columns.values()):
            raise unknown_name("column", rule.column, sorted({name for names in columns.values() for name in names}),
                               where=", ".join(str(one) for one in columns))
    return ""

