"""`webhooks ...`: a secret that is shown once, rules that can be judged, and what is refused with a way on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from standardwebhooks import Webhook as Verifier

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import PlutoError, Refused, SettingError, UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR)")
    session.track(TableRef("orders"), before=True)
    return Door(lambda: session)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an address that needs no name server."""
    return "https://1.1.1.1/orders?token=abcdef123456"


def do(door: Door, *words: str) -> str:
    return "".join(to_chunks(invoke(["webhooks", *words], door), max_rows=50, width=300))


def doctor(door: Door) -> str:
    return "".join(to_chunks(invoke(["doctor"], door), max_rows=50, width=300))


def id_of(said: str) -> str:
    found = re.search(r"Webhook (wh\w+)", said)
    assert found is not None
    return found[1]


def test_a_webhook_from_its_making_to_its_end(door: Door, url: str) -> None:
    assert "nobody is told" in do(door)
    said = do(door, "create", url, "--tables", "orders", "--ops", "insert,delete", "--concurrency", "3")
    id = id_of(said)
    assert re.search(r"secret +whsec_[A-Za-z0-9+/=]{44}", said)
    assert "abcdef123456" not in said
    assert "mind" not in said
    assert re.search(r"what +insert, delete", said)
    for again in (do(door, "list"), do(door, "show", id), do(door, "list", "--format", "json")):
        assert "whsec_" not in again
        assert "abcdef123456" not in again
        assert "https://1.1.1.1/orders?***" in again
    changed = do(door, "update", id, "--when", "status: PROPOSED -> ACTIVE")
    assert "status: PROPOSED -> ACTIVE" in changed
    assert "whsec_" not in changed
    assert re.search(r"at once +3", changed), "what is not given stays"
    assert "whsec_" in do(door, "rotate-secret", id, "--overlap", "1h")
    assert "paused" in do(door, "pause", id)
    assert "paused" in do(door, "list")
    assert "goes on after change" in do(door, "resume", id)
    assert "Nothing was sent" in do(door, "deliveries", id)
    assert "Nothing there to send again" in do(door, "redeliver", id, "1-9", "--failed")
    assert "deleted" in do(door, "delete", id)
    with pytest.raises(UnknownName):
        do(door, "show", id)


def test_a_rule_needs_rows_as_they_were_and_a_column_that_is_there(door: Door, session: Session, url: str) -> None:
    session.query("CREATE TABLE bare (id INTEGER PRIMARY KEY, status VARCHAR)")
    session.track(TableRef("bare"))
    with pytest.raises(UsageError, match="bare") as told:
        do(door, "create", url, "--tables", "bare", "--when", "status: a -> b")
    assert told.value.hint == "pluto-duck changes track bare --before"
    with pytest.raises(UnknownName, match="stauts") as unknown:
        do(door, "create", url, "--tables", "orders", "--when", "stauts: a -> b")
    assert "status" in unknown.value.hint
    assert "No table whose changes are kept fits" in do(door, "create", url, "--tables", "nothing")


@pytest.mark.parametrize(("words", "kind"), [
    (("http://1.1.1.1/",), Refused), (("https://127.0.0.1/",), Refused), (("https://169.254.169.254/",), Refused),
    (("https://u:p@1.1.1.1/",), UsageError), (("https://1.1.1.1/", "--ops", "upsert"), UnknownName),
    (("https://1.1.1.1/", "--claim", "a=b"), UsageError), (("https://1.1.1.1/", "--when", "x"), UsageError),
    (("https://1.1.1.1/", "--concurrency", "99"), UsageError)])
def test_what_is_refused_is_refused_before_anything_is_made(door: Door, words: tuple[str, ...], kind: type[PlutoError]) -> None:
    with pytest.raises(kind):
        do(door, "create", *words)
    assert "nobody is told" in do(door)


def test_a_cloned_folder_allows_nothing_by_its_own_file(session: Session, door: Door) -> None:
    session.workspace.toml.write_text('[webhooks]\nallow = "10.0.0.0/8"\n', encoding="utf-8")
    with Session.open(session.workspace.root) as opened, pytest.raises(Refused, match="private"):
        do(Door(lambda: opened), "create", "https://10.0.0.1/")


def test_a_file_of_certificates_that_is_not_there_is_told(session: Session, door: Door, url: str) -> None:
    id = id_of(do(door, "create", url))
    session.settings = session.settings.but(webhooks__ca_file="/nowhere.pem")
    with pytest.raises(SettingError, match="ca_file"):
        do(door, "test", id)


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(({name.lower(): value for name, value in self.headers.items()},
                        self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if self.path == "/good" else 500)
            self.end_headers()
            self.wfile.write(b"well")

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def test_a_test_is_sent_at_once_and_says_what_came_back(
        session: Session, door: Door, endpoint: tuple[str, list[tuple[dict[str, str], bytes]]]) -> None:
    base, got = endpoint
    session.settings = session.settings.but(webhooks__allow="127.0.0.1")
    said = do(door, "create", f"{base}/good")
    secret = re.search(r"whsec_\S+", said)
    assert secret is not None
    told = do(door, "test", id_of(said))
    assert "It arrived" in told
    assert "well" in told
    headers, body = got[0]
    assert Verifier(secret[0]).verify(body, headers)["type"] == "io.plutoduck.webhook.test"
    bad = id_of(do(door, "create", f"{base}/bad"))
    assert "500" in do(door, "test", bad)
    assert "failing" not in do(door, "list"), "a test tells nothing of the others"
    assert bad not in doctor(door)
    with session.control.connection("webhooks", ()) as db:
        db.execute("UPDATE webhooks SET state = 'disabled', reason = 'It is gone.' WHERE id = ?", (bad,))
    assert f"The webhook {bad} is disabled. It is gone." in doctor(door)
    assert "failed" in do(door, "deliveries", bad, "--state", "failed")


def test_what_no_endpoint_takes_is_skipped_and_no_longer_holds_up_the_rest(door: Door, session: Session, url: str) -> None:
    from pluto_duck.commands.webhooks import hooks
    from pluto_duck.events.model import Position
    from pluto_duck.events.webhooks.queue import New
    from pluto_duck.events.webhooks.sending import Answer

    id = id_of(do(door, "create", url, "--tables", "orders"))
    queue = hooks(door).queue
    queue.put({id: [New(f"m{n}", "c", f"{n}", "{}") for n in range(3)]}, Position(3))
    first = queue.take(id, 1, ())
    assert first is not None
    for _ in range(6):
        queue.note(queue.get(id, first.n)[0], Answer(500, 1.0, error="500"))
    assert queue.take(id, 1, ()) is None, "all wait for it"
    assert f"Delivery {first.n} is given up (attempts: 6)" in do(door, "skip", id)
    second = queue.take(id, 1, ())
    assert second is not None
    assert second.message == "m1"
    do(door, "skip", id, str(second.n))
    queue.note(second, Answer(500, 1.0, error="500"))  # it was under way
    third = queue.take(id, 1, ())
    assert third is not None
    assert third.message == "m2"
    assert [one.state for one in queue.log(id)] == ["pending", "failed", "failed"]
    assert "sent again" in do(door, "redeliver", id, str(first.n))
    with pytest.raises(UsageError):
        do(door, "skip", id, str(second.n))
    with pytest.raises(UsageError):
        do(door, "skip", id, "1-2")
