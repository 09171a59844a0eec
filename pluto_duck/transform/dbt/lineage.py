"""What dbt knows of where its models come from: out of target/manifest.json of the projects of a workspace.

Source: https://schemas.getdbt.com/dbt/manifest/v12.json. The compiled SQL tells the columns; where it is not there (a
python model, a project that was only parsed), dbt's own graph tells the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pluto_duck.catalog.lineage import Known, Link, Node, Part, links_of
from pluto_duck.catalog.lineage.remembering import traces
from pluto_duck.session import Session, TableInfo
from pluto_duck.transform.dbt.project import below, targets
from pluto_duck.workspace import TableRef, Workspace

MAX_BYTES = 100_000_000
ORIGIN = ("question", "answer", "run")
"""What `meta: {pluto_duck: ...}` of a model tells of where its SQL comes from."""
_MADE = ("model", "seed", "snapshot")
_KEPT = ("resource_type", "database", "schema", "name", "alias", "identifier", "compiled_code", "depends_on", "config",
         "columns", "original_file_path", "label", "type", "owner", "url", "attached_node", "language",
         "test_metadata", "column_name", "source_name")


def models(session: Session, tables: Sequence[TableInfo], known: Known, files: Iterable[tuple[Path, Path]]) -> Part:
    """`files`: of `artifacts`."""
    parts = [_of(manifest, _read(results), session.workspace, tables, known)
             for path, results in files if (manifest := _read(path))]
    return Part(tuple(one for part in parts for one in part.nodes), tuple(one for part in parts for one in part.links))


def artifacts(workspace: Workspace, projects: Iterable[Path] = ()) -> list[tuple[Path, Path]]:
    """(manifest, results of the last run) of each project that dbt has read. `projects`: folders beside those in the
    workspace's own."""
    found = []
    for project in dict.fromkeys([*below(workspace), *projects]):
        for target in targets(workspace, project):
            if (target / "manifest.json").is_file():
                found.append((target / "manifest.json", target / "run_results.json"))
                break
    return found


def manifests(workspace: Workspace, projects: Iterable[Path] = ()) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What stands in them; what can't be read is left out."""
    return [(manifest, _read(results)) for path, results in artifacts(workspace, projects)
            if (manifest := _read(path))]


def manifest_of(workspace: Workspace, project: Path) -> dict[str, Any]:
    """Of one project, wherever it is; {} where dbt has not read it yet."""
    return next((found for target in targets(workspace, project)
                 if (found := _read(target / "manifest.json"))), {})


def _read(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
        if status.st_size > MAX_BYTES:
            return {}
        return _parsed(path, (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))
    except (OSError, ValueError, RecursionError):
        return {}


@lru_cache(maxsize=8)
def _parsed(path: Path, _stamp: tuple[int, ...]) -> dict[str, Any]:
    told = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(told, dict):
        return {}
    if "nodes" not in told:
        return told
    # The rest of a manifest is macros and what they say, ten times as much.
    return {part: {key: {name: one.get(name) for name in _KEPT} for key, one in (told.get(part) or {}).items()
                   if isinstance(one, dict)} for part in ("nodes", "sources", "exposures")}


def _of(manifest: Mapping[str, Any], results: Mapping[str, Any], workspace: Workspace, tables: Sequence[TableInfo],
        known: Known) -> Part:
    there = {one.ref.key: one for one in tables}
    ids = keys(manifest, workspace)
    nodes: dict[str, Node] = {}
    links: list[Link] = []
    every = {**manifest.get("sources", {}), **manifest.get("nodes", {})}
    tested = _tests(every)
    ran = {str(one.get("unique_id")): one for one in results.get("results") or () if isinstance(one, dict)}
    for unique_id, id in ids.items():
        one, table = every[unique_id], there.get(id)
        names = tuple(column.name for column in table.columns) if table is not None else tuple(
            str(column.get("name") or name) for name, column in (one.get("columns") or {}).items())
        kind = table.kind if table is not None else "missing"
        facts = tuple(_facts(unique_id, one, tested.get(unique_id, 0), ran.get(unique_id)))
        note = "" if table is not None or one["resource_type"] == "source" else "dbt has not built it here"
        nodes[id] = Node(id, kind, str(_ref(one)) if id.count(":") == 0 else id, names, facts, note)
        if one["resource_type"] == "source" or (table is not None and table.kind == "view"):
            continue  # a view's own SQL says what it is made of
        made, made_of = _made(one, id, names, every, ids, known, workspace)
        nodes.update({node.id: node for node in made if node.id not in nodes and node.id not in there})
        links += made_of
    for unique_id, one in manifest.get("exposures", {}).items():
        nodes[unique_id] = Node(unique_id, "dashboard", str(one.get("label") or one.get("name")), facts=tuple(
            (name, str(value)) for name, value in (("kind", one.get("type")), ("owner", (one.get("owner") or {}).get(
                "name") or (one.get("owner") or {}).get("email")), ("url", one.get("url"))) if value))
        links += [Link(above, unique_id, "dbt", whole=True) for above in _above(one, every, ids)]
    return Part(tuple(nodes.values()), tuple(links))


def keys(manifest: Mapping[str, Any], workspace: Workspace) -> dict[str, str]:
    """The ids of the tables of dbt's nodes, as lineage has them."""
    every = {**manifest.get("sources", {}), **manifest.get("nodes", {})}
    return {unique_id: _key(one, workspace) for unique_id, one in every.items()
            if one.get("resource_type") in (*_MADE, "source") and one.get("schema") and one.get("name")
            and not _ephemeral(one)}


def ids(workspace: Workspace, files: Iterable[tuple[Path, Path]]) -> dict[str, str]:
    """The id of the table of each model, seed and snapshot, by its name."""
    return {unique_id.rpartition(".")[2]: id for path, _results in files if (manifest := _read(path))
            for unique_id, id in keys(manifest, workspace).items() if not unique_id.startswith("source.")}


def _made(one: Mapping[str, Any], id: str, names: Sequence[str], every: Mapping[str, Any],
          ids: Mapping[str, str], known: Known, workspace: Workspace) -> tuple[Sequence[Node], list[Link]]:
    if one["resource_type"] == "seed":
        file = Node(f"file:{one.get('original_file_path')}", "file", str(one.get("original_file_path")))
        return [file], [Link(file.id, id, "dbt", tuple((name, name, "same") for name in names))]
    above = _above(one, every, ids)
    sql = str(one.get("compiled_code") or "") if one.get("language") != "python" else ""
    if sql:
        traced = traces(workspace.root).of(sql, known)
        if not traced.problem:
            part = links_of(traced, id, names, "dbt")
            # An incremental model reads itself to see how far it is.
            return part.nodes, [link for link in part.links if link.above != id]
    if one["resource_type"] == "snapshot" and len(above) == 1:
        return (), [Link(above[0], id, "dbt", tuple((name, name, "same") for name in names
                                                    if not name.startswith("dbt_")))]
    return (), [Link(parent, id, "dbt", whole=True) for parent in above if parent != id]


def _above(one: Mapping[str, Any], every: Mapping[str, Any], ids: Mapping[str, str]) -> list[str]:
    """What it depends on, through models that are no tables."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    stack = list((one.get("depends_on") or {}).get("nodes") or ())
    while stack:
        name = stack.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in ids:
            found[ids[name]] = None
        elif name in every:
            stack += (every[name].get("depends_on") or {}).get("nodes") or ()
    return list(found)


def _ephemeral(one: Mapping[str, Any]) -> bool:
    return (one.get("config") or {}).get("materialized") == "ephemeral"


def _ref(one: Mapping[str, Any]) -> TableRef:
    return TableRef(str(one.get("alias") or one.get("identifier") or one["name"]), str(one["schema"]))


def _key(one: Mapping[str, Any], workspace: Workspace) -> str:
    database = str(one.get("database") or workspace.database.stem)
    key = _ref(one).key
    return key if database.lower() == workspace.database.stem.lower() else f"elsewhere:{database}.{key}"


def _tests(every: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in every.values():
        if one.get("resource_type") == "test" and one.get("attached_node"):
            found[one["attached_node"]] = found.get(one["attached_node"], 0) + 1
    return found


def _facts(unique_id: str, one: Mapping[str, Any], tests: int, ran: Mapping[str, Any] | None
           ) -> Iterable[tuple[str, str]]:
    kind = str(one["resource_type"])
    if kind == "source":
        return
    made = (one.get("config") or {}).get("materialized")
    yield "dbt", f"{kind} {unique_id.split('.', 1)[1]}" + (f", {made}" if kind == "model" and made else "")
    asked = ((one.get("config") or {}).get("meta") or {}).get("pluto_duck")
    if isinstance(asked, dict):
        yield from ((f"made from {name}", str(asked[name])) for name in ORIGIN if asked.get(name))
    if tests:
        yield "tests", str(tests)
    if ran is not None:
        yield "last run", str(ran.get("status"))
