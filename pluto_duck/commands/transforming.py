"""`run-dbt` and `dbt init`: models of the tables, by dbt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Rows
from pluto_duck.commands.group import SECTIONS, Whole, family, verb
from pluto_duck.commands.load_report import count
from pluto_duck.errors import Cancelled, RunError
from pluto_duck.transform import DBT_COMMANDS

if TYPE_CHECKING:
    from pluto_duck.transform.dbt import DbtNode, DbtOptions, DbtReport

_WORDS = {"ok": "ok", "warned": "warning", "failed": "FAILED", "skipped": "skipped"}
_PASSED_ON = {"ignore_unknown_options": True}
_SHOWN_SQL = 15
"""Lines of a failed model's SQL that are shown around the line of the error."""


@verb(SECTIONS[0], "run-dbt", "run-dbt run --select staging+ --full-refresh", "run-dbt test",
      "run-dbt build --project ./shop --vars '{since: 2026-01-01}'", name="run-dbt")
@click.argument("command", type=click.Choice(DBT_COMMANDS), default="build", required=False)
@click.option("--project", type=click.Path(path_type=Path), help="Folder of the dbt project; else the nearest one.")
@click.option("--target", help="The target of the project's profile to take schema and threads from.")
@click.option("--threads", type=Whole(1), help="Nodes at a time (4, or what the profile says).")
@click.option("--own-profile", is_flag=True, help="Build where the project's own profile says, not in the workspace.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run_dbt(door: Door, command: str, args: tuple[str, ...], **options: Any) -> Iterator[object]:
    """Build the models of a dbt project in the workspace, and run its tests.

    Options that are not listed here go to dbt as they are: --select, --exclude, --full-refresh, --vars, ... No profile
    is needed. Other work goes on meanwhile.
    """
    from pluto_duck.transform.dbt import DbtOptions

    return _run(door, DbtOptions(command, args=args, **options))


run_dbt.context_settings = dict(_PASSED_ON)


@family(SECTIONS[0], "dbt init", "dbt build --select staging+")
def dbt(context: click.Context) -> object:
    """Models of the tables, by dbt: `dbt build` is `run-dbt build`."""
    return None


def _enter(command: str) -> None:
    @dbt.verb(f"dbt {command}", name=command)
    @click.option("--project", type=click.Path(path_type=Path))
    @click.option("--target")
    @click.option("--threads", type=Whole(1))
    @click.option("--own-profile", is_flag=True)
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def one(door: Door, args: tuple[str, ...], **options: Any) -> Iterator[object]:
        from pluto_duck.transform.dbt import DbtOptions

        return _run(door, DbtOptions(command, args=args, **options))

    one.context_settings, one.help, one.hidden = dict(_PASSED_ON), f"As `run-dbt {command}`.", command != "build"


def _run(door: Door, options: DbtOptions) -> Iterator[object]:
    report = perform(door, options)
    if report.text:
        yield report.text
    if report.nodes and options.command not in ("ls", "show", "compile"):
        yield Rows(("node", "kind", "status", "seconds", "what it says"), tuple(
            (one.name, one.kind, _WORDS.get(one.status, one.status), round(one.elapsed_s, 3), first(one))
            for one in report.nodes))
        yield _summary(report)
    elif report.ok and not report.text:
        yield f"dbt {options.command}: done in {report.elapsed_s:.1f} s."
    if not report.ok:
        raise RunError(_problem(report), hint=_hint(door, report),
                       failed=[one.unique_id for one in report.failed])


def perform(door: Door, options: DbtOptions) -> DbtReport:
    """As a run of kind `dbt`, with an event for each node."""
    from pluto_duck.commands.asking import _runs
    from pluto_duck.transform.dbt import run_dbt as running

    session = door.open_session()
    text = " ".join(("dbt", options.command, *options.args))

    def work(run: Any) -> tuple[DbtReport, int, dict[str, Any]]:
        def told(node: DbtNode) -> None:
            if node.status != "running":
                door.say(f"{_WORDS[node.status]:8} {node.kind} {node.name}  {node.elapsed_s:.2f} s")
            try:
                run.emit("tool", "start" if node.status == "running" else "end", name=node.name, node=node.unique_id,
                         node_kind=node.kind, status=node.status, elapsed_s=round(node.elapsed_s, 3),
                         message=node.message[:2000])
            except Cancelled:
                pass  # it is being stopped already

        def logged(line: str) -> None:
            try:
                run.emit("log", "chunk", text=line[:2000])
            except Cancelled:
                pass

        report = running(session, options, on_node=told, on_log=logged)
        return report, 0, {"project": str(report.project), "counts": dict(report.counts()), "ok": report.ok,
                           "problem": report.problem[:2000], "nodes": [
                               {"node": one.unique_id, "status": one.status, "relation": one.relation,
                                "elapsed_s": round(one.elapsed_s, 3), "message": one.message[:500],
                                "failures": one.failures} for one in report.nodes]}

    with _runs(session) as runs:
        done: DbtReport = runs.attend("dbt", text, session, work)
        return done


def first(node: DbtNode) -> str:
    """What a node says, in a line."""
    said = [line.strip() for line in node.message.splitlines() if line.strip()]
    return said[0][:100] if said else ""


def _summary(report: DbtReport) -> str:
    counts = report.counts()
    parts = [f"{number} {_WORDS.get(status, status)}" for status, number in counts.items()]
    return f"{count(len(report.nodes), 'node')} in {report.elapsed_s:.1f} s: {', '.join(parts)}."


def _problem(report: DbtReport) -> str:
    if not report.failed:
        return report.problem
    return f"{len(report.failed)} of {count(len(report.nodes), 'node')} failed: " + ", ".join(
        one.name for one in report.failed[:5]) + ("..." if len(report.failed) > 5 else "")


def _hint(door: Door, report: DbtReport) -> str:
    if not report.failed:
        return "Mend the project; the tables are as they were."
    one = report.failed[0]
    lines = [f"{one.name} ({one.path}): {one.message.strip()}"]
    if one.compiled:
        lines += ["", *_sql(one)]
    if one.kind == "test":
        lines += ["", f"Its rows: {door.program} run-dbt show --select {one.name}"]
    return "\n".join(lines)


def _sql(node: DbtNode) -> list[str]:
    """The SQL as it ran, numbered; around the line that DuckDB named, where it is long."""
    import re

    lines = node.compiled.strip("\n").splitlines()
    found = re.search(r"LINE (\d+)", node.message)
    at = min(int(found[1]), len(lines)) if found else 1
    begin = max(0, min(at - 1 - _SHOWN_SQL // 2, len(lines) - _SHOWN_SQL))
    shown = [f"{number:4} {line}" for number, line in enumerate(lines, 1)][begin:begin + _SHOWN_SQL]
    return shown if len(shown) == len(lines) else [*shown, f"     of {len(lines)} lines"]


@dbt.verb("dbt init", "dbt init shop --schema main")
@click.argument("folder", type=click.Path(path_type=Path), default=None, required=False)
@click.option("--schema", "schemas", multiple=True, help="Only tables of this schema; may be repeated.")
def init(door: Door, folder: Path | None, schemas: tuple[str, ...]) -> str:
    """Make a dbt project from the tables: sources with their comments, tests from their keys, a first model of each."""
    from pluto_duck.transform.dbt.scaffold import scaffold

    session = door.open_session()
    made = scaffold(session, folder or session.workspace.root / "dbt", schemas)
    listed = "\n".join(f"  {one.relative_to(made.folder)}" for one in made.files)
    return (f"Made a dbt project of {count(made.tables, 'table')} in {made.folder}:\n{listed}\n"
            f"Build it: {door.program} run-dbt --project {made.folder}")


for _one in DBT_COMMANDS:
    _enter(_one)
