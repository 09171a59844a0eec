"""dbt's tests and source freshness as results of checks, out of target/run_results.json and target/sources.json.

Source: https://schemas.getdbt.com/dbt/run-results/v6.json, .../sources/v3.json, .../manifest/v12.json.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.governance.checks.store import Result
from pluto_duck.transform.dbt.project import targets
from pluto_duck.workspace import TableRef

if TYPE_CHECKING:
    from pluto_duck.session import Session

SOURCE = "dbt"
MAX_BYTES = 200_000_000
_STATUS = {"pass": "passed", "warn": "warned", "fail": "failed", "error": "broken", "runtime error": "broken"}
_DIMENSIONS = {"unique": "uniqueness", "not_null": "completeness", "accepted_values": "conformity",
               "relationships": "consistency"}
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Tested:
    """What one run of dbt found of one table."""

    table: TableRef
    run_id: str
    """dbt's own, of the invocation."""
    at: float
    elapsed_s: float
    results: tuple[Result, ...]

    @property
    def source(self) -> str:
        return f"{SOURCE} freshness" if self.results[0].kind == "freshness" else SOURCE


def take_over(session: Session, project: Path) -> list[tuple[Tested, bool]]:
    """What stands in a project's target folder into the history of checks, each run once: False for what was there.
    Raises UsageError as `tested`."""
    from pluto_duck.governance.checks.store import CheckStore

    target, known = targets(session.workspace, project)[0], CheckStore(session.control)
    return [(one, known.take_over(one.source, one.run_id, one.table, one.at, one.elapsed_s, one.results))
            for one in tested(target)]


def tested(target: Path) -> list[Tested]:
    """By table, tests first. Raises UsageError where dbt has left nothing to read."""
    manifest = _read(target / "manifest.json")
    found = []
    for name, tell in (("run_results.json", _test), ("sources.json", _freshness)):
        said = _read(target / name)
        if manifest is not None and said is not None:
            found += _of(manifest, said, tell)
    if not found:
        raise UsageError(f"dbt has left no results of tests in {target}.",
                         hint="pluto-duck run-dbt test writes them, and run-dbt source for freshness.")
    return found


def _of(manifest: Json, said: Json, tell: Any) -> list[Tested]:
    about = said.get("metadata") or {}
    nodes = {**manifest.get("nodes", {}), **manifest.get("sources", {})}
    results: dict[TableRef, list[tuple[Result, float]]] = {}
    for one in said.get("results", ()):
        node = nodes.get(one.get("unique_id"))
        told = tell(node, one) if node is not None and one.get("status") in _STATUS else None
        table = _table(node, nodes) if told is not None and node is not None else None
        if told is not None and table is not None:
            results.setdefault(table, []).append((told, float(one.get("execution_time") or 0)))
    at = _moment(about.get("generated_at"))
    return [Tested(table, str(about.get("invocation_id") or at), at, sum(took for _, took in some),
                   tuple(result for result, _ in some)) for table, some in results.items()]


def _test(node: Json, one: Json) -> Result | None:
    if node.get("resource_type") != "test":
        return None
    about, status = node.get("test_metadata") or {}, _STATUS[one["status"]]
    kind = str(about.get("name") or "sql")
    column = node.get("column_name") or (about.get("kwargs") or {}).get("column_name")
    severity = "warn" if str((node.get("config") or {}).get("severity", "")).lower() == "warn" else "error"
    sample = "" if status == "passed" else str(one.get("compiled_code") or node.get("compiled_code") or "").strip()
    return Result(str(node.get("name")), kind, (str(column),) if column else (), severity,
                  _DIMENSIONS.get(kind, "accuracy"), status, one.get("failures"),
                  "" if status == "passed" else str(one.get("message") or "")[:500], sample[:10_000])


def _freshness(node: Json, one: Json) -> Result | None:
    status, age_s = _STATUS[one["status"]], one.get("max_loaded_at_time_ago_in_s")
    # dbt says `error` of a source that is too old, and `runtime error` where it could not look.
    status = "failed" if one["status"] == "error" else status
    says = f"loaded {age_s:,.0f} s ago" if isinstance(age_s, int | float) and status != "passed" else ""
    return Result("source freshness", "freshness", (), "warn" if status == "warned" else "error", "timeliness", status,
                  None, says or str(one.get("error") or "")[:500], "")


def _table(node: Json, nodes: Json) -> TableRef | None:
    """Of a test: what it is attached to, else the first that it reads."""
    if node.get("resource_type") == "test":
        named = [node.get("attached_node"), *(node.get("depends_on") or {}).get("nodes", ())]
        node = next((nodes[one] for one in named if one in nodes), {})
    name = node.get("identifier") or node.get("alias") or node.get("name")
    schema = node.get("schema")
    return TableRef(str(name), str(schema)) if name and schema else None


def _moment(text: Any) -> float:
    try:
        return dt.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return dt.datetime.now(dt.UTC).timestamp()


def _read(path: Path) -> Json | None:
    """None where there is none. Raises UsageError for what dbt would not write."""
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is not what dbt writes.", hint="pluto-duck run-dbt test writes it anew.")
    return found
