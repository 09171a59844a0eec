"""The command table: the one group, with every verb in it.

A verb enters itself when its module is imported.
"""

from __future__ import annotations

from pluto_duck.commands import (
           approvals,
           asking,
           audit,
           backups,
           changes,
           changes_show,
           checks,
           connections,
           conversations,
           diagnosing,
           evaluating,
           exporting,
           keeping,
           keys,
           lineage,
           live,
           loading,
           loads,
           modelling,
           policy,
           reloading,
           schedules,
           semantics,
           sinks,
           tokens,
           transforming,
           verified,
           views,
           webhooks,
)
from pluto_duck.commands.group import EXIT_CODES, SECTIONS, Told, Verb, pluto

# In this order help and docs list them, whichever module was imported first; one that is not named here comes last.
_ORDER = (
    "ingest", "diagnose", "connections", "loads", "reload", "help", "tables", "describe", "query", "ask", "lineage",
    "history", "approvals", "backup", "restore", "conversations", "eval", "export", "init", "status", "doctor",
    "trust", "demo", "run-dbt", "dbt", "model", "view", "check", "schedule", "serve", "lend", "keys", "tokens",
    "policy", "audit", "changes", "webhooks", "sinks", "detach", "cache", "semantics", "verified")
pluto.commands = {name: pluto.commands[name] for name in sorted(
    pluto.commands, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))}

__all__ = ["EXIT_CODES", "SECTIONS", "Told", "Verb", "approvals", "asking", "audit", "backups", "changes",
           "changes_show", "checks", "connections", "conversations", "diagnosing", "evaluating", "exporting", "keeping",
           "keys", "lineage", "live", "loading", "loads", "modelling", "pluto", "policy", "reloading", "schedules",
           "semantics", "sinks", "tokens", "transforming", "verified", "views", "webhooks"]
