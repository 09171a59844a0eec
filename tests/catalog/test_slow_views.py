"""A view that computes for hours must not keep questions about anything else waiting."""

from __future__ import annotations

from importlib import import_module

import pytest

from pluto_duck.catalog import Catalog
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

ENDLESS = "SELECT o.* FROM orders o, brake a, brake b WHERE a.i + b.i >= 0"


@pytest.fixture
def slow(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(import_module("pluto_duck.catalog.profile"), "VIEW_TIMEOUT_S", 0.3)
    session = Session.open(workspace.root)
    session.query("CREATE TABLE orders AS SELECT i AS order_id, i * 1.5 AS amount FROM range(60) AS r(i)")
    session.query("CREATE TABLE brake AS FROM range(100000) AS r(i)")
    return session


def test_one_that_was_never_seen_is_left_out(slow: Session) -> None:
    with slow as session:
        session.query(f"CREATE VIEW slow_orders AS {ENDLESS}")
        assert {one.ref.name for one in Catalog.of(session).tables} == {"orders", "brake"}
        session.query("DELETE FROM brake WHERE i > 0")
        assert "slow_orders" in {one.ref.name for one in Catalog.of(session).tables}


def test_one_that_was_quick_before_is_known_as_it_was(slow: Session) -> None:
    with slow as session:
        session.query("CREATE TABLE all_of_it AS FROM brake")
        session.query("DELETE FROM brake WHERE i > 0")
        session.query(f"CREATE VIEW slow_orders AS {ENDLESS}")
        before = Catalog.of(session).table("main.slow_orders")
        assert before.rows == 60
        session.query("INSERT INTO brake FROM all_of_it")
        assert Catalog.of(session).table("main.slow_orders") == before
        # Asking for values reads no view again of which nothing new is known.
        Catalog.of(session).values(session)


def test_what_one_session_saw_while_it_was_quick_all_of_the_process_know(slow: Session) -> None:
    """The sidebar's requests take turns with a few sessions: which one works on a question is chance."""
    with slow as session:
        session.query("CREATE TABLE all_of_it AS FROM brake")
        session.query("DELETE FROM brake WHERE i > 0")
        session.query(f"CREATE VIEW slow_orders AS {ENDLESS}")
        before = Catalog.of(session).table("main.slow_orders")
        session.query("INSERT INTO brake FROM all_of_it")
        with Session.open(session.workspace.root) as other:
            found = Catalog.of(other)
            assert found.table("main.slow_orders") == before
            found.values(other)  # neither its relations nor its values are counted now
        session.query("DROP VIEW slow_orders")
        session.query("CREATE VIEW slow_orders AS SELECT o.*, 1 AS more FROM orders o, brake a, brake b WHERE a.i + b.i >= 0")
        with Session.open(session.workspace.root) as third:
            assert "slow_orders" not in {one.ref.name for one in Catalog.of(third).tables}, "it is another one now"
