"""A server that only says it is a PostgreSQL: it asks for the password itself, and never stops talking."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.ingest.connectors.postgres_address import MAX_WORDS
from pluto_duck.session import Session
from pluto_duck.workspace import create

CLEAR_TEXT = struct.pack("!cII", b"R", 8, 3)
LET_IN = struct.pack("!cII", b"R", 8, 0)
READY = struct.pack("!cIc", b"Z", 5, b"I")
ESCAPES = "\x1b]0;pwned\x07\x1b[2J"


def error(said: str, severity: str = "ERROR", state: str = "XX000", kind: bytes = b"E") -> bytes:
    body = b"".join(code + text.encode() + b"\0" for code, text in (
        (b"S", severity), (b"V", severity), (b"C", state), (b"M", said))) + b"\0"
    return kind + struct.pack("!I", len(body) + 4) + body


class Server:
    """On 0.0.0.0: as an address of a client that is this machine, which libpq does not know."""

    def __init__(self, answer: Callable[[socket.socket], None], first: bytes, tls: bytes) -> None:
        self._answer, self._first, self._tls = answer, first, tls
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._socket.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with suppress(OSError, struct.error), client:
            while True:
                length, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
                rest = client.recv(length - 8, socket.MSG_WAITALL) if length > 8 else b""
                if code in (80877103, 80877104):  # TLS? GSS? no
                    client.sendall(self._tls if code == 80877103 else b"N")
                    continue
                assert b"user" in rest
                break
            client.sendall(self._first)
            while True:
                piece = client.recv(1 << 16)
                if not piece:
                    return
                self.heard += piece
                self._answer(client)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def serving(answer: Callable[[socket.socket], None], first: bytes, tls: bytes = b"N") -> Iterator[Server]:
    server = Server(answer, first, tls)
    try:
        yield server
    finally:
        server.close()


def talking(*pieces: bytes) -> Callable[[socket.socket], None]:
    def answer(client: socket.socket) -> None:
        for piece in pieces:
            client.sendall(piece)
    return answer


def test_no_password_goes_out_in_clear_text() -> None:
    with serving(talking(error("wrong", "FATAL", "28P01")), CLEAR_TEXT) as server:
        with pytest.raises(SourceError, match="in clear text, over a connection without TLS") as caught, \
                PostgresConnector(f"postgresql://me:s3cret@0.0.0.0:{server.port}/shop"):
            pass
        assert server.heard == b""
        assert "require_auth" in caught.value.hint
        with pytest.raises(SourceError), \
                PostgresConnector(f"postgresql://me:s3cret@0.0.0.0:{server.port}/shop?require_auth=password"):
            pass
        assert b"s3cret" in server.heard, "the server does hear what it is told"


@pytest.mark.parametrize(("tls", "mode", "said", "hint"), [
    (b"N", "require", "offers no TLS, and it was asked for", "--tls prefer"),
    (b"S", "verify-full", "could not prove who it is: root certificate file", "sslrootcert=FILE")])
def test_a_server_without_tls_or_proof_is_told_with_a_way_out(tls: bytes, mode: str, said: str, hint: str,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/nowhere/root.crt")
    with serving(talking(READY), LET_IN + READY, tls) as server:
        with pytest.raises(SourceError, match=said) as caught:
            PostgresConnector(f"postgresql://me@127.0.0.1:{server.port}/shop?sslmode={mode}").__enter__()
        assert hint in caught.value.hint
        assert server.heard == b""


def test_a_server_that_let_one_in_without_a_password_gets_none_later() -> None:
    with serving(talking(READY), LET_IN + READY) as server:
        source = PostgresConnector(f"postgresql://me:s3cret@127.0.0.1:{server.port}/shop")
        connection = source._address.connect()
        told = source._address.options(connection, "test")
        connection.close()
        assert "password" not in told
        assert "s3cret" not in str(told)


@pytest.mark.parametrize("first", [error(ESCAPES + "x" * 5_000_000, "FATAL"), LET_IN + READY])
def test_an_endless_error_is_short_and_says_nothing_to_the_terminal(
        first: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = create(tmp_path_factory.mktemp("hostile")).root
    with serving(talking(error(ESCAPES + "x" * 5_000_000), READY), first) as server:
        done = subprocess.run([sys.executable, "-m", "pluto_duck.cli", "-w", str(root), "ingest",
                               f"postgresql://me@127.0.0.1:{server.port}/shop"], capture_output=True, timeout=60)
    assert done.returncode == 5
    assert len(done.stderr) < 3 * MAX_WORDS
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\x07" not in done.stdout + done.stderr
    with Session.open(root) as session:
        assert session.tables() == []


def test_notices_reach_nobody_s_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    notice = error(ESCAPES, "NOTICE", kind=b"N")
    with serving(talking(notice * 1000, error("enough"), READY), LET_IN + READY) as server, \
            pytest.raises(SourceError, match="enough"), \
            PostgresConnector(f"postgresql://me@127.0.0.1:{server.port}/shop"):
        pass
    assert "pwned" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(("columns", "rows"), [(65_535, ()), (1, (b"x'; ATTACH '/tmp/y",)), (0, ())])
def test_rows_of_another_shape_than_asked_for_are_an_error_of_ours(columns: int, rows: tuple[bytes, ...]) -> None:
    """The name of a snapshot was asked for, which later stands in SQL."""
    each = b"".join(b"c\0" + struct.pack("!IHIHIH", 0, 0, 25, 0xFFFF, 0xFFFFFFFF, 0) for _ in range(columns))
    answer = b"T" + struct.pack("!IH", len(each) + 6, columns) + each
    for row in rows:
        answer += b"D" + struct.pack("!IHI", len(row) + 10, 1, len(row)) + row
    done = b"C" + struct.pack("!I", 13) + b"SELECT 0\0"
    with serving(talking(answer, done, READY), LET_IN + READY) as server, \
            pytest.raises(SourceError, match="does not answer as a PostgreSQL does"), \
            PostgresConnector(f"postgresql://me@127.0.0.1:{server.port}/shop"):
        pass
