"""What hostile and unlucky clients do to a real server: no 5xx without a way on, nothing told that is not theirs."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from pluto_duck.api.openapi import PATHS, SCHEMAS
from tests.api.test_schemathesis import ENDLESS, OPEN
from tests.serving import POLICY, TABLES, Served, serving, with_policy
from tests.workspace.worker import Worker

LEAKS = re.compile(rb"nobody may see this|@secret\.example|card-\d|Traceback|File \"|/workspace/|\.duckdb|duckdb\.\w+Exception"
                   rb"|Catalog Error|Binder Error|Parser Error|LINE 1:")
"""Rows and columns that the key may not see, our own paths and code, the words of the database."""
INJECTIONS = (
    "' OR 1=1 --", "1; DROP TABLE orders", '" OR ""="', "orders; SELECT * FROM hidden", "x' UNION SELECT secret FROM hidden --",
    "orders) UNION ALL (SELECT * FROM hidden", "\\'; ATTACH 'x'", "$$ || (SELECT secret FROM hidden) || $$",
    "main.orders\" WHERE 1=1 --", "(SELECT secret FROM hidden)", "hidden.secret", "_pluto.commits", "read_text('/etc/passwd')",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(folder / "home"))
        with serving(folder) as found:
            yield found


def asking(served: Served, identity: str, **options: Any) -> httpx.Client:
    # There is no TLS: reading the certificates of the whole world is most of what a client costs.
    return httpx.Client(base_url=served.base, headers=served.identities[identity], timeout=60, verify=False, **options)


@pytest.fixture
def by_key(served: Served) -> Iterator[httpx.Client]:
    # A connection each: the server may end one on which it read no body.
    with asking(served, "key", limits=httpx.Limits(max_keepalive_connections=0)) as client:
        yield client


def _good(answer: httpx.Response, what: object) -> None:
    """An answer that a stranger may have: no 5xx, no leak, a problem where it is an error."""
    assert answer.status_code < 500, (what, answer.text)
    assert not LEAKS.search(answer.content), (what, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"].split(";")[0] in (
            "application/problem+json", "application/graphql-response+json"), (what, answer.text)


def _still_whole(client: httpx.Client, served: Served) -> None:
    with asking(served, "owner") as owner:
        run = owner.post("/query", json={"sql": "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM hidden)"}).json()
        assert owner.get(f"/query/{run['run_id']}?wait=30").json()["rows"] == [[200, 1]]


def _parameters() -> list[tuple[str, str, str, str]]:
    """(path, method, where, name) of everything that a key may send text in."""
    found = []
    for path in dict.fromkeys(OPEN):
        for method, said in PATHS[path].items():
            found += [(path, method, one["in"], one["name"]) for one in said.get("parameters", ())
                      if one["name"] not in ("sql", "query")]  # those take SQL or a document: their own tests
            for body in said.get("requestBody", {}).get("content", {}).values():
                name = body.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
                found += [(path, method, "body", one) for one in SCHEMAS.get(name, {}).get("properties", {})
                          if one not in ("sql", "query")]
    return [one for one in found if one[0] not in ENDLESS]


@pytest.mark.parametrize("part", [len(INJECTIONS), pytest.param(1, marks=pytest.mark.soak)])
def test_no_parameter_reaches_sql_as_sql(served: Served, by_key: httpx.Client, part: int) -> None:
    """A text in each, another one in the next; all of them in the soak."""
    parameters = _parameters()
    assert {one[2] for one in parameters} >= {"path", "query", "header", "body"}
    tried = 0
    for number, (path, method, where, name) in enumerate(parameters):
        for text in INJECTIONS[number % part::part]:
            address = re.sub(r"\{(\w+)\}", lambda found, text=text, where=where, name=name: quote(
                text if (where, name) == ("path", found[1]) else "orders", safe=""), path)
            answer = by_key.request(
                method, address, params={name: text} if where == "query" else None,
                headers={name: text} if where == "header" else None,
                json={name: text} if where == "body" else {} if method in ("post", "put", "patch") else None)
            _good(answer, (method, path, where, name, text))
            tried += 1
    assert tried >= len(INJECTIONS) // part * len(parameters)
    _still_whole(by_key, served)


def test_sql_that_a_key_may_send_tells_nothing_it_may_not_see(served: Served, by_key: httpx.Client) -> None:
    statements = (*INJECTIONS, "SELECT * FROM hidden", "SELECT card FROM orders", "SELECT CAST(email AS DATE) FROM orders",
                  "SELECT error(email) FROM orders", "SELECT * FROM orders WHERE 1/(id - 1) = 0", "COPY orders TO 'x.csv'")
    for sql in statements:
        at_once = by_key.get("/query", params={"sql": sql})
        assert at_once.status_code < 500, (sql, at_once.text)
        assert not LEAKS.search(at_once.content.replace(b"LINE 1:", b"")), "but where in its own text it is wrong"
    started = [by_key.post("/query", json={"sql": sql}) for sql in statements]
    for answer in started:
        _good(answer, "start")
        if answer.status_code == 202:
            found = by_key.get(f"/query/{answer.json()['run_id']}?wait=30")
            error = found.json().get("error") or {}
            assert not LEAKS.search(json.dumps([found.json()["rows"], error.get("message"), error.get("hint")]).encode())
    _still_whole(by_key, served)


ODD_IDS = ("..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "a%00b", "\\..\\x", "x" * 8_000, "%ff%fe", "%F0%9F%A6%86",
           "%E2%80%AE", "'", "%22", "%0d%0aX-Evil:%201", "-1", "99999999999999999999999999", "null", "*", "%25%32%65", "CON", "~")


@pytest.mark.parametrize("place", sorted({path for path in OPEN if "{" in path}))
def test_odd_ids_are_names_that_are_not_there(served: Served, place: str) -> None:
    """By hand: an HTTP library would tidy these addresses up."""
    for odd in ODD_IDS:
        for method in ("GET", "DELETE"):
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
            address = "/api/v1" + re.sub(r"\{\w+\}", lambda _, odd=odd: odd, place)
            connection.putrequest(method, address, skip_accept_encoding=True)
            connection.putheader("Authorization", f"Bearer {served.key}")
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            assert 400 <= answer.status < 500, (method, address, body)
            assert not LEAKS.search(body.replace(odd.encode(), b"")), (method, address, body)
            assert answer.getheader("X-Evil") is None
            connection.close()


BODIES: dict[str, bytes] = {
    "doubled": b'{"sql": "SELECT 1", "sql": "DROP TABLE orders"}', "nan": b'{"sql": "SELECT 1", "timeout_s": NaN}',
    "infinite": b'{"sql": "SELECT 1", "timeout_s": Infinity}', "huge": b'{"sql": "SELECT 1", "max_rows": ' + b"9" * 5_000 + b"}",
    "big": b'{"sql": "SELECT 1", "max_rows": 1e400}', "deep": b'{"params": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half": b'{"sql": "SELECT 1', "utf-16": '{"sql": "SELECT 1"}'.encode("utf-16"), "surrogate": b'{"sql": "\\ud800"}',
    "nul": b'{"sql": "SELECT \\u0000 1"}', "list": b"[]", "number": b"1", "empty": b"", "null": b"null", "latin": b'{"sql": "\xe9"}',
    "comment": b'{"sql": "SELECT 1" /* x */}', "minus": b'{"sql": "SELECT 1", "max_rows": -0.0}',
    "bom": b'\xef\xbb\xbf{"sql": "SELECT 1"}', "true": b'{"sql": true}', "proto": b'{"__proto__": {"sql": "SELECT 1"}}'}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_odd_bodies_are_refused_or_understood(served: Served, by_key: httpx.Client, name: str) -> None:
    for path in ("/query", "/graphql"):
        answer = by_key.post(path, content=BODIES[name], headers={"Content-Type": "application/json"})
        _good(answer, (path, name))
        assert answer.status_code in (202, 200, 400, 413, 422), (path, answer.text)


@pytest.mark.parametrize("headers", [
    {"X-HTTP-Method-Override": "DELETE"}, {"X-HTTP-Method": "DELETE"}, {"X-Method-Override": "PUT"}, {"X-Original-URL": "/api/contents"},
    {"X-Rewrite-URL": "/api/contents"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-Prefix": "/../.."}, {"Host": "evil.example"},
    {"Accept": "*" * 5_000}, {"Accept": ";;;,,,q=nan"}, {"Accept-Encoding": "gzip;q=x, br, *;q=0"}, {"Last-Event-ID": "x" * 5_000},
    {"If-None-Match": '"' + "x" * 5_000}, {"If-None-Match": "*"}, {"Range": "bytes=0-1,2-3,5-"}, {"Content-Type": "text/\u00ff"},
    {"Idempotency-Key": "x" * 5_000}, {"Cookie": "_xsrf=" + "x" * 5_000}, {"Origin": "null"}, {"Prefer": "max-age=-1"},
    {"Cache-Control": "max-age=99999999999999999999"}, {"traceparent": "00-" + "z" * 500}], ids=lambda one: next(iter(one)))
def test_odd_headers_change_nothing(served: Served, by_key: httpx.Client, headers: dict[str, str]) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    for path in ("/tables", "/tables/orders", "/query/x", "/health"):
        _good(by_key.get(path, headers=sent), (path, headers))
    _good(by_key.post("/query", json={"sql": "SELECT 1"}, headers=sent), headers)
    assert [one["name"] for one in by_key.get("/tables").json()["tables"]] == ["orders"]


@pytest.mark.parametrize("query", [
    [("workspace", "workspace"), ("workspace", "elsewhere")], [("limit", "1"), ("limit", "x")], [("wait", "0"), ("wait", "nan")],
    [("wait", "inf")], [("wait", "1e308")], [("limit", "9" * 400)], [("offset", "0x10")], [("offset", "١")], [("cut", "-1")],
    [("full", "1")], [("x" * 5_000, "1")], [("", "")], [("workspace", "\x00")], [("token", "x")], [("max_age", "-1")]],
    ids=lambda one: one[0][0][:9] + one[-1][1][:9].replace("\x00", "nul"))
def test_odd_queries_are_refused_or_ignored(served: Served, by_key: httpx.Client, query: list[tuple[str, str]]) -> None:
    run = by_key.post("/query", json={"sql": "SELECT 1"}).json()["run_id"]
    for path in ("/tables", "/tables/orders", f"/query/{run}", "/health"):
        _good(by_key.get(f"{path}?{urlencode(query)}"), (path, query))


def test_other_methods_are_answered_with_those_that_there_are(served: Served, by_key: httpx.Client) -> None:
    for path in [re.sub(r"\{\w+\}", "orders", one) for one in dict.fromkeys(OPEN)]:
        for method in ("HEAD", "OPTIONS", "TRACE", "PATCH", "PUT", "PROPFIND", "QUERY"):
            answer = by_key.request(method, path)
            assert answer.status_code < 500 or answer.status_code == 501, (method, path)
            assert not LEAKS.search(answer.content)
            assert method != "HEAD" or not answer.content


def _flood(served: Served, count: int, identity: str) -> list[httpx.Response]:
    sql = "SELECT count(*) FROM range(100000000000) a(x), range(1000) b(y) WHERE hash(x * y) = 1"
    with asking(served, identity) as client:
        return [client.post("/query", json={"sql": sql, "detach": True}) for _ in range(count)]


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.soak)])
def test_any_number_of_open_runs_leaves_the_server_answering(
        tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    folder = tmp_path_factory.mktemp("flood")
    monkeypatch.setenv("PLUTODUCK_HOME", str(folder / "home"))
    with serving(folder) as served, asking(served, "owner") as owner:
        answers = _flood(served, count, "key")
        begun = [one for one in answers if one.status_code == 202]
        refused = [one for one in answers if one.status_code != 202]
        # Ten thousand take longer than a run may: others take the places of those that have ended.
        left = [one for state in ("queued", "running") for one in owner.get(f"/query?status={state}&limit=500").json()["runs"]]
        assert 1 <= len(left) <= 20
        assert len(left) <= len(begun)
        assert {one.status_code for one in refused} == {429}
        assert all("Retry-After" in one.headers for one in refused)
        run = owner.post("/query", json={"sql": "SELECT 42"}).json()["run_id"]
        assert owner.get(f"/query/{run}?wait=30").json()["rows"] == [[42]], "the owner waits for nobody"
        for one in begun:
            with asking(served, "key") as client:
                assert client.delete(f"/query/{one.json()['run_id']}").status_code in (200, 202)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on this system")
def test_a_host_that_is_killed_in_the_middle_costs_a_request_at_most_a_try(
        tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data is held by another process, as by a kernel; it dies while requests are under way."""
    from pluto_duck.workspace import create

    folder = tmp_path_factory.mktemp("killed")
    monkeypatch.setenv("PLUTODUCK_HOME", str(folder / "home"))
    monkeypatch.setenv("PLUTODUCK_WORKSPACE__HOST", "auto")  # else the server hosts as soon as there is a policy
    workspace = create(folder / "workspace")
    (key,) = with_policy(workspace, POLICY, TABLES)
    with Worker(workspace.root, "kernel") as host:
        host.query("SELECT 1")
        with serving(folder, key, workspace=workspace) as served:
            stop = threading.Event()
            with asking(served, "owner") as client:
                assert client.get("/status").json()["hosting"] == "guest"
            found: list[tuple[int, Any]] = []
            seen = threading.Event()

            def ask() -> None:
                with asking(served, "key") as mine:
                    while not stop.is_set():
                        answer = mine.get("/tables/orders")
                        found.append((answer.status_code, answer.headers.get("Retry-After")))
                        run = mine.post("/query", json={"sql": "SELECT count(*) FROM orders"})
                        if run.status_code == 202:
                            done = mine.get(f"/query/{run.json()['run_id']}?wait=30").json()
                            good = done["status"] == "succeeded" and done["rows"] == [[100]]
                            found.append((200 if good else 599, done.get("error")))
                        else:
                            found.append((run.status_code, run.headers.get("Retry-After")))
                        if len(found) >= 8:
                            seen.set()

            threads = [threading.Thread(target=ask) for _ in range(2)]
            for one in threads:
                one.start()
            assert seen.wait(60)
            host.process.send_signal(signal.SIGKILL)
            host.process.wait()
            before = len(found)
            while len(found) < before + 8 and any(one.is_alive() for one in threads):
                stop.wait(0.05)
            stop.set()
            for one in threads:
                one.join(60)
            odd = [one for one in found if one[0] != 200]
            assert all(code == 503 and retry for code, retry in odd), odd
            assert found[-1][0] == 200


def test_headers_that_trickle_in_hold_nobody_up(served: Served, by_key: httpx.Client) -> None:
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    try:
        for one in slow:
            one.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-A: ")
        assert by_key.get("/health").status_code == 200
    finally:
        for one in slow:
            one.close()
