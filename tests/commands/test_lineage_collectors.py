"""What else hangs on tables: statements of the history, questions, answers, roles, sinks, webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.catalog.lineage import impact
from pluto_duck.commands import Door, invoke
from pluto_duck.commands.lineage import whole
from pluto_duck.commands.render import to_text
from pluto_duck.session import Session


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE orders (id INT PRIMARY KEY, region VARCHAR, amount DOUBLE, email VARCHAR)")
    return Door(lambda: session, workspace=str(session.workspace.root))


def _names(branches: Any) -> list[str]:
    return sorted(f"{one.node.name}.{one.column}" if one.column else one.node.name for one in branches)


def test_a_table_that_a_statement_made(door: Door, session: Session) -> None:
    for sql in ("CREATE TABLE old AS SELECT id FROM orders",
                "CREATE OR REPLACE TABLE sums AS WITH q AS (SELECT * FROM orders) SELECT region, sum(amount) AS s FROM q GROUP BY 1",
                "INSERT INTO sums (s, region) SELECT id, email FROM orders", "CREATE OR REPLACE TABLE old AS SELECT 1 AS id",
                "CREATE TEMP TABLE gone AS SELECT id FROM orders", "DELETE FROM orders"):
        list(_each(invoke(["query", sql], door)))
    found = whole(session)
    assert _names(found.around("main.sums", "s", down=False).up) == ["orders.amount", "orders.id"]
    assert _names(found.around("main.sums", "region", down=False).up) == ["orders.email", "orders.region"]
    assert not found.above("main.old"), "it was made anew, of nothing"
    assert "main.gone" not in found.nodes


def _each(value: object) -> Any:
    from pluto_duck.commands import each

    return each(value)


def test_questions_and_answers_that_read_a_table(door: Door, session: Session) -> None:
    from pluto_duck.agent.answer import Answer
    from pluto_duck.agent.memory import Memory

    (session.workspace.root / "semantics.yaml").write_text(
        "questions:\n  - question: revenue by region\n    sql: SELECT region, sum(amount) FROM orders GROUP BY 1\n")
    for text, sql in (("how many orders", "SELECT count(*) AS n FROM orders"), ("how many?", "SELECT count(*) AS n FROM orders"),
                      ("emails", "SELECT email FROM orders"), ("old", "SELECT x FROM long_gone")):
        Memory(session).keep(Answer("answered", text, "builtin", "Here.", sql=sql))
    found = whole(session)
    assert _names(found.around("main.orders", up=False).down) == ['"emails"', '"how many?"', '"revenue by region"']
    said = {one.node.name: one.what for one in impact(found, "main.orders", "amount").effects}
    assert said == {'"revenue by region"': "breaks"}
    assert next(one for one in found.nodes.values() if one.name == '"old"').note == "it reads long_gone, which is not there"


POLICY = """version: "1"
roles:
  analyst:
    grants:
      - {tables: orders, actions: read, rows: "region = 'EU'", masks: {email: partial}, hide: [id]}
"""


def test_roles_and_what_changes_are_sent_to(door: Door, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    (session.workspace.root / "policy.yaml").write_text(POLICY)
    invoke(["trust", "--yes"], door)
    invoke(["changes", "track", "orders"], door)
    folder: Path = session.workspace.root / "out"
    invoke(["sinks", "add", "archive", "--kind", "file", "-o", f"folder={folder}"], door)
    found = whole(session)
    assert _names(found.around("main.orders", up=False).down) == ["role analyst", "sink archive"]
    assert _names(found.around("main.orders", "id", up=False).down) == ["sink archive.id"], "hidden from the role"
    (email,) = (one for one in found.around("main.orders", "email", up=False).down if one.node.kind == "role")
    assert email.how == "computed", "masked"
    said = {one.node.name: (one.what, one.why) for one in impact(found, "main.orders", "region").effects}
    assert said["role analyst"] == ("breaks", "it names orders.region (filter)")
    assert said["sink archive"][0] == "loses"
    assert "role analyst  [role]" in to_text(invoke(["lineage", "orders"], door))
