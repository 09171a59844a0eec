"""What tables are expected to be: `checks.yaml`, read strictly, compiled to one scan a table, scored."""

from __future__ import annotations

from pluto_duck.errors import SettingError
from pluto_duck.governance.checks.model import (
    DIMENSIONS,
    FILE,
    WEIGHTS,
    Check,
    Checks,
    Outcome,
    Publishing,
    TableReport,
    score,
    share,
)
from pluto_duck.workspace import Workspace

NOTHING = Checks()


def checks_of(workspace: Workspace) -> Checks | None:
    """What the file says now; None where there is none. Raises ChecksError."""
    from pluto_duck.governance.checks.reading import ChecksError, read
    from pluto_duck.governance.policy.file import text_of

    path = workspace.root / FILE
    if not path.exists():
        return None
    try:
        text = text_of(path)
    except OSError as error:
        raise ChecksError(f"{FILE} can't be read: {error.strerror}.") from None
    except SettingError as error:
        raise ChecksError(error.message) from None
    return read(text)


__all__ = ["DIMENSIONS", "FILE", "NOTHING", "WEIGHTS", "Check", "Checks", "Outcome", "Publishing", "TableReport",
           "checks_of", "score",
           "share"]
