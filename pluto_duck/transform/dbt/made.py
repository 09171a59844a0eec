"""Which model of which project a table is made by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pluto_duck.transform.dbt.lineage import _MADE, _read, artifacts, keys
from pluto_duck.transform.dbt.project import FILE
from pluto_duck.workspace import Workspace


@dataclass(frozen=True)
class MadeBy:
    kind: str
    """model, seed or snapshot."""
    name: str
    materialized: str
    path: str
    """Of its file, from the project's folder on."""
    folder: Path | None
    """Of the project; None where it is not known any more."""


def made_by(workspace: Workspace, key: str) -> MadeBy | None:
    """By what dbt read last of the projects in the workspace; None for a table that none of them makes."""
    for path, _results in artifacts(workspace):
        manifest = _read(path)
        for unique_id, id in keys(manifest, workspace).items() if manifest else ():
            one = manifest.get("nodes", {}).get(unique_id)
            if id == key and one is not None and one["resource_type"] in _MADE:
                folder = path.parent.parent
                return MadeBy(str(one["resource_type"]), str(one["name"]),
                              str((one.get("config") or {}).get("materialized") or ""),
                              str(one.get("original_file_path") or ""), folder if (folder / FILE).is_file() else None)
    return None
