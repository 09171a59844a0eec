"""The command table: the one group, with every verb in it.

A verb enters itself when its module is imported.
"""

from __future__ import annotations

from pluto_duck.commands import (
           approvals,
           asking,
           backups,
           connections,
           conversations,
           diagnosing,
           evaluating,
           exporting,
           keeping,
           keys,
           live,
           loading,
           loads,
           policy,
           reloading,
           semantics,
           verified,
)
from pluto_duck.commands.group import EXIT_CODES, SECTIONS, Told, Verb, pluto

# Help and docs list the verbs of a section in this order; the others follow as they were entered.
_FIRST = ("ingest", "diagnose", "connections", "loads", "reload")
pluto.commands = {name: pluto.commands[name] for name in (
    *_FIRST, *(name for name in pluto.commands if name not in _FIRST))}

__all__ = ["EXIT_CODES", "SECTIONS", "Told", "Verb", "approvals", "asking", "backups", "connections",
           "conversations", "diagnosing", "evaluating", "exporting", "keeping", "keys", "live", "loading", "loads",
           "pluto", "policy", "reloading", "semantics", "verified"]
