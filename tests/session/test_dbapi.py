"""The session as a DB-API 2.0 connection, in the host and as a guest."""

from __future__ import annotations

import warnings

import pandas
import pytest

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.session import Session, dbapi
from pluto_duck.workspace import Workspace
from tests.workspace.worker import Worker


def test_rows_come_by_one_many_and_all(session: Session) -> None:
    cursor = session.connection().cursor()
    with pytest.raises(UsageError):
        cursor.fetchone()
    assert (cursor.description, cursor.rowcount) == (None, -1)
    cursor.execute("SELECT range AS i FROM range(?) ORDER BY i", [5])
    assert cursor.description is not None
    assert (cursor.description[0][:2], cursor.rowcount) == (("i", "BIGINT"), 5)
    assert (cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall()) == ((0,), [(1,), (2,)], [(3,), (4,)])
    assert cursor.fetchone() is None
    assert list(session.connection().execute("SELECT $x AS x", {"x": 1})) == [(1,)]


def test_commit_and_rollback_end_what_begin_opened(session: Session) -> None:
    with session.connection() as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.execute("BEGIN")
        connection.cursor().executemany("INSERT INTO t VALUES (?)", [[1], [2]])
    connection.execute("BEGIN")
    assert connection.execute("DELETE FROM t").rowcount == 2
    connection.rollback()
    connection.close()
    assert session.query("SELECT count(*) FROM t").scalar() == 2


def test_errors_are_of_the_one_tree(session: Session) -> None:
    assert dbapi.Error is PlutoError
    with pytest.raises(dbapi.DatabaseError):
        session.connection().execute("SELEC")


@pytest.mark.parametrize("guest", [False, True])
def test_pandas_reads_through_it(workspace: Workspace, guest: bool) -> None:
    warnings.simplefilter("ignore", UserWarning)
    with Worker(workspace.root, opened=guest), Session.open(workspace.root) as session:
        assert session.hosting == ("guest" if guest else "host")
        frame = pandas.read_sql("SELECT range AS i FROM range(3)", session.connection())
        assert list(frame["i"]) == [0, 1, 2]
