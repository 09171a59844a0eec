"""Runs a dlt source in a process of its own and leaves its tables as Parquet files: `python -m ... SPEC FOLDER`,
with [tables that are wanted, arguments] as json on its standard input.

Extraction and normalisation are dlt's; nothing of it touches the user's own pipelines, and it tells nobody.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "DO_NOT_TRACK": "1"}
TABLES = "tables.json"
PROBLEM = "problem.json"


def main(spec: str, folder: Path, wanted: list[str], arguments: dict[str, Any]) -> None:
    os.environ.update(QUIET, DLT_DATA_DIR=str(folder / "dlt"))
    import dlt

    module, _, name = spec.partition(":")
    sys.path.insert(0, os.getcwd())
    __import__(module)
    made = _source(dlt, sys.modules[module], name, arguments)
    resources = list(made.resources)
    picked = [one for one in resources if any(_means(name, one) for name in wanted)]
    if wanted and picked:
        made = made.with_resources(*picked)
    pipeline = dlt.pipeline("pluto_duck", pipelines_dir=str(folder / "pipelines"), dataset_name="data",
                            destination=dlt.destinations.filesystem((folder / "out").as_uri()))
    pipeline.extract(made, loader_file_format="parquet")
    pipeline.normalize()
    (folder / TABLES).write_text(json.dumps(_tables(pipeline, folder)), encoding="utf-8")


def _source(dlt: Any, module: Any, name: str, arguments: dict[str, Any]) -> Any:
    from dlt.extract import DltResource, DltSource

    found = getattr(module, name)
    if arguments or (not isinstance(found, DltSource | DltResource) and callable(found)):
        found = found(**arguments)
    if isinstance(found, DltResource):
        found = DltSource(dlt.Schema("source"), name, [found])
    if not isinstance(found, DltSource):
        found = DltSource(dlt.Schema("source"), name, [dlt.resource(found, name=name)])
    return found


def _means(wanted: str, resource: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(resource, wanted) or wanted.startswith(f"{resource}__")


def _tables(pipeline: Any, folder: Path) -> dict[str, Any]:
    files: dict[str, list[str]] = {}
    for path in sorted(folder.glob("pipelines/**/normalized/*/new_jobs/*.parquet")):
        files.setdefault(path.name.split(".")[0], []).append(str(path))
    found: dict[str, Any] = {}
    for name, table in pipeline.default_schema.tables.items():
        if name.startswith("_dlt"):
            continue
        columns = {column: hints.get("data_type", "text") for column, hints in table["columns"].items()}
        key = [column for column, hints in table["columns"].items() if hints.get("primary_key")]
        found[name] = {"files": files.get(name, []), "columns": columns, "key": key, "parent": table.get("parent", ""),
                       "comment": table.get("description") or ""}
    return found


def _told(error: BaseException) -> BaseException:
    """What the user's code raised, not the layers that dlt wraps around it."""
    while True:
        inner = error.__cause__ or getattr(error, "original_exception", None) or getattr(error, "exception", None)
        if not isinstance(inner, BaseException) or inner is error:
            return error
        error = inner


if __name__ == "__main__":
    target = Path(sys.argv[2])
    try:
        main(sys.argv[1], target, *json.loads(sys.stdin.read()))
    except BaseException as error:  # the door of this process: it reports, to the one that started it
        cause = _told(error)
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else ""
        (target / PROBLEM).write_text(json.dumps(
            {"kind": type(cause).__name__, "message": str(cause) or type(cause).__name__, "missing": missing}),
            encoding="utf-8")
        sys.exit(1)
