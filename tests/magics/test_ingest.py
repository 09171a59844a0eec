"""Loading from a notebook: what stands in its outputs, then and after export."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import keyring
import pytest

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import PlutoError
from pluto_duck.ingest import Progress as TableProgress
from pluto_duck.magics.progress import Progress
from pluto_duck.workspace import Workspace
from tests.ingest.memory_keyring import MemoryKeyring
from tests.magics.conftest import Kernel, Shell

SECRET = "Geh3im-n0tebook"


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


class Screen:
    """What a cell shows: each output once, as it was left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outputs: list[dict[str, Any]] = []
        monkeypatch.setattr("IPython.display.display", self.display)

    def display(self, bundle: dict[str, Any], *, raw: bool, display_id: bool = False) -> Any:
        assert raw
        self.outputs.append(bundle)
        place = len(self.outputs) - 1
        screen = self

        class Handle:
            def update(self, bundle: dict[str, Any], *, raw: bool) -> None:
                screen.outputs[place] = bundle

        return Handle()


def test_many_tables_are_shown_in_one_output_that_the_outcome_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, progress = Screen(monkeypatch), Progress(terminal=False)
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress.tick()
    assert screen.outputs == []
    progress(TableProgress("<orders>", 0, 4000))
    progress(TableProgress("customers", 10, None))
    now[0] += 2
    progress(TableProgress("<orders>", 1000, 4000, 2_000_000))
    progress(TableProgress("customers", 500, None, done=True))
    progress.tick()
    (shown,) = screen.outputs
    assert shown["text/plain"] == (
        "<orders>  25 %  1,000 of ~4,000 rows  500/s  1.9 MB  6 s left\n"
        "customers  done  500 rows  250/s\n"
        "1 of 2 tables done, 1,500 rows")
    assert "&lt;orders&gt;" in shown["text/html"]
    assert "<script" not in shown["text/html"]
    progress.settle({"text/plain": "the report"})
    assert screen.outputs == [{"text/plain": "the report"}]
    progress.tick()
    assert len(screen.outputs) == 1, "what was replaced does not come back"
    progress(TableProgress("next", 5, None))
    progress.tick()
    assert [one["text/plain"] for one in screen.outputs] == ["the report", "next  5 rows"]


def test_a_load_that_was_stopped_does_not_look_as_if_it_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, progress = Screen(monkeypatch), Progress(terminal=False)
    progress(TableProgress("orders", 12, 40))
    progress.tick()
    progress.stop()
    assert screen.outputs[0]["text/plain"].startswith("Stopped at:\norders  30 %")


def test_a_load_quicker_than_a_tick_shows_its_outcome_alone(shell: Shell, workspace: Workspace) -> None:
    (workspace.root / "sales.csv").write_text("id\n1\n", encoding="utf-8")
    shell.run("%pluto ingest sales.csv")
    ran = shell.run("%pluto ingest sales.csv")
    assert "1 row in 1 table" in ran.bundles[0]["text/plain"]
    assert "<table" in ran.bundles[1]["text/html"]
    assert len(ran.bundles) == 2


def test_a_frame_of_the_notebook_is_a_source_by_its_name(shell: Shell, workspace: Workspace) -> None:
    shell.run("import pyarrow\norders = pyarrow.table({'id': [1, 2], 'paid': [True, None]})")
    ran = shell.run("%pluto ingest orders")
    assert ran.error is None, ran.error
    assert "2 rows in 1 table from " in ran.bundles[0]["text/plain"]
    assert "paid" in str(shell.run("%pluto describe orders").bundles)
    assert "the DataFrame orders" in str(shell.run("%pluto history").bundles)
    assert shell.run("%pluto ingest orders --into copy --mode append").error is None
    assert "orders -> orders: replaces the table" in str(shell.run("%pluto ingest orders --dry-run").bundles)
    saved = shell.run("%pluto ingest orders --save").error
    assert isinstance(saved, PlutoError)
    assert "lives in this notebook" in saved.message


def test_a_notebook_asks_for_the_password(
    shell: Shell, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt="", stream=None: SECRET)
    ran = shell.run("%pluto connections add shop postgresql://me@db.example/shop")
    assert ran.error is None
    assert "Its password is in the keyring (Test)." in str(ran.bundles)
    assert SECRET in str(ring.kept)
    assert SECRET not in ran.text + str(ran.bundles)


def test_a_notebook_that_nobody_watches_keeps_no_password(
    shell: Shell, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(prompt: str = "", stream: Any = None) -> str:
        raise NotImplementedError("no stdin")

    monkeypatch.setattr("getpass.getpass", nobody)
    ran = shell.run("%pluto connections add shop postgresql://me@db.example/shop")
    assert ran.error is None
    assert ring.kept == {}


def test_stopping_the_question_stops_the_verb(
    shell: Shell, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(prompt: str = "", stream: Any = None) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("getpass.getpass", stopped)
    ran = shell.run("%pluto connections add shop postgresql://me@db.example/shop")
    assert isinstance(ran.error, PlutoError)
    assert ran.error.code == "cancelled"
    assert "No connections yet" in str(shell.run("%pluto connections").bundles)


def test_a_password_in_a_cell_is_in_no_output_of_it(
    shell: Shell, workspace: Workspace, postgres_with_password: PrivatePostgres,
) -> None:
    import psycopg

    server = postgres_with_password
    with psycopg.connect(server.uri("postgres"), autocommit=True) as admin:
        admin.execute("drop table if exists cells; drop role if exists celia")
        admin.execute(f"create role celia login password '{SECRET}'")
        admin.execute("create table cells (id int); insert into cells values (1); grant select on cells to celia")
    uri = f"postgresql://celia:{SECRET}@127.0.0.1:{server.port}/postgres"
    cells = [f"%pluto ingest {uri} --table cells", f"%pluto ingest {uri} --table cells", f"%pluto ingest {uri} --table clls",
             "%pluto traceback", f"%pluto ingest {uri}x", f"%pluto ingest {uri} --dry-run --table cells",
             f"%pluto ingest {uri} {uri}", f"%pluto ingest {uri.replace('5', '6', 1)}", "%pluto traceback", "%pluto history",
             "%pluto loads"]
    told = ""
    for cell in cells:
        ran = shell.run(cell)
        told += ran.text + str(ran.bundles) + (str(ran.error.to_dict()) if isinstance(ran.error, PlutoError) else "")
        assert ran.error is None or isinstance(ran.error, PlutoError), ran.error
    assert SECRET not in told
    assert told.count("now stands in this notebook. Better: %pluto connections add") == 1
    shell.run("%unload_ext pluto_duck")
    for path in workspace.root.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_kernel_that_is_stopped_leaves_the_old_table(kernel: Kernel, database: Any) -> None:
    database.run("create table t (a int)", "insert into t select generate_series(1, 1000)")
    kernel.run("%load_ext pluto_duck")
    assert kernel.run(f"%pluto ingest {database.uri}").error is None
    with database.connect() as blocker:
        blocker.execute("begin")
        blocker.execute("lock table t")
        sent = kernel.send(f"%pluto ingest {database.uri}")
        while not database.run("select 1 from pg_stat_activity where wait_event_type = 'Lock'"):
            time.sleep(0.02)  # until the load stands behind the lock
        kernel.manager.interrupt_kernel()
        output = kernel.wait(sent)
    assert output.error is not None
    assert output.error["ename"] == "Cancelled"
    assert "1000" in str(kernel.run("%pluto sql select count(*) from t").data)
    history = str(kernel.run("%pluto history").data)
    assert "cancelled" in history
