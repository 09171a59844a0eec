"""An endpoint that is a real HTTP(S) server, changes from memory, and a clock that is set by hand."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import trustme
from standardwebhooks import Webhook as Verifier

from pluto_duck.errors import HistoryGone
from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.events.webhooks.delivering import Deliverer, Sender
from pluto_duck.events.webhooks.guard import Allowed, Guard, parse
from pluto_duck.events.webhooks.intake import Intake
from pluto_duck.events.webhooks.model import Webhook, Wish
from pluto_duck.events.webhooks.queue import Queue
from pluto_duck.events.webhooks.rules import Filter
from pluto_duck.events.webhooks.sending import trust
from pluto_duck.events.webhooks.store import Webhooks
from pluto_duck.session.webhooks import OwnersVault
from pluto_duck.workspace import ControlStore, Workspace
from pluto_duck.workspace.tableref import TableRef

WAIT_S = 30.0


class Endpoint:
    """What it answers, and all that was sent to it."""

    def __init__(self, server: ThreadingHTTPServer, host: str, scheme: str) -> None:
        self.server, self.host, self.scheme = server, host, scheme
        self.got: list[tuple[dict[str, str], bytes, str]] = []
        self.answer: Callable[[int], tuple[int, dict[str, str], bytes]] = lambda number: (204, {}, b"")
        self.hold = threading.Event()
        self.hold.set()
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.server.server_port}/hook"

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, WAIT_S), f"{len(self.got)} of {count} came"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _, _ in self.got]

    def verified(self, secret: str, index: int = -1) -> Any:
        """By the reference implementation of Standard Webhooks; raises where it does not accept it."""
        headers, body, _ = self.got[index]
        return Verifier(secret).verify(body, headers)


def _handler(endpoint: Callable[[], Endpoint]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            one = endpoint()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]):
                self.close_connection = True  # its sender was killed in the middle of it
                return
            with one.changed:
                number = len(one.got)
                one.got.append(({name.lower(): value for name, value in self.headers.items()}, body, self.path))
                one.changed.notify_all()
            one.hold.wait(WAIT_S)
            status, headers, said = one.answer(number)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: Any) -> None:
        pass  # clients that hang up are what some tests are about


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def endpoints(authority: trustme.CA) -> Iterator[Callable[..., Endpoint]]:
    made: list[Endpoint] = []

    def make(host: str = "hooks.example", *, tls: bool = True, certificate: str = "") -> Endpoint:
        server = _Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
        one = Endpoint(server, host, "https" if tls else "http")
        server.RequestHandlerClass = _handler(lambda: one)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(certificate or host).configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.append(one)
        return one

    yield make
    for one in made:
        one.hold.set()
        one.server.shutdown()
        one.server.server_close()


class Changes:
    """A ChangeReader over a list."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.oldest = 0
        """The newest that is gone."""
        self.reads = 0
        self._changed = threading.Condition()

    def add(self, op: str = "c", *, table: str = "orders", before: Any = None, after: Any = None) -> None:
        with self._changed:
            seq = len(self.rows) + 1
            event = {"specversion": "1.0", "id": f"{seq}.1", "source": "/w", "type": f"io.plutoduck.row.{op}",
                     "time": "2026-01-01T00:00:00Z",
                     "data": {"op": op, "before": before, "after": after, "source": {"table": table}}}
            self.rows.append({"seq": seq, "n": 1, "last": True, "schema": "main", "name": table, "op": op, "key": None,
                              "event": json.dumps(event)})
            self._changed.notify_all()

    def changes(self, after: Position, *, tables: Sequence[TableRef] = (), limit: int = 1000,
                wait_s: float = 0.0) -> ChangeBatch:
        with self._changed:
            self.reads += 1
            if after.seq < self.oldest:
                raise HistoryGone("It is gone.", oldest=self.oldest, head=len(self.rows))
            self._changed.wait_for(lambda: len(self.rows) > after.seq, wait_s)
            found = [one for one in self.rows if Position(one["seq"], one["n"]) > after][:limit]
            schema = pyarrow.schema([("seq", pyarrow.int64()), ("n", pyarrow.int64()), ("last", pyarrow.bool_()),
                                     *((name, pyarrow.string()) for name in ("schema", "name", "op", "key", "event"))])
            end = Position(found[-1]["seq"], Position.LAST) if found else after
            return ChangeBatch(pyarrow.Table.from_pylist(found, schema), end, len(self.rows))


class Bench:
    """All parts of one workspace, driven step by step."""

    def __init__(self, workspace: Workspace, ca_file: Path) -> None:
        self.now = 1_800_000_000.0
        self.changes = Changes()
        control = ControlStore(workspace.control)
        self.store = Webhooks(control, OwnersVault(workspace, control), clock=lambda: self.now)
        self.queue = Queue(control, clock=lambda: self.now, random=lambda: 0.0)
        self.names: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.guard = Guard(Allowed.read("127.0.0.1"), resolve=self._resolve)
        self.ca_file, self.timeout_s = str(ca_file), 15.0
        self.most_waiting, self.batch = 10_000, 1_000
        self.deliverer = self.another()

    def _resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.names.get(host, ["127.0.0.1"])

    def sender(self) -> Sender:
        return Sender(self.store, self.guard, trust(self.ca_file), timeout_s=self.timeout_s,
                      clock=lambda: self.now)

    def another(self) -> Deliverer:
        """As after a restart."""
        intake = Intake(self.queue, lambda webhook: self.changes, most_waiting=self.most_waiting, batch=self.batch)
        self.deliverer = Deliverer(self.store, self.queue, intake, self.sender(), clock=lambda: self.now)
        return self.deliverer

    def hook(self, url: str, *, tables: Sequence[str] = (), ops: Sequence[str] = (), when: Sequence[str] = (),
             **more: Any) -> tuple[Webhook, str]:
        return self.store.create(Wish(parse(url), Filter.read(tables, ops, when), **more),
                                 Position(len(self.changes.rows), Position.LAST))

    def settle(self) -> None:
        """All that is due now is sent, and what became of it noted."""
        while self.deliverer.turn(0.0):
            pass
        assert self.deliverer.settled(WAIT_S)

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.settle()


@pytest.fixture
def bench(workspace: Workspace, ca_file: Path) -> Iterator[Bench]:
    made = Bench(workspace, ca_file)
    yield made
    made.deliverer.close()
    made.store.close()
