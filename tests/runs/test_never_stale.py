"""Whatever is written, by whomever and however, an answer that was kept is the one that would be computed now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.api.places import Place
from pluto_duck.api.work import run_sql
from pluto_duck.errors import PlutoError
from pluto_duck.governance import Actor, trust
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create
from pluto_duck.workspace.database import _open
from tests.governance.policy.conftest import lasting_home
from tests.workspace.worker import Worker

BEGINNING = """
DROP VIEW IF EXISTS vv; DROP VIEW IF EXISTS v; DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS u; DROP TABLE IF EXISTS w;
CREATE TABLE t AS SELECT range AS i, 'EU' AS region FROM range(4); CREATE TABLE u AS SELECT 1 AS i;
CREATE VIEW v AS SELECT i, region FROM t WHERE i > 0; CREATE VIEW vv AS SELECT count(*) AS n, sum(i) AS s FROM v
"""
WRITES = (
    "INSERT INTO t VALUES (7, 'US'), (8, 'EU')", "UPDATE t SET i = i + 1", "DELETE FROM t WHERE i % 2 = 0", "TRUNCATE u",
    "INSERT INTO u SELECT i FROM t", "INSERT INTO u VALUES (2)", "BEGIN", "COMMIT", "ROLLBACK",
    "CREATE OR REPLACE TABLE u AS SELECT 5 AS i", "CREATE OR REPLACE VIEW v AS SELECT i, region FROM t WHERE i < 3",
    "CREATE OR REPLACE VIEW v AS SELECT i, 'EU' AS region FROM u", "ALTER TABLE u RENAME TO w",
    "ALTER TABLE w RENAME TO u", "DROP TABLE IF EXISTS w", "CREATE OR REPLACE TABLE w AS FROM u",
    "CREATE OR REPLACE MACRO abs(x) AS 77", "DROP MACRO IF EXISTS abs",
    "MERGE INTO t USING u USING (i) WHEN MATCHED THEN UPDATE SET region = 'US'",
    "PREPARE p AS INSERT INTO u VALUES (11)", "EXECUTE p", "SET GLOBAL TimeZone = 'Asia/Tokyo'",
    "SET GLOBAL TimeZone = 'UTC'")
NATIVE = ("INSERT INTO t VALUES (99, 'EU')", "DELETE FROM u", "CHECKPOINT",
          "CREATE OR REPLACE VIEW v AS SELECT i + 1 AS i, region FROM t",
          "INSERT INTO u SELECT range FROM range(200000)")
POLICIES = tuple("version: 1\nroles:\n  r:\n    grants:\n" + one for one in (
    "      - {tables: ['*'], actions: read}\n",
    "      - {tables: t, actions: read, rows: region = $region}\n",
    "      - {tables: t, actions: read, rows: 'i IN (SELECT x.i FROM u x)'}\n      - {tables: vv, actions: read}\n",
    "      - {tables: t, actions: read, hide: region}\n      - {tables: u, actions: read, rows: $actor = 'a'}\n"))
QUERIES = ("FROM t", "FROM vv", "SELECT count(*), max(i) FROM u", "SELECT abs(i) AS a FROM u", "FROM w",
           "SELECT t.i FROM t JOIN u ON t.i = u.i", "SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00'::VARCHAR AS at")
ACTORS = (None, Actor("key", "a", ("r",), {"region": "EU"}), Actor("key", "b", ("r",), {"region": "US"}))

STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(WRITES)), st.tuples(st.just("other"), st.sampled_from(WRITES)),
    st.tuples(st.just("native"), st.sampled_from(NATIVE)), st.tuples(st.just("policy"), st.sampled_from(POLICIES)),
    st.tuples(st.sampled_from(ACTORS), st.sampled_from(QUERIES)))


class World:
    """One workspace, its sessions, and what its door has kept."""

    def __init__(self, workspace: Workspace, *, native: bool) -> None:
        self.workspace = workspace
        self.stack = ExitStack()
        self.place = self.stack.enter_context(_closing(Place("w", workspace)))
        self.native = native
        self.told: dict[str, int] = {}

    def begin(self) -> ExitStack:
        stack = ExitStack()
        self.writer = stack.enter_context(Session.open(self.workspace.root))
        self.other = stack.enter_context(Session.open(self.workspace.root))
        self.seen = {_name(one): stack.enter_context(Session.open(self.workspace.root, actor=one)) for one in ACTORS}
        with suppress(PlutoError):
            self.other.query("DROP MACRO abs")
        self.other.query("SET GLOBAL TimeZone = 'UTC'")
        self.other.query(BEGINNING)
        self.allow(POLICIES[0])
        return stack

    def allow(self, text: str) -> None:
        (self.workspace.root / FILE).write_text(text, encoding="utf-8")
        trust.grant(self.workspace, FILE, wanted(read(text)[1]))

    def do(self, what: Any, text: str) -> None:
        if what == "policy":
            self.allow(text)
        elif what == "native":
            if self.native:
                database = next(one for one in _open if one.path == self.workspace.database)
                with suppress(Exception):
                    database.cursor().native().execute(text)
        elif what in ("write", "other"):
            with suppress(PlutoError):
                getattr(self, "writer" if what == "write" else "other").query(text)
        else:
            self.compare(what, text)

    def compare(self, actor: Actor | None, sql: str) -> None:
        for _ in range(2):  # the second one from what the first has kept
            run = self.place.runs.start("sql", sql, run_sql(self.place, sql, None, max_rows=10**6, max_age_s=0),
                                        actor=actor)
            done = self.place.runs.wait(run.run_id, 60)
            self.told[str(done.facts.get("cache"))] = self.told.get(str(done.facts.get("cache")), 0) + 1
            fresh = _rows(lambda: self.seen[_name(actor)].query(sql).rows())
            assert _rows(lambda: self.place.runs.result(done.run_id).rows()) == fresh, (sql, actor, done)  # noqa: B023


def _rows(ask: Callable[[], list[Any]]) -> list[str] | None:
    """In one order; None where it fails."""
    try:
        return sorted(map(str, ask()))
    except PlutoError:
        return None


def _name(actor: Actor | None) -> str | None:
    return actor.name if actor is not None else None


class _closing:
    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> Place:
        return self._place

    def __exit__(self, *_: object) -> None:
        self._place.close()


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from lasting_home(tmp_path_factory)


@pytest.fixture(scope="module", params=["host", "guest"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    workspace = create(tmp_path_factory.mktemp("world") / "w")
    with ExitStack() as stack:
        if request.param == "guest":
            stack.enter_context(Worker(workspace.root))
        made = World(workspace, native=request.param == "host")
        stack.enter_context(made.stack)
        yield made
        assert made.told.get("hit", 0) > 0, made.told  # else nothing was tried


def _try(world: World, steps: list[tuple[Any, str]]) -> None:
    with world.begin():
        for what, text in steps:
            world.do(what, text)
        for actor in ACTORS:
            for sql in QUERIES[:3]:
                world.compare(actor, sql)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(STEPS, min_size=10, max_size=25))
def test_a_kept_answer_is_what_would_be_computed_now(world: World, steps: list[tuple[Any, str]]) -> None:
    _try(world, steps)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_a_kept_answer_is_what_would_be_computed_now_again_and_again(world: World, steps: list[tuple[Any, str]]) -> None:
    _try(world, steps)
