"""The process of one firing: `python -P -m pluto_duck.schedule.child`, told by a line of JSON what to run.

It answers in lines of JSON on what was its stdout; whatever else anybody prints goes to stderr. When its stdin ends, so
does it: whoever ran it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from pluto_duck.errors import Cancelled, PlutoError, RunError

if TYPE_CHECKING:
    from pluto_duck.session import Session

LAST_S = 10.0
"""After Ctrl-C a verb may put its things in order for so long."""


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server in the background is deaf to it
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    wanted = json.loads(sys.stdin.readline())
    threading.Thread(target=_watch, daemon=True, name="pluto-duck-parent").start()
    lock = threading.Lock()

    def tell(**what: Any) -> None:
        with lock:
            told.write(json.dumps(what, default=str) + "\n")
            told.flush()

    code = 0
    try:
        if wanted["first"]:
            _must_pass(wanted, tell)
        code = _run(wanted["args"], wanted["workspace"], wanted["label"], tell)
    except KeyboardInterrupt:
        tell(kind="error", error=Cancelled("It was stopped.").to_dict())
        code = Cancelled.exit_code
    except PlutoError as error:
        tell(kind="error", error=error.to_dict())
        code = error.exit_code
    except Exception as error:
        import traceback

        traceback.print_exc()
        tell(kind="error", error=RunError(f"It stopped with an unexpected {type(error).__name__}.",
                                          hint="The log of the run has the details.").to_dict())
        code = 1
    tell(kind="end", exit_code=code)
    return code


def _must_pass(wanted: dict[str, Any], tell: Any) -> None:
    """Raises RunError where what must succeed first does not."""
    import shlex

    line, why = shlex.join(wanted["first"]), ""
    try:
        passed = _run(wanted["first"], wanted["workspace"], wanted["label"], tell) == 0
    except Cancelled:
        raise
    except PlutoError as error:
        passed, why = False, f" {error.message}"
    if not passed:
        raise RunError(f"It was not run, since `{line}` did not pass.{why}",
                       hint="The log of the run has what it said.")


def _run(args: list[str], workspace: str, label: str, tell: Any) -> int:
    from pluto_duck.commands import Door, each, exit_code, invoke
    from pluto_duck.commands.render import to_text
    from pluto_duck.commands.workbench import open

    opened: list[Session] = []

    def session() -> Session:
        if not opened:
            opened.append(open(workspace, role="shell", label=label))
        return opened[0]

    door = Door(session, say=lambda text: tell(kind="said", text=text), workspace=workspace)
    code = 0
    try:
        for value in each(invoke(args, door)):
            tell(kind="shown", text=to_text(value, max_rows=20)[:20_000])
            code = code or exit_code(value)
    finally:
        if opened:
            opened[0].close()
    return code


def _watch(stdin: IO[str] = sys.stdin) -> None:
    stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(LAST_S)
    os._exit(Cancelled.exit_code)


if __name__ == "__main__":
    sys.exit(main())
