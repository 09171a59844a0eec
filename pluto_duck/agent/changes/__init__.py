"""What an approval can change: one module a kind, each knows how to check, try, run and take back its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval
    from pluto_duck.session import Session
    from pluto_duck.workspace import Result

Kind = Literal["view", "table", "ingest", "semantics", "model", "publish"]


class Change(Protocol):
    """Of one kind. Nothing but `run` may change anything, and nothing before it may reach another machine."""

    def checked(self, session: Session, target: str, body: str) -> tuple[str, str]:
        """The target and the body as they are kept. Raises PlutoError for what can't be proposed."""
        ...

    def before(self, session: Session, target: str) -> str:
        """What is there now that would go; "" for nothing. Raises Refused where something is in the way."""
        ...

    def tried(self, session: Session, one: Approval) -> str:
        """What came of it in a trial that left nothing behind."""
        ...

    def sample(self, session: Session, one: Approval, rows: int) -> Result | None:
        """A few of the rows that it would give, as they are now; None for what has none. They are kept nowhere."""
        ...

    def text(self, one: Approval) -> str:
        """What approving it runs."""
        ...

    def rollback(self, one: Approval) -> str: ...

    def diff(self, one: Approval) -> str: ...

    def moved(self, session: Session, one: Approval) -> bool:
        """What it was made for has changed since."""
        ...

    def run(self, session: Session, one: Approval) -> None: ...

    def done(self, session: Session, one: Approval) -> bool:
        """It has happened, though the process that ran it died before it could say so."""
        ...


class Keeps(Protocol):
    """What a Change may offer besides, where something is kept for it until it is decided."""

    def dropped(self, session: Session, one: Approval) -> None:
        """It was turned down, or has expired. Raises nothing; what is left is let go another time."""
        ...


def change_of(kind: Kind) -> Change:
    return _KINDS[kind]()


def _made() -> Change:
    from pluto_duck.agent.changes.made import Made

    return Made()


def _ingest() -> Change:
    from pluto_duck.agent.changes.ingest import Ingest

    return Ingest()


def _semantics() -> Change:
    from pluto_duck.agent.changes.semantics import EditSemantics

    return EditSemantics()


def _model() -> Change:
    from pluto_duck.agent.changes.model import Model

    return Model()


def _publish() -> Change:
    from pluto_duck.agent.changes.publish import Publish

    return Publish()


_KINDS: Mapping[Kind, Callable[[], Change]] = {"view": _made, "table": _made, "ingest": _ingest,
                                               "semantics": _semantics, "model": _model, "publish": _publish}

__all__ = ["Change", "Kind", "change_of"]
