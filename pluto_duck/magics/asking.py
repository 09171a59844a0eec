"""`%ask`, and what can be done with its answer: `%pluto cell`, `%pluto chart`."""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.magics.notebook import Notebook

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.commands import Door

HELP = {
    "ask": """\
Usage: %ask [-c] QUESTION
       %%ask [-c] [NAME]       and the question below it
       %ask --choose N [NAME]  one of the choices that the last answer offered
       %pluto ask [--planner NAME] QUESTION

  Ask in plain words. The answer shows its SQL; with NAME its rows are bound to it.
  With -c it goes on with the notebook's last conversation: %ask -c only Europe""",
    "cell": """\
Usage: %pluto cell [NAME]

  Put the SQL of the last answer into a new cell below, as %%pluto sql [NAME]. It runs without any planner.""",
    "chart": """\
Usage: %pluto chart [RESULT] [kind=bar] [x=COLUMN] [y=COLUMN,COLUMN] [color=COLUMN] [title=TEXT]
                    [sort=ascending|descending] [limit=N] [stacked=sum|share]

  Draw a Result of the notebook by its name, else the last answer. What is not given is taken from the chart
  that fits the rows; `color=` alone takes it away. kind: bar, line, scatter, histogram or number.""",
}


def name_of(text: str, magic: str) -> str:
    if text and (not text.isidentifier() or keyword.iskeyword(text)):
        raise UsageError(f"{text!r} can't be the name of a variable.",
                         hint=f"`{magic} NAME` binds the rows to NAME; the text goes below that line.")
    return text


def ask(notebook: Notebook, question: str, *, bind: str = "") -> None:
    """Shows the answer; its Result, when there is one, is bound to the name."""
    bind, carried = _options(bind)
    question, also = _options(question)
    options = carried or also
    if "--choose" in options and not bind:
        bind, question = question, ""
    name = name_of(bind, "%%ask")
    if not question and "--choose" not in options:
        raise UsageError("There is no question.", hint=HELP["ask"])
    from pluto_duck.commands import invoke

    arguments = ["ask", *options, *(["--", question] if question else [])]
    run(notebook, lambda door: invoke(arguments, door), name)


def run(notebook: Notebook, work: Callable[[Door], Any], name: str = "") -> None:
    """Shows the Answer that the work gives, and while it works what a model spends."""
    from pluto_duck.magics.meter import LiveMeter
    from pluto_duck.magics.verbs import show

    meter = LiveMeter(terminal=notebook.width is not None)
    door = notebook.door()
    door.follow = meter
    try:
        answer: Any = notebook.run(lambda: work(door), tick=meter.tick)
    except BaseException:
        meter.stop()
        raise
    show(notebook, answer, meter)
    result = getattr(answer, "result", None)
    if name and result is not None:
        notebook.ipython.user_ns[name] = result


def _options(text: str) -> tuple[str, list[str]]:
    """The words without the `-c` or `--choose N` in front of them, and those."""
    words = text.split()
    if words[:1] in (["-c"], ["--continue"]):
        return " ".join(words[1:]), ["-c"]
    if words[:1] == ["--choose"]:
        return " ".join(words[2:]), words[:2]
    return " ".join(words), []


# -- the SQL as a cell of its own -----------------------------------------------------------------


def cell(notebook: Notebook, name: str) -> None:
    answer = _last(notebook)
    if not answer.sql:
        raise UsageError("The last answer has no SQL.", hint="It asked back, or declined: ask again, then %pluto cell.")
    text = cell_of(answer, name_of(name, "%pluto cell"))
    notebook.ipython.set_next_input(text)
    if notebook.width is None:
        print("The cell below holds the SQL; run it as often as you like, without a planner.")


def cell_of(answer: Answer, name: str = "") -> str:
    return f"%%pluto sql {name}".rstrip() + "\n" + _laid_out(answer.sql)


def _laid_out(sql: str) -> str:
    """On several lines, where that surely changes nothing."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        pretty = tree.sql(dialect="duckdb", pretty=True)
        # A dialect is rewritten by being read; only what is already as it would be written may be laid out anew.
        same = tree.sql(dialect="duckdb") == sql and sqlglot.parse_one(pretty, dialect="duckdb") == tree
    except (SqlglotError, RecursionError):
        return sql
    return pretty if same else sql


def _last(notebook: Notebook) -> Answer:
    if notebook.last_answer is None:
        raise UsageError("There is no answer yet.", hint="Ask first: %ask how many ...?")
    answer: Answer = notebook.last_answer
    return answer


# -- a chart of one's own -------------------------------------------------------------------------


def chart(notebook: Notebook, line: str) -> None:
    """Draws it and says how it would be written: a line to edit."""
    from IPython.display import display

    from pluto_duck import display as drawing

    arguments = _split(line)
    result, base, shown = _rows(notebook, arguments)
    given = _spec(arguments[1:] if shown else arguments)
    columns = [column.name for column in result.columns]
    if "kind" in given and given["kind"] != base.get("kind"):  # its other settings were for another kind
        base = {name: base[name] for name in ("x", "y", "title") if name in base}
        if given["kind"] in ("histogram", "number"):
            base = {"x": (base.get("y") or [base.get("x", "")])[0]}
    spec = {name: value for name, value in (base | given).items() if value not in ("", [])}
    one = drawing.chart_of(spec, columns)
    display(drawing.chart_bundle(one, result), raw=True)
    print(f"%pluto chart{' ' + shown if shown else ''} {_line(one.spec())}")


def _split(line: str) -> list[str]:
    """With quotes as in a shell, around a word or a part of it; JSON is one word."""
    import shlex

    if line.startswith("{"):
        return [line]
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"The line can't be split into words: {error}.", hint="Close the quote.") from None


def _rows(notebook: Notebook, arguments: list[str]) -> tuple[Any, dict[str, Any], str]:
    """(the rows, the chart that fits them, the name they were called by)."""
    from pluto_duck import display as drawing

    if arguments and "=" not in arguments[0] and not arguments[0].startswith("{"):
        value = notebook.ipython.user_ns.get(arguments[0])
        if type(value).__name__ != "Result" or not value.has_rows:
            raise UsageError(f"{arguments[0]} is no Result with rows.",
                             hint="`%%pluto sql NAME` binds one; without a name the last answer is drawn.")
        picked = drawing.pick_chart(value)
        return value, picked.spec() if picked is not None else {}, arguments[0]
    answer = _last(notebook)
    if answer.result is None or not answer.result.has_rows:
        raise UsageError("The last answer has no rows to draw.")
    return answer.result, dict(answer.drawing), ""


def _spec(arguments: list[str]) -> dict[str, Any]:
    """`kind=bar y=a,b`, or the same as JSON."""
    if arguments and arguments[0].startswith("{"):
        try:
            found = json.loads(arguments[0])
        except ValueError as error:
            raise UsageError(f"The chart is no JSON: {error}.", hint=HELP["chart"]) from None
        return dict(found)
    given: dict[str, Any] = {}
    for one in arguments:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"{one!r} is not NAME=VALUE.", hint=HELP["chart"])
        given[name] = [part.strip() for part in value.split(",") if part.strip()] if name == "y" else value
    return given


def _line(spec: dict[str, Any]) -> str:
    import shlex

    return " ".join(f"{name}={shlex.quote(','.join(value) if isinstance(value, list) else str(value))}"
                    for name, value in spec.items())
