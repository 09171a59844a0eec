"""What goes wrong in the middle of a build, and what is there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.errors import RunError
from pluto_duck.session import Session
from pluto_duck.transform.dbt import DbtOptions, run_dbt
from pluto_duck.transform.dbt.project import artefacts, targets
from pluto_duck.workspace import TableRef, Workspace
from tests.events.replay import journal
from tests.transform.test_dbt import rows, until, write

pytestmark = pytest.mark.timeout(300)
TOTALS = TableRef("totals")
FILES = {
    "dbt_project.yml": "name: shop\nmodels: {+materialized: table}\n",
    "models/totals.sql": "{{ config(post_hook=\"{% if var('slow', false) %}select sum(a.range * b.range) from "
                         "range(10000000) a, range(100000) b{% endif %}\") }} "
                         "select customer, sum(amount)::BIGINT as amount from main.orders group by 1",
}


def _children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(one) for one in (task / "children").read_text().split()}
    return found


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds dbt's process by /proc")
def test_dbt_killed_in_the_middle_of_a_swap_leaves_the_table_and_its_journal_as_they_were(
    session: Session, workspace: Workspace, tmp_path: Path,
) -> None:
    write(tmp_path / "shop", FILES)
    session.query("CREATE TABLE orders AS SELECT range % 3 AS customer, range AS amount FROM range(9);"
                  "CREATE TABLE totals (customer BIGINT PRIMARY KEY, amount BIGINT);"
                  "INSERT INTO totals SELECT customer, sum(amount) FROM orders GROUP BY 1")
    session.track(TOTALS)
    before, versions = rows(session, "FROM totals ORDER BY 1"), session.versions()
    session.query("INSERT INTO orders VALUES (1, 1000), (7, 5); DELETE FROM orders WHERE customer = 2")
    others = _children()

    def kill() -> None:
        # The new table has taken the old one's name already, within a transaction: hooks run last.
        with Session.open(workspace.root) as looking:
            until(lambda: any("range(10000000)" in one.sql for one in looking.activity()))
        (child,) = _children() - others
        os.kill(child, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RunError, match="without a word"):
        run_dbt(session, DbtOptions("run", project=tmp_path / "shop", args=("--vars", "{slow: true}")))
    killer.join()
    until(lambda: not any("range(10000000)" in one.sql for one in session.activity()))
    assert rows(session, "FROM totals ORDER BY 1") == before
    assert session.versions()["main.totals"] == versions["main.totals"]
    assert journal(session, TOTALS) == []
    assert {one.ref.name for one in session.tables()} == {"orders", "totals"}

    report = run_dbt(session, DbtOptions("run", project=tmp_path / "shop"))
    assert report.ok, report.failed
    assert rows(session, "FROM totals ORDER BY 1") == [(0, 9), (1, 1012), (7, 5)]
    assert {one.ref.name for one in session.tables()} == {"orders", "totals"}
    assert sorted(one["op"] for one in journal(session, TOTALS)) == ["c", "d", "u"], "what is the same is no change"


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "mine"
    write(folder, FILES)
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    for how in (["--bind"], ["-o", "remount,bind,ro"]):
        if subprocess.run(["mount", *how, folder, folder], capture_output=True).returncode:
            pytest.skip("this machine does not let root mount a folder that can't be written")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_project_that_can_not_be_written_is_built_all_the_same(
    session: Session, workspace: Workspace, unwritable: Path,
) -> None:
    session.query("CREATE TABLE orders AS SELECT 1 AS customer, 2 AS amount")
    report = run_dbt(session, DbtOptions("run", project=unwritable))
    assert report.ok, (report.problem, report.failed)
    assert rows(session, "FROM totals") == [(1, 2)]
    kept = artefacts(workspace, unwritable)
    assert (kept / "manifest.json").is_file()
    assert targets(workspace, unwritable)[0] == kept
    assert artefacts(workspace, unwritable.parent / "other" / unwritable.name) != kept, "of this project alone"
    assert sorted(one.name for one in unwritable.iterdir()) == ["dbt_project.yml", "models"]
