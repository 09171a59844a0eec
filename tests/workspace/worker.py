"""Another process on a workspace, driven line by line: JSON commands in, JSON answers out."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any


class Worker:
    """A Python process of its own that holds a Session. Always used as a context manager."""

    def __init__(self, root: Path, role: str = "shell", *, opened: bool = True, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.workspace.worker", str(root), role],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **env},
            cwd=Path(__file__).parents[2], start_new_session=True)
        self._answers: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.answer(60)
        if opened:
            self.do("open")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def send(self, op: str, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.process.stdin.flush()

    def answer(self, timeout_s: float = 30) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout_s)
        except Empty:
            raise AssertionError("the worker did not answer in time") from None
        if not line:
            raise EOFError("the worker has ended")
        return json.loads(line)

    def do(self, op: str, *, timeout_s: float = 30, **fields: Any) -> Any:
        """The value of one command; an error of the other process comes as {"error": {...}}."""
        self.send(op, **fields)
        return self.answer(timeout_s)["value"]

    def query(self, sql: str, **fields: Any) -> Any:
        return self.do("query", sql=sql, **fields)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # what was not sent to a killed process stays unsent
                pipe.close()


def _serve() -> None:
    import time

    from pluto_duck.errors import PlutoError
    from pluto_duck.session import Session

    root, role = sys.argv[1], sys.argv[2]
    print(json.dumps({"value": {"pid": os.getpid()}}), flush=True)
    session: Session | None = None

    def run(op: str, fields: dict[str, Any]) -> Any:
        nonlocal session, root
        if op == "open":
            root = fields.pop("root", root)
            if "home" in fields:
                os.environ["PLUTODUCK_HOME"] = fields.pop("home")
            session = Session.open(root, role=role, label=f"worker {os.getpid()}", **fields)  # type: ignore[arg-type]
            return session.hosting
        assert session is not None
        if op == "query":
            result = session.query(fields.pop("sql"), **fields)
            return {"rows": json.loads(json.dumps(result.rows(), default=str)), "affected": result.affected_rows,
                    "notices": list(result.notices)}
        if op == "hosting":
            session.tables()
            return session.hosting
        if op == "hosting_idle":
            return session._link.node.hosting
        if op == "close":
            session.close()
            return True
        if op == "python":
            scope: dict[str, Any] = {"session": session, "Session": Session, "root": root, "time": time, "os": os}
            exec(fields["code"], scope)
            return scope.get("value")
        if op == "write_many":
            done = []
            for i in range(fields["count"]):
                session.query("INSERT INTO t VALUES ($i, $w)", {"i": fields["start"] + i, "w": fields["who"]})
                done.append(fields["start"] + i)
            return done
        raise ValueError(op)

    for line in sys.stdin:
        fields = json.loads(line)
        op = fields.pop("op")
        try:
            value = run(op, fields)
        except PlutoError as error:
            value = {"error": {**error.to_dict(), "kind": type(error).__name__}}
        except Exception as error:
            value = {"error": {"kind": type(error).__name__, "message": str(error)}}
        print(json.dumps({"value": value}, default=str), flush=True)


if __name__ == "__main__":
    _serve()
