"""`check [TABLE...]`, `check history`: whether tables are what they are expected to be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Facts, Formatted, Rows
from pluto_duck.commands.asking import Format, _format, _runs, formatted
from pluto_duck.commands.group import SECTIONS, Whole, family
from pluto_duck.errors import PlutoError, RunError

if TYPE_CHECKING:
    from pluto_duck.governance.checks import Outcome, TableReport
    from pluto_duck.governance.checks.store import Scan
    from pluto_duck.runs import RunContext

_WORDS = {"passed": "ok", "warned": "warning", "failed": "FAILED", "broken": "BROKEN"}


@family(SECTIONS[3], "check", "check orders customers", "check --format json", "check suggest --write",
        "check history orders")
@_format
def check(context: click.Context, format_: Format) -> object:
    """Hold tables against checks.yaml: keys, missing values, ranges, ages, your own SQL. Each table is read once.

    Without a verb, or with names of tables: runs their checks. The exit code is 1 when one of severity `error` fails.
    """
    return context.invoke(run, tables=()) if context.invoked_subcommand is None else None


check.otherwise = "run"


@check.verb("check", "check orders", "check orders --format json")
@click.argument("tables", nargs=-1)
@_format
@click.pass_context
def run(context: click.Context, door: Door, tables: tuple[str, ...], format_: Format = "table") -> Iterator[object]:
    """Run the checks of tables, or all of them (exit code 1 when one that must hold does not)."""
    above = context if context.command is check else context.parent
    if format_ == "table" and above is not None:
        format_ = above.params.get("format_", format_)
    return _run(door, tables, format_)


def _run(door: Door, tables: Sequence[str], format_: Format) -> Iterator[object]:
    from pluto_duck.commands.check_run import asked

    session = door.open_session()
    checks = asked(session.workspace, tables)
    reports, wrong = attended(door, checks, " ".join(("check", *tables)))
    found = [one for report in reports for one in report.outcomes]
    if format_ == "table":
        yield Rows(("table", "check", "status", "dimension", "what it says"), tuple(
            (str(one.check.table), one.check.name, _WORDS[one.status], one.check.dimension, one.says) for one in found))
        samples = [one for one in found if one.sample and one.status != "passed"]
        if samples:
            yield Facts((("The rows that fail", tuple((f"{one.check.table} {one.check.name}", one.sample)
                                                      for one in samples)),))
        yield _summary(reports)
    else:
        yield Formatted(Rows(_COLUMNS, tuple(_row(one) for one in found)), format_)
    if wrong is not None:
        raise wrong


def attended(door: Door, checks: Sequence[Any], text: str) -> tuple[list[TableReport], PlutoError | None]:
    """As a run of kind `check`, which fails with the checks: what became of them, and the error to end with."""
    from pluto_duck.commands.check_run import facts, failure, perform

    session = door.open_session()
    kept: list[TableReport] = []
    wrong: list[PlutoError] = []

    def work(run: RunContext) -> tuple[None, int, dict[str, Any]]:
        kept.extend(perform(run, session, checks))
        error = failure(kept, door.program)
        if error is not None:
            wrong.append(error)
            raise error
        return None, 0, facts(kept)

    with _runs(session) as runs:
        try:
            runs.attend("check", text, session, work)
        except RunError:
            if not wrong:
                raise
    return kept, wrong[0] if wrong else None


_COLUMNS = ("table", "check", "kind", "columns", "severity", "dimension", "status", "failing", "says", "sample", "line")


def _row(one: Outcome) -> tuple[Any, ...]:
    it = one.check
    return (str(it.table), it.name, it.kind, ", ".join(it.columns), it.severity, it.dimension, one.status, one.failing,
            one.says, one.sample, it.line)


def _summary(reports: Sequence[TableReport]) -> Facts:
    from pluto_duck.commands.load_report import count
    from pluto_duck.governance.checks import DIMENSIONS, score

    found = [one for report in reports for one in report.outcomes]
    counts = [f"{number:,} {_WORDS[status]}" for status in _WORDS
              if (number := sum(one.status == status for one in found))]
    took_s = sum(one.elapsed_s for one in reports)
    pairs = [("checks", f"{', '.join(counts)} ({count(len(reports), 'table')} in {took_s:.2f} s)"),
             ("score", f"{score(found):g}")]
    pairs += [(name, f"{score(some):g}") for name in DIMENSIONS
              if (some := [one for one in found if one.check.dimension == name])]
    return Facts((("Quality", tuple(pairs)),))


@check.verb("check history orders", "check history orders --limit 100 --format json")
@click.argument("table")
@click.option("--limit", type=Whole(1, 1_000), default=20, show_default=True, metavar="N", help="So many at most.")
@_format
def history(door: Door, table: str, limit: int, format_: Format) -> object:
    """How the checks of a table came out, newest first: its score, how that moved, and the score of each dimension.

    A change is told between scans that looked for the same: one check more or less is no trend.
    """
    from pluto_duck.governance.checks.store import CheckStore
    from pluto_duck.workspace import TableRef

    found = CheckStore(door.open_session().control).history(TableRef.parse(table), limit=limit + 1)
    rows = tuple((_when(one.at), one.source, one.score, _moved(one, found[number + 1:]), one.rows, _by_dimension(one),
                  _failing(one), one.run_id) for number, one in enumerate(found[:limit]))
    return formatted(Rows(("when", "source", "score", "change", "rows", "by dimension", "did not pass", "run"), rows,
                          f"{table} has not been checked yet: {door.program} check {table}"), format_)


def _moved(one: Scan, older: Sequence[Scan]) -> float | None:
    before = next((other for other in older if other.source == one.source), None)
    if before is None or _looked_for(before) != _looked_for(one):
        return None
    return round(one.score - before.score, 1)


def _looked_for(one: Scan) -> set[tuple[str, str]]:
    return {(result.name, result.severity) for result in one.results}


def _by_dimension(one: Scan) -> str:
    return ", ".join(f"{name} {score:g}" for name, score in one.scores.items())


def _failing(one: Scan) -> str:
    return ", ".join(f"{result.name} ({result.failing:,})" if result.failing is not None else result.name
                     for result in one.results if result.status != "passed")


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


@check.verb("check suggest", "check suggest orders", "check suggest --write")
@click.argument("tables", nargs=-1)
@click.option("--write", is_flag=True, help="Put all of it into the file.")
def suggest(door: Door, tables: tuple[str, ...], write: bool) -> str:
    """Propose checks as a diff: from keys, missing values, small sets of values, ranges, patterns, relations and loads.

    All of them hold now. What the file says already stays as it is, and is not proposed again.
    """
    import difflib

    from pluto_duck.commands.check_suggest import suggested

    path, before, after = suggested(door.open_session(), tables)
    if after == before:
        return "There is nothing to add."
    diff = "".join(difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True),
                                        path.name, path.name, n=2)).rstrip("\n")
    if not write:
        return diff
    from pluto_duck.agent.memory.semantic_file import write as overwrite

    overwrite(path, after)
    return f"{diff}\n\nWritten to {path}.\nRead it and mend it, then: {door.program} check"


@check.verb("check dbt", "check dbt --project ./shop --format json")
@click.option("--project", type=click.Path(path_type=Path), help="Folder of the dbt project; else the nearest one.")
@_format
def dbt(door: Door, project: Path | None, format_: Format) -> object:
    """Show what dbt's tests and source freshness found last, and take it into the history, beside your own checks.

    What `run-dbt` runs is there by itself; this is for a dbt that ran elsewhere.
    """
    from pluto_duck.transform.dbt.project import find_project
    from pluto_duck.transform.dbt.quality import take_over

    session = door.open_session()
    rows: list[tuple[Any, ...]] = []
    for one, new in take_over(session, find_project(session.workspace, project)):
        rows += [(str(one.table), it.name, it.status, it.dimension, it.failing, it.says, "new" if new else "known")
                 for it in one.results]
    return formatted(Rows(("table", "check", "status", "dimension", "failing", "what it says", "is"), tuple(rows)),
                     format_)
