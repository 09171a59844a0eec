"""Somebody who follows docs/serve.md: types its blocks in their order into shells of their own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "serve.md"


def blocks(language: str, page: str | None = None) -> list[str]:
    text = PAGE.read_text(encoding="utf-8") if page is None else page
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Newcomer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = {
            **os.environ, "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"], "COLUMNS": "200",
            "PLUTODUCK_HOME": str(folder / "home"), "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "IPYTHONDIR": str(folder / "ipython")}

    def types(self, block: str, *program: str) -> str:
        """What it prints; a block that fails is an AssertionError with all that it said."""
        text = block.replace("8888", str(self.port))
        program = program or ("bash", "-e", "-o", "pipefail", "-s")
        done = subprocess.run(program, input=text, cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def sets_up(self) -> str:
        """Steps 1 and 2; what they leave in the shell is there for the next blocks."""
        said = self.types("\n".join([*blocks("sh")[:2], 'echo "--- $KEY $BASE $PWD"']))
        said, _, left = said.rpartition("--- ")
        self.environment["KEY"], self.environment["BASE"], here = left.split()
        self.folder = Path(here)
        return said

    @contextmanager
    def serves(self) -> Iterator[None]:
        """Step 3, until it answers."""
        (block,) = blocks("sh serve")
        with open(self.folder / "server.log", "wb") as log:
            server = subprocess.Popen(block.replace("8888", str(self.port)).split(), cwd=self.folder,
                                      env=self.environment, stdout=log, stderr=log)
        try:
            while server.poll() is None and not self._answers():
                time.sleep(0.05)  # nothing to wait on: the port is not open yet
            assert server.poll() is None, (self.folder / "server.log").read_text(encoding="utf-8")
            yield
        finally:
            server.terminate()
            server.wait(60)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health", timeout=10).close()
        except urllib.error.HTTPError:
            return True  # somebody without a key is refused: it is there
        except OSError:
            return False
        return True
