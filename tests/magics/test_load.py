"""Loading and unloading the extension."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pluto_duck import magics
from tests.magics.conftest import Shell

HEAVY = ("pandas", "pyarrow", "sqlglot", "matplotlib", "duckdb", "numpy", "rich", "click", "polars", "anthropic")


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    code = ("import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
            "shell = InteractiveShell.instance()\nbefore = set(sys.modules)\n"
            "shell.run_line_magic('load_ext', 'pluto_duck')\n"
            f"print(sorted(set({HEAVY!r}) & (set(sys.modules) - before)), 'pluto' in shell.magics_manager.magics['cell'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"HOME": str(tmp_path), "PATH": "", "IPYTHONDIR": str(tmp_path)})
    assert done.stdout.strip() == "[] True"


def test_loading_opens_no_workspace(shell: Shell, tmp_path: Path) -> None:
    assert not list((tmp_path / "workspace").rglob("*.duckdb"))


def test_loading_twice_keeps_the_session(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TEMP TABLE t AS SELECT 1 AS a")
    shell.run("%load_ext pluto_duck")
    magics.load(shell.ipython)
    assert shell.run("%pluto sql FROM t").error is None


def test_reloading_starts_over(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE kept AS SELECT 1 AS a")
    assert shell.run("%reload_ext pluto_duck").error is None
    assert shell.run("%pluto sql FROM kept").error is None


def test_unloading_takes_everything_back_and_closes_the_session(shell: Shell, tmp_path: Path) -> None:
    import duckdb

    shell.run("%%pluto sql found\nCREATE TABLE t AS SELECT 1 AS a; FROM t")
    ipython = shell.ipython
    assert shell.run("%unload_ext pluto_duck").error is None
    assert "pluto" not in ipython.magics_manager.magics["line"]
    assert "ask" not in ipython.magics_manager.magics["cell"]
    assert not [one for one in ipython.Completer.custom_matchers if "pluto" in str(one.matcher_identifier)]
    assert not [one for one in ipython.input_transformer_manager.token_transformers if "pluto" in one.__module__]
    assert "text/html" not in ipython.display_formatter.format(shell.names["found"])[0]
    with duckdb.connect(str(tmp_path / "workspace" / ".pluto-duck" / "workspace.duckdb")) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_unloading_rolls_back_what_is_open(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE t (a INT)")
    shell.run("%pluto sql BEGIN")
    shell.run("%pluto sql INSERT INTO t VALUES (1)")
    shell.run("%unload_ext pluto_duck")
    shell.run("%load_ext pluto_duck")
    shell.run("%%pluto sql found\nSELECT count(*) FROM t")
    assert shell.names["found"].scalar() == 0


def test_unloading_what_is_not_loaded_is_quiet(bare_shell: Shell) -> None:
    magics.unload(bare_shell.ipython)


def test_a_result_is_rich_once_the_extension_is_loaded(shell: Shell) -> None:
    shell.run("%%pluto sql found\nSELECT 1 AS a")
    bundle = shell.ipython.display_formatter.format(shell.names["found"])[0]
    assert bundle["text/plain"] == "a\n─\n1\n1 row"
