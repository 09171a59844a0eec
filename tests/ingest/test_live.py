"""Live sources: named by every process, attached while a statement runs, gone without harm."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from pluto_duck.errors import (
    DatabaseBusy,
    MissingExtra,
    PlutoError,
    Refused,
    SourceError,
    StatementError,
    UnknownName,
    Untrusted,
    UsageError,
)
from pluto_duck.ingest import live
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create
from tests.ingest import tiny
from tests.workspace.worker import Worker

ORDERS = "CREATE TABLE orders AS SELECT range::INTEGER AS id, 'n' || range AS name FROM range(1, 4)"
INSTALL = "from tests.ingest import tiny; tiny.install()"


@pytest.fixture(autouse=True)
def _installed() -> None:
    tiny.install()


@pytest.fixture
def address(tmp_path: Path) -> str:
    return tiny.make(tmp_path / "shop.tiny", ORDERS, "CREATE SCHEMA s; CREATE TABLE s.items AS SELECT 7 AS item")


def attached(session: Session) -> list[str]:
    return [row[0] for row in session.query(
        "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND NOT starts_with(database_name, 'pluto_') "
        "AND database_name <> current_database()").rows()]


def test_a_live_source_is_read_by_its_name_and_attached_only_meanwhile(session: Session, address: str) -> None:
    made = live.attach(session, address)
    assert made.source.name == "shop"
    assert session.query("SELECT count(*) FROM shop.main.orders").rows() == [(3,)]
    assert session.query("SELECT max(id) FROM SHOP.orders").rows() == [(3,)]
    assert session.query('SELECT item FROM "shop".s.items').rows() == [(7,)]
    assert attached(session) == []


def test_every_process_of_the_workspace_reads_it(session: Session, workspace: Workspace, address: str) -> None:
    live.attach(session, address)
    with Worker(workspace.root) as guest:
        guest.do("python", code=INSTALL)
        assert guest.query("SELECT count(*) FROM shop.orders")["rows"] == [[3]]


def test_it_survives_a_restart(workspace: Workspace, address: str) -> None:
    with Session.open(workspace.root) as first:
        live.attach(first, address, name="buy")
    with Session.open(workspace.root) as second:
        assert second.query("SELECT count(*) FROM buy.orders").rows() == [(3,)]


def test_a_guest_goes_on_reading_when_its_host_is_killed(workspace: Workspace, address: str) -> None:
    with Worker(workspace.root, role="kernel") as host, Session.open(workspace.root) as guest:
        assert guest.hosting == "guest"
        live.attach(guest, address)
        assert guest.query("SELECT count(*) FROM shop.orders").rows() == [(3,)]
        host.kill()
        assert guest.query("SELECT count(*) FROM shop.orders").rows() == [(3,)]
        assert guest.hosting == "host"


def test_the_callers_environment_counts_not_the_hosts(workspace: Workspace, address: str,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    with Worker(workspace.root, role="kernel"), Session.open(workspace.root) as guest, \
            Worker(workspace.root) as without:
        monkeypatch.setenv("SHOP_URL", address)
        assert live.attach(guest, "env:SHOP_URL", name="shop").source.address == "env:SHOP_URL"
        assert guest.query("SELECT count(*) FROM shop.orders").rows() == [(3,)]
        without.do("python", code=INSTALL)
        error = without.query("SELECT count(*) FROM shop.orders")["error"]
        assert "SHOP_URL" in error["message"]
        assert without.query("SELECT 1")["rows"] == [[1]]


def test_a_source_that_is_down_is_named_and_the_rest_works(session: Session, tmp_path: Path, address: str) -> None:
    session.query("CREATE TABLE mine AS SELECT 1 AS shop")
    live.attach(session, address)
    (tmp_path / "shop.tiny").unlink()
    with pytest.raises(SourceError, match="live source shop"):
        session.query("SELECT * FROM shop.orders")
    assert session.query("SELECT shop FROM mine").rows() == [(1,)]  # the word alone harms nobody
    assert [str(one.ref) for one in session.tables()] == ["mine"]
    assert session.query("SELECT count(*) FROM mine", read_only=True).rows() == [(1,)]
    with pytest.raises(UnknownName):
        session.query("SELECT * FROM mime")


def test_it_can_only_be_read(session: Session, address: str) -> None:
    live.attach(session, address)
    for sql in ("INSERT INTO shop.orders VALUES (9, 'x')", "DROP TABLE shop.main.orders", "CREATE TABLE shop.t (a INT)"):
        with pytest.raises(StatementError, match="read-only"):
            session.query(sql)
    assert attached(session) == []


def test_a_connector_that_would_write_is_refused(session: Session, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = tiny.TinyConnector.native
    monkeypatch.setattr(tiny.TinyConnector, "native", lambda self, name=None: type(good(self, name))(
        open=tuple(one.replace(" (READ_ONLY)", "") for one in good(self, name).open), close=good(self, name).close))
    with pytest.raises(Refused, match="reading only"):
        live.attach(session, address)
    assert attached(session) == []
    assert live.sources(session.control) == []


def test_rows_can_be_joined_and_copied_with_ones_own(session: Session, address: str) -> None:
    live.attach(session, address)
    session.query("CREATE TABLE paid AS SELECT 2 AS id")
    assert session.query("SELECT name FROM shop.orders JOIN paid USING (id)").rows() == [("n2",)]
    session.query("CREATE TABLE copy AS SELECT * FROM shop.orders")
    assert session.query("SELECT count(*) FROM copy").rows() == [(3,)]
    assert session.query("INSERT INTO copy SELECT * FROM shop.orders WHERE id = $id", {"id": 1}).affected_rows == 1
    assert attached(session) == []


def test_a_view_over_it_works_after_a_restart(workspace: Workspace, address: str) -> None:
    with Session.open(workspace.root) as first:
        live.attach(first, address)
        first.query("CREATE VIEW big AS SELECT * FROM shop.orders WHERE id > 1")
        first.query("CREATE VIEW full_name AS SELECT * FROM shop.main.orders")
    with Session.open(workspace.root) as second:
        assert second.query("SELECT count(*) FROM big").rows() == [(2,)]
        assert second.query("SELECT count(*) FROM full_name").rows() == [(3,)]


def test_it_stays_while_rows_are_read_and_while_a_transaction_is_open(session: Session, workspace: Workspace,
                                                                     address: str) -> None:
    live.attach(session, address)
    with Session.open(workspace.root) as other:
        with session.stream("SELECT * FROM shop.orders") as rows:
            assert attached(other) == ["shop"]
            assert sum(one.num_rows for one in rows) == 3
        assert attached(other) == []
        with session.transaction():
            session.query("SELECT count(*) FROM shop.orders")
            assert attached(other) == ["shop"]
        assert attached(other) == []


def test_use_leads_into_it_and_out_again(session: Session, workspace: Workspace, address: str) -> None:
    live.attach(session, address)
    own = session.query("SELECT current_database()").rows()[0][0]
    session.query("USE shop.main")
    assert session.query("SELECT count(*) FROM orders").rows() == [(3,)]
    session.query(f"USE {own}")
    with Session.open(workspace.root) as other:
        assert attached(other) == []


def test_two_sessions_share_it_and_a_session_that_goes_away_lets_go(session: Session, workspace: Workspace,
                                                                   address: str) -> None:
    live.attach(session, address)
    other = Session.open(workspace.root)
    mine = session.stream("SELECT * FROM shop.orders")
    theirs = other.stream("SELECT * FROM shop.orders")
    mine.close()
    assert attached(session) == ["shop"]
    other.close()
    theirs.close()
    assert attached(session) == []


def test_a_detached_source_is_gone_and_a_statement_that_reads_it_ends_in_peace(session: Session, workspace: Workspace,
                                                                              address: str) -> None:
    live.attach(session, address)
    with Session.open(workspace.root) as other:
        rows = session.stream("SELECT * FROM shop.orders")
        assert live.detach(other, "Shop").name == "shop"
        assert sum(one.num_rows for one in rows) == 3
        rows.close()
        with pytest.raises(PlutoError, match="shop"):
            other.query("SELECT * FROM shop.orders")
        with pytest.raises(UnknownName, match="live source"):
            live.detach(other, "shop")
    assert live.live_tables(session) == []


def test_agents_do_not_reach_it_by_name_nor_through_a_view(session: Session, address: str) -> None:
    live.attach(session, address)
    session.query("CREATE TABLE orders AS SELECT 0 AS id")  # a table of the same name, as a cached copy has
    session.query("CREATE VIEW plain AS SELECT * FROM shop.orders")
    session.query("CREATE VIEW full_name AS SELECT * FROM shop.main.orders")
    assert session.query("SELECT count(*) FROM plain").rows() == [(3,)]
    for name in ("shop.main.orders", "shop.orders", "plain", "full_name"):
        with pytest.raises((Refused, UnknownName)):
            session.query(f"SELECT * FROM {name}", read_only=True)
    assert session.query("SELECT * FROM orders", read_only=True).rows() == [(0,)]


def test_agents_do_not_reach_it_while_the_owner_has_it_open(session: Session, workspace: Workspace,
                                                            address: str) -> None:
    live.attach(session, address)
    session.query("CREATE TABLE orders AS SELECT 0 AS id; CREATE VIEW plain AS SELECT * FROM shop.orders")
    with Session.open(workspace.root) as agent, session.stream("SELECT * FROM shop.orders"):
        session_only = ("shop.main.orders", "shop.orders", "plain")
        for name in session_only:
            with pytest.raises((Refused, UnknownName)):
                agent.query(f"SELECT * FROM {name}", read_only=True)


def test_a_name_that_leads_elsewhere_is_refused(session: Session, address: str) -> None:
    session.query("CREATE SCHEMA sales; CREATE SCHEMA empty_one; ATTACH ':memory:' AS other")
    own = session.query("SELECT current_database()").rows()[0][0]
    for name in ("sales", "Empty_One", "other", own, "temp", "system", "main", "pluto_x", "order", "my-shop", "1x", ""):
        with pytest.raises(UsageError):
            live.attach(session, address, name=name or "\0")
    assert live.sources(session.control) == []
    live.attach(session, address)
    with pytest.raises(UsageError, match="already"):
        live.attach(session, address)


def test_a_schema_or_database_that_takes_its_name_later_is_told_apart(session: Session, address: str) -> None:
    live.attach(session, address)
    session.query("CREATE SCHEMA shop")
    session.query("CREATE TABLE shop.mine AS SELECT 5 AS five")
    assert session.query("SELECT five FROM shop.mine").rows() == [(5,)]
    with pytest.raises(UsageError, match="a schema of this workspace and a live source"):
        session.query("SELECT * FROM shop.main.orders")
    session.query("DROP SCHEMA shop CASCADE; ATTACH ':memory:' AS shop")
    with pytest.raises(UsageError, match="attached as shop"):
        session.query("SELECT * FROM shop.main.orders")


def test_a_password_is_refused_and_stands_nowhere(session: Session, workspace: Workspace) -> None:
    with pytest.raises(Refused) as refused:
        live.attach(session, "postgresql://me:geheim@db.example/shop")
    assert "connections add" in refused.value.hint
    assert "geheim" not in json.dumps(refused.value.to_dict())
    for path in workspace.folder.rglob("*"):
        assert not path.is_file() or b"geheim" not in path.read_bytes()


def test_an_extension_that_does_not_load_is_named_with_the_way_out(session: Session, address: str) -> None:
    with pytest.raises(MissingExtra) as missing:
        live.attach(session, f"{address}?extension=no_such_thing")
    assert "extensions" in missing.value.hint
    assert "without --live" in missing.value.hint
    assert live.sources(session.control) == []


def test_a_file_can_only_be_copied(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(Refused, match="only be copied"):
        live.attach(session, str(tmp_path / "a.csv"))


def test_the_workspaces_own_files_are_no_source(session: Session, workspace: Workspace) -> None:
    for path in (workspace.database, workspace.control):
        with pytest.raises(Refused, match="own files"):
            live.attach(session, f"tiny://{path}", name="me")


def test_a_cloned_folder_connects_nowhere(session: Session, workspace: Workspace, tmp_path: Path, address: str) -> None:
    live.attach(session, address)
    session.close()
    shutil.copytree(workspace.folder, tmp_path / "clone" / workspace.folder.name)
    clone = create(tmp_path / "clone")
    with Session.open(clone.root) as other:
        with pytest.raises(Untrusted, match="came with this folder") as refused:
            other.query("SELECT * FROM shop.orders")
        assert "detach shop" in refused.value.hint
        assert other.query("SELECT 1").rows() == [(1,)]
        live.detach(other, "shop")
        live.attach(other, address)
        assert other.query("SELECT count(*) FROM shop.orders").rows() == [(3,)]


def test_a_record_that_was_changed_by_hand_is_not_followed(session: Session, workspace: Workspace, tmp_path: Path,
                                                           address: str) -> None:
    live.attach(session, address)
    with sqlite3.connect(workspace.control) as db:
        db.execute("UPDATE live_sources SET address = ?", (tiny.make(tmp_path / "evil.tiny", ORDERS),))
    with pytest.raises(Untrusted):
        session.query("SELECT * FROM shop.orders")


def test_what_a_live_scan_shows_otherwise_is_said(session: Session, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    plain = tiny.TinyConnector.discover

    def discover(self: tiny.TinyConnector, *args: object, **named: object) -> list[object]:
        tables = plain(self, *args, **named)  # type: ignore[arg-type]
        return [replace(one, columns=tuple(
            replace(column, type="DECIMAL(38,10)", source_type="numeric(40,10)") if column.name == "id" else column
            for column in one.columns)) for one in tables]

    monkeypatch.setattr(tiny.TinyConnector, "discover", discover)
    assert [str(one) for one in live.attach(session, address).risks] == [
        "orders.id comes as INTEGER, not DECIMAL(38,10)"]


def test_its_tables_are_listed_without_asking_it(session: Session, tmp_path: Path, address: str) -> None:
    live.attach(session, address)
    (tmp_path / "shop.tiny").unlink()
    assert [(str(one.ref), one.kind, one.row_estimate, one.columns) for one in live.live_tables(session)] == [
        ("shop.main.orders", "live", 3, ("id", "name")), ("shop.s.items", "live", 1, ("item",))]


def test_one_name_at_two_addresses_at_once_is_refused(session: Session, workspace: Workspace, tmp_path: Path,
                                                      address: str) -> None:
    live.attach(session, address)
    other_address = tiny.make(tmp_path / "second.tiny", ORDERS)
    with Session.open(workspace.root) as other, session.stream("SELECT * FROM shop.orders"):
        live.detach(other, "shop")
        with pytest.raises(DatabaseBusy, match="another address"):
            other.look_at_live(live.asked("shop", "x", tiny.TinyConnector(other_address).native("shop")))
