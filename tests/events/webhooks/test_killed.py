"""A process that is killed between sending and noting it: the message comes again, under the same id, and in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pluto_duck.workspace import Workspace
from tests.events.webhooks.conftest import WAIT_S, Bench, Endpoint

_CHILD = """
import os, signal, sys
from pathlib import Path
from pluto_duck.workspace import Workspace
from tests.events.webhooks.conftest import Bench

bench = Bench(Workspace(Path(sys.argv[1])), Path(sys.argv[2]))
note, left = bench.queue.note, int(sys.argv[3])

def killed(delivery, answer, **more):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    note(delivery, answer, **more)

bench.queue.note = killed
bench.settle()
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
@pytest.mark.parametrize("at", [1, 3])
def test_what_was_sent_but_not_noted_is_sent_again_under_its_id(
        bench: Bench, endpoints: Callable[..., Endpoint], workspace: Workspace, ca_file: Path, at: int) -> None:
    endpoint = endpoints()
    hook, _ = bench.hook(endpoint.url)
    for _ in range(4):
        bench.changes.add()
    while bench.deliverer._intake.turn(bench.store.all(), 0.0):
        pass
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", _CHILD, str(workspace.root), str(ca_file), str(at)], cwd=root,
                          env={**os.environ, "PYTHONPATH": str(root)}, timeout=4 * WAIT_S, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(endpoint.got) == at
    bench.settle()
    sent = [f"msg_{hook.id}_{n}_1" for n in range(1, 5)]
    assert endpoint.ids == [*sent[:at], *sent[at - 1:]], "twice at worst, never missing, in order"
    bodies = {headers["webhook-id"]: body for headers, body, _ in endpoint.got[:at]}
    assert all(bodies.get(headers["webhook-id"], body) == body for headers, body, _ in endpoint.got)
    assert bench.queue.pending(hook.id) == 0
