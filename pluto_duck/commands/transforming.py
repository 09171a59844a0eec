"""`run-dbt` and `dbt init`: models of the tables, by dbt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Rows
from pluto_duck.commands.group import SECTIONS, Whole, family, verb
from pluto_duck.commands.load_report import count
from pluto_duck.errors import RunError, unknown_name
from pluto_duck.transform import DBT_COMMANDS

if TYPE_CHECKING:
    from pluto_duck.runs import RunContext
    from pluto_duck.transform.dbt import DbtNode, DbtOptions, DbtReport

_WORDS = {"ok": "ok", "warned": "warning", "failed": "FAILED", "skipped": "skipped"}
_PASSED_ON = {"ignore_unknown_options": True}


@verb(SECTIONS[0], "run-dbt", "run-dbt --select staging+ --full-refresh", "run-dbt test",
      "run-dbt build --project ./shop --vars '{since: 2026-01-01}'", name="run-dbt")
@click.option("--project", type=click.Path(path_type=Path), help="Folder of the dbt project; else the nearest one.")
@click.option("--target", help="The target of the project's profile to take schema and threads from.")
@click.option("--threads", type=Whole(1), help="Nodes at a time (4, or what the profile says).")
@click.option("--own-profile", is_flag=True, help="Build where the project's own profile says, not in the workspace.")
@click.option("--check", is_flag=True, help="Hold each table against checks.yaml before it is seen.")
@click.option("--lend", is_flag=True, help="Give dbt the database file itself; everybody else waits meanwhile.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [OPTIONS OF DBT]...")
def run_dbt(door: Door, words: tuple[str, ...], **options: Any) -> Iterator[object]:
    """Build the models of a dbt project in the workspace, and run its tests.

    COMMAND is build, run, test, seed, snapshot, compile, docs, ls, show, parse, deps, clean or source; build when it is
    left out. Options that are not listed here go to dbt as they are: --select, --exclude, --full-refresh, --vars, ...
    No profile is needed. Other work goes on meanwhile.
    """
    from pluto_duck.transform.dbt import DbtOptions

    command, args = asked(words)
    return _run(door, DbtOptions(command, args=args, **options))


def asked(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """(the command of dbt, what follows it): an option of dbt's in the first place means build."""
    if not words or words[0].startswith("-"):
        return "build", words
    if words[0] not in DBT_COMMANDS:
        raise unknown_name("command of dbt", words[0], DBT_COMMANDS)
    return words[0], words[1:]


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
    @click.option("--check", is_flag=True)
    @click.option("--lend", is_flag=True)
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def one(door: Door, args: tuple[str, ...], **options: Any) -> Iterator[object]:
        from pluto_duck.transform.dbt import DbtOptions

        return _run(door, DbtOptions(command, args=args, **options))

    one.context_settings, one.help, one.hidden = dict(_PASSED_ON), f"As `run-dbt {command}`.", command != "build"


def _run(door: Door, options: DbtOptions) -> Iterator[object]:
    from pluto_duck.transform.dbt.telling import failure, nodes

    report = perform(door, options)
    if report.text:
        yield report.text
    if report.nodes and options.command not in ("ls", "show", "compile"):
        yield Rows(("node", "kind", "status", "seconds", "what it says"), tuple(
            (one.name, one.kind, _WORDS.get(one.status, one.status), round(one.elapsed_s, 3), first(one))
            for one in report.nodes))
        parts = [f"{number} {_WORDS.get(status, status)}" for status, number in report.counts().items()]
        yield f"{nodes(len(report.nodes))} in {report.elapsed_s:.1f} s: {', '.join(parts)}."
    elif report.ok and not report.text:
        yield f"dbt {options.command}: done in {report.elapsed_s:.1f} s."
    wrong = failure(report, str(report.project), program=door.program)
    if wrong is not None:
        raise wrong


def perform(door: Door, options: DbtOptions) -> DbtReport:
    """As a run of kind `dbt`, with an event for each node. What failed is in the report, and the run has failed."""
    from pluto_duck.commands.asking import _runs
    from pluto_duck.transform.dbt.telling import facts, failure, run_told

    session = door.open_session()
    found: list[DbtReport] = []

    def told(node: DbtNode) -> None:
        if node.status != "running":
            door.say(f"{_WORDS[node.status]:8} {node.kind} {node.name}  {node.elapsed_s:.2f} s")

    def work(run: RunContext) -> tuple[DbtReport, int, dict[str, Any]]:
        report = run_told(run, session, options, told)
        found.append(report)
        wrong = failure(report, str(report.project), program=door.program)
        if wrong is not None:
            raise wrong
        return report, 0, facts(report, str(report.project))

    with _runs(session) as runs:
        try:
            return runs.attend("dbt", " ".join(("dbt", options.command, *options.args)), session, work)
        except RunError:
            if not found:
                raise
            return found[0]


def first(node: DbtNode) -> str:
    """What a node says, in a line."""
    said = [line.strip() for line in node.message.splitlines() if line.strip()]
    return said[0][:100] if said else ""


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
