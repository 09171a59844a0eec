"""The verbs, defined once: one click command table (`table.py`) behind the shell and the magics.

A verb returns a value and prints nothing; the door it came through renders it (`render.py`).
Nothing heavy is imported here: `pluto_duck.open` passes this way too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.errors import Cancelled, Refused, UsageError

if TYPE_CHECKING:
    import click

    from pluto_duck.agent import Answer
    from pluto_duck.session import Session


def _silent(_: str) -> None:
    return None


@dataclass
class Door:
    """What a verb may ask of the place it was called from."""

    open_session: Callable[[], Session]
    """The door's session, opened on the first call; the door closes it, not the verb."""
    namespace: Mapping[str, Any] = field(default_factory=dict)
    """Python names that SQL may find as tables and $parameters; empty in a shell."""
    say: Callable[[str], None] = _silent
    """For messages beside the data: stderr in a shell."""
    progress: Callable[..., None] | None = None
    follow: Callable[..., None] | None = None
    """Told of each step of a question: an agent.Event, from whichever thread works."""
    interactive: bool = False
    """True when a person can answer `ask`."""
    kind: Literal["shell", "notebook"] = "shell"
    choose: Callable[[str], None] | None = None
    """Points `open_session` at the workspace of a folder; None in a door that keeps to one."""
    ask: Callable[[str], bool] | None = None
    """Puts a yes-or-no question to the person."""
    ask_secret: Callable[[str], str] | None = None
    """Asks the person for a text that is not shown while it is typed; None where nobody can be asked."""
    last: Callable[[], Answer | str | None] | None = None
    """What the last cell of a notebook gave: an answer, or the SQL of a cell; None in a shell."""
    workspace: str | None = None
    """The folder that was chosen; None: the current one."""

    @property
    def program(self) -> str:
        return "pluto-duck" if self.kind == "shell" else "%pluto"


@dataclass(frozen=True)
class Formatted:
    """A value that the caller wants in a format of its choice."""

    value: object
    format: Literal["table", "csv", "json"]
    max_rows: int | None = None
    """Rows of a table to show; None: the setting `display.max_rows`."""


@dataclass(frozen=True)
class Rows:
    """A small table that a verb made up itself: the history, the workspaces."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    none: str = "Nothing yet."
    """What to say instead of an empty table."""


@dataclass(frozen=True)
class Growing:
    """Rows that become more: a shell prints what is new, a notebook shows all of them in one place."""

    id: str
    rows: Rows
    new: str


@dataclass(frozen=True)
class Facts:
    """Names and values, grouped under headings, and what is wrong with them."""

    sections: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    problems: tuple[tuple[str, str], ...] = ()
    """(what is wrong, what to do about it); any makes the exit code 1."""


@dataclass(frozen=True)
class Done:
    """Nothing to show, but an exit code to hand back: another program's."""

    exit_code: int


def invoke(args: Sequence[str], door: Door) -> object:
    """Runs one verb. Returns its value, or an iterator of values when they come one by one.

    Raises PlutoError; a command line that makes no sense is a UsageError with the usage as its hint.
    """
    import click

    from pluto_duck.commands.table import Told, pluto
    from pluto_duck.workspace.blot import blotted

    try:
        with pluto.make_context(door.program, list(args), obj=door) as context:
            return pluto.invoke(context)
    except Told as told:
        return told.text
    except click.exceptions.Abort:
        raise Cancelled("Stopped.") from None
    except click.UsageError as error:
        context = error.ctx or _context(args, door)  # an option without its value comes without one
        usage, command = context.get_usage(), context.command_path
        helping = f"{door.program} help {command.removeprefix(door.program).strip()}".strip()
        # What was typed is repeated there, and it may be an address with a password.
        raise UsageError(blotted(error.format_message()), hint=f"{usage}\n`{helping}` tells more.") from None
    except click.ClickException as error:
        raise UsageError(blotted(error.format_message())) from None


def _context(args: Sequence[str], door: Door) -> click.Context:
    """That of the verb in a line that could not be parsed."""
    import click

    from pluto_duck.commands.table import pluto

    root = click.Context(pluto, info_name=door.program)
    named = next((one for one in args if one in pluto.commands), None)
    return root if named is None else click.Context(pluto.commands[named], parent=root, info_name=named)


def only_in_a_shell(door: Door, verb: str, why: str) -> None:
    """Raises Refused in a notebook."""
    if door.kind != "shell":
        raise Refused(f"`{verb}` makes no sense in a notebook: {why}",
                      hint=f"Run it in a terminal: pluto-duck {verb}")


def exit_code(value: object) -> int:
    """What a shell should hand back for a value: 0, 7 for a question without an answer, 1 for problems."""
    if isinstance(value, Formatted):
        return exit_code(value.value)
    if isinstance(value, Done):
        return value.exit_code
    if isinstance(value, Facts):
        return 1 if value.problems else 0
    return 7 if getattr(value, "status", None) in ("clarify", "declined") else 0


def each(value: object) -> Iterable[object]:
    """The values of a verb, one by one: most have a single one, `demo` has many."""
    from collections.abc import Iterator

    if isinstance(value, Iterator):
        yield from value
    else:
        yield value


__all__ = ["Done", "Door", "Facts", "Formatted", "Growing", "Rows", "each", "exit_code", "invoke", "only_in_a_shell"]
