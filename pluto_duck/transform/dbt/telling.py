"""A build as a run: an event for each node while it goes on, and at its end what failed and why."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Cancelled, PlutoError, RunError
from pluto_duck.transform.dbt.model import DbtNode, DbtOptions, DbtReport
from pluto_duck.transform.dbt.places import failing_line, in_file
from pluto_duck.transform.dbt.quality import take_over
from pluto_duck.transform.dbt.running import run_dbt

if TYPE_CHECKING:
    from pluto_duck.runs import RunContext
    from pluto_duck.session import Session
    from pluto_duck.transform.dbt.openlineage import Build

TESTING = ("build", "test", "source")
"""Commands whose results are of tests or of the age of sources."""
MOST_LINES = 2_000
"""Of dbt's log in the run's record; a macro may log each row of a table."""
_KEPT_TEXT = 1_000_000
"""Letters of what `ls`, `show` and the project itself print, there."""
_SAID = 2_000
"""Letters of what a node says, in the run's record."""
_KEPT_SQL = 20_000
"""Letters of a failed node's SQL there."""
_BEFORE_NODES = {
    "Could not find adapter type": "Install dbt's adapter for it, or leave --own-profile out: DuckDB builds them then.",
    "Could not set lock on file": "Who has it open? Of the workspace's own file leave --own-profile out, or --lend it.",
}
"""What dbt says where a profile of its own can't be used -> the next step."""
_SHOWN_SQL = 15
"""Lines of a failed model's SQL that are shown around the line of the error."""


def run_told(run: RunContext, session: Session, options: DbtOptions,
             on_node: Callable[[DbtNode], None] | None = None) -> DbtReport:
    """`run_dbt` with its nodes and log lines as events of the run."""

    def told(node: DbtNode) -> None:
        if outside is not None:
            outside.heard(node)
        if on_node is not None:
            on_node(node)
        _emit(run, "tool", "start" if node.status == "running" else "end", name=node.name, node=node.unique_id,
              node_kind=node.kind, status=node.status, elapsed_s=round(node.elapsed_s, 3), message=node.message[:2000],
              relation=node.relation, total=node.total)

    lines = itertools.count(1)

    def said(line: str) -> None:
        if (number := next(lines)) < MOST_LINES:
            _emit(run, "log", "chunk", text=line[:2000])
        elif number == MOST_LINES:
            _emit(run, "log", "chunk", text="What more it says stands in logs/dbt.log alone.")

    with _telling(session, options, run.run_id) as outside:
        report = run_dbt(session, options, on_node=told, on_log=said)
        if outside is not None:
            outside.report = report
    if options.command in TESTING and not options.own_profile:
        with suppress(PlutoError):  # dbt that could not even read its project has left nothing
            take_over(session, report.project)
    return report


def _telling(session: Session, options: DbtOptions, run_id: str) -> AbstractContextManager[Build | None]:
    """What it takes to tell others is imported where somebody wants to be told."""
    if not (session.settings["lineage.file"] or session.settings["lineage.url"]):
        return nullcontext()
    from pluto_duck.transform.dbt.openlineage import telling

    return telling(session, options, run_id)


def _emit(run: RunContext, kind: Any, subtype: Any, **content: Any) -> None:
    try:
        run.emit(kind, subtype, **content)
    except Cancelled:
        pass  # it is being stopped already


def facts(report: DbtReport, project: str) -> dict[str, Any]:
    """What stays of a build in its run; of one that failed, as facts of the error."""
    return {"project": project, "counts": dict(report.counts()), "elapsed_s": round(report.elapsed_s, 3), "nodes": [
        {"node": one.unique_id, "name": one.name, "kind": one.kind, "status": one.status, "relation": one.relation,
         "elapsed_s": round(one.elapsed_s, 3), "message": one.message[:_SAID], "failures": one.failures,
         "path": one.path, **(_place(report.project, one) if one.compiled else {})}
        for one in report.nodes], **({"text": report.text[:_KEPT_TEXT]} if report.text else {})}


def _place(project: Path, node: DbtNode) -> dict[str, Any]:
    """The SQL as it ran, its line that failed, and that of the node's file; None where they are not known."""
    compiled = node.compiled.strip("\n")
    line = failing_line(compiled, node.message)
    return {"compiled": compiled[:_KEPT_SQL], "line": line, "file_line": in_file(project, node.path, compiled, line)}


def failure(report: DbtReport, project: str, *, program: str = "pluto-duck") -> RunError | None:
    """None where all went well."""
    if report.ok:
        return None
    return RunError(_problem(report), hint=_hint(report, program), failed=[one.unique_id for one in report.failed],
                    **facts(report, project))


def _problem(report: DbtReport) -> str:
    if not report.failed:
        return report.problem
    named = ", ".join(one.name for one in report.failed[:5]) + ("..." if len(report.failed) > 5 else "")
    return f"{len(report.failed)} of {nodes(len(report.nodes))} failed: {named}"


def _hint(report: DbtReport, program: str) -> str:
    if not report.failed:
        return next((hint for words, hint in _BEFORE_NODES.items() if words in report.problem),
                    "Mend the project; the tables are as they were.")
    one = report.failed[0]
    lines = [f"{one.name} ({one.path}): {one.message.strip()}"]
    if one.compiled:
        lines += ["", *_sql(one)]
    if one.kind == "test":
        lines += ["", f"Its rows: {program} run-dbt show --select {one.name}"]
    return "\n".join(lines)


def _sql(node: DbtNode) -> list[str]:
    """The SQL as it ran, numbered; around the line that DuckDB named, where it is long."""
    lines = node.compiled.strip("\n").splitlines()
    at = failing_line(node.compiled, node.message)
    begin = max(0, min((at or 1) - 1 - _SHOWN_SQL // 2, len(lines) - _SHOWN_SQL))
    shown = [f"{'>' if number == at else ' '}{number:4} {line}"
             for number, line in enumerate(lines, 1)][begin:begin + _SHOWN_SQL]
    return shown if len(shown) == len(lines) else [*shown, f"     of {len(lines)} lines"]


def nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{number:,} nodes"
