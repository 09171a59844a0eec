"""A session of a process of its own, that runs what it is told: a line of JSON for each, answered by one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from pluto_duck.errors import PlutoError


class Guest:
    """`ask` begins a statement, `answer` waits for it: in between the host works."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.events.guest"], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what: str, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, text]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str | None:
        """The error, if there was one."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "The guest is gone."
        return json.loads(line)  # type: ignore[no-any-return]

    def do(self, what: str, text: str = "") -> str | None:
        self.ask(what, text)
        return self.answer()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def run(session: Any, sql: str) -> str | None:
    """An error takes the open transaction back: what failed halfway could not be told."""
    try:
        session.query(sql)
    except PlutoError as error:
        if session.in_transaction:
            session.query("ROLLBACK")
        return error.message
    return None


def _main() -> None:
    from pluto_duck.session import Session

    session: Session | None = None
    for line in sys.stdin:
        what, text = json.loads(line)
        error = None
        if what == "open":
            session = Session.open(text, label="the guest")
        elif session is not None and what == "close":
            session.close()
            session = None
        elif session is not None:
            error = run(session, text)
        print(json.dumps(error), flush=True)


if __name__ == "__main__":
    _main()
