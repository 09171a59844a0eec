"""Where the questions of an evaluation are asked: the current workspace, or copies of the databases beside the file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pluto_duck.catalog import Catalog
from pluto_duck.catalog.semantics import FILE
from pluto_duck.errors import UsageError, nearest, unknown_name
from pluto_duck.session import Session
from pluto_duck.workspace import create


@contextmanager
def open_place(
    file: Path, db: str | None, here: Callable[[], Session], semantics: Path | None = None
) -> Iterator[Session]:
    """A session over the database of a case. A database beside the file is copied first: no evaluation, and no
    planner under evaluation, ever writes to it. `here` opens the current workspace; its owner closes it.

    `semantics`: a semantic file for every database, or a folder with one for each: NAME.semantics.yaml or NAME.yaml.
    """
    if db is None and semantics is None:
        yield here()
        return
    with tempfile.TemporaryDirectory(prefix="pluto-duck-eval-") as folder:
        workspace = create(Path(folder) / (db or "workspace"))
        if db is None:
            with here().lend("an evaluation") as path:
                shutil.copyfile(path, workspace.database)
        else:
            shutil.copyfile(_database(file, db), workspace.database)
        workspace.database.chmod(0o600)
        if semantics is not None:
            shutil.copyfile(_words(semantics, db), workspace.root / FILE)
        with Session.open(workspace.root) as session:
            if semantics is not None:
                _refuse_broken(session, _words(semantics, db))
            yield session


def warm(session: Session) -> None:
    """Reads the catalog, the values and the words of both, so that the first question is not charged for them."""
    from pluto_duck.agent.planners.builtin.told import in_roles
    from pluto_duck.agent.planners.builtin.vocabulary import Vocabulary

    catalog = Catalog.of(session)
    catalog.values(session)
    Vocabulary.of(in_roles(catalog))


def _words(semantics: Path, db: str | None) -> Path:
    """The semantic file for a database."""
    if not semantics.is_dir():
        return semantics
    names = [FILE] if db is None else [f"{db}.semantics.yaml", f"{db}.yaml"]
    for name in names:
        if (semantics / name).is_file():
            return semantics / name
    raise UsageError(f"There is no semantic file for {db or 'the workspace'} in {semantics}.",
                     hint=f"It would be called {' or '.join(names)}.")


def _refuse_broken(session: Session, file: Path) -> None:
    """Numbers taken with half of a file would be told as those of the whole."""
    broken = [one for one in Catalog.of(session).semantics.problems if one.level == "broken"]
    if broken:
        more = f" And {len(broken) - 1} more." if len(broken) > 1 else ""
        raise UsageError(f"{file}: {str(broken[0]).removeprefix(FILE + ':')}{more}", hint=broken[0].hint)


def _database(file: Path, db: str) -> Path:
    folder = file.parent / "db"
    path = folder / f"{db}.duckdb"
    if Path(db).name != db or not path.is_file():
        there = [one.stem for one in folder.glob("*.duckdb")] if folder.is_dir() else []
        raise unknown_name("database", f"db/{db}.duckdb", [f"db/{one}.duckdb" for one in nearest(db, there)])
    return path
