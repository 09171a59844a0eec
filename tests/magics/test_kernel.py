"""Real kernels: the stop button, exports, several notebooks on one workspace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from pluto_duck.workspace import Workspace
from tests.magics.conftest import SAMPLE, Kernel, start

ENDLESS = "SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 99"

PRESSES_STOP = """
import os, signal, threading, pluto_duck
def press():
    with pluto_duck.open() as other:
        while not any(one.ref.name == "begun" for one in other.tables()):
            pass
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
"""


def test_the_stop_button_stops_the_statement_and_leaves_the_session(kernel: Kernel) -> None:
    kernel.run("%load_ext pluto_duck")
    kernel.run("%pluto sql CREATE TEMP TABLE kept AS SELECT 1 AS a")
    kernel.run(PRESSES_STOP)
    output = kernel.run(f"%%pluto sql\nCREATE TABLE begun AS SELECT 1 AS a;\n{ENDLESS}")
    assert output.error is not None
    assert output.error["ename"] == "Cancelled"
    assert output.error["traceback"] == ["Cancelled: Stopped.", "Hint: The session can go on."]
    assert "1 row" in str(kernel.run("%pluto sql FROM kept").data)


def test_an_error_in_a_kernel_is_one_block(kernel: Kernel) -> None:
    kernel.run("%load_ext pluto_duck")
    error = kernel.run("%pluto sql SELECT * FROM nowhere").error
    assert error is not None
    assert error["ename"] == "UnknownName"
    assert error["traceback"][0] == 'UnknownName: There is no table "nowhere".'
    assert len(error["traceback"]) <= 2


def test_outputs_of_a_kernel_are_html_and_text(kernel: Kernel) -> None:
    kernel.run("%load_ext pluto_duck")
    data = kernel.run("%pluto sql SELECT 1 AS a").data
    assert set(data[0]) == {"text/html", "text/plain"}


def test_the_kernel_completes_sql(kernel: Kernel) -> None:
    kernel.run("%load_ext pluto_duck\n")
    kernel.run("%pluto sql CREATE TABLE flights AS SELECT 1 AS carrier")
    code = "%%pluto sql\nSELECT car FROM flights"
    kernel.client.complete(code, cursor_pos=code.index(" FROM"))
    while True:
        reply = kernel.client.get_shell_msg(timeout=60)
        if reply["msg_type"] == "complete_reply":
            break
    assert reply["content"]["matches"] == ["carrier"]
    assert code[reply["content"]["cursor_start"]:reply["content"]["cursor_end"]] == "car"


def test_two_notebooks_see_each_others_tables(kernel: Kernel, workspace: Workspace, tmp_path: Path) -> None:
    kernel.run("%load_ext pluto_duck")
    kernel.run("%pluto sql CREATE TABLE shared AS SELECT 42 AS answer")
    with start(workspace, tmp_path) as other:
        other.run("%load_ext pluto_duck")
        assert "42" in str(other.run("%pluto sql FROM shared").data)
        other.run("import pandas\nframe = pandas.DataFrame({'a': [1, 2, 3]})\nleast = 2")
        other.run("%%pluto sql mine\nCREATE TABLE copied AS SELECT a FROM frame WHERE a >= $least")
    assert "2 rows" in str(kernel.run("%pluto sql FROM copied").data)


def test_the_kernel_leaves_the_workspace_when_it_ends(workspace: Workspace, tmp_path: Path) -> None:
    import duckdb

    with start(workspace, tmp_path) as kernel:
        kernel.run("%load_ext pluto_duck")
        kernel.run("%pluto sql CREATE TABLE t AS SELECT 1 AS a")
        kernel.client.shutdown()
        kernel.manager.provisioner.process.wait(timeout=60)
    with duckdb.connect(str(workspace.database)) as database:
        assert database.execute("SELECT a FROM t").fetchone() == (1,)


@pytest.fixture
def exported(workspace: Workspace, tmp_path: Path) -> Path:
    cells = ["%load_ext pluto_duck",
             f"%pluto ingest {SAMPLE / 'flights.parquet'}",
             "%%pluto sql top\nSELECT '<script>alert(1)</script>' AS carrier, count(*) AS n FROM flights",
             "%ask average departure delay by carrier"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    path = workspace.root / "story.ipynb"
    nbformat.write(notebook, path)
    return path


def _html(notebook: Path, tmp_path: Path) -> str:
    """By the template without a page around it, whose own scripts are not ours."""
    environment = os.environ | {"PLUTODUCK_HOME": str(tmp_path / "home"), "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", "--execute", "--template", "basic",
                           "--stdout", str(notebook)],
                          capture_output=True, text=True, env=environment, cwd=notebook.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_exported_notebook_shows_table_and_chart_without_script(exported: Path, tmp_path: Path) -> None:
    html = _html(exported, tmp_path)
    assert "<table" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    # The place that nbconvert itself keeps for buttons; where nothing can press them nothing stands there.
    ours = re.sub(r"<script type=\"(text/javascript\">\s*var element = \$\('#[\w-]+'\);\s*|"
                  r"application/vnd\.jupyter\.widget-(view|state)\+json\">[^<]*)</script>", "", html)
    assert "<script" not in ours
    assert "image/svg+xml" in html
    assert "plotly" not in html.lower()
