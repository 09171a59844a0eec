"""Deliveries of a server that ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import atexit
from pathlib import Path
from pluto_duck.api.delivering import Delivering
one = Delivering(Path("."), [])
atexit.register(lambda: print("ended" if one._stop.is_set() else "goes on"))  # stands for the sessions
one.start()
"""


def test_an_interrupted_server_ends_its_deliveries_before_their_sessions(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "ended", done.stderr
