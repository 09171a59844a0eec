"""`reload`: what can be done again by a name alone, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.commands.reloading import load_again
from pluto_duck.commands.workbench import Workbench
from pluto_duck.commands.workbench import open as open_workbench
from pluto_duck.errors import Refused, UnknownName
from pluto_duck.workspace import Workspace


@pytest.fixture
def bench(workspace: Workspace) -> Iterator[Workbench]:
    with open_workbench(workspace.root) as made:
        yield made


def _files(root: Path, **files: str) -> None:
    (root / "in").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "in" / f"{name}.csv").write_text(text)


def test_one_table_of_several_comes_again_in_the_way_it_came(bench: Workbench) -> None:
    root = bench.workspace.root
    _files(root, a="x,y\n1,2\n", b="x\n5\n")
    bench.ingest(str(root / "in"), skip=("y",))
    _files(root, a="x,y\n1,2\n3,4\n", b="x\n6\n")
    report = load_again(bench, "a")
    assert [(str(one.ref), one.rows) for one in report.tables] == [("a", 2)]
    assert bench.query("SELECT * FROM a ORDER BY x").rows() == [(1,), (3,)]
    assert bench.query("SELECT * FROM b").rows() == [(5,)]
    assert [(str(one.ref), one.rows) for one in load_again(bench, "main.a").tables] == [("a", 2)]


def test_a_merge_stays_one(bench: Workbench) -> None:
    root = bench.workspace.root
    _files(root, a="id,y\n1,2\n2,3\n")
    bench.ingest(str(root / "in" / "a.csv"), into="kept", mode="merge", key=("id",))
    _files(root, a="id,y\n2,9\n")
    load_again(bench, "kept")
    assert bench.query("SELECT * FROM kept ORDER BY id").rows() == [(1, 2), (2, 9)]


def test_what_can_not_come_again_is_refused_with_the_reason(bench: Workbench) -> None:
    import pandas

    root = bench.workspace.root
    _files(root, a="x\n1\n")
    bench.ingest(str(root / "in" / "a.csv"), mode="append")
    bench.ingest(pandas.DataFrame({"x": [1]}), into="framed")
    bench.query("CREATE TABLE made AS SELECT 1 AS x")
    for table, why in [("a", "twice"), ("framed", "DataFrame"), ("made", "no load")]:
        with pytest.raises(Refused, match=why) as caught:
            load_again(bench, table)
        assert "--into" in caught.value.hint
    with pytest.raises(UnknownName, match="mad"):
        load_again(bench, "mad")


def test_a_load_that_somebody_else_wrote_into_the_records_is_not_done(bench: Workbench) -> None:
    root = bench.workspace.root
    _files(root, a="x\n1\n", secret="x\n42\n")
    bench.ingest(str(root / "in" / "a.csv"))
    with bench.control.connection("loads", ()) as db:
        db.execute("UPDATE load_attempts SET source = ?", (str(root / "in" / "secret.csv"),))
    with pytest.raises(Refused, match="not known here"):
        load_again(bench, "a")
    assert bench.query("SELECT * FROM a").rows() == [(1,)]
