"""What one IPython shell holds of pluto-duck: its session, its worker, its last error."""

from __future__ import annotations

import queue
import shutil
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pluto_duck.commands import Door
from pluto_duck.errors import Cancelled, PlutoError
from pluto_duck.magics.worker import Worker

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.session import TableInfo
    from pluto_duck.workspace.parser import Parser


class Notebook:
    """One for each shell. Used from its main thread; verbs themselves run in the worker."""

    def __init__(self, ipython: Any) -> None:
        self.ipython = ipython
        self.worker = Worker()
        self.last_error: PlutoError | None = None
        self.last_answer: Answer | None = None
        self.last: Answer | str | None = None
        """The newer one of the last answer and the SQL of the last cell that ran."""
        """The one that was shown last: what `%pluto cell` and `%pluto chart` are about."""
        self.growing: set[str] = set()
        """What is shown already and is still becoming more."""
        self._folder: str | None = None
        self._session: Workbench | None = None
        self._tables: list[TableInfo] | None = None
        self._messages: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    # -- the session ------------------------------------------------------------------------------

    def session(self) -> Workbench:
        """Opened by the first call: the workspace of the current folder, else the personal one."""
        if self._session is None:
            from pluto_duck.commands.workbench import open

            self._session = open(self._folder, role="kernel", label=self._label())
        return self._session

    @property
    def folder(self) -> str | None:
        """Of the workspace that its cells use; None: the one found from the current folder, when it is first used."""
        return str(self._session.workspace.root) if self._session is not None else self._folder

    def choose(self, folder: str) -> None:
        """From now on the workspace of that folder; the session of the one before is closed."""
        self._close_session()
        self._folder = folder

    def _label(self) -> str:
        name = str(self.ipython.user_ns.get("__vsc_ipynb_file__") or self.ipython.user_ns.get("__session__") or "")
        return f"notebook {name}" if name else "notebook"

    def close(self) -> None:
        """Leaves the workspace; also at the end of the process. Never raises."""
        try:
            self._close_session()
        except Exception:  # at exit nobody could act on it, and the kernel must end
            pass
        self.worker.close()

    def _close_session(self) -> None:
        session, self._session, self._tables = self._session, None, None
        if session is not None:
            if "runs" in vars(session):
                session.runs.close()
            session.close()

    # -- running ----------------------------------------------------------------------------------

    def run(self, work: Callable[[], Any], *, tick: Callable[[], None] = lambda: None) -> Any:
        """Runs work that may use the session; messages and values that it sends on the way are shown
        as they come. Ctrl-C stops it and leaves the session usable."""
        self._tables = None

        def look_up() -> None:
            self._deliver()
            tick()

        try:
            return self.worker.run(work, interrupt=self._interrupt, tick=look_up)
        except KeyboardInterrupt:
            # Its statement still runs and can't be stopped: leave that session to it.
            self._session = None
            raise
        finally:
            self._deliver()

    def recorded(self, kind: str, text: str, work: Callable[[], Any]) -> Any:
        """Does the work and writes it into the history of the workspace, failed or not."""
        runs, started, error = self.session().runs, time.perf_counter(), None
        rows, status = 0, "succeeded"
        try:
            value = work()
            rows = getattr(getattr(value, "result", value), "row_count", 0)
            return value
        except PlutoError as caught:
            error = caught
            status = caught.code if caught.code in ("cancelled", "timed_out") else "failed"
            raise
        finally:
            runs.record(kind, text, status, time.perf_counter() - started, rows, error)  # type: ignore[arg-type]

    def _interrupt(self) -> None:
        if self._session is not None:
            self._session.interrupt()

    def send(self, show: Callable[[], None]) -> None:
        """From the worker: something for the main thread to show, whose output belongs to the cell."""
        self._messages.put(show)

    def _deliver(self) -> None:
        while not self._messages.empty():
            self._messages.get()()

    def door(self, progress: Callable[..., None] | None = None) -> Door:
        return Door(open_session=self.session, namespace=self.ipython.user_ns, kind="notebook", progress=progress,
                    say=lambda text: self.send(lambda: print(text)), choose=self.choose,
                    ask_secret=self._ask_secret, last=lambda: self.last, workspace=self._folder)

    def _ask_secret(self, question: str) -> str:
        """From the worker: the main thread alone can ask. "" where nobody answers, as in a notebook that is run
        as a whole."""
        from getpass import getpass

        answered: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def ask() -> None:
            answer: str | None = None
            try:
                answer = getpass(question)
            except (NotImplementedError, EOFError):  # the kernel's own word for "there is nobody"
                answer = ""
            finally:
                answered.put(answer)

        self.send(ask)
        answer = answered.get()
        if answer is None:
            raise Cancelled("Stopped.")
        return answer

    # -- looking up, for completion ---------------------------------------------------------------

    def tables(self) -> list[TableInfo]:
        """As they were after the last statement. Opens the session: whoever completes SQL is about to
        run it."""
        if self._tables is None:
            self._tables = self.session().tables()
        return self._tables

    @cached_property
    def parser(self) -> Parser:
        from pluto_duck.workspace.parser import Parser

        return Parser()

    # -- how wide, how long -----------------------------------------------------------------------

    @property
    def max_rows(self) -> int:
        return int(self._session.settings["display.max_rows"]) if self._session is not None else 50

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None in a kernel, whose reader scrolls."""
        return None if getattr(self.ipython, "kernel", None) is not None else shutil.get_terminal_size().columns
