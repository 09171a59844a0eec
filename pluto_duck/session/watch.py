"""Names for which something must happen before a statement that says them runs: a live source is attached,
a cached copy brought up to date.

What is to happen lies on a higher floor, so it comes by an entry point: `hook` is its name in the group
`pluto_duck.hooks`, a function (session, request, names) -> (request, notices).
"""

from __future__ import annotations

import re
import sqlite3

from pluto_duck.errors import WorkspaceUnusable
from pluto_duck.workspace import ControlStore
from pluto_duck.workspace.tableref import fold

GROUP = "pluto_duck.hooks"

MIGRATIONS = (
    "CREATE TABLE watched (hook TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (hook, name))",
)


def watch(control: ControlStore, hook: str, name: str) -> None:
    with control.connection("watch", MIGRATIONS) as db:
        db.execute("INSERT OR IGNORE INTO watched VALUES (?, ?)", (hook, fold(name)))


def unwatch(control: ControlStore, hook: str, name: str) -> None:
    with control.connection("watch", MIGRATIONS) as db:
        db.execute("DELETE FROM watched WHERE hook = ? AND name = ?", (hook, fold(name)))


def watches(control: ControlStore, hook: str) -> bool:
    """Whether any name is watched for a hook."""
    return control.path.exists() and control.read("watch", MIGRATIONS).execute(
        "SELECT 1 FROM watched WHERE hook = ?", (hook,)).fetchone() is not None


def watched(control: ControlStore, text: str) -> dict[str, list[str]]:
    """The watched names that a text says as a word, by hook. Says too many rather than too few: a column or
    a string may hold the word. Asked before every statement, so it costs some 20 µs."""
    if not control.path.exists():
        return {}
    try:
        db = control.read("watch", MIGRATIONS)
        rows = db.execute("SELECT hook, name FROM watched ORDER BY hook, name").fetchall()
    except (sqlite3.Error, WorkspaceUnusable):
        return {}  # the data must stay within reach
    found: dict[str, list[str]] = {}
    folded = fold(text) if rows else ""
    for hook, name in rows:
        if name in folded and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded):
            found.setdefault(hook, []).append(name)
    return found
