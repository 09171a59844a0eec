"""Loads and semantic entries that a tool proposed: tried without reaching anywhere, run once, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pluto_duck import plugins
from pluto_duck.agent.approvals import Approval, Approvals
from pluto_duck.agent.planners import Context
from pluto_duck.agent.sharing import Sharing
from pluto_duck.agent.tools import GROUP, Desk
from pluto_duck.catalog import Catalog
from pluto_duck.errors import Cancelled, PlutoError, Refused, SourceError, UsageError
from pluto_duck.ingest.connections import Connections
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace

REVENUE = {"table": "orders", "expression": "sum(amount)", "synonyms": ["turnover"]}


@pytest.fixture
def shop(session: Session) -> Session:
    session.query("CREATE TABLE orders AS SELECT i AS id, i * 2 AS amount FROM range(10) t(i)")
    (session.workspace.root / "sales.csv").write_text("region,amount\nnorth,1\nsouth,2\n", encoding="utf-8")
    return session


def _called(session: Session, tool: str, **arguments: Any) -> tuple[Approval, str]:
    """The proposal of a tool, and what the planner was told."""
    desk = Desk("load it", Context(session), Sharing("schema"), "test")
    reply = plugins.load(GROUP, tool).call(desk, arguments)
    (id,) = desk.proposed
    return Approvals(session).get(id), " ".join(one.text for one in reply.pieces)


def test_a_load_is_proposed_tried_approved_and_taken_back(shop: Session) -> None:
    made, told = _called(shop, "ingest", source="sales.csv", into="sales")
    assert [str(one.ref) for one in shop.tables()] == ["orders"]
    assert (made.kind, made.status, made.sql) == (
        "ingest", "waiting", f"pluto-duck ingest {shop.workspace.root / 'sales.csv'} --into sales")
    assert made.dry_run.endswith("region VARCHAR, amount BIGINT")
    assert "region" not in told
    assert Approvals(shop).approve(made.id, made.version).status == "done"
    assert shop.query("SELECT sum(amount) FROM sales").scalar() == 3
    with pytest.raises(Refused, match="done already"):
        Approvals(shop).approve(made.id, made.version)
    assert shop.query("SELECT count(*) FROM sales").scalar() == 2
    shop.query(made.rollback)
    assert [str(one.ref) for one in shop.tables()] == ["orders"]
    assert [one.what for one in Approvals(shop).log(made.id)] == ["proposed", "approved", "done"]


@pytest.mark.parametrize("source", [
    "https://127.0.0.1:1/steal?rows=42", "s3://bucket/key", "postgresql://127.0.0.1:1/db", "/etc/passwd",
    "../outside.csv", "missing.csv", ".pluto-duck/control.sqlite", "file:///etc/passwd", "link.csv"])
def test_nothing_outside_the_workspace_is_looked_at_before_it_is_approved(
    shop: Session, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("looked at")

    monkeypatch.setattr("pluto_duck.agent.changes.ingest.plan_load", never)
    (tmp_path / "outside.csv").write_text("secret\n1\n", encoding="utf-8")
    (shop.workspace.root / "link.csv").symlink_to(tmp_path / "outside.csv")
    made, _told = _called(shop, "ingest", source=source, into="stolen")
    assert made.dry_run.startswith("not tried")


def test_a_load_from_a_saved_connection_holds_no_password(shop: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "geheim-4711")
    Connections(shop.control, shop.workspace).add("crm", "postgresql://ann@127.0.0.1:1/db", password_from="PW")
    made, _told = _called(shop, "ingest", connection="crm", table="people", into="people")
    assert made.sql == "pluto-duck ingest --from crm --table people --into people"
    assert "geheim" not in str(made)
    with pytest.raises(SourceError):
        Approvals(shop).approve(made.id, made.version)
    assert Approvals(shop).get(made.id).status == "failed"


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_log(
    shop: Session, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(session: Session, source: str, options: object) -> None:
        raise SourceError(f"{source.split(':')[2].split('@')[0]} is wrong", hint="not geheim-4711")

    monkeypatch.setenv("PW", "geheim-4711")
    Connections(shop.control, shop.workspace).add("crm", "postgresql://ann@127.0.0.1:1/db", password_from="PW")
    made, _told = _called(shop, "ingest", connection="crm", table="people", into="people")
    monkeypatch.setattr("pluto_duck.agent.changes.ingest.ingest", refuse)
    with pytest.raises(SourceError, match=r"\*\*\* is wrong") as caught:
        Approvals(shop).approve(made.id, made.version)
    assert "geheim" not in str(caught.value.to_dict()) + str(Approvals(shop).log(made.id))


@pytest.mark.parametrize("arguments", [
    {"source": "postgresql://ann:secret@host/db"}, {"source": "a.csv", "connection": "crm"}, {}, {"connection": "nobody",
     "table": "t"}, {"source": "sales.csv", "into": "orders"}, {"source": "sales.csv", "into": "a.b.c"}])
def test_what_makes_no_sense_is_not_proposed(shop: Session, arguments: dict[str, str]) -> None:
    with pytest.raises(PlutoError) as caught:
        _called(shop, "ingest", **{"into": "new", **arguments})
    assert "secret" not in str(caught.value)
    assert Approvals(shop).all() == []


def test_a_table_that_came_meanwhile_is_left_alone(shop: Session) -> None:
    made, _told = _called(shop, "ingest", source="sales.csv", into="sales")
    shop.query("CREATE TABLE sales AS SELECT 1 AS mine")
    with pytest.raises(Refused):
        Approvals(shop).approve(made.id, made.version)
    assert shop.query("FROM sales").rows() == [(1,)]


def test_a_load_whose_process_died_is_not_run_twice(shop: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _told = _called(shop, "ingest", source="sales.csv", into="sales")
    moved = Approvals._moved

    def die(self: Approvals, one, to, *rest):  # type: ignore[no-untyped-def]
        if to == "done":
            raise KeyboardInterrupt
        return moved(self, one, to, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "_moved", die)
        with pytest.raises(KeyboardInterrupt):
            Approvals(shop).approve(made.id, made.version)
    assert Approvals(shop).get(made.id).status == "running"
    assert Approvals(shop).approve(made.id, made.version).status == "done"
    assert shop.query("SELECT count(*) FROM sales").scalar() == 2


def test_a_load_can_be_edited(shop: Session) -> None:
    made, _told = _called(shop, "ingest", source="sale.csv", into="sales")
    edited = Approvals(shop).edit(made.id, json.dumps({"source": "sales.csv"}))
    assert "region VARCHAR" in edited.dry_run
    with pytest.raises(UsageError):
        Approvals(shop).edit(made.id, "sales.csv")
    assert Approvals(shop).approve(made.id, edited.version).status == "done"


def test_a_metric_is_proposed_shown_as_a_diff_and_approved(shop: Session) -> None:
    path = shop.workspace.root / "semantics.yaml"
    before = "# ours\nversion: 1\n\nterms:   # none yet\n"
    path.write_text(before, encoding="utf-8")
    made, _told = _called(shop, "edit_semantics", section="metrics", name="revenue", entry=json.dumps(REVENUE))
    assert path.read_text(encoding="utf-8") == before
    assert (made.kind, made.target) == ("semantics", "metrics.revenue")
    assert "it fits the tables" in made.dry_run
    assert "+metrics:" in made.diff
    assert Approvals(shop).approve(made.id, made.version).status == "done"
    text = path.read_text(encoding="utf-8")
    assert text.startswith(before)
    (metric,) = Catalog.of(shop).semantics.metrics
    assert (metric.name, metric.expression.lower(), metric.synonyms) == ("revenue", "sum(amount)", ("turnover",))
    assert text.removeprefix(before).strip() == made.sql.strip()
    assert made.sql in made.rollback


def test_an_entry_survives_a_restart_and_other_edits_of_the_file(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders AS SELECT 1 AS id, 2 AS amount")
        made, _told = _called(session, "edit_semantics", section="terms", name="big order",
                              entry='{"table": "orders", "filter": "amount > 1"}')
    path = workspace.root / "semantics.yaml"
    path.write_text("tables:\n  orders: {name: order}  # Ann was here\n", encoding="utf-8")
    with Session.open(workspace.root) as session:
        assert Approvals(session).approve(made.id[:5], made.version).status == "done"
        assert "# Ann was here" in path.read_text(encoding="utf-8")
        assert [one.name for one in Catalog.of(session).semantics.terms] == ["big order"]


@pytest.mark.parametrize(("section", "name", "entry"), [
    ("metrics", "revenue", '{"table": "orders", "expression": "sum(nothing)"}'),
    ("metrics", "revenue", '{"table": "orders", "expression": "(SELECT max(x) FROM read_csv(\'/etc/passwd\'))"}'),
    ("metrics", "revenue", '{"table": "nowhere", "expression": "sum(amount)"}'), ("metrics", "revenue", "{"),
    ("metrics", "", json.dumps(REVENUE)), ("joins", "x", '{"from": "orders.id", "to": "orders.id"}'),
    ("terms", "big", '{"table": "orders", "filter": "DELETE FROM orders"}'), ("metrics", "revenue", '{"a": 1}'),
    ("metrics", "rev: [", '{"table": ["x"]}'), ("tables", "orders", '{"nmae": "order"}')])
def test_an_entry_that_does_not_fit_is_not_proposed(shop: Session, section: str, name: str, entry: str) -> None:
    with pytest.raises(PlutoError):
        _called(shop, "edit_semantics", section=section, name=name, entry=entry)
    assert Approvals(shop).all() == []
    assert not (shop.workspace.root / "semantics.yaml").exists()


def test_what_is_there_already_is_never_changed(shop: Session) -> None:
    path = shop.workspace.root / "semantics.yaml"
    text = "metrics:\n  revenue: {table: orders, expression: count(*)}\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlutoError):
        _called(shop, "edit_semantics", section="metrics", name="revenue", entry=json.dumps(REVENUE))
    path.unlink()
    made, _told = _called(shop, "edit_semantics", section="metrics", name="revenue", entry=json.dumps(REVENUE))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlutoError):
        Approvals(shop).approve(made.id, made.version)
    assert path.read_text(encoding="utf-8") == text


def test_an_entry_that_no_longer_fits_is_refused(shop: Session) -> None:
    made, _told = _called(shop, "edit_semantics", section="metrics", name="revenue", entry=json.dumps(REVENUE))
    shop.query("ALTER TABLE orders DROP COLUMN amount")
    with pytest.raises(Refused, match="does not fit"):
        Approvals(shop).approve(made.id, made.version)
    assert not (shop.workspace.root / "semantics.yaml").exists()


def test_a_load_that_was_stopped_waits_again(shop: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Cancelled("Stopped.")

    made, _told = _called(shop, "ingest", source="sales.csv", into="sales")
    with monkeypatch.context() as patch:
        patch.setattr("pluto_duck.agent.changes.ingest.ingest", stop)
        with pytest.raises(Cancelled):
            Approvals(shop).approve(made.id, made.version)
    assert Approvals(shop).get(made.id).status == "waiting"
    assert Approvals(shop).approve(made.id, made.version).status == "done"
    assert [one.what for one in Approvals(shop).log(made.id)] == ["proposed", "approved", "stopped", "approved", "done"]
