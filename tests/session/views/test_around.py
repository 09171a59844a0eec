"""What hangs on a view is right, too: kills, backups, roles, lineage, kept answers."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
from pathlib import Path

import pytest

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import to_text
from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance import Actor
from pluto_duck.session import Session, TableRef
from pluto_duck.session.backup import back_up
from pluto_duck.session.restore import restore
from tests.api.door import governed_again

TOTALS, BIG = TableRef("totals"), TableRef("big")
SQL = {TOTALS: "SELECT batch % 7 AS part, count(*) AS n, sum(x) AS x FROM orders GROUP BY 1",
       BIG: "SELECT batch, x + 1 AS y FROM orders WHERE x > 0"}
WRITES = """
import sys
from pluto_duck.session import Session, TableRef
with Session.open(sys.argv[1]) as session:
    for number in range(int(sys.argv[2]), 10**9):
        session.query(f"INSERT INTO orders SELECT {number}, 1 FROM range(500)")
        print("written", flush=True)
        for name in ("totals", "big"):
            session.views.refresh(TableRef(name), full=number % 2 == 0)
            print("refreshed", flush=True)
"""


@pytest.fixture
def orders(session: Session) -> Session:
    session.query("CREATE TABLE orders AS SELECT 0 AS batch, 1 AS x FROM range(500)")
    for ref, sql in SQL.items():
        session.views.create(ref, sql)
    return session


def rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    return sorted(session.query(sql).rows())


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.soak)])
def test_a_kill_in_the_middle_leaves_the_old_rows_or_the_new_ones(orders: Session, rounds: int) -> None:
    root, chance = orders.workspace.root, random.Random(1)
    orders.close()
    for number in range(rounds):
        writer = subprocess.Popen([sys.executable, "-c", WRITES, str(root), str(number * 1_000 + 1)],
                                  stdout=subprocess.PIPE)
        assert writer.stdout is not None
        with writer:
            for _ in range(chance.randrange(1, 9)):
                assert writer.stdout.readline(), "The writer ended."
            select.select([], [], [], chance.uniform(0, 0.03))
            writer.kill()
        with Session.open(root) as session:
            assert all(n % 500 == 0 for (n,) in session.query("SELECT count(*) FROM big GROUP BY batch").rows())
            assert session.query("SELECT count(*) FROM totals WHERE n <> x OR n % 500 <> 0").rows() == [(0,)]
            session.query(f"INSERT INTO orders VALUES ({number * 1_000 + 999}, 1)")
            for ref, sql in SQL.items():
                assert session.views.refresh(ref).way == "incremental"
                assert rows(session, f"FROM {ref}") == rows(session, sql)
            session.query("DELETE FROM orders WHERE batch % 1000 = 999")
            for ref in SQL:
                session.views.refresh(ref)


def test_a_backup_brings_views_back_as_they_were_and_they_go_on(orders: Session) -> None:
    workspace = orders.workspace
    saved = back_up(orders)
    orders.query("INSERT INTO orders VALUES (9, 9)")
    for ref in SQL:
        orders.views.refresh(ref)
    orders.close()
    restore(workspace, saved.path, open_session=lambda: Session.open(workspace.root), discard_newer=True)
    with Session.open(workspace.root) as session:
        assert {one.ref.key for one in session.views.list()} == {ref.key for ref in SQL}
        session.query("INSERT INTO orders VALUES (3, 4)")
        for ref, sql in SQL.items():
            session.views.refresh(ref)
            assert rows(session, f"FROM {ref}") == rows(session, sql)


def test_a_role_sees_a_view_where_its_policy_says_so(orders: Session) -> None:
    def read(table: str) -> int:
        with Session.open(orders.workspace.root, actor=Actor("key", "k", ("r",))) as governed:
            assert [str(one.ref) for one in governed.tables()] == ["totals"]
            with pytest.raises(Refused):
                governed.views.list()
            return len(governed.query(f"FROM {table}").rows())

    policy = "version: 1\nroles:\n  r:\n    grants:\n      - {{tables: totals, actions: [read]{more}}}\n"
    governed_again(orders.workspace, policy.format(more=""))
    assert read("totals") == 1
    with pytest.raises(PlutoError):
        read("big")
    orders.query("INSERT INTO orders VALUES (1, 1), (2, 1)")
    orders.views.refresh(TOTALS)
    assert read("totals") == 3
    governed_again(orders.workspace, policy.format(more=", rows: part > 0"))
    assert read("totals") == 2


def test_lineage_shows_what_a_view_is_made_of_by_column(orders: Session) -> None:
    def said(*words: str) -> str:
        return to_text(invoke(["lineage", *words], Door(lambda: orders)))

    assert "orders.x  [table]  aggregated" in said("totals.x", "--up")
    assert "totals  [table]" in said("orders", "--down")
    assert "totals" in said("orders.x", "--impact")


def test_a_kept_answer_does_not_outlive_a_refresh(orders: Session) -> None:
    before = orders.stamp("FROM totals", read_only=True)
    assert before.key
    assert orders.stamp("FROM totals", read_only=True) == before
    orders.query("INSERT INTO orders VALUES (1, 1)")
    assert orders.stamp("FROM totals", read_only=True) == before
    orders.views.refresh(TOTALS)
    assert orders.stamp("FROM totals", read_only=True) != before


def test_an_export_has_its_rows(orders: Session, tmp_path: Path) -> None:
    to_text(invoke(["export", "totals", str(tmp_path / "totals.csv")], Door(lambda: orders)))
    assert (tmp_path / "totals.csv").read_text().splitlines()[0] == "part,n,x"


