"""Sources that the host's DuckDB reads itself: opened for a while, scanned in a transaction, closed whatever happens."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import pytest

from pluto_duck.errors import PlutoError, StatementError
from pluto_duck.session import NativeSource, Scan, Session, WriteColumn
from pluto_duck.workspace import TableRef, Workspace, extensions
from tests.workspace.worker import Worker

COLUMNS = (WriteColumn("id", "INTEGER", "c0"), WriteColumn("name", "VARCHAR", "upper(c1)"))


@pytest.fixture
def source(tmp_path: Path) -> NativeSource:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE things AS SELECT * FROM (VALUES (1, 'one'), (2, 'two')) AS t(id, name)")
    return attaching(path)


def attaching(path: Path) -> NativeSource:
    name = f"pluto_source_{uuid.uuid4().hex}"
    return NativeSource(open=(f"ATTACH '{path}' AS {name} (READ_ONLY)",), close=(f"DETACH {name}",))


def scan(source: NativeSource) -> Scan:
    return Scan(f"SELECT id AS c0, name AS c1 FROM {source.close[0].split()[-1]}.things")


def attached(session: Session) -> list[str]:
    return [row[0] for row in session.query(
        "SELECT database_name FROM duckdb_databases() WHERE starts_with(database_name, 'pluto_source_')").rows()]


def test_the_host_scans_a_source_while_it_is_open(session: Session, source: NativeSource) -> None:
    with session.open_source(source) as opened:
        assert opened
        assert session.write(TableRef("things"), scan(source), COLUMNS, mode="replace") == 2
    assert session.query("SELECT * FROM things ORDER BY id").rows() == [(1, "ONE"), (2, "TWO")]
    assert attached(session) == []


def test_a_guest_scans_through_its_host(session: Session, workspace: Workspace, source: NativeSource) -> None:
    with Worker(workspace.root, role="kernel"), Session.open(workspace.root) as guest, \
            guest.open_source(source) as opened:
        assert opened
        assert guest.write(TableRef("things"), scan(source), COLUMNS, mode="replace") == 2
        assert guest.query("SELECT count(*) FROM things").rows() == [(2,)]


def test_sessions_side_by_side_scan_the_same_open_source(session: Session, workspace: Workspace,
                                                         source: NativeSource) -> None:
    with session.open_source(source), Session.open(workspace.root) as second, \
            session.transaction(), second.transaction():
        session.write(TableRef("a"), scan(source), COLUMNS)
        second.write(TableRef("b"), scan(source), COLUMNS)
    assert session.query("SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)").rows() == [(4,)]


def test_what_begins_a_transaction_runs_once_in_it(session: Session, source: NativeSource) -> None:
    session.query("CREATE TABLE begun (n INTEGER); CREATE SEQUENCE turn")
    begin = ("INSERT INTO begun SELECT nextval('turn')",)
    with session.open_source(source):
        for _ in range(2):
            with session.transaction():
                for name in ("a", "b"):
                    session.write(TableRef(name), Scan(scan(source).sql, begin), COLUMNS, mode="replace")
    assert session.query("SELECT n FROM begun ORDER BY n").rows() == [(1,), (2,)]


def test_a_missing_extension_opens_nothing(session: Session, source: NativeSource) -> None:
    lacking = NativeSource(("no_such_thing",), source.open, source.close)
    with session.open_source(lacking) as opened:
        assert not opened
        assert attached(session) == []


def test_a_source_that_does_not_open_leaves_nothing_behind(session: Session, source: NativeSource,
                                                           tmp_path: Path) -> None:
    broken = NativeSource((), (*source.open, f"ATTACH '{tmp_path}/none.duckdb' AS pluto_source_x (READ_ONLY)"),
                          source.close)
    with pytest.raises(PlutoError), session.open_source(broken):
        pass
    assert attached(session) == []


def test_a_session_that_goes_away_closes_its_source(session: Session, workspace: Workspace,
                                                    source: NativeSource) -> None:
    other = Session.open(workspace.root)
    block = other.open_source(source)
    assert block.__enter__()
    assert len(attached(session)) == 1
    other.close()
    assert attached(session) == []


def test_a_scan_that_fails_leaves_the_old_table(session: Session, source: NativeSource) -> None:
    with session.open_source(source):
        session.write(TableRef("things"), scan(source), COLUMNS)
        with pytest.raises(StatementError):
            session.write(TableRef("things"), Scan(f"SELECT 1/0 AS c0, error('no') AS c1 FROM ({scan(source).sql})"),
                          COLUMNS, mode="replace")
    assert session.query("SELECT count(*) FROM things").rows() == [(2,)]


def test_a_temporary_table_is_the_sessions_own(session: Session, workspace: Workspace, source: NativeSource) -> None:
    with session.open_source(source), session.transaction():
        before = session.versions()
        session.write(TableRef("staged"), scan(source), COLUMNS, temporary=True)
        session.query("CREATE TABLE kept AS SELECT * FROM temp.main.staged")
        session.query("DROP TABLE temp.main.staged")
    assert [str(one.ref) for one in session.tables()] == ["kept"]
    assert set(session.versions()) - set(before) <= {"main.kept", "#schema", "*"}


def test_an_extension_comes_from_its_wheel_for_this_engine_alone() -> None:
    assert extensions.wheel_file("postgres_scanner", "0.0.1") is None
    assert extensions.wheel_file("no_such_thing", duckdb.__version__) is None


def test_the_postgres_extension_loads_without_a_network_where_its_wheel_fits(session: Session) -> None:
    fits = extensions.wheel_file("postgres_scanner", duckdb.__version__) is not None
    with session.open_source(NativeSource(("postgres_scanner",))) as opened:
        assert opened is fits
    loaded = session.query("SELECT loaded FROM duckdb_extensions() WHERE extension_name = 'postgres_scanner'")
    assert any(row == (True,) for row in loaded.rows()) is fits


def test_a_transaction_that_was_left_behind_stops_nobody(session: Session) -> None:
    session.query("CREATE TABLE t (i INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    (ours,) = session._link._channel._host._handler.sessions  # type: ignore[union-attr]
    ours._cursor.execute("BEGIN")  # as DuckDB leaves one that is interrupted at the end of a stream
    with pytest.raises(PlutoError):
        ours._cursor.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(PlutoError, match="aborted"):
        ours._cursor.execute("SELECT 1")
    assert session.query("SELECT count(*) FROM t").rows() == [(1,)]
    session.query("INSERT INTO t VALUES (2)")
    assert session.query("SELECT count(*) FROM t").rows() == [(2,)]
