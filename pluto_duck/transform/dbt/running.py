"""Starts dbt's process, hears what it tells, stops it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pluto_duck.errors import Cancelled, DatabaseBusy, MissingExtra, RunError, UsageError
from pluto_duck.session.auditing import expected
from pluto_duck.transform.dbt.model import DbtNode, DbtOptions, DbtReport, Status
from pluto_duck.transform.dbt.project import artefacts, find_project, profile_for
from pluto_duck.transform.dbt.words import for_dbt, understood
from pluto_duck.workspace.locks import FileLock

if TYPE_CHECKING:
    from pluto_duck.session import Session

GRACE_S = 15.0
"""For dbt's process to end once it was told to; then it is killed. Its open transaction is rolled back by the host."""
_QUIET = {"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false",
          "DBT_VERSION_CHECK": "false",
          "DBT_LOG_LEVEL": "none"}
"""Nothing on its stdout, which nobody reads: what it says comes as events, and its log file is the project's."""
_STATUS: dict[str, Status] = {"success": "ok", "pass": "ok", "warn": "warned", "skipped": "skipped", "no-op": "skipped",
                              "partial success": "failed", "error": "failed", "fail": "failed",
                              "runtime error": "failed"}
OnNode = Callable[[DbtNode], None]


def run_dbt(session: Session, options: DbtOptions, *, on_node: OnNode | None = None,
            on_log: Callable[[str], None] | None = None) -> DbtReport:
    """Runs one command of dbt on the workspace of the session; nodes that fail are in the report.

    Raises MissingExtra, UnknownName for no project, DatabaseBusy while the same project is being built, Cancelled, and
    RunError where dbt's process ended without a word.
    """
    must_be_installed()
    options = understood(options)
    if options.own_profile and options.lend:
        raise UsageError("--lend gives dbt the workspace's file; --own-profile builds elsewhere.", hint="Take one.")
    must_be_checkable(session, options)
    project = find_project(session.workspace, options.project)
    started = time.monotonic()
    profile = _profile_of_its_own(options) if options.own_profile else profile_for(session.workspace, project, options)
    with _alone(session.workspace.folder, project), _Child(session, on_node, on_log) as child, \
            profile as (said, notes), _outputs(session, project) as places:
        session.query("SELECT 1")  # the host is this process, or another one: dbt's is a guest
        for note in notes:
            if on_log is not None:
                on_log(note)
        words = [*for_dbt(options), "--project-dir", str(project), *places, *said]
        alone = options.own_profile or options.lend
        wanted: dict[str, Any] = {"check": options.check, "args": words, "workspace": str(session.workspace.root),
                  "database": "" if alone else str(session.workspace.database)}
        with session.lend(f"dbt {options.command}") if options.lend else nullcontext() if alone else session.bulk():
            report = child.report(wanted, DbtReport(options.command, project))
    return replace(report, elapsed_s=time.monotonic() - started)


def must_be_checkable(session: Session, options: DbtOptions) -> None:
    """Raises UsageError where dbt would write past the checks that are wanted, and ChecksError for a file of them that
    makes no sense."""
    found = expected(session.workspace, check=options.check)
    if options.check and options.own_profile:
        raise UsageError("--check holds tables of the workspace against checks.yaml; --own-profile builds elsewhere.")
    if found is not None and options.lend and (
            found.all or any(one.checked for one in found.checks.publishing.values())):
        raise UsageError("With --lend dbt writes to the file itself, and what it builds can't be checked before it is "
                         "seen.", hint="Leave --lend out.")


def must_be_installed() -> None:
    if importlib.util.find_spec("dbt.adapters.duckdb") is None or importlib.util.find_spec("dbt.cli") is None:
        raise MissingExtra("dbt is not installed.", hint="pip install 'pluto-duck[dbt]'")


@contextmanager
def _profile_of_its_own(options: DbtOptions) -> Iterator[tuple[list[str], list[str]]]:
    """What was said of it, for dbt to find it."""
    said = {"--profiles-dir": options.profiles_dir, "--profile": options.profile, "--target": options.target,
            "--threads": options.threads}
    yield [word for name, value in said.items() if value is not None for word in (name, str(value))], []


@contextmanager
def _alone(folder: Path, project: Path) -> Iterator[None]:
    """Two builds of one project would take each other's half-built tables away."""
    import hashlib

    lock = FileLock.try_acquire(folder / f"dbt-{hashlib.sha256(str(project).encode()).hexdigest()[:12]}.lock")
    if lock is None:
        raise DatabaseBusy(f"dbt is at work in {project} already.", hint="Wait for it, or stop it: pluto-duck runs")
    try:
        yield
    finally:
        lock.close()


@contextmanager
def _outputs(session: Session, project: Path) -> Iterator[list[str]]:
    """Where dbt writes its artefacts: in the project, as ever; of a folder that can't be written, in ours."""
    usual = project / "target"
    if os.access(usual if usual.exists() else project, os.W_OK):
        yield []
        return
    target = artefacts(session.workspace, project)
    target.mkdir(parents=True, exist_ok=True)
    yield ["--target-path", str(target), "--log-path", str(target / "logs")]


class _Child:
    """dbt's process: started first, since it imports dbt for a second or two before it reads what to do."""

    def __init__(self, session: Session, on_node: OnNode | None, on_log: Callable[[str], None] | None) -> None:
        self._session, self._on_node, self._on_log = session, on_node, on_log
        self._stopped = threading.Event()
        self._texts: list[str] = []
        self._last: dict[str, Any] = {}
        self._words: list[str] = []

    def __enter__(self) -> _Child:
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pluto_duck.transform.dbt.child"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._said, text=True, encoding="utf-8", env={**os.environ, **_QUIET},
            start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:  # it was never told what to do
            self._process.kill()
            self._end(self._process)
        self._said.close()

    def report(self, wanted: dict[str, Any], report: DbtReport) -> DbtReport:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with self._session.interrupting(lambda: self._stop(process)):
                process.stdin.write(json.dumps(wanted) + "\n")
                process.stdin.flush()
                self._hear(process.stdout)
                process.wait()
        except BrokenPipeError:
            pass  # it has ended already; what it said is below
        finally:
            self._end(process)
        if self._stopped.is_set():
            raise Cancelled("dbt was stopped.", hint="What it had built stays; the rest is as it was.")
        if not self._last:
            self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 2_000))
            last = self._said.read().decode(errors="replace").strip()
            raise RunError("dbt's process ended without a word.", hint=last
                           or "Run it again; the tables are as its last finished model left them.")
        nodes = tuple(_node(one) for one in self._last["nodes"])
        problem = self._last["problem"]
        if not problem and not self._last["success"] and not any(one.status == "failed" for one in nodes):
            problem = "\n".join(self._words[-5:]) or "dbt did not succeed."
        return replace(report, nodes=nodes, problem=problem, text="\n".join(self._texts))

    def _hear(self, lines: IO[str]) -> None:
        for line in lines:
            told = json.loads(line)
            kind = told.pop("kind")
            if kind == "missing":
                raise MissingExtra(f"dbt can't be loaded: {told['message']}.", hint="pip install 'pluto-duck[dbt]'")
            if kind == "done":
                self._last = told
            elif kind == "answer":
                self._texts.append(told["text"])
            elif kind in ("start", "end"):
                if self._on_node is not None:
                    self._on_node(_node(told))
            elif kind == "log":
                if told["level"] in ("warn", "error"):
                    self._words.append(told["text"])
                if self._on_log is not None:
                    self._on_log(told["text"])

    def _stop(self, process: subprocess.Popen[str]) -> None:
        """dbt's process ends when its stdin does: also when we are killed."""
        self._stopped.set()
        assert process.stdin is not None
        try:
            process.stdin.close()
        except OSError:
            pass

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
        except OSError:
            pass
        process.stdout.close()  # what it would still say must not hold it
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _node(told: dict[str, Any]) -> DbtNode:
    status = str(told.get("status", "running")).lower().rpartition(".")[2]
    failed = _STATUS.get(status, "running") == "failed"
    return DbtNode(told["node"], told["name"], told["type"].lower().rpartition(".")[2], _STATUS.get(status, "running"),
                   float(told.get("elapsed_s") or 0.0), str(told.get("message") or ""), str(told.get("relation") or ""),
                   str(told.get("materialized") or ""), str(told.get("path") or ""),
                   str(told.get("compiled") or "") if failed else "", told.get("failures"),
                   int(told.get("total") or 0))
