"""Whether the tables here are those at the source, row by row."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pluto_duck.ingest import ingest
from pluto_duck.ingest.follow import Follower, FollowReport, Told
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.services.postgres import Database


def follow(session: Session, database: Database, *, once: bool = True, resnapshot: bool = False,
           told: Told | None = None, **options: Any) -> FollowReport:
    return Follower(session, database.uri, LoadOptions(**options), told or Told(), once=once,
                    resnapshot=resnapshot).run()


def rows(session: Session, table: str) -> Counter[tuple[Any, ...]]:
    """Every value as text, so that 1.0 is not 1.00."""
    columns = [one.name for one in next(t for t in session.tables() if t.ref.name == table).columns]
    picks = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in sorted(columns))
    return Counter(map(tuple, session.query(f'SELECT {picks} FROM "{table}"').rows()))


def types(session: Session, table: str) -> dict[str, str]:
    return {one.name: one.type for one in next(t for t in session.tables() if t.ref.name == table).columns}


def loaded_anew(database: Database, folder: Path, *tables: str) -> Session:
    """A workspace with a fresh load of the same tables."""
    session = Session.open(create(folder).root)
    ingest(session, database.uri, LoadOptions(tables=tables))
    return session


def assert_same(session: Session, database: Database, folder: Path, *tables: str, kinds: bool = True) -> None:
    with loaded_anew(database, folder, *tables) as fresh:
        for table in tables:
            assert rows(session, table) == rows(fresh, table), table
            if kinds:
                assert types(session, table) == types(fresh, table), table
