"""Small tables share transactions, and each is still atomic by itself."""

from __future__ import annotations

import pytest

from pluto_duck.errors import ColumnRefused, PartlyLoaded
from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from tests.services.postgres import Database

COMMITS = "SELECT count(*) FROM _pluto.commits"


def test_small_tables_share_few_commits(session: Session, database: Database) -> None:
    database.run(*[f"CREATE TABLE t{n} (id int PRIMARY KEY, at int)" for n in range(20)],
                 *[f"INSERT INTO t{n} VALUES (1, {n})" for n in range(20)])
    before = session.query(COMMITS).scalar()
    report = ingest(session, database.uri)
    assert len(report.tables) == 20
    assert session.query(COMMITS).scalar() - before <= 4
    versions = session.versions()
    assert all(versions[f"main.t{n}"] for n in range(20))
    assert session.query("SELECT count(*), sum(rows), count(DISTINCT table_key) FROM _pluto.loads").rows() == [(20, 20, 20)]


def test_of_a_group_only_the_table_that_fails_does_not_arrive(session: Session, database: Database) -> None:
    database.run(*[f"CREATE TABLE t{n} (id int PRIMARY KEY, v numeric(5,1))" for n in range(9)],
                 *[f"INSERT INTO t{n} VALUES (1, {n})" for n in range(9)], "INSERT INTO t4 VALUES (2, 'NaN')")
    session.query("CREATE TABLE t4 AS SELECT 'as it was' AS said")
    with pytest.raises(PartlyLoaded) as caught:
        ingest(session, database.uri)
    failed, = caught.value.report.failed
    assert (failed.source_name, type(failed.error)) == ("t4", ColumnRefused)
    assert {one.source_name: one.rows for one in caught.value.report.tables} == {f"t{n}": 1 for n in range(9) if n != 4}
    assert session.query("SELECT said FROM t4").rows() == [("as it was",)]
    assert session.query("SELECT count(*) FROM _pluto.loads").scalar() == 8


def test_an_increment_goes_on_from_what_a_group_brought(session: Session, database: Database) -> None:
    database.run(*[f"CREATE TABLE t{n} (id int PRIMARY KEY, at int)" for n in range(6)],
                 *[f"INSERT INTO t{n} VALUES (1, 10)" for n in range(6)])

    def rows() -> dict[str, int]:
        return {one.source_name: one.rows for one in ingest(session, database.uri, mode="merge", cursor="at").tables}

    assert set(rows().values()) == {1}
    assert set(rows().values()) == {0}
    assert set(rows().values()) == {0}
    database.run("INSERT INTO t3 VALUES (2, 10)")
    assert rows() == {f"t{n}": int(n == 3) for n in range(6)}
