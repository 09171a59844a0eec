"""The command table: the one group, with every verb in it.

A verb enters itself when its module is imported.
"""

from __future__ import annotations

from pluto_duck.commands import asking, backups, connections, evaluating, exporting, keeping, live, loading, loads
from pluto_duck.commands.group import EXIT_CODES, SECTIONS, Told, Verb, pluto

__all__ = ["EXIT_CODES", "SECTIONS", "Told", "Verb", "asking", "backups", "connections", "evaluating", "exporting",
           "keeping", "live", "loading", "loads", "pluto"]
