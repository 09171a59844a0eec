"""How far a load is, on a terminal that can move its cursor, on one that can't, and where there is none."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pluto_duck.commands.progress import SHOWN, Tally, TerminalProgress, clock
from pluto_duck.ingest import Progress


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock_(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_what_is_known_of_a_table_is_told_and_nothing_else(clock_: Clock) -> None:
    tally = Tally()
    tally.tell(Progress("orders", 0, None))
    assert tally.lines() == [("orders", "", "0 rows", "", "", "")]
    clock_.now += 10
    tally.tell(Progress("orders", 5_000_000, 60_000_000, 3 << 30))
    assert tally.lines() == [("orders", "8 %", "5,000,000 of ~60,000,000 rows", "500,000/s", "3.0 GB", "1:50 min left")]
    tally.tell(Progress("orders", 70_000_000, 60_000_000))
    assert tally.lines()[0][1] == "99 %", "an estimate was too low"
    assert tally.lines()[0][5] == ""
    tally.tell(Progress("orders", 70_000_000, 60_000_000, done=True))
    assert tally.lines() == [("orders", "done", "70,000,000 rows", "7,000,000/s", "", "")]
    assert tally.summary() == ""


def test_of_many_tables_those_at_work_come_first(clock_: Clock) -> None:
    tally = Tally()
    for number in range(40):
        clock_.now += 1
        tally.tell(Progress(f"t{number}", 10, done=number < 30))
    lines = tally.lines()
    assert len(lines) == SHOWN
    assert [line[0] for line in lines[:10]] == [f"t{number}" for number in range(30, 40)]
    assert [line[0] for line in lines[10:]] == ["t29", "t28"], "then those that ended last"
    assert tally.summary() == "30 of 40 tables done, 400 rows"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (61, "1:01 min"), (3700, "1:01 h")])
def test_a_time_is_short(seconds: float, said: str) -> None:
    assert clock(seconds) == said


def test_a_terminal_that_can_not_move_its_cursor_gets_a_line_now_and_then(
    clock_: Clock, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    into = io.StringIO()
    progress = TerminalProgress(into)
    for rows in (1, 2, 3):
        progress(Progress("orders", rows))
    clock_.now += 6
    progress(Progress("orders", 60, 100))
    progress(Progress("orders", 100, 100, done=True))
    progress.clear()
    assert into.getvalue() == (
        "orders 1 rows\norders 60 % 60 of ~100 rows 10/s 4 s left\norders done 100 rows 17/s\n")


def _run_on_a_terminal(folder: Path, environment: dict[str, str], arguments: list[str]) -> tuple[int, str]:
    """(exit code, all that the terminal was sent)"""
    import pty

    ours, theirs = pty.openpty()
    running = subprocess.Popen([sys.executable, "-m", "pluto_duck.cli", *arguments], cwd=folder, env=environment,
                               stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    return running.wait(60), said.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX terminal")
def test_what_was_drawn_is_gone_when_the_report_comes(tmp_path: Path) -> None:
    from pluto_duck.workspace import create

    folder = create(tmp_path / "here").root
    (folder / "sales.csv").write_text("id\n1\n2\n", encoding="utf-8")
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    code, said = _run_on_a_terminal(folder, environment, ["ingest", "sales.csv"])
    assert code == 0, said
    assert "\x1b[2K" in said, "something was drawn, and wiped"
    after = said[said.rindex("\x1b[2K"):]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", after)
    assert plain.strip().startswith("2 rows in 1 table from ")


def test_a_pipe_gets_the_report_alone(tmp_path: Path) -> None:
    from pluto_duck.workspace import create

    folder = create(tmp_path / "here").root
    (folder / "sales.csv").write_text("id\n1\n2\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "pluto_duck.cli", "ingest", "sales.csv", "--format", "json"], cwd=folder,
                          capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("[\n {\"table\": \"sales\"")


def test_a_name_says_nothing_to_a_terminal_that_can_only_write_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    into = io.StringIO()
    TerminalProgress(into)(Progress("t\x1b]0;pwned\x07", 1, done=True))
    assert into.getvalue() == "t\\x1b]0;pwned\\x07 done 1 rows\n"
