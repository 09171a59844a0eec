"""What `semantics.yaml` brings into the catalog, and what becomes of one that is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pluto_duck.catalog import Catalog
from pluto_duck.catalog.semantics import FILE
from pluto_duck.catalog.semantics.binding import MAX_ENTRIES
from pluto_duck.catalog.semantics.reading import parse
from pluto_duck.session import Session
from pluto_duck.workspace import create

SHOP = """
CREATE TABLE customers AS SELECT i AS id, 'customer ' || i AS name, CASE WHEN i > 3 THEN DATE '2024-05-01' END AS churned_at
  FROM range(6) t(i);
CREATE TABLE orders AS SELECT i AS id, i % 7 AS buyer, i * 1.5 AS amt, ['A', 'C'][1 + i % 2] AS status,
  DATE '2024-01-01' + i::INTEGER AS ordered_at, i AS internal_id FROM range(40) t(i)
"""
GOOD = """\
version: 1
tables:
  orders:
    name: order
    synonyms: [purchase, sale]
    description: One line per order placed.
    date: Ordered_At
    columns:
      amt: {name: amount, synonyms: [price], unit: EUR, description: What was paid.}
      status: {values: {A: [active, live], N: no}}
      internal_id: {hidden: true}
metrics:
  revenue: {table: orders, expression: sum(amt), filter: "status <> 'C'", synonyms: [turnover], date: ordered_at}
terms:
  active customer: {table: customers, filter: churned_at IS NULL, synonyms: [live customer]}
joins:
  - {from: orders.buyer, to: customers.id}
questions:
  - {question: How much did we sell?, sql: SELECT sum(amt) FROM orders}
"""

Write = Callable[[str], Catalog]


def _writer(session: Session) -> Write:
    session.query(SHOP)
    return partial(_read, session)


@pytest.fixture
def write(session: Session) -> Write:
    """Writes the semantic file; gives the catalog that follows."""
    return _writer(session)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """For tests that change nothing but the file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(tmp_path_factory.mktemp("home")))
        with Session.open(create(tmp_path_factory.mktemp("shop")).root) as session:
            session.query(SHOP)
            yield session


def _read(session: Session, text: str) -> Catalog:
    (session.workspace.root / FILE).write_text(text, encoding="utf-8")
    return Catalog.of(session)


def _said(catalog: Catalog) -> list[str]:
    return [f"{one.line} {one.where}: {one.text} {one.hint}".strip() for one in catalog.semantics.problems]


def test_tables_and_columns_get_the_words_people_use(write: Write) -> None:
    catalog = write(GOOD)
    assert _said(catalog) == []
    table = catalog.table("main.orders")
    assert (table.words, table.description, table.date) == (
        ("order", "purchase", "sale"), "One line per order placed.", "ordered_at")
    amount = table.column("amt")
    assert (amount.called, amount.words, amount.unit, amount.description) == (
        "amount", ("amount", "price"), "EUR", "What was paid.")


def test_a_hidden_column_is_not_offered_and_can_still_be_joined(write: Write, session: Session) -> None:
    table = write(GOOD).table("main.orders")
    assert "internal_id" not in [column.name for column in table.columns]
    assert table.column("internal_id").hidden
    session.query("UPDATE customers SET name = 'secret'")
    catalog = write("tables: {customers: {columns: {id: {hidden: true}, name: {hidden: true}}}}\n"
                    "joins: [{from: orders.buyer, to: customers.id}]")
    assert catalog.table("main.customers").label is None
    assert catalog.values(session).exact("secret") == []
    assert [one.parent_column for one in catalog.relations] == ["id"]


def test_the_words_for_a_value_find_it(write: Write, session: Session) -> None:
    index = write(GOOD).values(session)
    assert [(one.column, one.text) for one in index.exact("Live")] == [("status", "A")]
    assert [one.text for one in index.exact("no")] == ["N"], "no boolean, as YAML once had it"


def test_metrics_terms_and_questions_are_offered(write: Write) -> None:
    found = write(GOOD).semantics
    (metric,), (term,), (question,) = found.metrics, found.terms, found.questions
    assert (metric.words, metric.expression, metric.filter, metric.date) == (
        ("revenue", "turnover"), "SUM(amt)", "status <> 'C'", "ordered_at")
    assert (term.words, term.table.name, term.filter) == (
        ("active customer", "live customer"), "customers", "churned_at IS NULL")
    assert question.sql == "SELECT sum(amt) FROM orders"


def test_a_join_of_the_file_is_certain_and_says_whether_rows_get_lost(write: Write, session: Session) -> None:
    (relation,) = write(GOOD).relations
    assert (relation.child_column, relation.declared, relation.complete) == ("buyer", True, False)
    session.query("INSERT INTO customers VALUES (6, 'another', NULL)")
    assert [one.complete for one in Catalog.of(session).relations] == [True]


def test_a_change_of_the_file_is_seen_and_only_that(write: Write, session: Session) -> None:
    first = write(GOOD)
    assert Catalog.of(session) is first
    os.utime(session.workspace.root / FILE)
    assert Catalog.of(session) is first, "the same content again"
    assert write(GOOD.replace("purchase", "buy")).table("main.orders").words == ("order", "buy", "sale")
    (session.workspace.root / FILE).unlink()
    assert not Catalog.of(session).semantics
    assert Catalog.of(session).table("main.orders").words == ()


@pytest.mark.parametrize(("text", "said"), [
    ("a: [", "2 : This is not YAML"),
    ("- 1", "1 : A semantic file holds sections"),
    ("version: 2", "1 version: Version 2 is not known here; 1 is."),
    ("tabels: {}", "1 tabels: `tabels` is not known here. Did you mean tables?"),
    ("tables: 3", "1 tables: `tables` must hold names"),
    ("tables:\n  order: {}", "2 tables.order: There is no table order. Did you mean orders?"),
    ("tables:\n  orders:\n    colums: {}", "3 tables.orders.colums: `colums` is not known here. Did you mean columns?"),
    ("tables:\n  orders:\n    columns:\n      amd: {}", '4 tables.orders.columns.amd: orders has no column "amd". Did you mean amt?'),
    ("tables:\n  orders:\n    date: amt", "3 tables.orders.date: amt is no date: it is DECIMAL(21,1)."),
    ("tables:\n  orders: {}\n  orders: {}", "3 tables.orders: It is here twice: see line 2. The second one is not used."),
    ("metrics:\n  m: {table: orders}", "2 metrics.m: `expression` is missing."),
    ("metrics:\n  m:\n    table: orders\n    expression: sum(amd)", '2 metrics.m: orders has no column "amd". Did you mean amt?'),
    ("metrics:\n  m: {table: orders, expression: sum(amt), fliter: id > 1}", "2 metrics.m: `fliter` is not known here. Did you mean filter?"),
    ("metrics:\n  m: {table: orders, expression: sum(amt), expression: count(*)}", "2 metrics.m: `expression` is here twice."),
    ("metrics:\n  m: {table: orders, expression: amt * 2}", "2 metrics.m: amt stands outside any aggregate. Write sum(...), avg(...) or another one."),
    ("metrics:\n  m: {table: orders, expression: sum(amt) / id}", "2 metrics.m: id stands outside any aggregate. Write sum(...), avg(...) or another one."),
    ("metrics:\n  m: {table: orders, expression: sum(max(amt))}", "2 metrics.m: An aggregate can't stand inside another one."),
    ("metrics:\n  m: {table: orders, expression: sum(status)}", "2 metrics.m: No function matches"),
    ("metrics:\n  m: {table: orders, expression: 'sum(amt) over ()'}", "2 metrics.m: Window has no place in this expression."),
    ("terms:\n  t: {table: orders, filter: sum(amt) > 1}", "2 terms.t: A filter looks at one row: it can't hold an aggregate."),
    ("terms:\n  t: {table: orders, filter: customers.id > 1}", "2 terms.t: customers.id is no column of orders."),
    ("joins:\n  - {from: customers.id, to: orders.buyer}", "2 joins[0]: orders.buyer is not unique or has gaps"),
    ("joins:\n  - {from: orders.buyer, to: customers}", "2 joins[0]: 'customers' is not a column of a table."),
    ("x: &a 1", "1 : Anchors (&) and aliases (*) are not read here."),
    ("[" * 50, "1 : This is nested too deep."),
    ("x: !!python/object/apply:os.system [ls]", "1 x: `x` is not known here."),
    ("x: !mine 1", "1 : The tag !mine is not read here."),
    ("a: 1\n---\nb: 1", "2 : There is a second document (---) in the file."),
])
def test_what_is_wrong_is_told_with_its_line_and_breaks_nothing_else(text: str, said: str, shared: Session) -> None:
    catalog = _read(shared, text)
    assert len(catalog.semantics.problems) == 1
    assert _said(catalog)[0].startswith(said)
    assert len(catalog.tables) == 2


def test_one_broken_entry_leaves_the_others(write: Write) -> None:
    found = write(GOOD.replace("terms:", "  broken: {table: orders, expression: sum(nothing), synonyms: [loss]}\nterms:"))
    assert [one.name for one in found.semantics.metrics] == ["revenue"]
    (problem,) = found.semantics.problems
    assert problem.words == ("broken", "loss")
    assert str(problem).startswith(f"{FILE}:14: metrics.broken: ")


HOSTILE = [
    "count(*) FROM read_text('/etc/passwd')", "(SELECT count(*) FROM read_text('/etc/passwd'))",
    "sum(amt); DROP TABLE orders", "sum((SELECT 1))", "count(*) FILTER (WHERE EXISTS (FROM orders))",
    "max(getenv('HOME'))", "max(current_setting('home_directory'))", "sum($1)", "max(getvariable('x'))",
    "sum(amt) -- ' \n; DROP TABLE orders", "any_value(read_text('x'))", "count(*) UNION SELECT 1", "COLUMNS(*)",
    "max(pg_read_file('x'))", "nextval('s')", "sum(orders.*)", "DROP TABLE orders", "max(query('SELECT 1'))",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_sql_of_a_cloned_file_can_neither_read_nor_call_what_the_gate_refuses(
        sql: str, shared: Session) -> None:
    quoted = sql.replace('"', '\\"').replace("\n", "\\n")
    catalog = _read(shared, f'metrics:\n  m: {{table: orders, expression: "{quoted}"}}\n'
                    f'terms:\n  t: {{table: orders, filter: "{quoted}"}}')
    assert catalog.semantics.metrics == ()
    assert catalog.semantics.terms == ()
    assert len(_said(catalog)) == 2
    assert shared.query("SELECT count(*) FROM orders").scalar() == 40


@pytest.mark.skipif(os.name != "posix", reason="symbolic links and pipes as POSIX has them")
def test_a_file_that_leads_elsewhere_is_not_read(session: Session, tmp_path: Path) -> None:
    outside, here = tmp_path / "outside.yaml", session.workspace.root / FILE
    outside.write_text("secret: 1")
    here.symlink_to(outside)
    (problem,) = Catalog.of(session).semantics.problems
    assert "outside the workspace" in problem.text
    here.unlink()
    os.mkfifo(here)
    (problem,) = Catalog.of(session).semantics.problems
    assert "not a plain file" in problem.text


def test_thousands_of_entries_are_not_bound_one_by_one(write: Write) -> None:
    lines = "".join(f"  m{i}: {{table: orders, expression: sum(amt)}}\n" for i in range(MAX_ENTRIES + 20))
    semantics = write("metrics:\n" + lines).semantics
    assert len(semantics.metrics) == MAX_ENTRIES
    assert len(semantics.problems) == 20
    assert f"more than {MAX_ENTRIES} metrics" in semantics.problems[0].text
    assert semantics.problems[-1].words == (f"m{MAX_ENTRIES + 19}",)


def test_what_can_not_be_read_as_hidden_hides() -> None:
    ((_name, column),) = parse("tables: {t: {columns: {c: {hidden: maybe}}}}").tables[0].columns
    assert column.hidden


def test_a_metric_is_bound_once_for_a_shape_of_the_tables(
        write: Write, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    write(GOOD)
    session.query("INSERT INTO orders SELECT * FROM orders LIMIT 1")
    asked: list[str] = []
    run = session.query
    monkeypatch.setattr(session, "query", lambda sql, *a, **k: (asked.append(sql), run(sql, *a, **k))[1])
    assert len(Catalog.of(session).semantics.metrics) == 1
    assert asked
    assert not [sql for sql in asked if "LIMIT 0" in sql]


def test_the_file_of_the_docs_fits_tables_like_its_own(session: Session) -> None:
    page = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    session.query("CREATE TABLE customers (id INTEGER PRIMARY KEY, churned_at DATE); INSERT INTO customers VALUES (1, NULL);"
                  "CREATE TABLE orders AS SELECT 1 AS customer_id, 2.5 AS amt, 'D' AS status, DATE '2024-01-01' AS ordered_at,"
                  " 7 AS internal_id")
    catalog = _read(session, example)
    assert _said(catalog) == []
    said = catalog.semantics
    assert [len(one) for one in (said.tables, said.metrics, said.terms, said.joins, said.questions)] == [1, 2, 1, 1, 1]
    for metric in said.metrics:
        where = f" WHERE {metric.filter}" if metric.filter else ""
        assert float(session.query(f"SELECT {metric.expression} FROM orders{where}").scalar()) == 2.5
