"""`export`, `backup` and `restore` as they are typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import to_text
from pluto_duck.commands.workbench import Workbench, open
from pluto_duck.errors import Refused, UsageError
from pluto_duck.workspace import Workspace


@pytest.fixture
def bench(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(workspace.root)
    with open(workspace.root) as opened:
        opened.query("CREATE TABLE sales AS SELECT range AS n, range % 2 AS year FROM range(10)")
        yield opened


def _say(bench: Workbench, *words: str, kind: str = "notebook", **door: object) -> str:
    return to_text(invoke(list(words), Door(open_session=lambda: bench, kind=kind, **door)))  # type: ignore[arg-type]


def test_export_says_what_and_where(bench: Workbench) -> None:
    root = bench.workspace.root
    size = len("n,year\n") + 10 * 4
    assert _say(bench, "export", "sales", "sales.csv") == f"10 rows -> {root}/sales.csv, {size} bytes"
    assert _say(bench, "export", "--sql", "SELECT INTERVAL 1 DAY AS one", "one.parquet").splitlines()[1:] == [
        "one stands as text: Parquet has no exact place for INTERVAL."]
    _say(bench, "export", "sales", "parts", "--format", "csv", "--partition-by", "year")
    assert sorted(os.listdir("parts")) == ["year=0", "year=1"]
    assert _say(bench, "export", "SELECT 1 AS n", "one.csv").startswith("1 row -> ")
    for words in (("sales",), ("sales", "a.csv", "b.csv"), ("sales", "x.csv", "--sql", "SELECT 1")):
        with pytest.raises(UsageError):
            _say(bench, "export", *words)
    assert [run.kind for run in bench.runs.list(3)] == ["export"] * 3


def test_export_takes_a_frame_of_the_notebook(bench: Workbench) -> None:
    import pyarrow

    _say(bench, "export", "frame", "f.csv", namespace={"frame": pyarrow.table({"a": [1, 2]})})
    assert Path("f.csv").read_text() == "a\n1\n2\n"
    assert bench.export("sales", "s.parquet").row_count == 10


def test_backup_and_restore_from_a_notebook(bench: Workbench) -> None:
    said = _say(bench, "backup")
    assert said.startswith("1 table, 10 rows -> ")
    name = Path(said.partition(" -> ")[2]).name
    assert name in _say(bench, "backup", "--list")
    assert _say(bench, "backup", "--verify", "latest").endswith(".")
    bench.query("DELETE FROM sales")
    with pytest.raises(Refused, match="Put") as asked:
        _say(bench, "restore", name, "--discard-newer")
    assert asked.value.hint.endswith(f"restore {name} --discard-newer --yes")
    with pytest.raises(Refused, match="sales"):
        _say(bench, "restore", name, "--yes")
    assert _say(bench, "restore", name, "--discard-newer", interactive=True, ask=lambda _question: False) \
        == "Nothing was changed."
    said = _say(bench, "restore", name, "--yes", "--discard-newer")
    assert "What was here before: " in said
    assert bench.query("SELECT count(*) FROM sales").scalar() == 10
    assert bench.backup(keep=1).manifest.rows == 10
    assert _say(bench, "restore", "latest", "--into", str(bench.workspace.root.parent / "copy")).startswith("A workspace as of")
    for words in (("--list", "--verify", "latest"), ("x", "--list")):
        with pytest.raises(UsageError):
            _say(bench, "backup", *words)
    with pytest.raises(UsageError):
        _say(bench, "restore", "latest", "--into", "y", "--control")
