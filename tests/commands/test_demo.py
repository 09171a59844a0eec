"""`pluto-duck demo`: first on the bundled sample, then on a real PostgreSQL, then from the built wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.cli import main
from pluto_duck.commands import Door, invoke
from pluto_duck.commands.demo import CHART, NOTEBOOK, QUESTIONS, TABLES
from pluto_duck.errors import Refused
from pluto_duck.session import Session

ROOT = Path(__file__).parents[2]


def _state(folder: Path) -> dict[str, Any]:
    with Session.open(folder) as session:
        rows = {str(one.ref): one.row_estimate for one in session.tables()}
        versions = session.versions()
    files = {one.name: (one.stat().st_mtime_ns, one.read_bytes()) for one in folder.iterdir() if one.is_file()}
    return {"rows": rows, "versions": versions, "files": files}


def test_the_demo_loads_asks_draws_and_a_second_run_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pluto-demo"
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    for question in QUESTIONS:
        assert question in out
    assert out.count("SQL: SELECT") == len(QUESTIONS)
    assert out.count("answered") >= len(QUESTIONS)
    assert f"The workspace stays here: {folder}" in out
    assert (folder / f"{CHART}.svg").read_bytes().lstrip().startswith(b"<")
    assert (folder / f"{CHART}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    first = _state(folder)
    assert set(first["rows"]) == set(TABLES)
    assert main(["demo"]) == 0
    assert "in the workspace already" in capsys.readouterr().out
    assert _state(folder) == first


def test_the_demo_never_replaces_a_table_of_somebodys_own(session: Session) -> None:
    session.query("create table flights as select 'mine' as whose")
    session.query("create table airlines as select 1 as x")
    door = Door(open_session=lambda: session)
    list(_until_refused(door, session))
    assert session.query("select whose from flights").scalar() == "mine"


def _until_refused(door: Door, session: Session) -> list[object]:
    values: Any = invoke(["demo", "--folder", str(session.workspace.root)], door)
    seen: list[object] = []
    with pytest.raises(Refused, match="not the demo's"):
        seen.extend(values)
    return seen


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the private PostgreSQL is for Linux")
def test_the_demo_on_postgres_carries_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", "--postgres", "--folder", str(folder)]) == 0
    out, told = capsys.readouterr()
    assert "367,687 rows in 5 tables from postgresql://" in out
    assert "history of your shell" not in told  # nobody typed that address
    with Session.open(folder) as session:
        assert session.query("select count(*) from flights").scalar() == 336_776
        before = session.versions()
        password = (folder / "postgres" / "password").read_text().strip()
    assert password not in out
    assert main(["demo", "--postgres", "--folder", str(folder)]) == 0
    assert "367,687 rows are in the workspace already" in capsys.readouterr().out
    with Session.open(folder) as session:
        assert session.versions() == before


def test_the_built_wheel_holds_the_demo_and_runs_it(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)],
                   check=True, capture_output=True, timeout=300)
    (wheel,) = wheels.glob("pluto_duck-*.whl")
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index",
                    "--quiet", str(wheel)], check=True, capture_output=True, timeout=300)
    # What it depends on comes from this environment, pluto-duck itself does not: it is installed here as
    # a path to the sources, and `addsitedir` would follow that, PYTHONPATH does not.
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib"), "PLUTODUCK_HOME": str(tmp_path / "h")}
    (tmp_path / "empty").mkdir()
    where = subprocess.run([str(python), "-c", "import pluto_duck; print(pluto_duck.__file__)"], check=True, text=True,
                           env=environment, cwd=tmp_path / "empty", capture_output=True, timeout=60).stdout
    assert Path(where.strip()).is_relative_to(home)
    done = subprocess.run([str(python.with_name("pluto-duck")), "demo"], cwd=tmp_path / "empty", env=environment,
                          text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "64,593 rows in 5 tables" in done.stdout
    assert done.stdout.count("SQL: SELECT") == len(QUESTIONS)
    extension = home / "etc" / "jupyter" / "jupyter_server_config.d" / "pluto_duck.json"
    assert json.loads(extension.read_text())["ServerApp"]["jpserver_extensions"] == {"pluto_duck": True}
