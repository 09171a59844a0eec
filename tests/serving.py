"""A workspace with a policy, served by `pluto-duck serve` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.governance import trust
from pluto_duck.governance.keys import SCOPES, Keys
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, Workspace, create
from tests.newcomer import free_port

TOKEN = "a-token-of-the-test"
POLICY = """
version: 1
roles:
  eu:
    grants:
      - tables: orders
        actions: [read, ask, insert, update, delete]
        rows: region = $region
        hide: card
        masks: {email: partial}
"""
TABLES = ("CREATE TABLE orders (id INTEGER PRIMARY KEY, email VARCHAR, card VARCHAR, region VARCHAR, amount DECIMAL(12, 2));"
          "INSERT INTO orders SELECT i, 'p' || i || '@secret.example', 'card-' || i, ['EU', 'US'][1 + i % 2], i * 1.5 "
          "FROM range(200) t(i); CREATE TABLE hidden AS SELECT 'nobody may see this' AS secret")


@dataclass
class Served:
    workspace: Workspace
    process: subprocess.Popen[bytes]
    port: int
    key: str
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def identities(self) -> dict[str, dict[str, str]]:
        return {"owner": {"Authorization": f"token {TOKEN}"}, "key": {"Authorization": f"Bearer {self.key}"}}


def with_policy(workspace: Workspace, policy: str = POLICY, tables: str = TABLES, *, roles: Sequence[str] = ("eu",),
                count: int = 1) -> list[str]:
    """The secrets of so many keys, each an actor of its own."""
    (workspace.root / FILE).write_text(policy, encoding="utf-8")
    trust.grant(workspace, FILE, wanted(read(policy)[1]))
    with Session.open(workspace.root) as session:
        session.query(tables)
    keys = Keys(ControlStore(workspace.control), workspace)
    made = [keys.create(f"key{n}", roles, claims={"region": "EU"}, scopes=tuple(SCOPES))[1] for n in range(count)]
    keys.close()
    return made


@contextmanager
def serving(folder: Path, key: str | None = None, *options: str, workspace: Workspace | None = None,
            limits: bool = False) -> Iterator[Served]:
    """Without rate limits unless wanted. With PLUTODUCK_HOME as it is when this is called: keys are sealed by it."""
    workspace = workspace or create(folder / "workspace")
    key = with_policy(workspace)[0] if key is None else key
    port, log = free_port(), folder / "server.log"
    unlimited = {f"PLUTODUCK_LIMITS__{one}": "unlimited" for one in ("REFUSED", "READS", "WRITES", "RUNS")} if not limits else {}
    environment = {**os.environ, **unlimited, "JUPYTER_TOKEN": TOKEN, "JUPYTER_NO_CONFIG": "1",
                   **{f"JUPYTER_{one}_DIR": str(folder / one.lower()) for one in ("CONFIG", "RUNTIME", "DATA")}}
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "pluto_duck.cli", "serve", f"--port={port}", *options],
                                   cwd=workspace.root, env=environment, stdout=out, stderr=out)
    try:
        while process.poll() is None and not _answers(port):
            time.sleep(0.05)  # nothing to wait on: the port is not open yet
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        yield Served(workspace, process, port, key, log)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=10).close()
    except urllib.error.HTTPError:
        return True  # somebody without a key is refused: it is there
    except OSError:
        return False
    return True
