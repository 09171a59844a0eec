"""Whatever reads a table is a node of its lineage, and is told where a column of it is to go."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.memory import Memory
from pluto_duck.catalog.lineage import Lineage, impact
from pluto_duck.commands import Door, each, invoke
from pluto_duck.commands.lineage_whole import whole
from pluto_duck.commands.render import to_text
from pluto_duck.errors import UsageError
from pluto_duck.events.model import Position
from pluto_duck.events.webhooks.guard import parse
from pluto_duck.events.webhooks.model import Wish
from pluto_duck.events.webhooks.rules import Filter
from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from pluto_duck.session.views import Views
from pluto_duck.session.webhooks import Hooks
from pluto_duck.workspace import TableRef
from tests.services.postgres import Database

CHECKS = """version: "1"
tables:
  orders:
    - primary_key: id
    - range: {column: amount, min: 0}
    - sql: amount < 100 OR region = 'EU'
      name: large ones are ours
    - not_null: region
      where: email IS NOT NULL
    - row_count: {min: 1}
    - relationship: {column: region, to: regions.code}
"""
SEMANTICS = """
metrics:
  revenue: {table: orders, expression: sum(amount), filter: region <> 'XX', date: day}
  orders: {table: orders, expression: count(*)}
terms:
  domestic: {table: orders, filter: region = 'EU'}
joins: [{from: orders.region, to: regions.code}]
questions:
  - {question: how much in all, sql: SELECT sum(amount) FROM orders}
"""
POLICY = """version: "1"
roles:
  masked: {grants: [{tables: orders, actions: read, masks: {amount: hash}, rows: "region = 'EU'"}]}
  blind: {grants: [{tables: orders, actions: read, hide: [amount]}]}
"""
NOTEBOOK = {"cells": [{"cell_type": "markdown", "source": "%%sql\nSELECT email FROM orders"},
                      {"cell_type": "code", "source": ["%%pluto sql big\n", "-- the large ones\n", "SELECT id FROM orders ",
                                                       "WHERE amount > 10; FROM regions"]},
                      {"cell_type": "code", "source": "%pluto ingest x\nrows = session.query('SELECT region FROM orders')\n"
                       "x = %pluto sql SELECT * FROM daily"},
                      {"cell_type": "code", "source": "%%sql\nSELECT FROM WHERE"}, {"cell_type": "code", "source": "def ("}]}


def model(name: str, sql: str, *above: str, **config: Any) -> dict[str, Any]:
    return {"resource_type": "model", "name": name, "schema": "main", "database": "workspace", "compiled_code": sql,
            "columns": {}, "config": {"materialized": "table", **config}, "depends_on": {"nodes": list(above)}}


@pytest.fixture
def door(session: Session, monkeypatch: pytest.MonkeyPatch) -> Door:
    root = session.workspace.root
    door = Door(lambda: session, workspace=str(root))
    session.query("CREATE TABLE orders (id INT PRIMARY KEY, region VARCHAR, amount DOUBLE, email VARCHAR, day DATE);"
                  "CREATE TABLE regions (code VARCHAR);"
                  "CREATE VIEW daily AS SELECT day, sum(amount) AS total FROM orders GROUP BY day;"
                  "CREATE VIEW everything AS SELECT * FROM orders;"
                  "CREATE TABLE named AS SELECT amount FROM orders; CREATE TABLE starred AS SELECT * FROM orders")
    for name, text in (("checks.yaml", CHECKS), ("semantics.yaml", SEMANTICS), ("policy.yaml", POLICY),
                       ("dbt_project.yml", "name: p"), ("a.ipynb", json.dumps(NOTEBOOK)), ("b.ipynb", "{}"),
                       ("target/manifest.json", json.dumps({"sources": {}, "exposures": {"exposure.p.board": {
                           "name": "board", "depends_on": {"nodes": ["model.p.named"]}}}, "nodes": {
                           "model.p.named": model("named", "select amount from orders"),
                           "model.p.starred": model("starred", "select * from orders")}}))):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    invoke(["trust", "--yes"], door)
    monkeypatch.chdir(root)
    Memory(session).keep(Answer("answered", "who", "builtin", "Here.", sql="SELECT email FROM orders WHERE amount > 1"))
    invoke(["changes", "track", "orders"], door)
    invoke(["sinks", "add", "archive", "--kind", "file", "-o", f"folder={root / 'out'}"], door)
    Hooks.of(session.workspace, session.control, session.settings).store.create(Wish(
        parse("https://hooks.example.com/x"), Filter.read(["orders"], (), ["region: EU -> *"])), Position())
    for name, args in (("mail", ["query", "SELECT count(*) FROM orders WHERE amount > 5"]), ("build", ["run-dbt"]),
                       ("one", ["run-dbt", "build", "--select", "+starred"]), ("quality", ["check", "orders"]),
                       ("clean", ["query", "DELETE FROM orders WHERE amount IS NULL"]),
                       ("out", ["export", "everything", "x.parquet"])):
        invoke(["schedule", "add", "@daily", "--name", name, "--", *args], door)
    return door


def test_each_of_them_is_there_by_table_and_by_column(door: Door, session: Session) -> None:
    found = whole(session)
    below = {one.node.name: one.node.kind for one in found.around("main.orders", up=False).down}
    assert "webhook" in below.values()
    below = {name: kind for name, kind in below.items() if kind != "webhook"}
    assert below == {
        "daily": "view", "everything": "view", "named": "table", "starred": "table", "checks of orders": "check",
        "metric revenue": "metric", "metric orders": "metric", "term domestic": "term",
        "orders.region = regions.code": "join", '"how much in all"': "question", '"who"': "answer", "a.ipynb": "notebook",
        "role masked": "role", "role blind": "role", "sink archive": "sink", "schedule mail": "schedule",
        "schedule clean": "schedule"}
    assert names(found, "named") == {"board": "dashboard", "schedule build": "schedule"}
    assert names(found, "starred") == {"schedule build": "schedule", "schedule one": "schedule"}
    assert names(found, "everything") == {"schedule out": "schedule"}
    checks = {one.column for one in found.around("main.orders", "amount", up=False).down if one.node.kind == "check"}
    assert checks == {"range(amount)", "large ones are ours"}
    assert [one.node.name for one in found.around("checks:main.orders").up] == ["orders", "regions"]
    assert found.nodes["schedule:mail"].fact("runs") == "query 'SELECT count(*) FROM orders WHERE amount > 5'"


def names(found: Lineage, table: str) -> dict[str, str]:
    return {one.node.name: one.node.kind for one in found.around(f"main.{table}", up=False).down}


def test_what_breaks_without_a_column(door: Door, session: Session) -> None:
    said = {one.node.name: one.what for one in impact(whole(session), "main.orders", "amount").effects}
    assert {said.pop(one) for one in list(said) if one.startswith("webhook ")} == {"loses"}
    assert said == {
        "daily": "breaks", "everything": "loses", "named": "fails next", "starred": "loses", "checks of orders": "breaks",
        "metric revenue": "breaks", '"how much in all"': "breaks", '"who"': "breaks", "a.ipynb": "breaks",
        "role masked": "breaks", "sink archive": "loses", "schedule mail": "breaks", "schedule clean": "may break",
        "schedule quality": "breaks", "schedule build": "fails next", "board": "stale", "schedule out": "loses"}
    text = to_text(invoke(["lineage", "impact", "orders.amount"], door))
    assert "breaks range(amount), large ones are ours: it names orders.amount" in text
    assert text == to_text(invoke(["lineage", "orders.amount", "--impact"], door))
    said = {one.node.name: one.what for one in impact(whole(session), "main.orders", "region").effects}
    (webhook,) = (one for one in said if one.startswith("webhook "))
    assert {said[one] for one in (webhook, "role masked", "term domestic", "orders.region = regions.code")} == {"breaks"}
    assert "role blind" in said
    with pytest.raises(UsageError):
        invoke(["lineage", "orders", "amount"], door)


def test_a_table_that_is_called_impact_is_shown(session: Session) -> None:
    session.query("CREATE TABLE impact (a INT); CREATE VIEW v AS FROM impact")
    door = Door(lambda: session, workspace=str(session.workspace.root))
    assert "is read by:" in to_text(invoke(["lineage", "impact"], door))
    assert to_text(invoke(["lineage", "impact", "impact.a"], door)).startswith("Without impact.a:")


def test_a_view_whose_rows_are_kept_is_made_of_what_it_reads(session: Session) -> None:
    session.query("CREATE TABLE orders (id INT PRIMARY KEY, region VARCHAR, amount DOUBLE)")
    whole(session)
    Views(session).create(TableRef("sums"), "SELECT region, sum(amount) AS s FROM orders GROUP BY region")
    (one,) = whole(session).around("main.sums", "s", down=False).up
    assert (one.node.name, one.column, one.how) == ("orders", "amount", "aggregated")
    assert whole(session).nodes["main.sums"].fact("kept view") == "refreshed manual"
    (effect,) = impact(whole(session), "main.orders", "amount").effects
    assert (effect.node.name, effect.what) == ("sums", "fails next")


def test_a_loaded_table_comes_from_a_table_of_a_database(session: Session, database: Database) -> None:
    database.run("CREATE TABLE customers (id int primary key, email text)", "INSERT INTO customers VALUES (1, 'a')")
    door = Door(lambda: session, workspace=str(session.workspace.root))
    parts = urlsplit(database.uri)
    address = parts._replace(netloc=parts.netloc.replace("@", ":hunter2@", 1)).geturl()
    ingest(session, address)
    (link,) = whole(session).above("main.customers")
    source = whole(session).nodes[link.above]
    assert "hunter2" not in str(source)
    assert (source.kind, source.name) == ("source", f"postgres://{parts.hostname}:{parts.port}/{parts.path[1:]}.public.customers")
    assert source.facts == ()
    invoke(["connections", "add", "shop", database.uri], door)
    list(each(invoke(["ingest", "--from", "shop", "--mode", "replace"], door)))
    (link,) = whole(session).above("main.customers")
    assert whole(session).nodes[link.above].facts == (("connection", "shop"),)
    assert "[source]  connection shop" in to_text(invoke(["lineage", "customers.email"], door))
