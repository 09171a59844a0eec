"""Data in over HTTP: the owner from anywhere, others by sending rows, and never from where they say."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import pluto_duck
from pluto_duck.errors import ChecksFailed
from pluto_duck.governance.audit import Entry, recorder
from pluto_duck.governance.audit.searching import Filter, walk
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.api.door import Door, governed, governed_again
from tests.api.test_identity import body

POLICY = """
version: 1
roles:
  eu:
    grants: [{tables: orders, actions: [read]}]
  loader:
    grants:
      - {tables: sales, actions: [read, ingest]}
      - {tables: orders, actions: [insert, ingest], rows: region = 'EU'}
  keeper:
    grants: [{tables: sales, actions: [read, ingest, delete]}]
"""
ROWS = [{"id": 1, "amount": 2.5}, {"id": 2, "amount": 3.5}]


@pytest.fixture
def loading(door: Door, workspace: Workspace, jp_serverapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "uploads").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "uploads"))
    with Session.open(workspace.root) as session:
        session.query("DROP TABLE orders; DROP TABLE other")
        governed(workspace, POLICY)
        session.query("CREATE TABLE sales (id BIGINT PRIMARY KEY, amount DOUBLE)")
    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}

    async def load(table: str, data: bytes, kind: str, key: str = "", **query: str) -> dict[str, Any]:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        sent = {"Content-Type": kind, **({"Authorization": f"Bearer {key}"} if key else owner)}
        answer = await door._fetch(f"{door._base_url}api/v1/ingest/{table}?{asked}", method="POST", headers=sent,
                                   body=data, raise_error=False)
        return await ended(answer, key)

    async def ended(answer: Any, key: str = "") -> dict[str, Any]:
        if answer.code != 202:
            return {**body(answer), "code": answer.code}
        sent = {} if key else owner
        run = await door(f"query/{body(answer)['run_id']}?wait=30", key=key, **sent)
        return {"code": answer.code, **body(run)}

    load.ended = ended  # type: ignore[attr-defined]
    load.owner = owner  # type: ignore[attr-defined]
    return load


def rows(workspace: Workspace, table: str = "sales") -> list[tuple[Any, ...]]:
    with Session.open(workspace.root) as session:
        return [tuple(one.values()) for one in session.query(f"FROM {table} ORDER BY 1").arrow().to_pylist()]


def as_(kind: str) -> bytes:
    table, sink = pyarrow.Table.from_pylist(ROWS), io.BytesIO()
    if kind == "text/csv":
        return b"id,amount\n1,2.5\n2,3.5\n"
    if kind == "application/x-ndjson":
        return "".join(json.dumps(one) + "\n" for one in ROWS).encode()
    if kind == "application/vnd.apache.parquet":
        pyarrow.parquet.write_table(table, sink)
    else:
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson", "application/vnd.apache.parquet",
                                  "application/vnd.apache.arrow.stream"])
async def test_rows_of_each_form_arrive_by_whoever_may(loading: Any, door: Door, workspace: Workspace, kind: str) -> None:
    key = door.key("loader", scopes=("data:ingest",))
    done = await loading("sales", as_(kind), kind, key)
    assert done["status"] == "succeeded", done
    assert done["tables"][0]["rows"] == 2
    assert rows(workspace) == [(1, 2.5), (2, 3.5)]
    made = await loading("fresh", as_(kind), kind)
    assert made["status"] == "succeeded", made
    assert rows(workspace, "fresh") == [(1, 2.5), (2, 3.5)], "the owner also makes tables"
    again = await loading("sales", as_(kind), kind, key, mode="merge")
    assert again["status"] == "succeeded", again
    assert len(rows(workspace)) == 2
    assert list(Path(tempfile.gettempdir()).iterdir()) == [], "nothing of it is left"


async def test_a_role_loads_only_what_it_is_granted_as_a_whole(loading: Any, door: Door, workspace: Workspace) -> None:
    loader = door.key("loader", name="a", scopes=("data:ingest",))
    keeper = door.key("keeper", name="b", scopes=("data:ingest",))
    data = as_("text/csv")
    for table, key, query in (("orders", loader, {}), ("nosuch", loader, {}), ("sales", loader, {"mode": "replace"}),
                              ("sales", door.key("eu", name="c", scopes=("data:ingest",)), {}),
                              ("_pluto.commits", loader, {})):
        refused = await loading(table, data, "text/csv", key, **query)
        assert refused["code"] == 403, table
        assert "loader" not in json.dumps(refused)
    assert rows(workspace) == []
    bare = door.key("loader", name="d", scopes=("data:write",))
    assert (await loading("sales", data, "text/csv", bare))["code"] == 403, "without the scope"
    assert (await loading("sales", data, "text/csv", keeper, mode="replace"))["status"] == "succeeded"
    wider = await loading("sales", b"id,amount,more\n3,1.5,x\n", "text/csv", keeper)
    assert wider["status"] == "failed", "what a table is made of is not a role's to change"
    twice = await loading("sales", b"id,amount\n1,9.5\n", "text/csv", keeper)
    assert twice["status"] == "failed"
    for failed in (wider, twice):
        assert tempfile.gettempdir() not in json.dumps(failed)
        for value in ("1.5", "2.5", "3.5", "9.5"):  # the times beside the error may have these digits
            assert value not in json.dumps(failed["error"])
    assert rows(workspace) == [(1, 2.5), (2, 3.5)]
    other = await door(f"query/{twice['run_id']}", key=loader)
    assert other.code == 404, "a load is seen by whoever began it"


@pytest.mark.parametrize("asked", [
    {"source": "/etc/passwd", "into": "sales"}, {"source": "http://127.0.0.1:1/x.csv", "into": "sales"},
    {"connection": "/etc/passwd", "tables": ["x"], "into": "sales"}, {"connection": "env:HOME", "tables": ["x"], "into": "sales"},
    {"connection": "http://127.0.0.1:1/x.csv", "tables": ["x"], "into": "sales"},
    {"connection": "hidden", "tables": ["x"], "into": "sales"}, {"connection": "hidden", "query": "SELECT 1", "into": "sales"},
    {"into": "sales"}, {"connection": "hidden", "tables": ["*"], "into": "*"}])
async def test_nobody_but_the_owner_says_where_the_server_reads(
        loading: Any, door: Door, workspace: Workspace, asked: dict[str, Any]) -> None:
    from pluto_duck.ingest.connections import Connections

    with Session.open(workspace.root) as session:
        Connections(session.control, workspace).add("hidden", "postgresql://me@127.0.0.1:1/x", password=None)
    key = door.key("loader", scopes=("data:ingest",))
    answer = await door("ingest", "POST", key, asked)
    assert answer.code in (400, 404), answer.body
    assert b"127.0.0.1" not in answer.body or "127.0.0.1" in json.dumps(asked)
    assert rows(workspace) == []


async def test_the_owner_loads_from_a_source_and_others_from_a_connection_that_is_opened(
        loading: Any, door: Door, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from pluto_duck.ingest.connections import Connections

    source = workspace.root / "shop.sqlite"
    database = sqlite3.connect(source)
    database.executescript("CREATE TABLE sales (id INTEGER PRIMARY KEY, amount REAL); INSERT INTO sales VALUES (7, 1.5)")
    database.close()
    (workspace.root / "more.csv").write_text("id,amount\n8,2.5\n", encoding="utf-8")
    done = await loading.ended(await door("ingest", "POST", body={"source": "more.csv", "into": "more"}, **loading.owner))
    assert done["status"] == "succeeded", done
    assert rows(workspace, "more") == [(8, 2.5)]
    with Session.open(workspace.root) as session:
        Connections(session.control, workspace).add("shop", str(source), password=None)
    monkeypatch.setenv("PLUTODUCK_INGEST__OPEN_CONNECTIONS", "shop")
    place = door_place(door)
    monkeypatch.setattr(place, "settings", type(place.settings).load(workspace.toml))
    key = door.key("loader", scopes=("data:ingest",))
    asked = {"connection": "shop", "tables": ["sales"], "into": "sales", "mode": "append"}
    loaded = await loading.ended(await door("ingest", "POST", key, asked), key)
    assert loaded["status"] == "succeeded", loaded
    assert rows(workspace) == [(7, 1.5)]
    assert (await door("ingest", "POST", key, {**asked, "into": "orders"})).code == 403
    assert (await door("ingest", "POST", key, {**asked, "where": "1=1"})).code == 400


def door_place(door: Door) -> Any:
    from jupyter_server.serverapp import ServerApp

    return ServerApp.instance().extension_manager.extension_apps["pluto_duck"].copy().pop().places.get()


async def test_loads_are_on_record_with_their_rule(
        loading: Any, door: Door, workspace: Workspace) -> None:
    key = door.key("loader", scopes=("data:ingest",))
    await loading("sales", as_("text/csv"), "text/csv", key)
    await loading("orders", as_("text/csv"), "text/csv", key)
    kept = recorder(workspace)
    kept.flush()
    found: list[Entry] = [row.entry for row in walk(kept.chain, Filter(action="ingest"))]
    begun, ended, denied = sorted(found, key=lambda one: one.decision)
    if begun.status != "202":
        begun, ended = ended, begun
    assert (begun.on, begun.rule) == (("main.sales",), "role loader, grant 1 (line 8)")
    assert (ended.status, ended.rows, ended.on) == ("succeeded", 2, ("main.sales",))
    assert (denied.decision, denied.status, denied.on) == ("deny", "403", ("main.orders",))


async def test_what_is_no_table_is_told(loading: Any, door: Door, workspace: Workspace) -> None:
    key = door.key("loader", scopes=("data:ingest",))
    for kind in ("application/vnd.apache.arrow.stream", "application/vnd.apache.parquet", "application/x-ndjson"):
        done = await loading("sales", b"\x00nothing of the kind", kind, key)
        assert done["status"] == "failed", kind
    assert (await loading("sales", b"x", "text/html", key))["code"] == 415
    assert (await loading("sales", as_("text/csv"), "text/csv", key, mode="scd2"))["code"] == 400
    assert rows(workspace) == []
    await asyncio.sleep(0)
    assert list(Path(tempfile.gettempdir()).iterdir()) == []




async def test_rows_that_fail_a_check_arrive_from_nobody_and_a_key_learns_nothing_of_it(
        loading: Any, door: Door, workspace: Workspace) -> None:
    (workspace.root / "checks.yaml").write_text(
        "version: 1\ntables:\n  sales:\n    - {sql: amount < 3, name: less than the secret}\n", encoding="utf-8")
    loader = door.key("loader", scopes=("data:ingest",))
    for key in ("", loader):
        failed = await loading("sales", as_("text/csv"), "text/csv", key, check="1")
        assert (failed["status"], failed["error"]["code"]) == ("failed", "checks_failed")
        assert ("secret" in json.dumps(failed)) == (not key)
        assert rows(workspace) == []
    assert (await loading("sales", as_("text/csv"), "text/csv", loader))["status"] == "succeeded"


async def test_rows_that_wait_are_published_by_somebody_else_than_who_sent_them(
        loading: Any, door: Door, workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "checks.yaml").write_text(
        "version: 1\ntables:\n  sales:\n    publish: checked\n    on_failure: approve\n    checks:\n"
        "      - sql: amount < 3\n", encoding="utf-8")
    governed_again(workspace, POLICY.replace("actions: [read, ingest, delete]", "actions: [read, ingest, delete, approve]"))
    sender = door.key("keeper", scopes=("data:ingest", "approvals:write"))
    other = door.key("keeper", name="other", scopes=("approvals:write",))
    loader = door.key("loader", name="loader", scopes=("data:ingest", "approvals:write"))
    failed = await loading("sales", as_("text/csv"), "text/csv", sender)
    assert failed["error"]["code"] == "checks_failed"
    assert "wait for whoever may approve" in failed["error"]["hint"]
    [waiting] = body(await door("approvals?waiting=1", key=other))["approvals"]
    assert (waiting["kind"], waiting["target"]) == ("publish", '"main"."sales"')
    assert body(await door("approvals", key=loader))["approvals"] == [], "who may not approve sees nothing of it"
    asked = {"decision": "approve", "version": waiting["version"]}
    assert (await door(f"approvals/{waiting['id']}", "POST", sender, asked)).code == 403
    assert rows(workspace) == []
    done = await loading.ended(await door(f"approvals/{waiting['id']}", "POST", other, asked), other)
    assert done["status"] == "succeeded", done
    assert rows(workspace) == [(1, 2.5), (2, 3.5)]
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "sales.csv").write_text("id,amount\n7,9.5\n", encoding="utf-8")
    with pluto_duck.open(str(workspace.root)) as own, pytest.raises(ChecksFailed):
        own.ingest(str(tmp_path / "private" / "sales.csv"), into="sales", mode="append")  # type: ignore[attr-defined]
    answer = await door("approvals?waiting=1", key=other)
    assert body(answer)["approvals"][0]["question"] == "a load from sales.csv"
    assert str(tmp_path).encode() not in answer.body, "where the owner's files lie is the owner's to know"
