"""What can be known to fail when a schedule is made, and is told then rather than at six in the morning.

Only that: a file that is not there may come yet, and so may a table.
"""

from __future__ import annotations

from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.schedule.model import Wish
from pluto_duck.workspace import ControlStore, Workspace


def promising(wish: Wish, workspace: Workspace, control: ControlStore) -> None:
    """Raises what the run would raise: UnknownName, StatementError, UsageError."""
    from pluto_duck.schedule.words import checked

    for args in filter(None, (wish.args, wish.only_if)):
        _of(args[0], checked(args), workspace, control)
    if wish.alert:
        from pluto_duck.events.webhooks.store import Webhooks
        from pluto_duck.session.webhooks import OwnersVault

        found = Webhooks(control, OwnersVault(workspace, control)).find(wish.alert)
        if not found.sealed:
            raise UsageError(f"The webhook {wish.alert} was not made by you on this machine; it sends nothing.")


def _of(verb: str, given: dict[str, Any], workspace: Workspace, control: ControlStore) -> None:
    if verb == "ingest" and given.get("connection"):
        from pluto_duck.ingest.connections import Connections

        Connections(control, workspace).get(str(given["connection"]))
    if verb == "query" and (sql := given.get("sql")):
        from pluto_duck.workspace.parser import own_parser

        if sql == "-":
            raise UsageError("There is no standard input in a schedule.", hint="Give the SQL, or --file report.sql.")
        if not own_parser().statements(str(sql)):
            raise UsageError("There is no SQL to run.")


__all__ = ["promising"]
