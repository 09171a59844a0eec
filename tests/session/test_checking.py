"""Checks on real tables: what each kind finds, in one scan, with SQL that shows the same rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from pluto_duck.governance.checks import Outcome, TableReport
from pluto_duck.governance.checks.reading import read
from pluto_duck.session import Session, checking
from pluto_duck.workspace import create

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """For tests that only read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(tmp_path_factory.mktemp("home")))
        with Session.open(create(tmp_path_factory.mktemp("shop")).root) as session:
            fill(session)
            yield session


def fill(session: Session) -> None:
    session.query("CREATE TABLE customers AS SELECT i AS id FROM range(5) t(i)")
    session.query("""CREATE TABLE orders (id INTEGER, line INTEGER, customer BIGINT, status VARCHAR, amount DECIMAL(9,2),
        paid BOOLEAN, email VARCHAR, size ENUM('s','m'), seen TIMESTAMP, seenz TIMESTAMPTZ, day DATE, told VARCHAR)""")
    session.query("""INSERT INTO orders VALUES
        (1, 1, 0, 'open', 10.5, true, 'a@x.de', 's', '2026-03-01 10:00', '2026-03-01 10:00:00+00', '2026-03-01', '2026-03-01 09:00:00+00'),
        (1, 2, 4, 'NO', 10.51, true, 'b@x.de', 'm', '2026-02-01', '2026-02-01 00:00:00+00', '2026-02-01', 'never'),
        (2, 1, 9, 'paid', -1, false, 'nobody', 's', '2026-03-01 11:00', '2026-03-02 00:00:00+00', '2026-03-02', NULL),
        (2, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""")
    session.query('CREATE VIEW "Odd view" AS SELECT id AS "odd ""id" FROM orders')


def run(session: Session, *entries: str, table: str = "orders", loaded: dict[str, dt.datetime] | None = None) -> TableReport:
    text = f"version: 1\ntables:\n  {table}:\n" + "".join(f"    - {one}\n" for one in entries)
    [report] = checking.check(session, read(text).checks, loaded=loaded or {}, now=NOW)
    return report


def one(session: Session, entry: str, **more: Any) -> Outcome:
    return run(session, entry, **more).outcomes[0]


@pytest.mark.parametrize(("entry", "failing"), [
    ("not_null: customer", 1), ("not_null: Customer", 1), ("unique: id", 2), ("unique: customer", 0),
    ("primary_key: [id, line]", 1), ("primary_key: customer", 1), ("primary_key: [line, customer]", 1),
    ("accepted_values: {column: status, values: [open, NO]}", 1),
    ("accepted_values: {column: paid, values: ['true']}", 1), ("accepted_values: {column: amount, values: [10.50, -1]}", 1),
    ("accepted_values: {column: size, values: [s, xl]}", 1), ("accepted_values: {column: day, values: [2026-03-01]}", 2),
    ("range: {column: amount, min: 0, max: 10.505}", 2), ("range: {column: id, min: 1.5}", 2),
    ("range: {column: seen, max: now}", 0), ("range: {column: seenz, max: now}", 1), ("range: {column: day, max: today}", 1),
    ("range: {column: status, min: a, max: oz}", 2), ("pattern: {column: email, matches: '.*@x[.]de'}", 1),
    ("pattern: {column: id, matches: '[1]'}", 2), ("relationship: {column: customer, to: customers.id}", 1),
    ("sql: amount > 0", 1), ("sql: amount > 0 -- what a remark does", 1), ("sql: amount = (SELECT max(amount) FROM orders)", 2),
    ("{not_null: amount, where: id = 1}", 0), ("{unique: id, where: line = 1}", 1),
    ("{relationship: {column: customer, to: customers.id}, where: id = 1}", 0),
    ("{sql: amount > 0, where: line = 2}", 0)])
def test_a_check_of_rows_counts_those_that_fail_and_shows_them(shop: Session, entry: str, failing: int) -> None:
    found = one(shop, entry)
    assert (found.failing, found.status) == (failing, "failed" if failing else "passed"), found.says
    if not failing:
        assert found.sample == ""
        return
    shown = shop.query(found.sample, read_only=True)
    # Of values that are there twice both rows are shown.
    assert shown.row_count == (failing if found.check.kind not in ("unique", "primary_key") else {
        "unique(id)": 2 if "where" in entry else 4, "primary_key(customer)": 1, "primary_key(id, line)": 2,
        "primary_key(line, customer)": 1}[found.check.name])


@pytest.mark.parametrize(("entry", "status"), [
    ("row_count: {min: 4, max: 4}", "passed"), ("row_count: {min: 5}", "failed"), ("row_count: {max: 3}", "failed"),
    ("{row_count: {min: 3}, where: id = 2, severity: warn}", "warned"),
    ("freshness: {column: seen, within: 1h}", "passed"), ("freshness: {column: seen, within: 59min}", "failed"),
    ("freshness: {column: seenz, within: 1s}", "passed"), ("freshness: {column: told, within: 3h}", "passed"),
    ("freshness: {column: told, within: 2h}", "failed"), ("{freshness: {column: seen, within: 1d}, where: id > 9}", "failed"),
    ("aggregate: sum(amount) > 20", "passed"), ("aggregate: count(*) = 3", "failed"),
    ("aggregate: (SELECT count(*) FROM customers) = 5", "passed"),
    ("{not_null: customer, at_most: 1}", "passed"), ("{not_null: customer, at_most: 25%}", "passed"),
    ("{not_null: customer, at_most: 24.9%}", "failed"), ("{not_null: customer, severity: warn}", "warned"),
    ("not_null: custmer", "broken"), ("sql: amoun > 0", "broken"), ("sql: amount >", "broken"),
    ("sql: 'true), (1'", "broken"), ("sql: amount) AS x FROM orders; DROP TABLE orders; --", "broken"),
    ("sql: getenv('HOME') = ''", "broken"), ("range: {column: day, min: soon}", "broken"),
    ("{relationship: {column: customer, to: custmers.id}, severity: warn}", "broken"),
    ("relationship: {column: email, to: customers.id}", "broken"), ("pattern: {column: email, matches: '('}", "broken")])
def test_what_is_not_about_single_rows_and_what_does_not_fit(shop: Session, entry: str, status: str) -> None:
    found = one(shop, entry)
    assert found.status == status, found.says
    assert bool(found.says) == (status != "passed" or "at_most" in entry)
    assert ("line 4" in found.says) == (status == "broken")
    assert shop.query("SELECT count(*) FROM orders").scalar() == 4


def test_the_last_load_says_how_fresh_a_table_is(shop: Session) -> None:
    entry, ago = "freshness: {within: 1h}", NOW - dt.timedelta(minutes=50)
    assert one(shop, entry, loaded={"main.orders": ago}).status == "passed"
    assert one(shop, entry, loaded={"main.orders": ago - dt.timedelta(minutes=11)}).status == "failed"
    assert one(shop, entry).status == "failed"


def test_a_table_is_read_once_and_one_slip_takes_no_other_check_along(
        shop: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    query = shop.query

    def listening(sql: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(sql)
        assert kwargs["read_only"] is True
        return query(sql, *args, **kwargs)

    monkeypatch.setattr(shop, "query", listening)
    good = ("not_null: [id, line, customer]", "unique: id", "range: {column: amount, min: 0}", "row_count: {min: 1}",
            "sql: amount > 0", "aggregate: count(*) = 4", "freshness: {column: seen, within: 1d}")
    before = run(shop, *good)
    assert len(asked) == 1
    after = run(shop, *good, "sql: no_such_column > 0")
    assert [(one.check.name, one.status, one.failing) for one in after.outcomes[:-1]] == [
        (one.check.name, one.status, one.failing) for one in before.outcomes]
    assert after.outcomes[-1].status == "broken"
    assert after.rows == 4


def test_a_table_that_is_gone_is_broken_and_a_view_is_checked_like_a_table(shop: Session) -> None:
    gone = run(shop, "not_null: id", "row_count: {min: 1}", table="order")
    assert [one.status for one in gone.outcomes] == ["broken", "broken"]
    assert "orders" in gone.outcomes[0].says
    assert gone.rows is None
    assert one(shop, """unique: 'odd "id'""", table='Odd view').failing == 2


def test_an_empty_table_passes_but_for_what_asks_for_rows(session: Session) -> None:
    session.query("CREATE TABLE orders (id INTEGER, seen DATE)")
    report = run(session, "primary_key: id", "sql: id > 0", "aggregate: max(id) < 3", "{not_null: id, at_most: 1%}",
                 "row_count: {min: 1}", "freshness: {column: seen, within: 1d}")
    assert [one.status for one in report.outcomes] == ["passed"] * 4 + ["failed"] * 2
    assert (report.score, report.scores["uniqueness"], report.scores["coverage"]) == (66.7, 100, 0)
