"""A follower in a process of its own, which tests kill: `python -m tests.ingest.follow.follower WORKSPACE URI [once]`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]


def begun(root: Path, uri: str, *, once: bool = False) -> subprocess.Popen[str]:
    """It says "follows" once it streams."""
    return subprocess.Popen([sys.executable, "-m", "tests.ingest.follow.follower", str(root), uri,
                             *(["once"] if once else [])], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def follow() -> None:
    from pluto_duck.ingest.follow import Follower, Told
    from pluto_duck.ingest.options import LoadOptions
    from pluto_duck.session import Session

    def say(text: str) -> None:
        print(f"{time.monotonic():.3f} {text}", flush=True)

    with Session.open(sys.argv[1]) as session:
        report = Follower(session, sys.argv[2], LoadOptions(),
                          Told(say, lag=lambda lag: say(f"{lag.rows} rows, {lag.bytes} bytes behind")),
                          once="once" in sys.argv).run()
        import resource

        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB", flush=True)
        print(f"applied {report.rows} rows; notices: {list(report.notices)}", flush=True)


if __name__ == "__main__":
    follow()
