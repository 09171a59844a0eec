"""The shell's door: stdout is data, stderr is messages, the exit code is the kind of failure."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from pluto_duck.commands import Door, Formatted, each, exit_code, invoke
from pluto_duck.commands.meter import TerminalMeter
from pluto_duck.commands.progress import TerminalProgress
from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.session import Session


class _Shell:
    """Opens the session on first use and closes it at the end."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.session: Session | None = None

    def choose(self, folder: str) -> None:
        self.folder = folder

    def open(self) -> Session:
        if self.session is None:
            from pluto_duck.commands.workbench import open

            self.session = open(self.folder, role="shell", label="pluto-duck")
        return self.session

    def close(self) -> None:
        if self.session is not None:
            self.session.close()


def _say(text: str) -> None:
    from pluto_duck.display.values import visible

    print(visible(text, keep="\n\t"), file=sys.stderr, flush=True)


def _ask(question: str) -> bool:
    from pluto_duck.display.values import visible

    print(f"{visible(question, keep=chr(10))} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _ask_secret(question: str) -> str:
    from getpass import getpass

    from pluto_duck.display.values import visible

    return getpass(visible(question), stream=sys.stderr)


def _show(value: object, max_rows: int) -> None:
    """Writes one value; an answer that is none goes to stderr, where no program mistakes it for data."""
    from pluto_duck.commands.render import beside, to_chunks

    messages = beside(value)
    wanted = value.format if isinstance(value, Formatted) else "table"
    into = sys.stderr if wanted == "table" and exit_code(value) == 7 else sys.stdout
    last = "\n"
    width = shutil.get_terminal_size().columns if into.isatty() else None
    for chunk in to_chunks(value, max_rows=max_rows, width=width):
        if chunk:
            into.write(chunk)
            last = chunk
    if not last.endswith("\n"):
        into.write("\n")
    into.flush()
    if messages:
        _say(messages)


def _max_rows(shell: _Shell) -> int:
    return int(shell.session.settings["display.max_rows"]) if shell.session is not None else 50


def _run(arguments: list[str], shell: _Shell, progress: bool) -> int:
    interactive = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    door = Door(open_session=shell.open, say=_say, interactive=interactive, choose=shell.choose, ask=_ask,
                ask_secret=_ask_secret if interactive else None)
    line, meter = TerminalProgress(), TerminalMeter()
    if progress:
        door.progress, door.follow = line, meter
    code = 0
    try:
        for value in each(invoke(arguments, door)):
            line.clear()
            meter.clear()
            _show(value, _max_rows(shell))
            code = code or exit_code(value)
    finally:
        line.clear()
        meter.clear()
    return code


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if "_PLUTO_DUCK_COMPLETE" in os.environ:
        return _complete()
    traceback = _takes_traceback(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that can't show a letter must not end the command.
            stream.reconfigure(errors="backslashreplace")
    shell = _Shell()
    try:
        try:
            return _run(arguments, shell, progress=sys.stderr.isatty())
        finally:
            shell.close()
    except BrokenPipeError:
        # The reader of the pipe has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130
    except PlutoError as error:
        if traceback:
            raise
        _complain(error)
        return error.exit_code
    except Exception as error:
        if traceback:
            raise
        _say(f"Something unexpected: {type(error).__name__}: {error}\n"
             "Run it again as `pluto-duck --traceback ...` to see where.")
        return 1


def _takes_traceback(arguments: list[str]) -> bool:
    """`--traceback` may stand anywhere before `--`, and then reaches no verb."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--traceback" not in arguments[:end]:
        return False
    arguments.remove("--traceback")
    return True


def _complain(error: PlutoError) -> None:
    from pluto_duck.display import error_text

    _say(error_text(error))


def _complete() -> int:
    from click.shell_completion import shell_complete

    from pluto_duck.commands.table import pluto

    return shell_complete(pluto, {}, "pluto-duck", "_PLUTO_DUCK_COMPLETE", os.environ["_PLUTO_DUCK_COMPLETE"])


if __name__ == "__main__":
    sys.exit(main())
