"""A build of dbt as somebody asks for it in fields: over REST, or in the sidebar's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.transform import DBT_FROM_AFAR

if TYPE_CHECKING:
    from pathlib import Path

    from pluto_duck.transform.dbt import DbtOptions
    from pluto_duck.workspace import Workspace

MOST_THREADS = 64


def options_of(project: Path, wanted: Mapping[str, Any]) -> DbtOptions:
    """Of `command`, `select`, `exclude`, `vars`, `full_refresh`, `target`, `threads` and `check`, each of the type that
    it has there. Raises UsageError and UnknownName."""
    from pluto_duck.transform.dbt import DbtOptions

    command = wanted.get("command", "build")
    if command not in DBT_FROM_AFAR:
        raise unknown_name("command of dbt", command, DBT_FROM_AFAR)
    args: list[str] = []
    for name in ("select", "exclude"):
        if name in wanted:
            args += [f"--{name}", *_words(name, wanted[name])]
    if wanted.get("full_refresh"):
        args.append("--full-refresh")
    if "vars" in wanted:
        args += ["--vars", json.dumps(wanted["vars"])]
    target, threads = wanted.get("target"), wanted.get("threads")
    if target is not None and (not target or target.startswith("-")):
        raise UsageError('"target" is the name of one in the profile.', name="target")
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise UsageError(f'"threads" must be from 1 to {MOST_THREADS}.', name="threads")
    return DbtOptions(command, project, tuple(args), target, threads, check=bool(wanted.get("check")))


def text_of(options: DbtOptions, workspace: Workspace) -> str:
    """What stands in the list of runs: no variables, which may hold anything."""
    text = " ".join(("dbt", options.command, *options.args)).partition(" --vars")[0]
    shown = shown_of(options, workspace)
    return f"{text} in {shown}" if shown != "." else text


def shown_of(options: DbtOptions, workspace: Workspace) -> str:
    """The project's folder from that of the workspace on."""
    assert options.project is not None
    root = workspace.root.resolve()
    inside = options.project.is_relative_to(root)
    return options.project.relative_to(root).as_posix() if inside else str(options.project)


def _words(name: str, value: Any) -> list[str]:
    """What selects nodes; an option of dbt's is none."""
    words = value.split() if isinstance(value, str) else value
    if not words or not all(isinstance(one, str) and one.strip() and not one.lstrip().startswith("-") for one in words):
        raise UsageError(f'"{name}" must be what selects nodes, as text or as an array of texts.', name=name,
                         hint='For example: ["staging+", "tag:daily"]')
    return [str(one) for one in words]
