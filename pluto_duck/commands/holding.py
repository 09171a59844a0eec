"""Rows that a load held back because a check failed: asking a person what is to become of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from pluto_duck.errors import ChecksFailed, PartlyLoaded, PlutoError

if TYPE_CHECKING:
    from pluto_duck.session import Session


def asked(session: Session, error: PlutoError, proposer: str = "") -> PlutoError:
    """The error, with the approval that was opened for what it holds in its hint. `session`: the owner's; `proposer`:
    whose rows they are, by `Actor.identity`, who can't approve them."""
    for one in _failed(error):
        body = one.facts.pop("held", None)
        if body is not None:
            with suppress(PlutoError):  # why the rows were held back matters more
                _propose(session, one, str(body), proposer)
    if isinstance(error, PartlyLoaded) and error.report is not None:
        from pluto_duck.ingest.report import partly

        return partly(error.report)
    return error


def _failed(error: PlutoError) -> Iterable[PlutoError]:
    if isinstance(error, PartlyLoaded):
        return [one.error for one in error.report.failed] if error.report is not None else []
    return [error] if isinstance(error, ChecksFailed) else []


def _propose(session: Session, error: PlutoError, body: str, proposer: str) -> None:
    from pluto_duck.agent.approvals import Approvals
    from pluto_duck.ingest.held import Held, sweep

    known, held = Approvals(session), Held.read(body)
    sweep(session, [held.name, *(Held.read(one.body).name for one in known.all()
                                 if one.kind == "publish" and one.status in ("waiting", "running"))])
    made = known.propose("publish", held.target, body, question=f"a load from {held.shown}", planner="checks",
                         proposer=proposer)
    error.facts["approval"] = made.id
    error.hint = (f"{held.rows:,} rows wait for you: pluto-duck approvals show {made.id}\n{error.hint}").strip()
