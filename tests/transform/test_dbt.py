"""dbt in the workspace: built through the host, beside everything else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pluto_duck.errors import Cancelled, DatabaseBusy, UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.transform.dbt import DbtNode, DbtOptions, DbtReport, run_dbt
from pluto_duck.transform.dbt.project import profile_for
from pluto_duck.workspace import TableRef, Workspace
from tests.events.replay import journal

pytestmark = pytest.mark.timeout(300)
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: nowhere\nmodels:\n  +materialized: table\n",
    "models/schema.yml": """
version: 2
sources: [{name: raw, schema: main, tables: [{name: orders}]}]
models:
  - name: by_customer
    columns:
      - {name: customer, data_tests: [unique, not_null]}
      - {name: orders, data_tests: [{accepted_values: {arguments: {values: [4]}}}]}
""",
    "models/clean.sql": "{{ config(materialized='view') }} select * from {{ source('raw', 'orders') }}",
    "models/by_customer.sql": "select customer, count(*) as orders, sum(amount) as amount from {{ ref('clean') }} group by 1",
    "models/history.sql": "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('clean') }} "
                          "{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    "models/doubled.py": "def model(dbt, session):\n    dbt.config(materialized='table')\n"
                         "    found = dbt.ref('clean')\n    return found.project('id, amount * 2 AS twice')\n",
    "seeds/regions.csv": "code,name\n1,north\n2,south\n",
}


@pytest.fixture
def project(session: Session, workspace: Workspace) -> Path:
    session.query("CREATE TABLE orders AS SELECT i AS id, i % 3 AS customer, (i * 1.5)::DECIMAL(10, 2) AS amount "
                  "FROM range(12) t(i)")
    folder = workspace.root / "shop"
    write(folder, FILES)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def by_name(report: DbtReport) -> dict[str, DbtNode]:
    return {one.name: one for one in report.nodes}


def rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    return session.query(sql).rows()


def test_a_project_without_a_profile_is_built_in_the_workspace_while_others_work(
    session: Session, workspace: Workspace, project: Path,
) -> None:
    done, beside, told = threading.Event(), 0, []
    session.query("CREATE TABLE others(i INTEGER)")

    def work() -> None:
        nonlocal beside
        with Session.open(workspace.root) as mine:
            while not done.is_set():
                mine.query("INSERT INTO others VALUES (1)")
                beside += 1

    other = threading.Thread(target=work)
    other.start()
    try:
        report = run_dbt(session, DbtOptions(project=project), on_node=told.append)
    finally:
        done.set()
        other.join()
    assert rows(session, "SELECT count(*) FROM others") == [(beside,)]
    assert beside > 1
    nodes = by_name(report)
    assert report.ok, report.problem
    assert {one.status for one in nodes.values()} == {"ok"}
    assert {one.kind for one in nodes.values()} == {"model", "seed", "test"}
    assert {(one.name, one.status) for one in told} >= {("by_customer", "running"), ("by_customer", "ok")}
    assert rows(session, "FROM by_customer ORDER BY ALL")[0][:2] == (0, 4)
    assert rows(session, "SELECT sum(twice) FROM doubled") == rows(session, "SELECT sum(amount) * 2 FROM orders")
    assert rows(session, "SELECT count(*) FROM regions") == [(2,)]
    versions = session.versions()
    assert versions["main.by_customer"] > versions["main.orders"]
    assert "*" not in versions, "what dbt writes is known table by table"
    assert not [one for one in session.tables() if "__dbt" in one.ref.name]

    session.query("INSERT INTO orders VALUES (100, 1, 1.00)")
    again = run_dbt(session, DbtOptions(project=project, args=("--exclude", "doubled")))
    assert [one.name for one in again.failed] == [next(one.name for one in again.nodes if "accepted" in one.name)]
    assert again.failed[0].failures == 1
    assert "by_customer" in again.failed[0].compiled
    assert rows(session, "SELECT count(*) FROM history") == [(13,)]
    assert session.versions()["main.regions"] > versions["main.regions"]


def test_a_broken_model_says_where_and_leaves_the_rest(session: Session, project: Path, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    for name in ("click", "json", "agate"):  # what lies where dbt is called from is no module of it
        (tmp_path / "here" / f"{name}.py").write_text("raise SystemExit('this is not it')")
    monkeypatch.chdir(tmp_path / "here")
    write(project, {"models/doubled.py": "", "models/bad.sql": "select no_such_column\nfrom {{ ref('clean') }}",
                    "models/after.sql": "select * from {{ ref('bad') }}"})
    (project / "models/doubled.py").unlink()
    session.query("CREATE TABLE bad AS SELECT 7 AS kept")
    report = run_dbt(session, DbtOptions("run", project=project))
    nodes = by_name(report)
    assert (nodes["bad"].status, nodes["after"].status, nodes["by_customer"].status) == ("failed", "skipped", "ok")
    assert "no_such_column" in nodes["bad"].message
    assert "no_such_column" in nodes["bad"].compiled
    assert rows(session, "FROM bad") == [(7,)]


def test_what_dbt_can_not_read_is_told(session: Session, tmp_path: Path) -> None:
    write(tmp_path / "p", {"dbt_project.yml": "name: p\n", "models/bad.sql": "select {{ nothing( }}"})
    broken = run_dbt(session, DbtOptions("parse", project=tmp_path / "p"))
    assert not broken.ok
    assert "bad.sql" in broken.problem

    write(tmp_path / "p", {"models/bad.sql": "select * from {{ ref('after') }}",
                           "models/after.sql": "select * from {{ ref('bad') }}"})
    cycle = run_dbt(session, DbtOptions("run", project=tmp_path / "p"))
    assert "cycle" in cycle.problem.lower()
    assert not session.tables()


SLOW = {"models/slow.sql": "select sum(a.range * b.range) as s from range(10000000) a, range(100000) b",
        "models/after_slow.sql": "select * from {{ ref('slow') }}"}


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 120
    while not true():
        assert time.monotonic() < ends, "in vain"
        time.sleep(0.02)


def test_a_build_is_stopped_and_only_one_runs_at_a_time(session: Session, workspace: Workspace, project: Path) -> None:
    write(project, SLOW)
    at_it = threading.Event()
    options = DbtOptions("run", project=project, args=("--select", "slow+"))

    def second() -> None:
        at_it.wait(120)
        with Session.open(workspace.root) as other, pytest.raises(DatabaseBusy):
            run_dbt(other, options)
        until(lambda: any("range(10000000)" in one.sql for one in session.activity()))
        session.interrupt()

    thread = threading.Thread(target=second)
    thread.start()
    with pytest.raises(Cancelled):
        run_dbt(session, options, on_node=lambda node: at_it.set())
    thread.join()
    until(lambda: not any("range(10000000)" in one.sql for one in session.activity()))
    assert not [one for one in session.tables() if "slow" in one.ref.name]


def test_dbt_has_the_file_itself_while_others_wait(session: Session, workspace: Workspace, project: Path) -> None:
    write(project, SLOW | {
        "models/native.py": "def model(dbt, session):\n    dbt.config(materialized='table')\n"
                            "    return session.sql('select count(*) as n, sum(amount) as amount from main.orders')\n",
        "profiles.yml": "nowhere:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: x.duckdb, schema: marts, "
                        "threads: 2, disable_transactions: true}\n"})
    session.query("CREATE SCHEMA marts; CREATE TABLE marts.regions (code INTEGER PRIMARY KEY, name VARCHAR)")
    session.track(TableRef("regions", "marts"))
    started = threading.Event()
    waited: list[str] = []

    def beside() -> None:
        with Session.open(workspace.root) as mine:
            mine.query("SELECT 1")
            started.wait(120)
            waited.append("asks")
            assert mine.query("SELECT count(*) FROM marts.native").scalar() == 1
            waited.append("answered")

    other = threading.Thread(target=beside)
    other.start()
    told: list[str] = []

    def on_node(node: DbtNode) -> None:
        told.append(node.name)
        started.set()

    report = run_dbt(session, DbtOptions(project=project, lend=True, args=("--exclude", "doubled", "slow+")), on_node=on_node)
    other.join()
    assert report.ok, (report.problem, report.failed)
    assert waited == ["asks", "answered"]
    assert rows(session, "FROM marts.native") == rows(session, "SELECT count(*), sum(amount) FROM orders")
    assert not list(project.glob("x.duckdb")), "the path of the profile is not the workspace's"
    assert [one["op"] for one in journal(session, TableRef("regions", "marts"))][-1] == "resync", "written unseen: read it again"

    stopper = threading.Thread(target=lambda: (started.wait(120), session.interrupt()))
    started.clear()
    stopper.start()
    with pytest.raises(Cancelled):
        run_dbt(session, DbtOptions("run", project=project, lend=True, args=("--select", "slow")), on_node=on_node)
    stopper.join()
    assert rows(session, "FROM marts.native") == rows(session, "SELECT count(*), sum(amount) FROM orders")
    assert not [one for one in session.tables() if "slow" in one.ref.name]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["kill", "ctrl-c"])
def test_stopping_whoever_started_it_ends_it_and_leaves_nothing_half_built(
    session: Session, workspace: Workspace, tmp_path: Path, sent: signal.Signals, code: int,
) -> None:
    project = tmp_path / "shop"
    write(project, {"dbt_project.yml": "name: shop\nmodels: {+materialized: table}\n",
                    "models/slow.sql": SLOW["models/slow.sql"]})
    session.query("SELECT 1")
    starter = subprocess.Popen(
        [sys.executable, "-m", "pluto_duck.cli", "-w", str(workspace.root), "run-dbt", "run", "--project", str(project),
         "--select", "slow"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        until(lambda: any("range(10000000)" in one.sql for one in session.activity()))
    finally:
        starter.send_signal(sent)
        assert starter.wait(60) == code
    until(lambda: not any("range(10000000)" in one.sql for one in session.activity()))
    assert not [one for one in session.tables() if "slow" in one.ref.name]


def test_the_profile_of_another_database_gives_its_schema_at_most(workspace: Workspace, tmp_path: Path) -> None:
    import yaml

    write(tmp_path / "p", {"dbt_project.yml": "name: p\nprofile: mine\n", "profiles.yml": """
mine:
  target: dev
  outputs:
    dev: {type: duckdb, path: elsewhere.duckdb, schema: marts, threads: 2, extensions: [httpfs]}
    prod: {type: postgres, host: db, user: me, password: secret}
"""})
    project = tmp_path / "p"
    with profile_for(workspace, project, DbtOptions()) as (said, notes):
        folder = Path(said[1])
        assert said == ["--profiles-dir", str(folder), "--profile", "mine"]
        made = yaml.safe_load((folder / "profiles.yml").read_text())["mine"]["outputs"]["dev"]
        assert made == {"type": "duckdb", "path": str(workspace.database), "schema": "marts", "threads": 2}
        assert "extensions" in notes[0]
    assert not folder.exists()
    with profile_for(workspace, project, DbtOptions(target="prod", threads=3)) as (said, notes):
        text = (Path(said[1]) / "profiles.yml").read_text()
        assert "secret" not in text
        assert "postgres" in notes[0]
    with pytest.raises(UsageError, match="no target"), profile_for(workspace, project, DbtOptions(target="x")):
        pass
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UsageError, match="no profile mine in"), \
            profile_for(workspace, project, DbtOptions(profiles_dir=tmp_path / "elsewhere")):
        pass


def test_where_there_is_no_project_the_way_to_one_is_told(session: Session, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName) as told:
        run_dbt(session, DbtOptions())
    assert "dbt init" in told.value.hint
