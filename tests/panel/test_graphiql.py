"""The page to try GraphQL with, in Chromium: with Jupyter's login, with a key, under its own policy, on this machine alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from pluto_duck.governance import trust
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, create, find
from tests.panel.browser import SHOTS, chromium, listen, off_machine

POLICY = "version: 1\nroles:\n  r:\n    grants:\n      - {tables: airlines, actions: [read], masks: {name: partial}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = create(tmp_path / "work")
    (workspace.root / FILE).write_text(POLICY, encoding="utf-8")
    trust.grant(workspace, FILE, wanted(read(POLICY)[1]))
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE airlines (carrier VARCHAR PRIMARY KEY, name VARCHAR); CREATE TABLE flights (id INTEGER PRIMARY "
                      "KEY, carrier VARCHAR REFERENCES airlines (carrier), dep_delay DOUBLE); INSERT INTO airlines VALUES ('9E', "
                      "'Endeavor'), ('UA', 'United'); INSERT INTO flights SELECT i, 'UA', i FROM range(20) t (i)")
    return workspace.root


@pytest.fixture
def address(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A server behind a base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jupyter_server_config.json").write_text('{"ServerApp": {"base_url": "/some/base/"}}', encoding="utf-8")
    environment = {**os.environ, "JUPYTER_TOKEN": "t", "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                   "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    server = subprocess.Popen([sys.executable, "-m", "pluto_duck.cli", "serve", "--port", str(port)],
                              cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/some/base"
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.set_default_timeout(30_000)
        asked, errors = listen(page), []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert off_machine(asked) == set()
        assert not [one for one in errors if "401" not in one], errors


def result(page: Any) -> Any:
    page.wait_for_function("() => document.getElementById('said').textContent.includes('ms')")
    return json.loads(page.locator("#result").text_content())


def run(page: Any, text: str, variables: str = "") -> Any:
    page.get_by_label("Document").fill(text)
    page.get_by_label("Variables").fill(variables)
    page.evaluate("() => { document.getElementById('said').textContent = ''; }")
    page.get_by_label("Document").press("Control+Enter")
    return result(page)


def test_with_jupyters_login(page: Any, address: str) -> None:
    page.goto(f"{address}/api/status?token=t")  # logs in
    page.goto(f"{address}/api/v1/graphiql?{urlencode({'query': '{ airlines(limit: 1, order_by: {carrier: asc}) { name } }'})}")
    page.locator("#docs").get_by_text("airlines_aggregate").first.wait_for()
    page.locator("#run").click()
    assert result(page) == {"data": {"airlines": [{"name": "Endeavor"}]}}
    found = run(page, "query q($c: String!) {airlines(where: {carrier: {_eq: $c}}) {carrier}}", '{"c": "UA"}')
    assert found == {"data": {"airlines": [{"carrier": "UA"}]}}
    page.get_by_label("Search the schema").fill("dep_delay")
    page.locator("#docs").get_by_role("button", name="flights", exact=True).click()
    page.locator("#docs strong", has_text="dep_delay").first.wait_for()
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / "graphiql.png"))
    started = run(page, 'mutation {sql(statement: "SELECT 42 AS answer", wait: 20) {run_id}}')
    events = run(page, f'subscription {{run(run_id: "{started["data"]["sql"]["run_id"]}") {{type subtype rows}}}}')
    assert [one["data"]["run"]["rows"] for one in events if one["data"]["run"]["rows"]] == [[[42]]]


def test_with_a_key_and_without_any(page: Any, address: str, folder: Path) -> None:
    page.goto(f"{address}/api/v1/graphiql")
    page.locator("#docs").get_by_text("Paste a key").wait_for()
    workspace = find(folder)
    keys = Keys(ControlStore(workspace.control), workspace)
    key = keys.create("page", ["r"], scopes=("schema:read", "data:read"))[1]
    keys.close()
    page.get_by_label("Key").fill(key)
    page.get_by_label("Key").press("Tab")
    page.locator("#docs").get_by_text("airlines_by_pk").or_(page.locator("#docs").get_by_text("airlines_aggregate")).first.wait_for()
    assert page.locator("#docs").get_by_text("flights").count() == 0
    assert run(page, '{airlines(where: {carrier: {_eq: "UA"}}) {name}}') == {"data": {"airlines": [{"name": "U***"}]}}
    assert key not in page.evaluate("() => JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, location.href])")
