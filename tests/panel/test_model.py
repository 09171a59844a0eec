"""The sidebar's model, which is plain TypeScript, by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.panel.browser import ROOT

FOLDER = ROOT / "jupyter_extension"


def test_the_model_passes_its_own_tests() -> None:
    npm = shutil.which("npm")
    if npm is None or not (FOLDER / "node_modules" / "typescript").exists():
        pytest.skip("there is no npm, or the sidebar was not built here")
    ran = subprocess.run([npm, "--loglevel=error", "run", "--silent", "test"], cwd=FOLDER, text=True, timeout=120,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert ran.returncode == 0, ran.stdout
    passed = [int(line.removeprefix("# pass ")) for line in ran.stdout.splitlines() if line.startswith("# pass ")]
    assert passed
    assert passed[0] >= 30
