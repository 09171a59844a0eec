"""What a dbt project has already: its models and sources, and what they are called in the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.transform.dbt.lineage import manifest_of
from pluto_duck.transform.dbt.project import FILE, own_profile, profile_name, read
from pluto_duck.workspace import TableRef, Workspace

MAX_BYTES = 2_000_000
MOST_FILES = 20_000
PLAIN = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_SAFE = re.compile(r"[^'\"{}\\\n\r]+\Z")
"""What may stand in the quotes of ref() and source()."""


@dataclass(frozen=True)
class Contents:
    folder: Path
    schema: str
    """Where a model is made whose project says no other place."""
    model_paths: tuple[str, ...]
    marts: bool = False
    """Whether it keeps its last models apart, in a folder of that name."""
    models: dict[str, str] = field(default_factory=dict)
    """Name -> the path of its file in the project, of what ref() may name."""
    described: dict[str, str] = field(default_factory=dict)
    """Model -> the file that has its entry."""
    tables: dict[str, TableRef] = field(default_factory=dict)
    """What ref() may name -> what it is in the database."""
    sources: dict[tuple[str, str], TableRef] = field(default_factory=dict)
    source_files: dict[tuple[str, str], str] = field(default_factory=dict)

    built: set[str] = field(default_factory=set)
    """Of `tables`, those that dbt itself told the place of; the others are where a model is made by default."""

    def called(self, key: str) -> tuple[str, ...]:
        """(model,) or (source, table) that stands for a TableRef.key; () for none."""
        models = [name for name, one in self.tables.items() if one.key == key and _SAFE.match(name)]
        sources = [pair for pair, one in self.sources.items() if one.key == key and all(map(_SAFE.match, pair))]
        known = [(name,) for name in models if name in self.built]
        return next(iter((*known, *sources, *((name,) for name in models))), ())

    def source_name(self, schema: str) -> str | None:
        """The source that speaks of a schema already."""
        return next((pair[0] for pair, one in self.sources.items()
                     if one.schema.lower() == schema.lower() and _SAFE.match(pair[0])), None)


def contents(workspace: Workspace, folder: Path) -> Contents:
    """Of the project there. Raises UsageError where its dbt_project.yml can't be read."""
    settings = read(folder / FILE)
    paths = _paths(settings)
    found = Contents(folder, default_schema(folder), paths, (folder / paths[0] / "marts").is_dir())
    files = list(_files(folder, found.model_paths))
    _take(found, {path: _text(folder / path) if path.endswith((".yml", ".yaml")) else "" for path in files})
    manifest = manifest_of(workspace, folder)
    database = workspace.database.stem.lower()
    for one in (manifest.get("nodes") or {}).values():
        name, kind = str(one.get("name")), one.get("resource_type")
        ephemeral = (one.get("config") or {}).get("materialized") == "ephemeral"
        there = kind in ("seed", "snapshot") or (kind == "model" and name in found.models)
        if there and not ephemeral and one.get("schema") and str(one.get("database") or database).lower() == database:
            found.tables[name] = TableRef(str(one.get("alias") or name), str(one["schema"]))
            found.built.add(name)
            found.models.setdefault(name, str(one.get("original_file_path") or ""))
        elif there and ephemeral:
            found.tables.pop(name, None)
    for one in (manifest.get("sources") or {}).values():
        if one.get("source_name") and one.get("schema"):
            pair = str(one["source_name"]), str(one["name"])
            found.sources.setdefault(pair, TableRef(str(one.get("identifier") or one["name"]), str(one["schema"])))
    return found


def planned(folder: Path, files: Mapping[str, str]) -> Contents:
    """Of a project that is not there yet, by the texts of its files."""
    import yaml

    paths = _paths(yaml.safe_load(files[FILE]))
    found = Contents(folder, "main", paths, any(path.startswith(f"{paths[0]}/marts/") for path in files))
    _take(found, {path: text for path, text in files.items() if path.split("/")[0] in found.model_paths})
    return found


def _take(found: Contents, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        stem, dot, ending = PurePosixPath(path).name.rpartition(".")
        if dot and ending in ("sql", "py"):
            found.models[stem] = path
            found.tables.setdefault(stem, TableRef(stem, found.schema))
        elif ending in ("yml", "yaml"):
            _described(found, path, text)


def _described(found: Contents, path: str, text: str) -> None:
    told = _mapping(text)
    for one in _each(told, "models"):
        found.described[str(one.get("name"))] = path
    found.sources.update(sources_of(text))
    found.source_files.update(dict.fromkeys(declared(text), path))


def sources_of(text: str) -> dict[tuple[str, str], TableRef]:
    """The sources of a YAML file's text, as far as no Jinja hides where they are."""
    found = {}
    for source in _each(_mapping(text), "sources"):
        name = str(source.get("name"))
        for table in _each(source, "tables"):
            called, schema = str(table.get("identifier") or table.get("name")), str(source.get("schema") or name)
            if "{{" not in schema + called:
                found[name, str(table.get("name"))] = TableRef(called, schema)
    return found


def declared(text: str) -> list[tuple[str, str]]:
    """The sources, by their names in dbt, that the text of a YAML file speaks of."""
    return [(str(source.get("name")), str(table.get("name"))) for source in _each(_mapping(text), "sources")
            for table in _each(source, "tables")]


def columns_of(text: str, model: str) -> list[str]:
    """Those that the text of a YAML file speaks of."""
    return [str(column.get("name")) for one in _each(_mapping(text), "models") if one.get("name") == model
            for column in _each(one, "columns")]


def _mapping(text: str) -> dict[str, Any]:
    """{} for what dbt could not read either: it says so itself."""
    import yaml

    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _each(told: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    some = told.get(part)
    return [one for one in some if isinstance(one, dict)] if isinstance(some, list) else []


def _paths(settings: Any) -> tuple[str, ...]:
    told = settings.get("model-paths") or ["models"]
    return tuple(str(one).strip("/") for one in told) if isinstance(told, list) else ("models",)


def _files(folder: Path, model_paths: tuple[str, ...]) -> Iterator[str]:
    count = 0
    for one in model_paths:
        for path in sorted((folder / one).rglob("*")):
            if path.suffix in (".sql", ".py", ".yml", ".yaml") and path.is_file():
                count += 1
                if count > MOST_FILES:
                    raise UsageError(f"{folder / one} has more than {MOST_FILES:,} files.")
                yield path.relative_to(folder).as_posix()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= MAX_BYTES else ""
    except (OSError, UnicodeDecodeError):
        return ""


def default_schema(folder: Path) -> str:
    """As its profile says; without one, ours."""
    own = own_profile(folder, profile_name(folder))
    outputs = (own[1].get("outputs") or {}) if own else {}
    output = outputs.get((own[1].get("target") if own else None) or "", next(iter(outputs.values()), {}))
    schema = str((output or {}).get("schema") or "main") if isinstance(output, dict) else "main"
    return schema if "{{" not in schema else "main"
