"""Who is served from a table: roles of the policy, sinks, webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pluto_duck.catalog.lineage import Link, Node, Part
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace import TableRef

if TYPE_CHECKING:
    from pluto_duck.events.webhooks.model import Wish
    from pluto_duck.session.policies import Explained


@dataclass(frozen=True)
class Serving:
    """As it is written down."""

    sinks: tuple[tuple[str, str, tuple[TableRef, ...]], ...]
    """(name, kind, tables; none: every tracked one)"""
    webhooks: tuple[tuple[str, Wish], ...]
    tracked: tuple[str, ...]
    """Keys; left out where nothing is sent."""
    policy: tuple[object, ...]

    @classmethod
    def of(cls, session: Session) -> Serving:
        from pluto_duck.events.sinkstore import Sinks
        from pluto_duck.governance.policy.file import FILE, stamp
        from pluto_duck.governance.trust import file
        from pluto_duck.session.webhooks import Hooks

        sinks = tuple((one.name, one.kind, tuple(one.tables)) for one in Sinks(session.control).all())
        webhooks = tuple((one.id, one.wish) for one in Hooks.of(
            session.workspace, session.control, session.settings).store.all())
        return cls(sinks, webhooks, tuple(_tracked(session)) if sinks or webhooks else (),
                   (stamp(session.workspace.root / FILE), stamp(file())))

    def part(self, session: Session, tables: Sequence[TableInfo]) -> Part:
        parts = [*_roles(session, tables), *_sinks(self), *_webhooks(self, tables)]
        return Part(tuple(one for part in parts for one in part.nodes),
                    tuple(one for part in parts for one in part.links))


def _roles(session: Session, tables: Sequence[TableInfo]) -> Iterator[Part]:
    """What a role reads over REST and GraphQL, column by column."""
    from pluto_duck.governance import Actor
    from pluto_duck.session import policies

    known = {str(one.ref): one for one in tables}
    for name in _role_names(session):
        id = f"role:{name}"
        # The policy in force decides, whatever the file says by now.
        links = [_granted(id, known[one.table], one) for one in policies.explain(
            session, Actor(kind="key", name=name, roles=(name,)), "read") if one.allowed and one.table in known]
        if links:
            yield Part((Node(id, "role", f"role {name}", facts=(("over", "REST and GraphQL"),)),), tuple(links))


def _role_names(session: Session) -> list[str]:
    from pluto_duck.governance.policy.file import FILE, text_of

    try:
        text = text_of(session.workspace.root / FILE)
        from pluto_duck.governance.policy.reading import read

        return list(read(text)[0].roles)
    except (OSError, PlutoError):
        return []  # a policy that can't be read grants nothing


def _granted(id: str, table: TableInfo, one: Explained) -> Link:
    shown = [(name, how) for name, how, _rule in one.columns if how != "hidden"]
    said = " ".join(condition for _rule, condition in one.rows)
    masked = {name for name, how in shown if how != "as it is"}
    # A rule that names the column in a condition or a mask would show nothing any more.
    named = {column.name for column in table.columns if _names(said, column.name)} | masked
    return Link(table.ref.key, id, "served", tuple((name, name, "computed" if name in masked else "same")
                                                   for name, _how in shown),
                frozenset(named), tuple((name, ("filter",)) for name in sorted(named - masked)))


def _names(condition: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", condition, re.IGNORECASE) is not None


def _sinks(known: Serving) -> Iterator[Part]:
    for name, kind, tables in known.sinks:
        id = f"sink:{name}"
        keys = [ref.key for ref in tables] or known.tracked
        yield Part((Node(id, "sink", f"sink {name}", facts=(("kind", f"{kind} sink"),)),),
                   tuple(_whole_rows(key, id) for key in keys if key in known.tracked))


def _webhooks(known: Serving, tables: Iterable[TableInfo]) -> Iterator[Part]:
    for name, wish in known.webhooks:
        id = f"webhook:{name}"
        keys = [table.ref.key for table in tables if table.ref.key in known.tracked and wish.filter.fits(table.ref)]
        named = frozenset(rule.column for rule in wish.filter.when)
        yield Part((Node(id, "webhook", f"webhook {name}", facts=(("to", wish.url.shown),)),),
                   tuple(replace(_whole_rows(key, id), named=named) for key in keys))


def _tracked(session: Session) -> list[str]:
    return [TableRef(one["name"], one["schema"]).key for one in session.tracked()["tables"]]


def _whole_rows(key: str, id: str) -> Link:
    """A change has all columns of its row, whichever there are."""
    return Link(key, id, "served", (("*", "*", "same"),))
