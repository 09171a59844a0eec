"""Webhooks of real changes: from commits of a session, as a role sees them, by `serve` and by whoever takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import Refused
from pluto_duck.events.webhooks.guard import parse
from pluto_duck.governance.trust import trust
from pluto_duck.session import Session
from pluto_duck.session.webhooks import Asked, Hooks, wish
from pluto_duck.session.webhooks_run import deliver
from pluto_duck.workspace import TableRef, Workspace
from tests.events.webhooks.conftest import WAIT_S, Endpoint
from tests.serving import TOKEN, serving, with_policy

Make = Callable[..., Endpoint]


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch, ca_file: Path) -> None:
    monkeypatch.setenv("PLUTODUCK_WEBHOOKS__ALLOW", "127.0.0.1, localhost")
    monkeypatch.setenv("PLUTODUCK_WEBHOOKS__CA_FILE", str(ca_file))


def hook(session: Session, endpoint: Endpoint, **asked: Any) -> tuple[str, str]:
    hooks = Hooks.of(session.workspace, session.control, session.settings)
    made, position, _ = wish(session, hooks, Asked(endpoint.url, **asked))
    webhook, secret = hooks.store.create(made, position)
    return webhook.id, secret


@contextmanager
def delivering(session: Session) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=deliver, args=(session.workspace, session.settings, stop),
                              kwargs={"role": "shell", "label": "test"}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def events(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body, _ in endpoint.got]


def test_what_is_committed_arrives_in_order_and_makes_the_table_again(session: Session, endpoints: Make) -> None:
    everything, live = endpoints("localhost"), endpoints("localhost")
    session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR, price DECIMAL(20, 2))")
    session.track(TableRef("orders"), before=True)
    _, secret = hook(session, everything, tables=["orders"])
    hook(session, live, when=["status: PROPOSED -> ACTIVE"])
    with delivering(session):
        session.query("INSERT INTO orders SELECT i, 'PROPOSED', i FROM range(20) t(i)")
        session.query("UPDATE orders SET status = 'ACTIVE' WHERE id < 3")
        session.query("UPDATE orders SET status = 'ACTIVE' WHERE id < 5")
        session.query("INSERT INTO orders VALUES (3, 'x', 123456789012345678.25), (50, 'PROPOSED', NULL) "
                      "ON CONFLICT (id) DO UPDATE SET status = excluded.status, price = excluded.price")
        session.query("BEGIN")
        session.query("UPDATE orders SET status = 'ACTIVE'")
        session.query("ROLLBACK")
        session.query("DELETE FROM orders WHERE id IN (1, 7)")
        session.query("UPDATE orders SET status = 'ACTIVE' WHERE id = 50")
        told = 20 + 3 + 5 + 2 + 2 + 1
        everything.wait_for(told - 3)  # whether an update that changes nothing is one is the Journal's to say
        live.wait_for(6)
    assert {event["data"]["after"]["id"] for event in events(live)} == {0, 1, 2, 3, 4, 50}
    assert len(live.got) == 6
    everything.verified(secret)
    rows: dict[int, Any] = {}
    sequence = [event["sequence"] for event in events(everything)]
    assert sequence == sorted(sequence)
    for event in events(everything):
        data = event["data"]
        if data["op"] == "d":
            del rows[data["before"]["id"]]
        else:
            rows[data["after"]["id"]] = (data["after"]["status"], data["after"]["price"])
    expected = session.query("SELECT id, status, price::VARCHAR FROM orders").rows()
    assert rows == {id: (status, price) for id, status, price in expected}
    assert rows[3][1] == "123456789012345678.25", "every digit"


def test_a_webhook_of_a_role_gets_what_the_role_sees(workspace: Workspace, endpoints: Make) -> None:
    with_policy(workspace)
    endpoint, owners = endpoints("localhost"), endpoints("localhost")
    with Session.open(workspace.root) as session:
        session.track(TableRef("orders"), before=True)
        session.track(TableRef("hidden"), full_row=True)
        hook(session, endpoint, roles=["eu"], claims={"region": "EU"})
        hook(session, owners)
        with delivering(session):
            session.query("INSERT INTO hidden VALUES ('nobody')")
            session.query("INSERT INTO orders VALUES (900, 'p@secret.example', 'card', 'US', 1)")
            session.query("INSERT INTO orders VALUES (901, 'q@secret.example', 'card', 'EU', 1)")
            owners.wait_for(3)
            endpoint.wait_for(1)
            session.query("UPDATE orders SET region = 'US', card = 'other card' WHERE id = 901")
            endpoint.wait_for(2)
    first, second = events(endpoint)
    assert (first["data"]["op"], first["data"]["after"]["id"]) == ("c", 901), "rows of its region alone"
    assert (second["data"]["op"], second["data"]["after"]) == ("d", None), "it has left what the role sees"
    for hidden in ("card", "secret.example", "nobody"):
        assert hidden not in str([body for _, body, _ in endpoint.got])


def _asked(base: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    request = urllib.request.Request(f"{base}/{path}", method=method, headers={"Authorization": f"token {TOKEN}"},
                                     data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        return json.loads(answer.read())  # type: ignore[no-any-return]


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_serve_delivers_and_when_it_is_killed_somebody_else_does(tmp_path: Path, workspace: Workspace, endpoints: Make,
                                                                 rounds: int) -> None:
    """Each round: half of the changes under one process, which is killed at work, half under the next."""
    endpoint = endpoints("localhost")
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        session.track(TableRef("orders"))
    command = [sys.executable, "-m", "pluto_duck.cli", "webhooks", "run"]
    made = 0
    with serving(tmp_path, "", workspace=workspace) as served:
        secret = _asked(served.base, "POST", "webhooks", {"url": endpoint.url, "tables": ["orders"]})["secret"]
        with Session.open(workspace.root) as session:
            first: subprocess.Popen[bytes] = served.process
            for _ in range(rounds):
                heir = subprocess.Popen(command, cwd=workspace.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    for n in range(made, made + 40):
                        if n == made + 20:
                            endpoint.wait_for(made + 3)
                            first.send_signal(signal.SIGKILL)
                            first.wait(WAIT_S)
                        session.query(f"INSERT INTO orders VALUES ({n})")
                    made += 40
                    with endpoint.changed:
                        assert endpoint.changed.wait_for(lambda made=made: len(set(endpoint.ids)) >= made, 4 * WAIT_S)
                finally:
                    first = heir
                    if _ == rounds - 1:
                        heir.kill()
                        heir.wait()
    once = list(dict.fromkeys(endpoint.ids))
    by_id = {headers["webhook-id"]: json.loads(body)["data"]["after"]["id"] for headers, body, _ in endpoint.got}
    assert [by_id[one] for one in once] == list(range(made)), "all of them, in order, once their ids are looked at"
    assert len(endpoint.ids) <= made + rounds, "twice at worst is what was under way"
    endpoint.verified(secret)


def test_what_is_allowed_later_counts_for_a_process_that_runs(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLUTODUCK_WEBHOOKS__ALLOW")
    guard, url = Hooks.of(session.workspace, session.control, session.settings).guard(), parse("http://127.0.0.1:8741/x")
    with session.workspace.toml.open("a") as file:
        file.write('\n[webhooks]\nallow = "127.0.0.1"\n')
    with pytest.raises(Refused):
        guard.addresses(url)
    trust(session.workspace)
    assert guard.addresses(url) == ["127.0.0.1"]
