"""Whatever statements run, in whatever transactions: a consumer of the Journal alone comes to the same table."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import PlutoError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, create
from tests.events.replay import counts, replayed, table

T = TableRef("t")
KEY = st.integers(0, 6)
VALUE = st.sampled_from(["NULL", "'a'", "'b'", "'''x'", "''"])


def _step(name: str, *values: Any) -> st.SearchStrategy[str]:
    return st.tuples(*values).map(lambda given_: name.format(*given_))


COMMON = [
    _step("INSERT INTO t (id, v) VALUES ({}, {})", KEY, VALUE),
    _step("INSERT INTO t (id, v) SELECT i + {}, {} FROM range(3) AS r(i)", KEY, VALUE),
    _step("UPDATE t SET v = {1} WHERE id = {0}", KEY, VALUE),
    _step("UPDATE t SET v = v || 'q' WHERE id > {}", KEY),
    _step("UPDATE t SET id = id + 1 WHERE id = {}", KEY),
    _step("DELETE FROM t WHERE id = {}", KEY),
    _step("DELETE FROM t WHERE id % 3 = {} RETURNING v", KEY),
    st.just("TRUNCATE t"),
    _step("CREATE OR REPLACE TABLE t AS SELECT * FROM t WHERE id <> {}", KEY),
    st.just("ALTER TABLE t ADD PRIMARY KEY (id)"),
    _step("ALTER TABLE t ADD COLUMN IF NOT EXISTS z{} INTEGER DEFAULT 3", st.integers(0, 1)),
    _step("ALTER TABLE t DROP COLUMN IF EXISTS z{}", st.integers(0, 1)),
    _step("BEGIN; CREATE TABLE n AS SELECT * FROM t WHERE id < {}; ALTER TABLE t RENAME TO o; ALTER TABLE n RENAME TO t; "
          "DROP TABLE o; COMMIT", KEY),
    st.just("DROP TABLE t"), st.just("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v VARCHAR)"),
    st.just("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v VARCHAR)"),
    _step("INSERT INTO t (id, v) VALUES ({0}, {1}), ({0} + 2, 'up') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
          KEY, VALUE),
    _step("INSERT INTO t (id, v) VALUES ({}, {}) ON CONFLICT DO NOTHING", KEY, VALUE),
    _step("MERGE INTO t USING (SELECT {} AS id, {} AS v) AS s ON (t.id = s.id) WHEN MATCHED AND s.v = 'a' THEN DELETE "
          "WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)", KEY, VALUE),
    st.just("BEGIN"), st.just("COMMIT"), st.just("ROLLBACK"),
]
STEPS = st.lists(st.one_of(COMMON), min_size=4, max_size=25)


def _runs(steps: list[str], keyed: bool, before: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, Session.open(create(Path(folder) / "w").root) as session:
        session.query(f"CREATE TABLE t (id INTEGER{' PRIMARY KEY' if keyed else ''}, v VARCHAR)")
        session.track(T, before=before, full_row=not keyed)
        for step in steps:
            try:
                session.query(step)
            except PlutoError:
                if session.in_transaction and "BEGIN;" not in step:
                    session.query("ROLLBACK")  # 1.5 aborts for some errors, 2.0 for all
        if session.in_transaction:
            with suppress(PlutoError):  # which takes it all back: of one that was aborted, or that altered what it wrote
                session.query("COMMIT")
        found = replayed(session, T)
        counts(session)
        there = T.key in {one.ref.key for one in session.tables()}
        assert found.there == there
        assert found.resyncs == []
        if there:
            assert found.rows == table(session, T)


@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, keyed=st.booleans(), before=st.booleans())
def test_any_statements_replay_to_the_table(steps: list[str], keyed: bool, before: bool) -> None:
    _runs(steps, keyed, before)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, keyed=st.booleans(), before=st.booleans())
def test_thousands_of_statements_replay_to_the_table(steps: list[str], keyed: bool, before: bool) -> None:
    _runs(steps, keyed, before)
