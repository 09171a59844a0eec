"""A first dbt project, from the tables that are there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, UnknownName, UsageError
from pluto_duck.transform.dbt.templating import quoted, source_call
from pluto_duck.workspace.tableref import quote

if TYPE_CHECKING:
    from pluto_duck.session import Session, TableInfo


@dataclass(frozen=True)
class Scaffold:
    folder: Path
    tables: int
    files: tuple[Path, ...]


def scaffold(session: Session, folder: Path, schemas: Sequence[str] = ()) -> Scaffold:
    """Writes what `scaffold_files` says. Raises Refused where the folder holds anything already."""
    folder = folder.expanduser().resolve()
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty; it is left as it is.", hint="Name another folder: dbt init FOLDER")
    tables, files = scaffold_files(session, schemas)
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror}.") from error
    return Scaffold(folder, tables, tuple(folder / name for name in files if not name.endswith(".gitkeep")))


def scaffold_files(session: Session, schemas: Sequence[str] = ()) -> tuple[int, dict[str, str]]:
    """(how many tables, path -> text): `dbt_project.yml`, a source for each schema with the tables' and columns'
    comments and tests from their keys, and one staging view for each table."""
    tables = [one for one in session.tables() if one.kind == "table" and (not schemas or one.ref.schema in schemas)]
    if not tables:
        raise UnknownName("There are no tables to make models of.", hint="Bring some in first: pluto-duck ingest ...")
    project = _name(session.workspace.name)
    files = {
        "dbt_project.yml": yaml_text({
            "name": project, "version": "1.0.0", "profile": project, "model-paths": ["models"], "seed-paths": ["seeds"],
            "snapshot-paths": ["snapshots"], "test-paths": ["tests"], "macro-paths": ["macros"],
            "clean-targets": ["target", "dbt_packages"],
            "models": {project: {"staging": {"+materialized": "view", "+schema": "staging"},
                                 "marts": {"+materialized": "table"}}}}),
        ".gitignore": "target/\ndbt_packages/\nlogs/\n",
        # As it is written in the project, not main_staging.
        "macros/schema_name.sql": "{% macro generate_schema_name(custom_schema_name, node) -%}\n"
                                  "  {{ (custom_schema_name or target.schema) | trim }}\n{%- endmacro %}\n",
        "models/marts/.gitkeep": "",
    }
    taken: set[str] = set()
    for schema in sorted({one.ref.schema for one in tables}):
        mine = [one for one in tables if one.ref.schema == schema]
        source = source_name(schema)
        known = {one.ref.key: one for one in tables}
        files[f"models/staging/{source}.yml"] = yaml_text({"version": 2, "sources": [
            {"name": source, "schema": schema, "tables": [_table(one, known) for one in mine]}]})
        for one in mine:
            model = _free(f"stg_{_name(one.ref.name)}", taken)
            columns = ",\n    ".join(quote(column.name) for column in one.columns)
            files[f"models/staging/{model}.sql"] = (
                f"select\n    {columns}\nfrom {source_call(source, one.ref.name)}\n")
    return len(tables), files


def _table(table: TableInfo, known: dict[str, TableInfo]) -> dict[str, Any]:
    columns = []
    for column in table.columns:
        tests: list[Any] = []
        if table.primary_key == (column.name,) or (column.name,) in table.unique:
            tests.append("unique")
        if column.name in table.primary_key or not column.nullable:
            tests.append("not_null")
        for key in table.foreign_keys:
            if key.columns == (column.name,) and key.table.key in known:
                there = source_name(key.table.schema)
                tests.append({"relationships": {"arguments": {
                    "to": f"source('{there}', {quoted(key.table.name)})", "field": key.referenced[0]}}})
        columns.append({"name": column.name, **({"description": column.comment} if column.comment else {}),
                        "quote": True, **({"data_tests": tests} if tests else {})})
    return {"name": table.ref.name, "quoting": {"identifier": True},
            **({"description": table.comment} if table.comment else {}), "columns": columns}


def source_name(schema: str) -> str:
    return _name(schema) if schema != "main" else "raw"


def _name(text: str) -> str:
    found = re.sub(r"\W+", "_", text.lower()).strip("_") or "workspace"
    return found if not found[0].isdigit() else f"_{found}"


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


def yaml_text(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110))
