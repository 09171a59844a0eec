"""`semantics init|check|suggest`: the file that comes of the tables, what is said of it, what could be added."""

from __future__ import annotations

import difflib
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from pluto_duck.catalog import Catalog
from pluto_duck.commands import Door, Facts, exit_code, invoke
from pluto_duck.errors import Refused, UsageError
from pluto_duck.session import Session

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR, segment VARCHAR, joined_on DATE);
INSERT INTO customers SELECT i, 'customer ' || i, ['ENT', 'MID', 'no'][1 + i % 3], DATE '2024-01-01' + i::INTEGER FROM range(30) t(i);
CREATE TABLE sales_orders AS SELECT i AS id, i % 30 AS customer_id, (i * 13) % 30 AS buyer, i * 1.5 AS total_eur, i % 9 AS qty,
  i * 2.0 AS unit_price_cents, DATE '2024-01-01' + i::INTEGER AS ordered_at, DATE '2024-02-01' + i::INTEGER AS due_on
  FROM range(200) t(i);
COMMENT ON TABLE customers IS 'Who buys: "everybody" # counts';
COMMENT ON COLUMN customers.joined_on IS 'Member since'
"""


@pytest.fixture
def door(session: Session) -> Door:
    session.query(SHOP)
    return Door(lambda: session)


@pytest.fixture
def file(session: Session) -> Path:
    return session.workspace.root / "semantics.yaml"


def _check(door: Door) -> tuple[list[str], list[str]]:
    """What is broken, what is doubtful."""
    value = invoke(["semantics", "check"], door)
    assert isinstance(value, Facts)
    assert exit_code(value) == (1 if value.problems else 0)
    doubts = [f"{at}: {text}" for name, pairs in value.sections if name == "Doubtful" for at, text in pairs]
    return [f"{text} {hint}".strip() for text, hint in value.problems], doubts


def test_a_draft_says_what_the_tables_tell_and_fits_them(door: Door, file: Path, session: Session) -> None:
    assert "Wrote" in str(invoke(["semantics", "init"], door))
    text = file.read_text(encoding="utf-8")
    said = yaml.safe_load(text)
    assert said["tables"]["sales_orders"] == {
        "name": "sales order", "date": "ordered_at",
        "columns": {"total_eur": {"name": "total", "unit": "EUR"}, "qty": {"name": "quantity"},
                    "unit_price_cents": {"name": "unit price", "unit": "cents"}}}
    assert said["tables"]["customers"]["description"] == 'Who buys: "everybody" # counts'
    assert said["tables"]["customers"]["columns"]["joined_on"]["name"] == "member since"
    assert said["joins"] == [{"from": "sales_orders.customer_id", "to": "customers.id"}]
    for hint in ("# segment: {values: {ENT: [], MID: [], \"no\": []}}", "date: ordered_at  # not due_on?",
                 "#   total sales order quantity: {table: sales_orders, expression: sum(qty)}",
                 "# - {from: sales_orders.buyer, to: customers.id}  # by its values alone"):
        assert hint in text
    assert "unit_price_cents)" not in text, "prices don't add up"
    assert _check(door) == ([], [])
    assert Catalog.of(session).table("main.sales_orders").called == "sales order"


def test_every_commented_line_of_a_draft_can_be_put_to_use(door: Door, file: Path) -> None:
    invoke(["semantics", "init"], door)
    lines = file.read_text(encoding="utf-8").splitlines()
    wanted = [line.replace("# ", "", 1) if "{values:" in line else line[2:] if line.startswith("#   total") or line == "# metrics:" else line
              for line in lines]
    file.write_text("\n".join(wanted), encoding="utf-8")
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert said["tables"]["customers"]["columns"]["segment"] == {"values": {"ENT": [], "MID": [], "no": []}}
    assert "total sales order quantity" in said["metrics"]
    assert _check(door)[0] == []


def test_a_file_that_is_there_is_left_alone(door: Door, file: Path) -> None:
    file.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(Refused, match="left as it is"):
        invoke(["semantics", "init"], door)
    assert file.read_text(encoding="utf-8") == "# mine\n"


def test_check_says_what_is_broken_and_what_is_doubtful(door: Door, file: Path) -> None:
    file.write_text("""\
tables:
  customers:
    columns:
      segment: {values: {ENT: [big, large], MID: [large], SMB: [small]}}
      name: {synonyms: [payer]}
  sales_orders:
    columns:
      qty: {name: amount}
      total_eur: {synonyms: [amount, payer]}
metrics:
  amount: {table: sales_orders, expression: sum(total_eur)}
  sales: {table: sales_orders, expression: sum(totl_eur)}
joins:
  - {from: sales_orders.qty, to: customers.id}
  - {from: sales_orders.id, to: customers.id}
questions:
  - {question: How many?, sql: SELECT count(*) FROM sales_order;}
  - {question: "Which files?", sql: "SELECT * FROM read_csv('/etc/passwd')"}
  - {question: How many?, sql: SELECT count(*) FROM sales_orders; -- all of them}
""", encoding="utf-8")
    broken, doubtful = _check(door)
    assert broken == ['semantics.yaml:12: metrics.sales: sales_orders has no column "totl_eur". Did you mean total_eur?']
    assert doubtful == [
        "line 4 tables.customers.columns.segment.values: 'large' is said of 'ENT' or 'MID'. A word for a value should mean one of them.",
        "line 4 tables.customers.columns.segment.values.SMB: No row has the value 'SMB'.",
        "line 9: 'payer' may mean customers.name or sales_orders.total_eur.",
        "line 9: 'amount' may mean sales_orders.total_eur or sales_orders.qty.",
        "line 15 joins[1]: Not every sales_orders.id is found in customers.id: a question that joins them loses those rows, and says so.",
        "line 17 questions[0]: Its SQL does not run: There is no table \"sales_order\". Did you mean sales_orders?",
        *[one for one in doubtful if one.startswith("line 18 questions[1]: Its SQL does not run:")]]
    assert len(doubtful) == 7


def test_a_key_and_what_it_points_at_are_one_thing(door: Door, file: Path) -> None:
    file.write_text("""\
tables:
  customers: {synonyms: [shopper], columns: {id: {name: customer number}}}
  sales_orders: {columns: {customer_id: {name: customer number, synonyms: [client]}, total_eur: {name: revenue}}}
metrics:
  revenue: {table: sales_orders, expression: sum(total_eur)}
joins:
  - {from: sales_orders.customer_id, to: customers.id}
""", encoding="utf-8")
    assert _check(door) == ([], [])


def test_suggestions_are_a_diff_that_patch_takes(door: Door, file: Path, tmp_path: Path) -> None:
    text = "# mine\ntables:\n  customers:   # ours\n    name: client\n    columns: {name: {name: client name}}\n"
    file.write_text(text, encoding="utf-8")
    diff = str(invoke(["semantics", "suggest"], door))
    assert file.read_text(encoding="utf-8") == text
    assert "+    date: joined_on" in diff
    assert "joined_on: {name: member since}" in diff
    assert "+      total_eur: {name: total, unit: EUR}" in diff
    assert "+  sales order total: {table: sales_orders, expression: sum(total_eur), unit: EUR}" in diff
    assert "+  - {from: sales_orders.buyer, to: customers.id}" in diff
    copy = tmp_path / "semantics.yaml"
    copy.write_text(text, encoding="utf-8")
    subprocess.run(["patch", str(copy)], input=diff + "\n", text=True, check=True, capture_output=True)
    file.chmod(0o640)
    assert "Added" in str(invoke(["semantics", "suggest", "--write"], door))
    assert file.read_text(encoding="utf-8") == copy.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [line for line in difflib.ndiff(text.splitlines(), copy.read_text().splitlines())
            if line.startswith("- ")] == ["-     columns: {name: {name: client name}}"]
    assert _check(door)[0] == []
    assert invoke(["semantics", "suggest"], door) == "There is nothing to add."


def test_without_a_file_or_with_one_that_can_not_be_read_the_next_step_is_told(door: Door, file: Path) -> None:
    value = invoke(["semantics"], door)
    assert isinstance(value, Facts)
    assert "semantics init" in str(value)
    with pytest.raises(UsageError, match="There is no") as raised:
        invoke(["semantics", "suggest"], door)
    assert "semantics init" in raised.value.hint
    file.write_text("a: [", encoding="utf-8")
    with pytest.raises(UsageError, match=r"semantics.yaml:2: This is not YAML"):
        invoke(["semantics", "suggest"], door)
    assert "This is not YAML" in _check(door)[0][0]


def test_a_link_to_a_place_outside_is_neither_read_nor_written(door: Door, file: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("# a secret\n", encoding="utf-8")
    file.symlink_to(outside)
    for verb in (["init"], ["suggest"], ["suggest", "--write"]):
        with pytest.raises(Refused) as raised:
            invoke(["semantics", *verb], door)
        assert "secret" not in str(raised.value)
    assert outside.read_text(encoding="utf-8") == "# a secret\n"
    assert "outside the workspace" in _check(door)[0][0]


def test_doctor_tells_what_was_left_out(door: Door, file: Path) -> None:
    file.write_text("metrics:\n  sales: {table: sales_orders, expression: sum(totl_eur)}\n", encoding="utf-8")
    value = invoke(["doctor"], Door(door.open_session, kind="notebook"))
    assert isinstance(value, Facts)
    assert ('semantics.yaml:2: metrics.sales: sales_orders has no column "totl_eur".', "Did you mean total_eur?") in value.problems


def test_a_workspace_without_tables_gets_a_file_that_can_be_read(session: Session, file: Path) -> None:
    invoke(["semantics", "init"], Door(lambda: session))
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == {"version": 1}
