"""`eval`: how good a planner is on questions whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts
from pluto_duck.commands.group import SECTIONS, verb
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent.evaluation import Outcome, Report

_EVERY = 100
"""Questions between two signs of life."""


@verb(SECTIONS[3], "eval questions.jsonl", "eval questions.jsonl --forced --json numbers.json --html report.html",
      "eval questions.jsonl --planner anthropic --record replies.tape", "eval --verified", name="eval")
@click.argument("file", required=False)
@click.option("--verified", is_flag=True, help="Ask the verified questions of the workspace instead of a file.")
@click.option("--planner", metavar="NAME", help="Who answers; else the setting agent.planner.")
@click.option("--forced", is_flag=True, help="Take the best guess where the planner would rather not answer.")
@click.option("--question-field", metavar="NAME", default="question", show_default=True,
              help="The field of a line that holds the question.")
@click.option("--semantics", metavar="FILE", help="A semantic file to use in place of the workspace's own; or a folder "
              "with one for each database, NAME.semantics.yaml.")
@click.option("--record", metavar="OUT", help="Write what the planner's model says there. No key, no prompt.")
@click.option("--replay", metavar="FILE", help="Take what a model said from there: no key, no server.")
@click.option("--json", "json_", metavar="OUT", help="Write the numbers there, overall and by group.")
@click.option("--predictions", metavar="OUT", help="Write id, sql, status and confidence there, one line a question.")
@click.option("--html", metavar="OUT", help="Write a page to read there: the numbers, and what went wrong.")
def evaluate(door: Door, file: str | None, verified: bool, planner: str | None, forced: bool, question_field: str,
             semantics: str | None, record: str | None, replay: str | None, json_: str | None, predictions: str | None,
             html: str | None) -> object:
    """Ask the questions of a JSONL file and compare the rows with those of its gold SQL.

    A line has id, question, and gold_sql (or gold, several) or expected = declined or clarify; and may have ordered,
    intent, hardness, turns, and db, a database db/NAME.duckdb beside the file, else the workspace is asked.
    """
    from pluto_duck.agent.evaluation import evaluate as run
    from pluto_duck.agent.evaluation import evaluate_verified

    if (file is None) != verified:
        raise UsageError("Give a file of questions, or --verified.")
    if record and replay:
        raise UsageError("--record and --replay exclude each other.")
    if file is None:
        if semantics or record or replay:
            raise UsageError("--semantics, --record and --replay belong to a file of questions.")
        report = evaluate_verified(door.open_session, planner=planner, forced=forced, on_outcome=_counted(door.say))
    else:
        report = run(
            Path(file).expanduser(), door.open_session, planner=planner, forced=forced, question_field=question_field,
            semantics=_path(semantics), on_outcome=_counted(door.say), record=_path(record), replay=_path(replay))
    for path, write in ((json_, report.write_json), (predictions, report.write_predictions), (html, report.write_html)):
        if path is not None:
            write(Path(path).expanduser())
    return _facts(report)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _counted(say: Callable[[str], None]) -> Callable[[Outcome], None]:
    done = 0

    def count(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        if done % _EVERY == 0:
            say(f"{done} questions")

    return count


def _facts(report: Report) -> Facts:
    from pluto_duck.agent.evaluation import shown

    pairs = [(name.replace("_", " "), shown(value, name)) for name, value in report.overall.items()
             if value is not None]
    heading = f"{report.file}, {report.planner}{', forced' if report.forced else ''}"
    return Facts(((heading, tuple(pairs)),), tuple((note, "") for note in report.notes))
