"""How DuckDB will run a statement, or has run it: its plan as a tree that can be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, UsageError
from pluto_duck.workspace.parser import Parser

if TYPE_CHECKING:
    from pluto_duck.session import Session

_OWN = ("EXPLAIN_ANALYZE", "RESULT_COLLECTOR", "QUERY", "ROOT")
"""Nodes that are there because we asked."""


@dataclass(frozen=True)
class Step:
    name: str
    """In words: `Hash join`."""
    facts: tuple[tuple[str, str], ...]
    """What it works on: table, filters, conditions, groups."""
    estimate: int | None
    """Rows that DuckDB expects."""
    rows: int | None
    """Rows that there were; None where it was not run."""
    seconds: float | None
    """Of its own, without its steps; None where it was not run."""
    steps: tuple[Step, ...]


def plan(session: Session, sql: str, *, params: Mapping[str, Any] | None = None,
         namespace: Mapping[str, Any] | None = None, measured: bool = False) -> Step:
    """The plan of one statement. `measured`: it is run, which only a SELECT may be."""
    found = Parser().statements(sql)
    if len(found) != 1:
        raise UsageError(f"A plan is made for one statement, and these are {len(found)}.",
                         hint="Put the others into cells of their own.")
    if found[0].type == "EXPLAIN":
        raise UsageError("This is an EXPLAIN already.", hint="Leave that word out.")
    if measured and found[0].type != "SELECT":
        raise Refused(f"Measuring would run this {found[0].type}.", hint="Its plan alone runs nothing.")
    how = "EXPLAIN (ANALYZE, FORMAT json)" if measured else "EXPLAIN (FORMAT json)"
    rows = session.query(f"{how} {sql}", params, namespace=namespace).rows()
    if not rows:  # it is two statements to DuckDB, the first of which makes a type
        raise UsageError("DuckDB tells no plan of a PIVOT without IN.",
                         hint="Name its columns: PIVOT ... ON a IN (1, 2)")
    read: Any = json.loads(str(rows[-1][1]))
    return _top(read)


def _top(read: Any) -> Step:
    if isinstance(read, dict) and "operator" in read:
        read = read["operator"]
    while True:
        node = read[0] if isinstance(read, list) else read
        if _name(node) not in _OWN and _name(node):
            return _step(node)
        read = node["children"]


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name") or node.get("operator_type") or node.get("type") or "").strip()


def _step(node: Mapping[str, Any]) -> Step:
    while _is_packing(node):
        node = node["children"][0]
    info = {str(name): _text(value) for name, value in (node.get("extra_info") or {}).items()}
    estimate = info.pop("Estimated Cardinality", "")
    counted = node.get("operator_cardinality", node.get("intermediate_rows"))
    timing = node.get("operator_timing", node.get("timing"))
    name = _name(node).replace("_", " ").strip()
    return Step(name[:1].upper() + name[1:].lower(), tuple((fact, text) for fact, text in info.items() if text),
                int(estimate) if estimate.isdigit() else None, None if counted is None else int(counted),
                None if timing is None else float(timing), tuple(_step(one) for one in node.get("children") or ()))


def _is_packing(node: Mapping[str, Any]) -> bool:
    """Columns made smaller on their way, and large again: DuckDB's own business."""
    return (_name(node) == "PROJECTION" and len(node.get("children") or ()) == 1
            and "__internal_" in str(node.get("extra_info")))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return " ".join(str(value).split())
