"""What a server does by itself for the workspaces it may serve, unless somebody else does already: changes are
delivered to webhooks and sinks, and schedules are run.

A workspace without any costs a look at its control store each second, and its database stays closed.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.workspace import Workspace, personal_root
from pluto_duck.workspace.folder import TOML

if TYPE_CHECKING:
    from pluto_duck.commands.relaying import Relays
    from pluto_duck.schedule.running import Scheduler

LOOK_S = 5.0
"""How often it looks whether a workspace has come to be."""

_log = logging.getLogger("pluto_duck.events")
AT_EXIT_S = 1.0


class Delivering:
    """A thread that looks for workspaces, and one for each of them."""

    def __init__(self, root_dir: Path, others: Sequence[Path], *, delivers: bool = True, runs_schedules: bool = True,
                 ) -> None:
        self._root_dir, self._others = root_dir, others
        self._delivers, self._runs_schedules = delivers, runs_schedules
        self._stop = threading.Event()
        self._threads: dict[Path, threading.Thread] = {}
        self._relays: dict[Path, Relays] = {}
        self._schedulers: dict[Path, Scheduler] = {}
        self._scheduling: dict[Path, threading.Thread] = {}
        self._leaving = False
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="pluto-duck-delivering")

    def start(self) -> None:
        self._watcher.start()
        # A server that is interrupted does not always stop its extensions, and the sessions close at exit.
        atexit.register(self.close, AT_EXIT_S)

    def close(self, wait_s: float = 5.0) -> None:
        """What is under way is waited for a little; what is not noted then is sent again by whoever comes next."""
        atexit.unregister(self.close)
        self._stop.set()
        for scheduler in list(self._schedulers.values()):
            scheduler.close(wait_s)
        for relays in list(self._relays.values()):
            relays.stop(wait_s)
        for one in (self._watcher, *list(self._threads.values()), *list(self._scheduling.values())):
            one.join(wait_s)
        if not any(one.is_alive() for one in self._scheduling.values()):
            for scheduler in list(self._schedulers.values()):
                scheduler.leave()

    def _watch(self) -> None:
        while not self._stop.is_set():
            for workspace in self._there():
                if self._runs_schedules and not self._leaving:
                    self._schedule(workspace)
                if not self._delivers:
                    continue
                self._relay(workspace)
                known = self._threads.get(workspace.root)
                if known is None or not known.is_alive():
                    self._threads[workspace.root] = threading.Thread(
                        target=self._deliver, args=(workspace,), daemon=True,
                        name=f"pluto-duck-webhooks-{workspace.name}")
                    self._threads[workspace.root].start()
            self._stop.wait(LOOK_S)

    def _relay(self, workspace: Workspace) -> None:
        from pluto_duck.commands.relaying import Relays

        if workspace.root not in self._relays:
            self._relays[workspace.root] = Relays(workspace)
            self._relays[workspace.root].start()

    def _schedule(self, workspace: Workspace) -> None:
        known = self._scheduling.get(workspace.root)
        if known is None or not known.is_alive():
            self._scheduling[workspace.root] = threading.Thread(
                target=self._run_schedules, args=(workspace,), daemon=True,
                name=f"pluto-duck-schedules-{workspace.name}")
            self._scheduling[workspace.root].start()

    def _run_schedules(self, workspace: Workspace) -> None:
        from pluto_duck.governance.trust import is_trusted
        from pluto_duck.schedule.running import Scheduler
        from pluto_duck.settings import Settings

        try:
            settings = Settings.load(workspace.toml, trusted=is_trusted(workspace))
            if workspace.root not in self._schedulers:
                self._schedulers[workspace.root] = Scheduler(workspace, settings)
            self._schedulers[workspace.root].run(self._stop)
        except PlutoError as error:
            _log.warning("Schedules of %s are not run: %s", workspace.name, error.message)
        except Exception:  # a thread of ours in somebody's server: it tells, and is begun again
            _log.exception("Schedules of %s are not run", workspace.name)

    def begin_nothing(self) -> None:
        """What runs may end; the next schedule is another server's."""
        self._leaving = True
        for scheduler in list(self._schedulers.values()):
            scheduler.begin_nothing()

    def cancel_all(self) -> None:
        for scheduler in list(self._schedulers.values()):
            scheduler.cancel_all()

    def at_work(self) -> int:
        """Scheduled runs."""
        return sum(one.at_work for one in list(self._schedulers.values()))

    def _there(self) -> Iterator[Workspace]:
        """Nothing is made: who only starts a server wants no folder of ours."""
        here = self._root_dir.expanduser().absolute()
        found = next((one for one in (here, *here.parents) if (one / TOML).is_file()), personal_root())
        for folder in (found, *self._others):
            workspace = Workspace(folder.expanduser().resolve())
            if workspace.control.is_file():
                yield workspace

    def _deliver(self, workspace: Workspace) -> None:
        from pluto_duck.governance.trust import is_trusted
        from pluto_duck.session.webhooks_run import deliver
        from pluto_duck.settings import Settings

        try:
            settings = Settings.load(workspace.toml, trusted=is_trusted(workspace))
            deliver(workspace, settings, self._stop, role="server", label="Jupyter Server, webhooks")
        except PlutoError as error:
            _log.warning("Webhooks of %s are not delivered: %s", workspace.name, error.message)
        except Exception:  # a thread of ours in somebody's server: it tells, and is begun again
            _log.exception("Webhooks of %s are not delivered", workspace.name)
