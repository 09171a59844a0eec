"""What `%pluto`, `%%pluto`, `%ask` and `%%ask` do with their words."""

from __future__ import annotations

import re
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.magics import asking, buttons
from pluto_duck.magics.asking import ask
from pluto_duck.magics.notebook import Notebook

if TYPE_CHECKING:
    from pluto_duck.magics.meter import LiveMeter
    from pluto_duck.magics.progress import Progress
    from pluto_duck.workspace import Result

HELP = {
    "sql": """\
Usage: %pluto sql SELECT ...
       %%pluto sql [NAME]      and the SQL below it

  Run SQL on the live workspace. Rows are bound to NAME, as a Result: .df(), .arrow(), .pl(), .rows().
  $month in the SQL is the notebook's variable `month`, as a value, never as text.
  DataFrames, Arrow tables and Results of the notebook can be queried by their names.""",
    "traceback": """\
Usage: %pluto traceback

  Where the last error came from, in full.""",
    **asking.HELP,
}
NOTEBOOK = """
In a notebook also:
  %%pluto sql [NAME]   a cell of SQL; $name is a variable of the notebook
  %%ask [NAME]         a question in plain words
  %pluto cell [NAME]   the SQL of the last answer as a cell
  %pluto chart ...     draw the last answer, or a Result, in another way
  %pluto traceback     where the last error came from"""


_PROPOSED = re.compile(r"Approval (\w+): ")


def pluto(notebook: Notebook, line: str, cell: str | None = None) -> Any:
    """`%pluto VERB ...`. SQL gives back its Result; every other verb shows what it has and gives None."""
    verb, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if verb == "sql":
        if cell is None and not rest:
            raise UsageError("There is no SQL after `%pluto sql`.", hint=HELP["sql"])
        return sql(notebook, rest if cell is None else cell, bind="" if cell is None else rest)
    if cell is not None:
        if verb == "ask":
            return ask(notebook, cell, bind=rest)
        raise UsageError(f"`%%pluto {verb}` takes no cell." if verb else "`%%pluto` needs a verb.",
                         hint=f"Only `%%pluto sql` and `%%pluto ask` do; write `%pluto {verb or 'VERB'}`.")
    if verb == "ask" and rest and not rest.startswith("-"):
        return ask(notebook, rest)
    if verb == "cell":
        asking.cell(notebook, rest)
    elif verb == "chart":
        asking.chart(notebook, rest)
    elif verb == "traceback":
        print(full_traceback(notebook))
    elif verb == "help" and rest in HELP:
        print(HELP[rest])
    else:
        arguments = words(notebook, line)
        for id in command(notebook, arguments):
            buttons.approval(notebook, id)
        if verb in ("", "help") and not rest:
            print(NOTEBOOK)
    return None


def words(notebook: Notebook, line: str) -> list[str]:
    """The line as arguments, with quotes as in a shell; `{name}` is a variable of the notebook, put in
    after splitting, so that its spaces and quotes split nothing."""
    from IPython.utils.process import arg_split

    namespace = notebook.ipython.user_ns

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(namespace[name]) if name in namespace else match.group(0)

    try:
        return [re.sub(r"\{([A-Za-z_]\w*)\}", value, _unquoted(word)) for word in arg_split(line, strict=True)]
    except ValueError as error:
        raise UsageError(f"The line can't be split into words: {error}.", hint="Close the quote.") from None


def _unquoted(word: str) -> str:
    # On Windows, where backslashes are separators, arg_split leaves the quotes on.
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def command(notebook: Notebook, arguments: list[str]) -> list[str]:
    """One verb of the command table; its values are shown as they come. Returns the ids of proposals among them."""
    from pluto_duck.commands import Facts, each, invoke
    from pluto_duck.magics.progress import Progress

    progress = Progress(terminal=notebook.width is not None)
    proposed: list[str] = []

    def work() -> None:
        for value in each(invoke(arguments, notebook.door(progress))):
            found = _PROPOSED.match(value.sections[0][0]) if isinstance(value, Facts) and value.sections else None
            proposed.extend([found[1]] if found else [])
            notebook.send(partial(show, notebook, value, progress))

    try:
        notebook.run(work, tick=progress.tick)
    except BaseException:
        progress.stop()
        raise
    return proposed


def show(notebook: Notebook, value: object, progress: Progress | LiveMeter | None = None) -> None:
    """Displays each part of a value, the first in place of the progress that was shown."""
    from IPython.display import display

    from pluto_duck.commands import Formatted, Growing
    from pluto_duck.commands.kinds import is_answer
    from pluto_duck.commands.render import to_bundles

    whole = value.value if isinstance(value, Formatted) else value
    if not isinstance(value, Formatted):
        value = Formatted(value, "table", notebook.max_rows)
    if isinstance(whole, Growing):
        [bundle] = to_bundles(value)
        if notebook.width is None:
            display(bundle, raw=True, display_id=whole.id, update=whole.id in notebook.growing)
            notebook.growing.add(whole.id)
        elif whole.new:
            print(whole.new)
        return
    for bundle in to_bundles(value):
        if progress is not None:
            progress.settle(bundle)
            progress = None if is_answer(whole) else progress
        else:
            display(bundle, raw=True)
    if is_answer(whole):
        notebook.last_answer = notebook.last = whole
        buttons.offer(notebook, whole)


def sql(notebook: Notebook, text: str, *, bind: str = "") -> Result:
    """Runs SQL with the notebook's variables as parameters and its frames as tables."""
    name = asking.name_of(bind, "%%pluto sql")
    namespace = notebook.ipython.user_ns

    def work() -> Result:
        session = notebook.session()
        return notebook.recorded("sql", text, lambda: session.query(  # type: ignore[no-any-return]
            text, parameters(notebook, text), namespace=namespace))

    result: Result = notebook.run(work)
    notebook.last = text
    for notice in result.notices:
        print(notice)
    if name:
        namespace[name] = result
    return result


def parameters(notebook: Notebook, text: str) -> dict[str, Any] | None:
    """The notebook's variables that the SQL names as `$name`, by DuckDB's own parser: not those in
    comments or strings. A missing one is left out, and refused by the Session with its name."""
    if "$" not in text:
        return None
    namespace = notebook.ipython.user_ns
    wanted = {name for statement in notebook.parser.statements(text) for name in statement.parameters}
    return {name: namespace[name] for name in wanted if name in namespace} or None


def full_traceback(notebook: Notebook) -> str:
    if notebook.last_error is None:
        return "No error yet."
    from pluto_duck.workspace.blot import blotted

    # The cell's own line stands in it, with whatever address was typed there.
    return blotted("".join(traceback.format_exception(notebook.last_error)))
