"""Proposed changes: nothing happens before a person says so, then exactly once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import pytest

from pluto_duck.agent.approvals import Approvals
from pluto_duck.commands import Door, Facts, Rows, each, invoke
from pluto_duck.errors import Outdated, PlutoError, Refused, StatementError, UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import Result, Workspace


@pytest.fixture
def stock(session: Session) -> Session:
    session.query("CREATE TABLE stock AS SELECT i AS id, i * 2 AS n FROM range(10) t(i)")
    return session


def _propose(session: Session, kind: str = "view", name: str = "low", sql: str = "SELECT * FROM stock WHERE n < 6"):  # type: ignore[no-untyped-def]
    return Approvals(session).propose(kind, name, sql, question="make it", planner="test")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["view", "table"])
def test_a_proposal_changes_nothing_until_it_is_approved(kind: str, stock: Session) -> None:
    made = _propose(stock, kind)
    assert made.dry_run == "3 rows; id BIGINT, n BIGINT"
    assert [str(one.ref) for one in stock.tables()] == ["stock"]
    assert not stock.in_transaction
    done = Approvals(stock).approve(made.id, made.version, "me")
    assert done.status == "done"
    assert stock.query("SELECT count(*) FROM low").scalar() == 3
    stock.query(done.rollback)
    assert [str(one.ref) for one in stock.tables()] == ["stock"]
    assert [(one.what, one.who) for one in Approvals(stock).log(made.id)] == [
        ("proposed", "test"), ("approved", "me"), ("done", "me")]


def test_a_view_that_is_replaced_shows_what_changes_and_comes_back(stock: Session) -> None:
    stock.query("CREATE VIEW low AS SELECT id FROM stock WHERE n < 2")
    made = _propose(stock)
    assert any(line.startswith("-") and "< 2" in line for line in made.diff.splitlines())
    Approvals(stock).approve(made.id, made.version)
    assert stock.query("SELECT count(*) FROM low").scalar() == 3
    stock.query(made.rollback)
    assert stock.query("SELECT count(*) FROM low").scalar() == 1


def test_a_view_that_somebody_changed_meanwhile_is_not_replaced(stock: Session) -> None:
    stock.query("CREATE VIEW low AS SELECT 1 AS a")
    made = _propose(stock)
    stock.query("CREATE OR REPLACE VIEW low AS SELECT 2 AS a")
    with pytest.raises(Refused, match="has changed since"):
        Approvals(stock).approve(made.id, made.version)
    assert stock.query("FROM low").scalar() == 2


def test_a_table_is_never_replaced(stock: Session) -> None:
    for kind in ("view", "table"):
        with pytest.raises(Refused, match="already"):
            _propose(stock, kind, "stock")
    made = _propose(stock, "table", "copy")
    stock.query("CREATE TABLE copy AS SELECT 1 AS mine")
    with pytest.raises(Refused):
        Approvals(stock).approve(made.id, made.version)
    assert stock.query("FROM copy").rows() == [(1,)]


@pytest.mark.parametrize("sql", [
    "DELETE FROM stock", "SELECT 1; DROP TABLE stock", "SELECT * FROM read_csv('/etc/passwd')", "ATTACH 'x.db'",
    "SELECT 1) TO 'x.csv'; --", "COPY stock TO 'x.csv'", "SELECT * FROM _pluto.commits",
])
def test_what_the_gate_refuses_can_not_be_proposed(sql: str, stock: Session) -> None:
    with pytest.raises(PlutoError):
        _propose(stock, sql=sql)
    assert Approvals(stock).all() == []
    assert stock.query("SELECT count(*) FROM stock").scalar() == 10


def test_names_are_quoted(stock: Session) -> None:
    made = _propose(stock, name='"x"" AS SELECT 1; DROP TABLE stock; --"')
    Approvals(stock).approve(made.id, made.version)
    assert stock.query("SELECT count(*) FROM stock").scalar() == 10
    assert {one.ref.name for one in stock.tables()} == {"stock", 'x" AS SELECT 1; DROP TABLE stock; --'}


def test_it_runs_once_however_many_approve(stock: Session, workspace: Workspace) -> None:
    made = _propose(stock, "table", "copy")
    outcomes: list[str] = []
    ready = threading.Barrier(4)

    def approve() -> None:
        with Session.open(workspace.root) as session:
            ready.wait(30)
            try:
                outcomes.append(Approvals(session).approve(made.id, made.version).status)
            except PlutoError as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=approve) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert "done" in outcomes
    assert set(outcomes) <= {"done", "refused", "outdated"}
    assert stock.query("SELECT count(*) FROM _pluto.commits WHERE starts_with(token, $t)", {"t": made.token}).scalar() == 1
    assert Approvals(stock).get(made.id).status == "done"


def test_a_commit_whose_process_died_is_not_run_again(stock: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _propose(stock, "table", "copy")
    moved = Approvals._moved

    def die(self: Approvals, one, to, *rest):  # type: ignore[no-untyped-def]
        if to == "done":
            raise KeyboardInterrupt
        return moved(self, one, to, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "_moved", die)
        with pytest.raises(KeyboardInterrupt):
            Approvals(stock).approve(made.id, made.version)
    stock.query("INSERT INTO copy VALUES (99, 99)")
    assert Approvals(stock).get(made.id).status == "running"
    assert Approvals(stock).approve(made.id, made.version).status == "done"
    assert stock.query("SELECT count(*) FROM copy").scalar() == 4


def test_a_process_that_died_before_it_committed_can_be_taken_up(stock: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _propose(stock, "table", "copy")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "transaction", die)
        with pytest.raises(KeyboardInterrupt):
            Approvals(stock).approve(made.id, made.version)
    assert Approvals(stock).approve(made.id, made.version).status == "done"
    assert stock.query("SELECT count(*) FROM copy").scalar() == 3


def test_it_survives_a_restart(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE stock AS SELECT 1 AS id, 2 AS n")
        made = _propose(session)
    with Session.open(workspace.root) as session:
        assert Approvals(session).get(made.id[:4]) == made
        assert Approvals(session).approve(made.id, made.version).status == "done"


def test_what_has_expired_is_refused(stock: Session) -> None:
    made = _propose(stock)
    later: Callable[[], float] = lambda: made.expires_at + 1  # noqa: E731
    with pytest.raises(Refused, match="expired"):
        Approvals(stock, later).approve(made.id, made.version)
    assert Approvals(stock).get(made.id).status == "expired"
    assert [str(one.ref) for one in stock.tables()] == ["stock"]


@pytest.mark.parametrize("forged", ["body = 'SELECT 1 AS a; DROP TABLE stock'", "target = 'other'", "before = 'DROP TABLE stock'",
                                    "kind = 'table'", "mark = ''"])
def test_what_came_with_a_folder_is_never_run(forged: str, stock: Session) -> None:
    made = _propose(stock)
    with sqlite3.connect(stock.workspace.folder / "control.sqlite") as control:
        control.execute(f"UPDATE approvals SET {forged}")
    for decide in (lambda: Approvals(stock).approve(made.id, Approvals(stock).get(made.id).version),
                   lambda: Approvals(stock).edit(made.id, "SELECT 1 AS a")):
        with pytest.raises(Refused, match="not proposed here"):
            decide()
    assert [str(one.ref) for one in stock.tables()] == ["stock"]
    assert Approvals(stock).reject(made.id).status == "rejected"


def test_what_was_rejected_stays_so(stock: Session) -> None:
    made = _propose(stock)
    Approvals(stock).reject(made.id, reason="no")
    for decide in (lambda: Approvals(stock).approve(made.id, made.version), lambda: Approvals(stock).reject(made.id)):
        with pytest.raises(Refused, match="rejected"):
            decide()


def test_an_edit_is_checked_and_tried_again(stock: Session) -> None:
    made = _propose(stock)
    with pytest.raises(PlutoError):
        Approvals(stock).edit(made.id, "DROP TABLE stock")
    with pytest.raises((StatementError, UnknownName)):
        Approvals(stock).edit(made.id, "SELECT nothing FROM stock")
    edited = Approvals(stock).edit(made.id, "SELECT id FROM stock")
    assert edited.dry_run.startswith("10 rows")
    Approvals(stock).approve(made.id, edited.version)
    assert stock.query("SELECT count(*) FROM low").scalar() == 10
    assert [one.what for one in Approvals(stock).log(made.id)] == ["proposed", "edited", "approved", "done"]


def test_nobody_approves_or_edits_what_somebody_else_has_changed_since_they_looked(stock: Session) -> None:
    made = _propose(stock)
    edited = Approvals(stock).edit(made.id, "SELECT id FROM stock", seen=made.version)
    for decide in (lambda: Approvals(stock).approve(made.id, made.version), lambda: Approvals(stock).approve(made.id, ""),
                   lambda: Approvals(stock).edit(made.id, "SELECT 1 AS a", seen=made.version)):
        with pytest.raises(Outdated, match="edited after you looked"):
            decide()
    assert Approvals(stock).get(made.id) == edited
    assert [str(one.ref) for one in stock.tables()] == ["stock"]


def test_what_fails_says_so_and_stays_failed(stock: Session) -> None:
    made = _propose(stock)
    stock.query("DROP TABLE stock")
    with pytest.raises(PlutoError):
        Approvals(stock).approve(made.id, made.version)
    assert Approvals(stock).get(made.id).status == "failed"


def test_the_verbs(stock: Session) -> None:
    made = _propose(stock)
    door = Door(lambda: stock, kind="notebook")
    listed = invoke(["approvals", "list"], door)
    assert isinstance(listed, Rows)
    assert listed.rows[0][:2] == (made.id, "waiting")
    shown, rows = each(invoke(["approvals", "show", made.id[:3]], door))
    assert isinstance(shown, Facts)
    assert isinstance(rows, Result)
    assert rows.row_count == 3
    assert dict(shown.sections[0][1])["tried"] == made.dry_run
    assert "n < 2" in str(invoke(["approvals", "edit", made.id, "SELECT id FROM stock WHERE n < 2"], door))
    with pytest.raises(UsageError, match="n < 2") as unread:
        list(each(invoke(["approvals", "approve", made.id], door)))
    with pytest.raises(Outdated):
        list(each(invoke(["approvals", "approve", made.id, "--seen", made.version], door)))
    with pytest.raises(UsageError, match="A view is not built"):
        list(each(invoke(["approvals", "approve", made.id, "--build"], door)))
    assert "take it back" in str(list(each(invoke(unread.value.hint.split()[1:], door))))
    other = _propose(stock, "table", "copy")
    assert "Nothing was changed" in str(invoke(["approvals", "reject", other.id, "--reason", "no"], door))
    with pytest.raises(UnknownName):
        list(each(invoke(["approvals", "show", "zzz"], door)))
