"""Where a dbt project is, and the profile that makes it build in the workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pluto_duck.errors import UnknownName, UsageError
from pluto_duck.transform.dbt.model import DbtOptions
from pluto_duck.workspace import Workspace

FILE = "dbt_project.yml"
KEPT = ("schema", "threads", "settings", "attach")
"""Of a profile for DuckDB: what still makes sense where the file is the workspace's."""
THREADS = 4


def find_project(workspace: Workspace, start: Path | None) -> Path:
    """The folder with dbt_project.yml: `start` itself; else the nearest one from here upward; else the only one in
    the workspace's folder. Raises UnknownName and UsageError."""
    if start is not None:
        folder = start.parent if start.name == FILE else start
        if not (folder / FILE).is_file():
            raise UnknownName(f"There is no {FILE} in {folder}.",
                              hint="Name the folder of a dbt project, or make one: pluto-duck dbt init")
        return folder.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
        if folder in (workspace.root, Path.home()):
            break
    return _only_one(workspace)


def project_inside(workspace: Workspace, name: str | None) -> Path:
    """A project of the workspace's own folder, by its path there; None: the only one. Links that lead out are none."""
    if name is None:
        return _only_one(workspace)
    root = workspace.root.resolve()
    try:
        folder = (root / name).resolve()
        there = folder.is_relative_to(root) and (folder / FILE).is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        there = False
    if not there:
        raise UnknownName(f"There is no dbt project {name} in the workspace.",
                          hint=f"A path from the workspace's folder on, of a folder with {FILE}.")
    return folder


def _only_one(workspace: Workspace) -> Path:
    found = below(workspace)
    if not found:
        raise UnknownName(f"There is no dbt project here, nor in {workspace.root}.",
                          hint="Make one from the tables you have: pluto-duck dbt init")
    if len(found) > 1:
        names = ", ".join(str(one.relative_to(workspace.root)) for one in found)
        raise UsageError(f"There are {len(found)} dbt projects: {names}.", hint="Say which: --project FOLDER")
    return found[0]


def below(workspace: Workspace) -> list[Path]:
    """The projects in the workspace's folder."""
    return sorted({one.parent for depth in ("", "*/", "*/*/") for one in workspace.root.glob(f"{depth}{FILE}")
                   if not {"dbt_packages", "target", ".pluto-duck"} & set(one.parts)})


def artefacts(workspace: Workspace, project: Path) -> Path:
    """Where dbt writes what it would write to `target/`, where that can't be; of this project alone."""
    import hashlib

    mark = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:12]
    return workspace.folder / "dbt" / f"{project.name}-{mark}"


def targets(workspace: Workspace, project: Path) -> list[Path]:
    """The folders that may hold its manifest, the newest first."""
    def written(folder: Path) -> float:
        try:
            return (folder / "manifest.json").stat().st_mtime
        except OSError:
            return 0.0

    return sorted((project / "target", artefacts(workspace, project)), key=written, reverse=True)


def read(path: Path) -> dict[str, Any]:
    """A YAML file of dbt's. Raises UsageError where it is none."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}.", hint="Mend the YAML there.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no settings.", hint="See https://docs.getdbt.com/reference/dbt_project.yml")
    return found


def profile_name(project: Path) -> str:
    """dbt wants one, also of a project that names none; and one made by Jinja is known to dbt alone."""
    settings = read(project / FILE)
    name = str(settings.get("profile") or settings.get("name") or "")
    return name if name and "{{" not in name else "pluto_duck"


def own_profile(project: Path, name: str, place: Path | None = None) -> tuple[Path, dict[str, Any]] | None:
    """(its folder, the profile) that dbt itself would use; None without one. `place`: where it was said to be."""
    elsewhere = [Path(os.environ["DBT_PROFILES_DIR"])] if os.environ.get("DBT_PROFILES_DIR") else []
    for folder in [place] if place is not None else (*elsewhere, project, Path.home() / ".dbt"):
        if (folder / "profiles.yml").is_file():
            profile = read(folder / "profiles.yml").get(name)
            if isinstance(profile, dict):
                return folder, profile
    return None


@contextmanager
def profile_for(workspace: Workspace, project: Path, options: DbtOptions) -> Iterator[tuple[list[str], list[str]]]:
    """What makes dbt build in the workspace, while the block lasts, and what the reader should know."""
    import yaml

    target, lent = options.target, options.lend
    name = options.profile or profile_name(project)
    own, notes = own_profile(project, name, options.profiles_dir), []
    if own is None and options.profiles_dir is not None:
        raise UsageError(f"There is no profile {name} in {options.profiles_dir}.",
                         hint="Without --profiles-dir none is needed.")
    outputs = (own[1].get("outputs") or {}) if own else {}
    default = (own[1].get("target") if own else None) or "workspace"
    wanted = target or str(default)
    if "{{" in wanted:
        wanted = next(iter(outputs), "workspace")
    if target and outputs and target not in outputs:
        raise UsageError(f"The profile {name} has no target {target}.", hint=f"It has {', '.join(sorted(outputs))}.")
    output = outputs.get(wanted) if isinstance(outputs.get(wanted), dict) else {}
    assert isinstance(output, dict)
    kind = output.get("type", "duckdb")
    if kind == "duckdb":
        # Lent, dbt opens the file by itself, so that extensions, plug-ins and the like of the profile count, too.
        kept = set(output) - {"type", "path", "database"} if lent else set(KEPT)
        made = {key: output[key] for key in output if key in kept and output[key] is not None}
        dropped = sorted(set(output) - kept - {"type", "path", "database"})
        if dropped:
            notes.append(f"Of the project's profile not used in the workspace: {', '.join(dropped)}.")
    else:
        made = {}
        notes.append(f"The project's profile is for {kind}; its models are built by DuckDB, in the workspace.")
    made = {"schema": "main", "threads": THREADS, **made, "type": "duckdb", "path": str(workspace.database)}
    if options.threads is not None:
        made["threads"] = options.threads
    with TemporaryDirectory(prefix="dbt-", dir=workspace.folder) as folder:
        text = yaml.safe_dump({name: {"target": wanted, "outputs": {wanted: made}}})
        (Path(folder) / "profiles.yml").write_text(text, encoding="utf-8")
        yield ["--profiles-dir", folder, "--profile", name], notes
