"""Who still wants changes of the Journal: sinks and webhooks, as the control store knows them."""

from __future__ import annotations

import sqlite3

from pluto_duck.errors import ControlBusy, PlutoError
from pluto_duck.events import sinkstore
from pluto_duck.events.model import Position
from pluto_duck.events.webhooks import store
from pluto_duck.workspace import ControlStore, Workspace


def slowest(workspace: Workspace) -> int | None:
    """Up to which commit all of them have read; None where there are none."""
    control = ControlStore(workspace.control)
    try:
        found = [one for one in (sinkstore.slowest(control), store.slowest(control)) if one is not None]
    except sqlite3.Error as error:
        if isinstance(error, PlutoError):
            raise
        raise ControlBusy("Who still wants changes can't be looked up.") from error
    finally:
        control.close()
    return min((one.seq if one.n == Position.LAST else one.seq - 1 for one in found), default=None)
