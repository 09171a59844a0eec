"""`check`: a workspace held against its checks.yaml, from the shell and the notebook."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from pluto_duck.commands import Door, each, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, RunError, UnknownName, UsageError
from pluto_duck.runs import Runs
from pluto_duck.session import Session

FILE = """version: "1"
tables:
  orders:
    - primary_key: id
    - accepted_values: {column: status, values: [open, paid]}
      severity: warn
    - sql: amount > 0
      name: positive
  customers:
    - unique: id
"""


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE customers AS SELECT 1 AS id")
    session.query("CREATE TABLE orders AS SELECT * FROM (VALUES (1, 'open', 5), (2, 'lost', 7)) t(id, status, amount)")
    (session.workspace.root / "checks.yaml").write_text(FILE)
    return Door(lambda: session, kind="notebook")


def say(door: Door, *words: str) -> tuple[str, RunError | None]:
    value = invoke(["check", *words], door)
    found = []
    try:
        for one in each(value):
            found.append("".join(to_chunks(one, max_rows=50, width=300)))
    except RunError as error:
        return "".join(found), error
    return "".join(found), None


def test_what_should_hold_is_a_warning_and_what_must_ends_with_an_error(door: Door, session: Session) -> None:
    told, wrong = say(door)
    assert wrong is None
    assert "accepted_values(status)  warning" in told
    assert """WHERE "status" NOT IN ('open', 'paid') LIMIT 100""" in told
    assert "3 ok, 1 warning (2 tables" in told.replace("  ", " ")
    session.query("INSERT INTO orders VALUES (2, 'open', -1)")
    told, wrong = say(door, "orders")
    assert wrong is not None
    assert wrong.exit_code == 1
    assert wrong.message == "2 of 3 checks failed: orders primary_key(id), orders positive"
    assert "customers" not in told
    rows = json.loads(say(door, "--format", "json")[0])
    assert rows == json.loads(say(door, "run", "--format", "json")[0])
    assert [(one["check"], one["status"], one["failing"]) for one in rows] == [
        ("primary_key(id)", "failed", 1), ("accepted_values(status)", "warned", 1), ("positive", "failed", 1),
        ("unique(id)", "passed", 0)]
    assert [one["id"] for one in json.loads("".join(to_chunks(session.query(rows[2]["sample"]), format="json")))] == [2]


def test_each_is_a_run_and_the_history_tells_how_the_score_moved(door: Door, session: Session) -> None:
    assert "not been checked yet" in say(door, "history", "orders")[0]
    say(door)
    session.query("UPDATE orders SET amount = -1")
    say(door, "orders")
    later, first = json.loads(say(door, "history", "orders", "--format", "json")[0])
    assert (first["score"], first["change"], first["rows"]) == (85.7, None, 2)
    assert (later["score"], later["change"]) == (42.9, -42.8)
    assert later["by dimension"] == "uniqueness 100, conformity 0, accuracy 0"
    file = session.workspace.root / "checks.yaml"
    file.write_text(file.read_text().replace("  orders:", "  orders:\n    - not_null: amount"))
    say(door, "orders")
    newest = json.loads(say(door, "history", "orders", "--format", "json")[0])[0]
    assert (newest["score"], newest["change"]) == (60.0, None), "a check more is no better table"
    assert later["did not pass"] == "accepted_values(status) (1), positive (2)"
    runs = Runs(session, session.workspace)
    try:
        found = [one for one in runs.list(10) if one.kind == "check"]
        assert [(one.run_id, one.text, one.status) for one in found] == [
            (newest["run"], "check orders", "failed"), (later["run"], "check orders", "failed"),
            (first["run"], "check", "succeeded")]
        assert found[2].facts["score"] == 90
        assert found[1].error is not None
        assert found[1].error["facts"]["tables"][0]["counts"] == {"passed": 1, "warned": 1, "failed": 1, "broken": 0}
        told = [event.content["name"] for event in runs.events(found[2].run_id) if event.type == "tool"]
        assert told == ["orders", "orders", "customers", "customers"]
    finally:
        runs.close()


def test_what_can_not_be_checked_says_why(door: Door, session: Session) -> None:
    with pytest.raises(UnknownName, match="checked table") as told:
        say(door, "order")
    assert "orders" in told.value.hint
    (session.workspace.root / "checks.yaml").write_text('version: "1"\ntables:\n  orders:\n    - uniqe: id\n')
    with pytest.raises(UsageError, match=r"checks\.yaml, line 4: 'uniqe' has no meaning here") as told_line:
        say(door)
    assert told_line.value.hint == "Did you mean unique?"
    (session.workspace.root / "checks.yaml").write_text('version: "1"\n')
    with pytest.raises(UsageError, match="asks for nothing"):
        say(door)
    (session.workspace.root / "checks.yaml").unlink()
    with pytest.raises(UsageError, match=r"There is no checks\.yaml"):
        say(door)
    (session.workspace.root / "checks.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        say(door)


SHOP = """CREATE TABLE places (code VARCHAR PRIMARY KEY, name VARCHAR NOT NULL);
INSERT INTO places SELECT 'P' || i, 'Place ' || i FROM range(40) t(i);
CREATE TABLE sales AS SELECT i AS id, 'P' || (i % 40) AS place_code, ['open', 'paid', 'NO'][i % 3 + 1] AS status,
    i * 1.5 AS amount, -i AS delta, 'u' || i || '@x.de' AS email, CASE WHEN i > 3 THEN i END AS hole FROM range(200) t(i)"""


def test_what_is_suggested_holds_is_written_once_and_leaves_what_was_written(session: Session) -> None:
    session.query(SHOP)
    door = Door(lambda: session, kind="notebook")
    shown = say(door, "suggest")[0]
    assert not (session.workspace.root / "checks.yaml").exists()
    for line in ("+  sales:", "+    - primary_key: id", "+    - accepted_values: {column: status, values: [NO, open, paid]}",
                 "+    - range: {column: amount, min: 0}", "+    - row_count: {min: 1}", "+  places:", "+    - not_null: name",
                 r"""+    - pattern: {column: email, matches: "[^@\\s]+@[^@\\s]+\\.[^@\\s.]+"}""",
                 "+    - primary_key: code"):
        assert line in shown.splitlines(), shown
    assert "to: places.code" in shown
    assert "+    - not_null: [place_code, status, amount, delta, email]" in shown.splitlines()
    assert "column: delta" not in shown
    mine = 'version: "1"  # mine\ntables:\n  sales:\n    - accepted_values: {column: status, values: [open]}\n      severity: warn\n'
    (session.workspace.root / "checks.yaml").write_text(mine)
    shown = say(door, "suggest")[0]
    assert say(door, "suggest", "--write")[0].startswith(shown.rstrip())
    written = (session.workspace.root / "checks.yaml").read_text()
    assert written.startswith(mine)
    assert written.count("accepted_values") == 1
    assert "nothing to add" in say(door, "suggest")[0]
    told, wrong = say(door)
    assert wrong is None
    assert told.count("warning") == 2  # in its line and in the sum of them


def test_loads_that_come_regularly_are_expected_to(session: Session) -> None:
    from pluto_duck.catalog.expectations import _within

    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert _within([now]) == _within([]) == ""
    assert _within([now, now + dt.timedelta(hours=1), now + dt.timedelta(hours=8)]) == "1d"
    (session.workspace.root / "t.csv").write_text("a\n1\n")
    door = Door(lambda: session, kind="notebook")
    for _ in range(2):
        list(each(invoke(["ingest", str(session.workspace.root / "t.csv"), "--mode", "replace"], door)))
    assert "- freshness: {within: 1h}" in say(door, "suggest", "t")[0]
    say(door, "suggest", "--write")
    assert say(door, "t")[1] is None


def test_what_was_loaded_is_suggested_to_point_at_what_was_loaded(session: Session, tmp_path: Path) -> None:
    door = Door(lambda: session, kind="notebook")
    for name, rows in (("customers", "".join(f"{i},n{i}\n" for i in range(100))),
                       ("orders", "".join(f"{i},{i % 100}\n" for i in range(900)))):
        (tmp_path / f"{name}.csv").write_text(f"{name[:-1]}_id,{'name' if name == 'customers' else 'customer_id'}\n{rows}")
        list(each(invoke(["ingest", str(tmp_path / f"{name}.csv")], door)))
    session.query("CREATE TABLE customers_mart AS FROM customers")
    session.query("CREATE TABLE orders_mart AS FROM orders")
    for table, targets in (("customers", []), ("orders", ["customers.customer_id"]),
                           ("orders_mart", ["customers.customer_id", "orders.order_id"])):
        lines = say(door, "suggest", table)[0].splitlines()
        assert sorted(line.split("to: ")[1].rstrip("}") for line in lines if "relationship" in line) == targets


def test_a_link_to_elsewhere_is_not_written_through(session: Session, tmp_path: Path) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS id")
    (tmp_path / "other.yaml").write_text('version: "1"\n')
    (session.workspace.root / "checks.yaml").symlink_to(tmp_path / "other.yaml")
    with pytest.raises(Refused, match="outside"):
        say(Door(lambda: session, kind="notebook"), "suggest", "--write")
    assert (tmp_path / "other.yaml").read_text() == 'version: "1"\n'
