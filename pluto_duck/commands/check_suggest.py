"""What could be added to checks.yaml, as its text before and after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from pluto_duck.errors import Refused, unknown_name
from pluto_duck.governance.checks import FILE
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, Workspace


def suggested(session: Session, names: Sequence[str] = ()) -> tuple[Path, str, str]:
    """(the file, its text before, after). Without names: for every table, but no view."""
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.expectations import expectations
    from pluto_duck.governance.checks.reading import read
    from pluto_duck.governance.checks.writing import START, added
    from pluto_duck.governance.policy.file import text_of

    path = path_of(session.workspace)
    before = text_of(path) if path.exists() else ""
    known = read(before or START)
    entries = expectations(session, Catalog.of(session), known, _tables(session, names), _loads(session),
                           now=dt.datetime.now(dt.UTC))
    return path, before, added(before, entries) if entries else before


def path_of(workspace: Workspace) -> Path:
    """Raises Refused for a link to a place outside: a cloned folder must not choose what is overwritten."""
    path = workspace.root / FILE
    if not path.resolve().is_relative_to(workspace.root.resolve()):
        raise Refused(f"{path} is a link to a place outside the workspace.", hint="Put the file itself there.")
    return path.resolve()


def _tables(session: Session, names: Sequence[str]) -> list[TableRef]:
    infos = {info.ref.key: info for info in session.tables()}
    for name in names:
        if TableRef.parse(name).key not in infos:
            raise unknown_name("table", name, [str(info.ref) for info in infos.values()])
    wanted = {TableRef.parse(name).key for name in names}
    return [info.ref for info in infos.values() if (info.ref.key in wanted if names else info.kind == "table")]


def _loads(session: Session) -> dict[str, list[dt.datetime]]:
    """The last ones of each table that arrived, oldest first."""
    found: dict[str, list[dt.datetime]] = {}
    rows = session.internal(["SELECT table_key, epoch_us(finished_at) FROM _pluto.loads ORDER BY finished_at"])[0]
    for key, at in rows:
        found.setdefault(str(key), []).append(dt.datetime.fromtimestamp(at / 1e6, dt.UTC))
    return found
