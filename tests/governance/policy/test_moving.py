"""A governed session whose host dies: whoever takes over rules it by the same policy."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance import Actor, trust
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.governance.policy.conftest import rows

POLICY = "version: 1\nroles:\n  a:\n    grants: [{tables: t, actions: read, rows: region = $region, hide: secret}]"


def _host(root: str, ready: multiprocessing.Queue, hold: multiprocessing.Event) -> None:  # type: ignore[type-arg, valid-type]
    session = Session.open(root)
    session.query("CREATE TABLE t AS SELECT * FROM (VALUES (1, 'EU', 'x'), (2, 'US', 'y')) v(id, region, secret)")
    ready.put(session.hosting)
    hold.wait(60)  # type: ignore[attr-defined]


def test_after_the_host_was_killed_a_role_sees_what_it_saw(tmp_path: Path) -> None:
    workspace = create(tmp_path / "w")
    (workspace.root / FILE).write_text(POLICY, encoding="utf-8")
    trust.grant(workspace, FILE, wanted(read(POLICY)[1]))
    context = multiprocessing.get_context("spawn")
    ready, hold = context.Queue(), context.Event()
    host = context.Process(target=_host, args=(str(workspace.root), ready, hold))
    host.start()
    assert ready.get(timeout=60) == "host"
    with Session.open(workspace.root, actor=Actor("key", "k", ("a",), {"region": "EU"})) as session:
        assert session.hosting == "guest"
        assert rows(session, "FROM t") == [(1, "EU")]
        os.kill(host.pid or 0, signal.SIGKILL)
        host.join(30)
        assert rows(session, "FROM t") == [(1, "EU")]
        assert session.hosting == "host"
        with pytest.raises(PlutoError):
            session.query("SELECT secret FROM t")
        with pytest.raises(Refused):
            session.internal(["SELECT 1"])
