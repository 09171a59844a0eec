"""`doctor` finds a model's server on this machine, and nothing that is none."""

from __future__ import annotations

import socket
import threading

import pytest

from pluto_duck.commands import models_near
from tests.services.models import ModelServer


def _ports(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    monkeypatch.setattr(models_near, "PORTS", tuple((one, "a server") for one in ports))


def test_a_running_server_is_found_with_its_models(models: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _ports(monkeypatch, 9, models.port)
    assert models_near.look() == [models_near.Near(f"{models.url}/v1", "a server", ("small-model",))]
    assert models_near.lines() == [("local model (a server)", f"{models.url}/v1: small-model")]


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _ports(monkeypatch, 9)
    assert models_near.lines() == [("local models", "none found at 9")]


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>",
    b"HTTP/1.1 302 Found\r\nLocation: http://example.com\r\n\r\n", b"SSH-2.0-x\r\n", b"",
    b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data": 7}',
])
def test_something_else_at_the_port_is_no_model(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            one, _ = server.accept()
            with one:
                one.recv(1000)
                one.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        _ports(monkeypatch, server.getsockname()[1])
        assert models_near.look() == []
        thread.join(10)


def test_one_that_never_answers_does_not_hold_doctor_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_near, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        _ports(monkeypatch, server.getsockname()[1])
        assert models_near.look() == []


def test_only_loopback_and_the_known_ports() -> None:
    assert [port for port, _ in models_near.PORTS] == [11434, 8080, 1234, 8000]
