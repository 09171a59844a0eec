"""A dry run tells what the load would do, and does none of it."""

from __future__ import annotations

from pluto_duck.ingest import ingest, plan_load
from pluto_duck.ingest.preview import PlannedColumn
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from tests.ingest.memory import Memory, Table


def source() -> Memory:
    return Memory(
        a=Table({"id": "BIGINT", "v": "INTEGER"}, [(1, 1)], key=("id",)),
        b=Table({"odd": "VARCHAR"}, [("x",)], refused=("odd",)))


def test_it_tells_target_action_columns_and_key(session: Session) -> None:
    plan = plan_load(session, source().open(), into="raw.*")
    a, b = plan.tables
    assert (a.ref, a.action, a.key, a.row_estimate) == (TableRef("a", "raw"), "create", ("id",), 1)
    assert a.columns[1] == PlannedColumn("v", "INTEGER", "INTEGER")
    assert (b.action, b.columns) == ("refuse", (PlannedColumn("odd", "VARCHAR", "", "is odd: --skip odd"),))
    assert b.error is not None
    assert (plan.source, plan.answers, plan.mode) == ("memory:test", "memory", "replace")
    assert session.tables() == []


def test_it_tells_what_would_change_in_a_table_that_is_there(session: Session) -> None:
    ingest(session, source().open(), tables=["a"], mode="merge", cursor="v")
    more = Memory(a=Table({"id": "BIGINT", "v": "BIGINT", "w": "VARCHAR"}, [], key=("id",)))
    found = plan_load(session, more.open(), mode="merge", cursor="v").tables[0]
    assert (found.action, found.since) == ("merge", "1")
    assert found.said == ("the column v was widened from INTEGER to BIGINT",
                          "the column w is new, empty in older rows")
    assert plan_load(session, more.open()).tables[0].action == "replace"
    frozen = plan_load(session, more.open(), mode="merge", columns="freeze").tables[0]
    assert "w is new" in str(frozen.error)
    assert [column.type for column in session.tables()[0].columns] == ["BIGINT", "INTEGER"]


def test_scd2_names_the_columns_it_adds(session: Session) -> None:
    found = plan_load(session, source().open(), tables=["a"], mode="scd2").tables[0]
    assert found.said == ("the columns valid_from, valid_to, is_current keep its history",)
