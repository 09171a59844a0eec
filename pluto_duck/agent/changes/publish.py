"""Rows that were held back because a check failed: approving publishes them as they are, rejecting lets them go."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pluto_duck.errors import Refused, UsageError
from pluto_duck.ingest.held import Held, drop
from pluto_duck.session import Session
from pluto_duck.workspace import Result, TableRef

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval

_WORDS = {"replace": "fill {} anew with", "append": "add to {}", "merge": "merge into {}",
          "scd2": "add versions to {} from"}


class Publish:
    """The body: a `Held` as JSON, which nobody edits."""

    def checked(self, session: Session, target: str, body: str) -> tuple[str, str]:
        held = Held.read(body)
        if TableRef.parse(target).key != TableRef.parse(held.target).key or not held.there(session):
            raise Refused("There are no such rows to publish.", hint="Load them again.")
        return held.target, held.text()

    def before(self, session: Session, target: str) -> str:
        return ""

    def tried(self, session: Session, one: Approval) -> str:
        return "; ".join(f"{name}: {says}" for name, says, _sample in Held.read(one.body).failed)

    def sample(self, session: Session, one: Approval, rows: int) -> Result | None:
        """Of the rows that fail, where single rows do."""
        held = Held.read(one.body)
        shown = next((sample for _name, _says, sample in held.failed if sample), f"SELECT * FROM {held.ref.sql}")
        return session.query(shown, max_rows=rows) if held.there(session) else None

    def text(self, one: Approval) -> str:
        held = Held.read(one.body)
        samples = [f"  {sample}" for _name, _says, sample in held.failed if sample]
        return "\n".join([
            f"{_what(held)} {held.rows:,} rows from {held.shown}, although these checks failed:",
            *(f"  {name}: {says}" for name, says, _sample in held.failed),
            *(["The rows that fail:", *samples] if samples else []),
            "All that wait:", f"  SELECT * FROM {held.ref.sql}"])

    def rollback(self, one: Approval) -> str:
        return "a backup from before: what the rows took the place of is not kept"

    def diff(self, one: Approval) -> str:
        return self.text(one)

    def moved(self, session: Session, one: Approval) -> bool:
        held = Held.read(one.body)
        found = session.tables([TableRef.parse(held.target)])
        return (found[0].version if found else 0) != held.version

    def run(self, session: Session, one: Approval) -> None:
        from pluto_duck.ingest.load import publish_held

        held = Held.read(one.body)
        if not held.there(session):
            raise Refused("The rows that were held are gone.", hint="Reject this, and load them again.")
        publish_held(session, held, one.token)
        drop(session, held.ref)

    def done(self, session: Session, one: Approval) -> bool:
        return bool(session.query("SELECT count(*) FROM _pluto.loads WHERE load_id = $token",
                                  {"token": one.token}).scalar())

    def dropped(self, session: Session, one: Approval) -> None:
        with suppress(UsageError):  # a folder from elsewhere may bring anything
            drop(session, Held.read(one.body).ref)


def _what(held: Held) -> str:
    words = _WORDS[str(held.options.get("mode", "replace"))]
    return f"{words[0].upper()}{words[1:]}".format(TableRef.parse(held.target))
