"""OpenLineage events, held against the classes of OpenLineage's own client."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pluto_duck.catalog.lineage.openlineage.datasets import source
from pluto_duck.commands import Door, each, invoke
from pluto_duck.errors import ChecksFailed, PlutoError, SettingError
from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.catalog.lineage.oracle import checked, events


@pytest.fixture
def told(workspace: Workspace) -> Iterator[Session]:
    with Session.open(workspace.root, lineage__file="out/events.ndjson") as session:
        yield session


def test_a_load_tells_that_it_begins_and_what_it_made(told: Session) -> None:
    file = told.workspace.root / "orders.csv"
    file.write_text("id,name\n1,a\n2,b\n")
    ingest(told, str(file))
    begun, ended = events(told.workspace.root / "out/events.ndjson")
    assert (begun["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert begun["run"]["runId"] == ended["run"]["runId"]
    assert begun["job"]["name"] == ended["job"]["name"]
    (made,) = ended["outputs"]
    assert (made["namespace"], made["name"]) == ("duckdb://workspace", "main.orders")
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert [(one["name"], one["type"]) for one in made["facets"]["schema"]["fields"]] == [("id", "BIGINT"), ("name", "VARCHAR")]
    (above,) = made["facets"]["columnLineage"]["fields"]["name"]["inputFields"]
    assert (above["namespace"], above["name"], above["field"]) == ("file", str(file), "name")


def test_a_load_that_fails_says_why_and_no_secret(told: Session) -> None:
    with pytest.raises(PlutoError):
        ingest(told, "postgresql://ann:hunter2@127.0.0.1:1/shop")
    text = (told.workspace.root / "out/events.ndjson").read_text()
    assert "hunter2" not in text
    begun, ended = events(told.workspace.root / "out/events.ndjson")
    assert (begun["eventType"], ended["eventType"]) == ("START", "FAIL")
    assert ended["run"]["facets"]["errorMessage"]["message"]
    assert (ended["inputs"][0]["namespace"], ended["inputs"][0]["name"]) == ("postgres://127.0.0.1:1", "shop")


CHECKS = "version: 1\ntables:\n  orders:\n    - {not_null: name, at_most: 5}\n    - {sql: id < 9, name: small}\n"


def facets(dataset: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    found = dataset["inputFacets"]
    return {one["name"]: one for one in found["dataQualityAssertions"]["assertions"]}, found["dataQualityMetrics"]


def test_a_run_of_checks_tells_what_it_found_of_each_table(told: Session) -> None:
    (told.workspace.root / "checks.yaml").write_text(CHECKS)
    told.query("CREATE TABLE orders AS SELECT * FROM (VALUES (1, 'a'), (2, NULL), (10, 'c')) t(id, name)")
    with pytest.raises(PlutoError):
        list(each(invoke(["check"], Door(lambda: told, kind="notebook"))))
    begun, ended = events(told.workspace.root / "out/events.ndjson")
    assert (begun["eventType"], ended["eventType"], ended["job"]["name"]) == ("START", "FAIL", "check")
    assert begun["run"]["runId"] == ended["run"]["runId"]
    [table] = ended["inputs"]
    assert (table["namespace"], table["name"]) == ("duckdb://workspace", "main.orders")
    said, counted = facets(table)
    assert said["not_null(name)"] == {"assertion": "not_null", "success": True, "column": "name", "severity": "error",
                                      "name": "not_null(name)", "expected": "5 failing rows", "actual": "1 failing rows"}
    assert (said["small"]["success"], said["small"]["content"], said["small"]["contentType"]) == (False, "id < 9", "sql")
    assert (counted["rowCount"], counted["columnMetrics"]) == (3, {"name": {"nullCount": 1}})


def test_of_rows_that_nobody_has_seen_it_is_their_source_that_failed(told: Session) -> None:
    (told.workspace.root / "checks.yaml").write_text(CHECKS)
    file = told.workspace.root / "orders.csv"
    for row, ends in (("1,a", "COMPLETE"), ("10,b", "FAIL")):
        file.write_text(f"id,name\n{row}\n")
        with contextlib.suppress(ChecksFailed):
            ingest(told, str(file), check=True)
        ended = events(told.workspace.root / "out/events.ndjson")[-1]
        [origin] = ended["inputs"]
        assert (ended["eventType"], origin["namespace"], origin["name"]) == (ends, "file", str(file))
        assert facets(origin)[0]["small"]["success"] == (ends == "COMPLETE")
        assert len(ended["outputs"]) == (ends == "COMPLETE")


def test_nothing_is_told_unless_it_is_wanted(session: Session) -> None:
    (session.workspace.root / "orders.csv").write_text("id\n1\n")
    before = sorted(session.workspace.root.iterdir())
    ingest(session, str(session.workspace.root / "orders.csv"))
    assert sorted(session.workspace.root.iterdir()) == before


@pytest.mark.parametrize("at", ["missing/\0", "/proc/nowhere/x.ndjson"])
def test_a_place_that_can_not_be_written_stops_no_load(workspace: Workspace, at: str, caplog: pytest.LogCaptureFixture) -> None:
    (workspace.root / "orders.csv").write_text("id\n1\n")
    with Session.open(workspace.root, lineage__file=at) as session:
        assert ingest(session, str(workspace.root / "orders.csv")).rows == 1
    assert "could not be delivered" in caplog.text


class Marquez(http.server.BaseHTTPRequestHandler):
    got: list[tuple[str, str, dict[str, Any]]]
    status = 201

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append((self.path, self.headers.get("Authorization", ""), json.loads(body)))
        self.send_response(type(self).status)
        self.send_header("Content-Length", "0")
        if type(self).status == 302:
            self.send_header("Location", self.path)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def marquez() -> Iterator[tuple[str, type[Marquez]]]:
    kind = type("Marquez", (Marquez,), {"got": [], "status": 201})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1/lineage", kind
    server.shutdown()
    thread.join()
    server.server_close()


def test_events_go_to_an_address(workspace: Workspace, marquez: tuple[str, type[Marquez]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "k1")
    (workspace.root / "orders.csv").write_text("id\n1\n")
    with Session.open(workspace.root, lineage__url=marquez[0], lineage__namespace="shop") as session:
        ingest(session, str(workspace.root / "orders.csv"))
    assert [(path, key, checked(one)["eventType"], one["job"]["namespace"]) for path, key, one in marquez[1].got] == [
        ("/api/v1/lineage", "Bearer k1", "START", "shop"), ("/api/v1/lineage", "Bearer k1", "COMPLETE", "shop")]


@pytest.mark.parametrize("status", [302, 500])
def test_an_address_that_refuses_stops_no_load(workspace: Workspace, marquez: tuple[str, type[Marquez]], status: int,
                                               caplog: pytest.LogCaptureFixture) -> None:
    marquez[1].status = status
    (workspace.root / "orders.csv").write_text("id\n1\n")
    with Session.open(workspace.root, lineage__url=marquez[0]) as session:
        assert ingest(session, str(workspace.root / "orders.csv")).rows == 1
    assert len(marquez[1].got) == 2, "nobody is followed elsewhere"
    assert f"answers {status}" in caplog.text


@pytest.mark.parametrize("url", ["ftp://x", "marquez", "http://", "http://u:p@x/", "http://x:99999/"])
def test_an_address_that_is_none_is_said(workspace: Workspace, url: str) -> None:
    (workspace.root / "orders.csv").write_text("id\n1\n")
    with Session.open(workspace.root, lineage__url=url) as session, pytest.raises(SettingError):
        ingest(session, str(workspace.root / "orders.csv"))


def test_a_folder_from_elsewhere_sends_nothing(workspace: Workspace) -> None:
    workspace.toml.write_text('[lineage]\nfile = "events.ndjson"\nurl = "http://127.0.0.1:1/"\n')
    (workspace.root / "orders.csv").write_text("id\n1\n")
    with Session.open(workspace.root) as session:
        ingest(session, str(workspace.root / "orders.csv"))
    assert not (workspace.root / "events.ndjson").exists()


@pytest.mark.parametrize(("shown", "namespace", "name"), [
    ("/data/x.csv", "file", "/data/x.csv"), ("postgresql://a@h/db", "postgres://h:5432", "db.public.t"),
    ("mysql://a@h:3307/db", "mysql://h:3307", "db.public.t"), ("s3://bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
    ("https://h/x.csv", "https://h", "x.csv"), ("env:SHOP", "file", "env:SHOP"), ("http://[bad", "file", "http://[bad")])
def test_names_of_sources_are_those_of_the_spec(shown: str, namespace: str, name: str) -> None:
    found = source(shown, "public.t")
    assert (found.namespace, found.name) == (namespace, name)
