"""A load whose rows are held against checks.yaml before anybody may see them: beside `session/auditing.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pluto_duck.errors import ChecksFailed, UsageError
from pluto_duck.governance.checks import FILE, Outcome
from pluto_duck.session import Session
from pluto_duck.session.auditing import Expected, audit, expected, keep
from pluto_duck.session.auditing import keep_failed as kept
from pluto_duck.workspace import TableRef, Workspace

if TYPE_CHECKING:
    from pluto_duck.ingest.held import Aside

UNCHECKED = "not checked: checks.yaml expects nothing of it"


def keep_failed(worker: Session, load_id: str, error: ChecksFailed, aside: Aside | None) -> ChecksFailed:
    """As of `session/auditing.py`. `aside`: where all the rows are."""
    def more(failed: Sequence[Outcome]) -> dict[str, str]:
        return {"held": aside.held([(one.check.name, one.says, one.sample) for one in failed]).text()} if aside else {}

    return kept(worker, load_id, error, more)


def refuse_followed(workspace: Workspace, tables: Iterable[TableRef]) -> None:
    """Raises UsageError for a table whose rows must be checked before they are seen: changes that are followed are
    applied as they happen at the source, which knows of no such thing."""
    found = expected(workspace)
    for one in tables:
        if found is not None and found.of(one) is not None:
            raise UsageError(f"{one} is published checked ({FILE}), and what is followed is seen as it happens.",
                             hint="Load it without --follow, leave it out with --exclude, or take `publish: checked` "
                                  "out of the file; `pluto-duck check` may run beside.")


__all__ = ["UNCHECKED", "Expected", "audit", "expected", "keep", "keep_failed", "refuse_followed"]
