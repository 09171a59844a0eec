"""The lineage of a workspace, put together from what each room knows.

Each part is read again only where what it hangs on has changed: versions of tables, files, records.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage import Lineage, Part
    from pluto_duck.governance.checks import Checks
    from pluto_duck.session import Session

T = TypeVar("T")
HISTORY = 2_000
"""Runs that are looked at for statements that made tables."""


def whole(session: Session) -> Lineage:
    """All that is known; the owner's. What was committed before the call is in it, whoever did it."""
    if session.in_transaction:
        return _Kept().look(session)  # what it sees may be undone, and is nobody else's
    kept = _kept(session.workspace.root)
    with kept.lock:
        return kept.look(session)


@lru_cache(maxsize=4)
def _kept(workspace: Path) -> _Kept:
    return _Kept()


class _Kept:
    """Of one workspace."""

    def __init__(self) -> None:
        from pluto_duck.catalog.semantics import Told

        self.lock = threading.Lock()
        self._found: dict[str, tuple[object, Any]] = {}
        self._put: tuple[tuple[Part, ...], Lineage] | None = None
        self._told = Told()

    def look(self, session: Session) -> Lineage:
        from pluto_duck.catalog.lineage import Lineage

        parts = tuple(self._parts(session))
        # By identity: a part that was not read again is the same one.
        if self._put is None or list(map(id, self._put[0])) != list(map(id, parts)):
            self._put = parts, Lineage(parts)
        return self._put[1]

    def _parts(self, session: Session) -> Iterable[Part]:
        from pluto_duck.agent.lineage import asked, questions
        from pluto_duck.catalog.lineage import collect, known, traces
        from pluto_duck.catalog.semantics import told
        from pluto_duck.commands import lineage_notebooks
        from pluto_duck.commands.lineage_rules import checked, worded
        from pluto_duck.commands.lineage_schedules import timed
        from pluto_duck.commands.lineage_served import Serving
        from pluto_duck.commands.lineage_statements import materialized, written
        from pluto_duck.ingest.lineage import addresses, loaded
        from pluto_duck.schedule.store import Schedules
        from pluto_duck.session.targets import EVERYTHING, SCHEMA
        from pluto_duck.transform.dbt.lineage import artifacts, ids, models

        root = session.workspace.root
        versions = session.versions()  # before anything is read: at worst it is read once more
        shape = _file(session.workspace.database)[-1:], versions.get(SCHEMA, 0), versions.get(EVERYTHING, 0)
        tables, (names, sql) = self._of("catalog", shape, lambda: (found := session.tables(), known(session, found)))
        yield self._sometimes("views", shape, lambda: collect(session, tables, names, sql))
        saved = addresses(session)
        yield self._of("loads", (shape, versions, saved), lambda: loaded(session, tables, saved))
        yield self._of("kept views", (shape, versions), lambda: materialized(session, tables))
        texts, projects = _history(session)
        files = artifacts(session.workspace, projects)
        yield self._of("dbt", (shape, [(one, _file(one[0]), _file(one[1])) for one in files]),
                       lambda: models(session, tables, names, files))
        yield self._of("statements", (shape, texts), lambda: written(texts, tables, names, traces(root)))
        self._told = told(session.workspace, self._told)
        questioned = questions(session, self._told.semantics)
        yield self._of("questions", (shape, questioned), lambda: asked(session, questioned, names))
        texts_of = traces(root)
        yield self._of("words", (shape, self._told.semantics),
                       lambda: worded(self._told.semantics, names, texts_of))
        checks = _checks(session)
        yield self._of("checks", (shape, checks), lambda: checked(checks, names, texts_of))
        notebooks = lineage_notebooks.files(session.workspace)
        yield self._of("notebooks", (shape, notebooks), lambda: lineage_notebooks.read(
            session.workspace, notebooks, names, texts_of))
        schedules, built = Schedules(session.control, session.workspace), ids(session.workspace, files)
        yield self._of("schedules", (shape, schedules.mark(), built), lambda: timed(
            schedules.all(), [one.ref.key for one in tables], built, names, texts_of))
        serving = Serving.of(session)
        yield self._of("served", (shape, serving), lambda: serving.part(session, tables))

    def _of(self, name: str, stamp: object, read: Callable[[], T]) -> T:
        return self._sometimes(name, stamp, lambda: (read(), True))

    def _sometimes(self, name: str, stamp: object, read: Callable[[], tuple[T, bool]]) -> T:
        """`read` says, too, whether that may be kept."""
        before = self._found.get(name)
        if before is not None and before[0] == stamp:
            return before[1]  # type: ignore[no-any-return]
        found, keep = read()
        if keep:
            self._found[name] = stamp, found
        else:
            self._found.pop(name, None)
        return found


def _history(session: Session) -> tuple[list[tuple[str, str]], list[Path]]:
    """SQL that made tables, the newest first, and the projects that dbt ran."""
    from pluto_duck.commands.asking import _runs
    from pluto_duck.commands.lineage_statements import makes

    with _runs(session) as runs:
        found = runs.succeeded(("sql", "dbt"), HISTORY)
    texts = [(text, dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="seconds"))
             for kind, text, at, _facts in found if kind == "sql" and makes(text)]
    projects = [json.loads(facts).get("project") for kind, _text, _at, facts in found if kind == "dbt"]
    return texts, [Path(str(one)) for one in projects if one]


def _checks(session: Session) -> Checks:
    from pluto_duck.governance.checks import NOTHING, checks_of

    try:
        return checks_of(session.workspace) or NOTHING
    except PlutoError:
        return NOTHING  # `check` says what is wrong with the file


def _file(path: Path) -> tuple[int, ...]:
    """Another one whenever it was written or replaced; the last number is another one where it was replaced."""
    try:
        found = os.stat(path)
    except OSError:
        return (0,)
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


__all__ = ["HISTORY", "whole"]
