"""Questions about DataFrames of a notebook: asked over copies of them, in a workspace that is gone afterwards.

The Gate lets a planner name the tables of a workspace and nothing else, and what a cell may change at any moment is
no base for several statements. So a DataFrame that is mentioned (`@routes`) is copied once; the SQL of the answer names
it as a cell would, where it is found by that name again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.mentions import mentions, named
from pluto_duck.catalog import Catalog
from pluto_duck.errors import Refused
from pluto_duck.session import Session
from pluto_duck.settings import SETTINGS
from pluto_duck.workspace import create, quote

MAX_COPIED = 1_000_000
"""Rows of a table that is mentioned beside a DataFrame, and is copied with it."""


@contextmanager
def asked_over(
    session: Session, question: str, namespace: Mapping[str, Any] | None, history: Sequence[Answer] = ()
) -> Iterator[Session]:
    """The session to ask in: this one, unless the question mentions a DataFrame, or goes on with one that did.

    Raises Refused for a table beside it that is too large to be copied.
    """
    text = question if "@" in question or not history else history[-1].question
    if not namespace or "@" not in text or session.actor is not None:
        yield session
        return
    tables = {one.table.ref.key: one.table for one in mentions(text, Catalog.of(session))}
    taken = {one.ref.name.casefold() for one in session.tables()}
    frames = {name: value for name, value in named(text, namespace).items()
              if name.casefold() not in taken and _is_frame(value)}
    if not frames:
        yield session
        return
    large = next((one for one in tables.values() if one.rows > MAX_COPIED), None)
    if large is not None:
        raise Refused(f"{large.ref} is too large to be looked at beside a DataFrame ({large.rows:,} rows).",
                      hint="Make the DataFrame a table first: pluto_duck.open().ingest(frame, into='name')")
    settings = {one.name.replace(".", "__"): session.settings[one.name] for one in SETTINGS
                if one.name.startswith("agent.")}
    with tempfile.TemporaryDirectory(prefix="pluto-duck-asked-") as folder:
        root = create(Path(folder) / "frames").root
        with Session.open(root, role="shell", label="question", **settings) as beside, \
                session.interrupting(beside.interrupt):
            for name, frame in frames.items():
                beside.query(f"CREATE TABLE {quote(name)} AS FROM {quote(name)}", namespace={name: frame})
            for table in tables.values():
                rows = session.query(f"FROM {table.ref.sql}", read_only=True)
                beside.query(f"CREATE SCHEMA IF NOT EXISTS {quote(table.ref.schema)}")
                beside.query(f"CREATE TABLE {table.ref.sql} AS FROM copied", namespace={"copied": rows})
            yield beside


def _is_frame(value: Any) -> bool:
    library = type(value).__module__.partition(".")[0]
    return library in ("pandas", "polars", "pyarrow") and type(value).__name__ in ("DataFrame", "Table")
