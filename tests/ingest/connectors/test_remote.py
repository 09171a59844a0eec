"""Files of the web and of an object store: what arrives, and what goes wrong on the way."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import PlutoError, SourceError, UnknownName, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors.file import FileConnector
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session

SECRET = "s3cr3t-w0rd"


class _Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def _send(self, body: bytes, code: int = 200, *, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/t.csv":
            self._send(b"id,zip\n1,00501\n", ETag='"7"')
        elif path == "/api":
            self._send(b'{"a": 1}\n', Content_Type="application/x-ndjson")
        elif path == "/moved.csv":
            self._send(b"", 302, Location="/t.csv")
        elif path == "/login.csv":
            self._send(b"", 302, Location="/page")
        elif path == "/page":
            self._send(b"<!DOCTYPE html><html>Log in</html>", Content_Disposition='attachment; filename="x.csv"')
        elif path == "/ftp.csv":
            self._send(b"", 302, Location="http://example.com/t.csv")
        elif path == "/torn.csv":
            self._send(b"id\n1\n", length=5_000)
            self.close_connection = True
        elif path == "/private.csv":
            said = base64.b64encode(f"me:{SECRET}".encode()).decode()
            good = self.headers.get("Authorization") == f"Basic {said}"
            self._send(b"id\n1\n" if good else b"no", 200 if good else 401)
        elif path == "/many.csv":
            self._send(b"id\n1\n", **{f"X_{i}": "x" for i in range(150)})
        elif path == "/up.csv":
            self._send(b"id\n1\n", Content_Disposition='attachment; filename=".."')
        elif path == "/broken.csv":
            self._send(b"oops", 500)
        else:
            self._send(b"none", 404)


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_of_the_web_is_loaded_under_its_name(site: str, session: Session) -> None:
    for name, table in (("/t.csv?sig=1", "t"), ("/moved.csv", "moved"), ("/api", "api")):
        assert [t.ref.name for t in ingest(session, site + name).tables] == [table]
    assert session.query("SELECT zip FROM t").rows() == [("00501",)]
    with FileConnector(f"{site}/t.csv?token={SECRET}") as connector:
        connector.discover()
        assert SECRET not in repr(connector) + connector.source + str(connector.state())
        assert connector.state()[f"{site}/t.csv"][0] == '"7"'


@pytest.mark.parametrize(("path", "said"), [
    ("/none.csv", "answered 404"), ("/broken.csv", "answered 500"), ("/torn.csv", "broke off after 5 of 5,000 bytes"),
    ("/login.csv", "is a web page"), ("/ftp.csv", "unprotected"), ("/many.csv", "no HTTP")])
def test_what_goes_wrong_is_told(path: str, said: str, site: str, session: Session) -> None:
    with pytest.raises(PlutoError, match=said) as caught:
        ingest(session, site + path + f"?token={SECRET}")
    assert SECRET not in caught.value.message + caught.value.hint
    assert session.tables() == []


def test_a_name_that_a_server_gives_leads_nowhere(site: str, session: Session) -> None:
    with pytest.raises(PlutoError, match="file is of no kind"):
        ingest(session, f"{site}/up.csv")
    assert session.tables() == []


def test_a_password_in_the_address_is_used_and_never_shown(site: str, session: Session) -> None:
    address = site.replace("//", f"//me:{SECRET}@") + "/private.csv"
    assert SECRET not in ingest(session, address).source
    with pytest.raises(SourceError, match="answered 401") as caught:
        ingest(session, site.replace("//", f"//me:{SECRET}-wrong@") + "/private.csv")
    assert SECRET not in caught.value.message + caught.value.hint


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="unprotected"):
        FileConnector("http://example.com/t.csv")


def test_a_host_that_does_not_answer_is_told(session: Session) -> None:
    with pytest.raises(SourceError, match="can't be reached"):
        ingest(session, "http://127.0.0.1:9/t.csv")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="lake")
    for name, body in {"in/a.csv": b"id\n1\n", "in/b.csv": b"id\n2\n", "in/deep/c.csv": b"id\n3\n", "x.txt": b"x"}.items():
        client.put_object(Bucket="lake", Key=name, Body=body)
    return "s3://lake"


def test_objects_are_loaded_one_by_one_by_glob_and_by_prefix(bucket: str, session: Session) -> None:
    assert [t.ref.name for t in ingest(session, f"{bucket}/in/a.csv").tables] == ["a"]
    assert [t.ref.name for t in ingest(session, f"{bucket}/in/*.csv").tables] == ["a", "b"]
    assert [t.ref.name for t in ingest(session, f"{bucket}/in").tables] == ["a", "b", "c"]
    ingest(session, f"{bucket}/in/*.csv", LoadOptions(into="joined", options={"union": "true"}))
    assert session.query("SELECT count(*) FROM joined").rows() == [(2,)]


def test_what_a_store_refuses_is_told_without_keys(bucket: str, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="No file fits"):
        ingest(session, f"{bucket}/in/*.parquet")
    with pytest.raises(PlutoError) as caught:
        ingest(session, "s3://no-such-bucket/x.csv")
    assert SECRET not in caught.value.message + caught.value.hint
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match="can't be reached") as refused:
        ingest(session, f"{bucket}/in/a.csv")
    assert SECRET not in refused.value.message + refused.value.hint


def test_more_than_the_disk_holds_is_not_begun(site: str, session: Session, monkeypatch: pytest.MonkeyPatch,
                                               tmp_path: Path) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 10, 3))  # type: ignore[attr-defined]
    with pytest.raises(SourceError, match="more than the disk holds"):
        ingest(session, f"{site}/t.csv")
