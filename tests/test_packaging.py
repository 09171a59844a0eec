"""What a fresh machine meets first: pinned versions, the wheel, the scripts of CI and Binder, the licence."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


TOP = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "constraints.txt", "Dockerfile",
       "compose.yaml", "SECURITY.md", ".gitignore", ".dockerignore", ".gitattributes", ".ci", ".github", "pluto_duck",
       "jupyter_extension", "notebooks", "dbt_examples", "tests", "binder", "docs"}


def test_nothing_was_left_lying_in_the_house() -> None:
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        files = listed.split("\0")[:-1]
    else:  # an archive: what the targets of the Makefile make lies here, too
        files = [one for one in os.listdir(ROOT) if one[0] != "." and one not in {"demo", "dist", "build"}]
    assert {one.split("/")[0] for one in files} <= TOP
    assert [one for one in files if one.endswith((".db", ".duckdb", ".wal", ".log", ".pyc", ".sqlite"))] == []


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_hold_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)


def test_everything_that_the_project_asks_for_is_pinned() -> None:
    pinned = {_plain(name) for name in _pins()}
    asked = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    names = {_plain(re.match(r"[A-Za-z0-9._-]+", one)[0]) for one in asked}  # type: ignore[index]
    assert names - {"pluto-duck"} <= pinned


def test_the_pins_satisfy_what_the_project_asks_for() -> None:
    from packaging.requirements import Requirement

    pins = {_plain(name): version for name, version in _pins().items()}
    for text in [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]:
        wanted = Requirement(text)
        if _plain(wanted.name) in pins:
            assert wanted.specifier.contains(pins[_plain(wanted.name)]), text


@pytest.mark.skipif(shutil.which("bash") is None or os.name != "posix", reason="POSIX scripts")
@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild", "binder/start"])
def test_a_script_can_be_run_and_parses(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True, timeout=30)


def test_binder_takes_a_python_that_the_project_supports() -> None:
    import yaml

    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    (python,) = [one for one in environment["dependencies"] if str(one).startswith("python=")]
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= (3, 11)
    assert "set -euo pipefail" in (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    assert (ROOT / "binder" / "start").read_text(encoding="utf-8").rstrip().endswith('exec "$@"')


EXTENSION = "share/jupyter/labextensions/pluto-duck-labextension"


def _wheel(root: Path, target: Path, wish: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)], cwd=root,
                          env={**os.environ, "PLUTODUCK_LABEXTENSION": wish, **environment}, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def _names(target: Path) -> list[str]:
    (wheel,) = target.glob("*.whl")
    return [name.partition(".data/data/")[2] or name for name in zipfile.ZipFile(wheel).namelist()]


def test_the_wheel_brings_the_package_the_sidebar_and_the_server_extension(tmp_path: Path) -> None:
    if not (ROOT / "pluto_duck" / "labextension" / "package.json").exists():
        pytest.skip("the sidebar is not built: no node here when pluto-duck was installed")
    built = _wheel(ROOT, tmp_path, "require")
    assert built.returncode == 0, built.stdout
    names = _names(tmp_path)
    assert "etc/jupyter/jupyter_server_config.d/pluto_duck.json" in names
    for name in ("package.json", "install.json", "schemas/pluto-duck-labextension/plugin.json"):
        assert f"{EXTENSION}/{name}" in names
    assert any(name.startswith(f"{EXTENSION}/static/remoteEntry.") for name in names)
    assert "pluto_duck/commands/sample/flights.parquet" in names
    assert [name for name in names if "node_modules" in name or name.startswith("pluto_duck/labextension")] == []
    static = [one for one in (ROOT / "pluto_duck" / "labextension" / "static").iterdir() if one.suffix == ".js"]
    assert sum(len(gzip.compress(one.read_bytes())) for one in static) < 250_000


@pytest.mark.skipif(os.name != "posix", reason="a shell script plays npm")
def test_without_a_registry_everything_but_the_sidebar_is_installed_and_that_is_said(tmp_path: Path) -> None:
    root = tmp_path / "source"
    root.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    leave = shutil.ignore_patterns("node_modules", "labextension", "__pycache__", "lib", ".test")
    for name in ("pluto_duck", "jupyter_extension"):
        shutil.copytree(ROOT / name, root / name, ignore=leave)
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho 'npm error network unreachable' >&2\nexit 1\n", encoding="utf-8")
    npm.chmod(0o755)
    path = f"{npm.parent}{os.pathsep}{os.environ['PATH']}"
    built = _wheel(root, tmp_path / "wheel", "", PATH=path)
    assert built.returncode == 0, built.stdout
    assert built.stdout.count("without its sidebar") == 1
    assert "network unreachable" in built.stdout
    names = _names(tmp_path / "wheel")
    assert "pluto_duck/__init__.py" in names
    assert [name for name in names if "labextension" in name] == []

    quiet = _wheel(root, tmp_path / "quiet", "skip", PATH=path)
    assert quiet.returncode == 0
    assert "sidebar" not in quiet.stdout
    assert _wheel(root, tmp_path / "release", "require", PATH=path).returncode != 0


def test_the_sidebar_has_the_version_of_the_package_and_no_address_in_its_lock() -> None:
    from pluto_duck import __version__

    folder = ROOT / "jupyter_extension"
    assert json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"] == __version__
    assert f"'{__version__}'" in (folder / "src" / "version.ts").read_text(encoding="utf-8")
    assert "://" not in (folder / "package-lock.json").read_text(encoding="utf-8")


def test_the_licence_is_the_whole_of_it() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
