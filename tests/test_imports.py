"""What must stay light stays light, and imports go down only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("pandas", "numpy", "pyarrow", "duckdb", "sqlglot", "anthropic", "openai", "httpx2", "rich", "matplotlib", "psycopg", "tornado",
         "jupyter_server", "polars", "yaml")

_PROBE = """
import sys
{code}
heavy = [name for name in {heavy!r} if name in sys.modules]
print(" ".join(heavy), file=sys.stderr)
"""


def _loaded(code: str, tmp_path: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", _PROBE.format(code=code, heavy=HEAVY)], capture_output=True,
                          text=True, timeout=120, check=True, cwd=tmp_path,
                          env={**os.environ, "PLUTODUCK_HOME": str(tmp_path / "home")})
    return done.stderr.split()


def test_the_probe_sees_what_is_loaded(tmp_path: Path) -> None:
    assert "duckdb" in _loaded("import duckdb", tmp_path)


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    assert _loaded("import pluto_duck", tmp_path) == []


@pytest.mark.parametrize("line", ["--help", "help ingest", "help query", "--version", "qury"])
def test_help_loads_nothing_heavy(line: str, tmp_path: Path) -> None:
    said = _loaded(f"from pluto_duck.cli import main; main({line.split()!r})", tmp_path)
    assert not set(HEAVY) & set(said)


def test_loading_the_extension_loads_neither_pandas_nor_pyarrow(tmp_path: Path) -> None:
    code = ("from IPython.core.interactiveshell import InteractiveShell\n"
            "shell = InteractiveShell.instance()\n"
            "shell.run_line_magic('load_ext', 'pluto_duck')")
    assert not {"pandas", "pyarrow", "sqlglot", "anthropic", "matplotlib"} & set(_loaded(code, tmp_path))


def test_imports_go_down_only() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
