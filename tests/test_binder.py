"""What Binder does with binder/, as far as it can be told without Binder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from pluto_duck.commands.demo import NOTEBOOK

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def test_the_environment_is_one_that_we_run_on() -> None:
    environment = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))
    (python,) = [one for one in environment["dependencies"] if one.startswith("python=")]
    classifiers = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"Python :: {python.partition('=')[2]}" in classifiers
    assert "pip" in environment["dependencies"]


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_its_scripts_run(name: str) -> None:
    script = BINDER / name
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_start_becomes_what_it_is_given_with_little_memory() -> None:
    done = subprocess.run([BINDER / "start", "env"], capture_output=True, text=True, check=True)
    assert "PLUTODUCK_DUCKDB__MEMORY_LIMIT=1GB" in done.stdout.splitlines()


def test_the_notebook_that_the_readme_opens_is_the_one_that_post_build_makes() -> None:
    (line,) = [one for one in (BINDER / "postBuild").read_text(encoding="utf-8").splitlines() if "pluto-duck demo" in one]
    folder = line.split("--folder")[1].strip()
    assert f"lab/tree/{folder}/{NOTEBOOK}" in (ROOT / "README.md").read_text(encoding="utf-8")
