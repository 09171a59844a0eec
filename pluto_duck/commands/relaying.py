"""Which sinks a workspace has, and the threads that deliver to them."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.errors import PlutoError, TargetError, UsageError
from pluto_duck.events.lease import file_name
from pluto_duck.events.sinkstore import SinkRecord, Sinks
from pluto_duck.workspace import ControlStore, Workspace
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    from pluto_duck.events.model import Sink
    from pluto_duck.events.relay import Pace, Relay
    from pluto_duck.session import Session

log = logging.getLogger(__name__)
LOOK_S = 1.0
"""How soon a new sink is delivered to."""


def folder_of(workspace: Workspace, name: str) -> Path:
    return workspace.folder / "sinks" / file_name(name)


def locks_of(workspace: Workspace) -> Path:
    found = workspace.folder / "sinks"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def account(workspace: Workspace, name: str, option: str) -> str:
    """Of the keyring."""
    return f"sink {name.casefold()} {option} of {workspace.root}"


def secret_of(workspace: Workspace, record: SinkRecord) -> Callable[[str], str]:
    """What looks up the secrets of one sink. Raises TargetError where one is not there."""

    def look_up(option: str) -> str:
        reference = str(record.options[option])
        if reference == "keyring":
            from pluto_duck.ingest import connections_keyring as keyring

            return keyring.look_up(account(workspace, record.name, option), address_of(record.options))
        variable = reference.removeprefix("env:")
        if not os.environ.get(variable):
            raise TargetError(f"The {option} of the sink {record.name} is to come from the environment variable "
                              f"{variable}, which is not set.",
                              hint=f"Set it where the relay runs: export {variable}=...")
        return os.environ[variable]

    return look_up


def address_of(options: Mapping[str, Any]) -> str:
    """A secret in the keyring counts only for the address it was given for."""
    return str(options.get("bootstrap") or options.get("url") or "")


def make(workspace: Workspace, record: SinkRecord) -> Sink:
    """Not yet started. Raises UsageError, UnknownName for a kind that is not installed."""
    from pluto_duck.events import sinks

    kind = sinks.kind(record.kind)
    folder = folder_of(workspace, record.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kind(sinks.checked(record.kind, record.options, kind),
                sinks.Place(record.name, workspace.root, folder, secret_of(workspace, record)))


def sealed(workspace: Workspace, name: str, kind: str, tables: Sequence[TableRef], options: Mapping[str, Any]) -> str:
    """The mark of a sink that this user wished for on this machine."""
    from pluto_duck.governance.seal import seal

    return seal(workspace, *_sealed_parts(name, kind, tables, options))


def _sealed_parts(name: str, kind: str, tables: Sequence[TableRef], options: Mapping[str, Any]) -> tuple[Any, ...]:
    return "sink", name.casefold(), kind, [[one.schema, one.name] for one in tables], dict(options)


def is_ours(workspace: Workspace, one: SinkRecord) -> bool:
    """Whether this user made it on this machine. The records of a folder that was copied or cloned send nothing."""
    from pluto_duck.governance.seal import is_sealed

    return is_sealed(workspace, one.seal, *_sealed_parts(one.name, one.kind, one.tables, one.options))


def not_ours(one: SinkRecord) -> TargetError:
    return TargetError(f"The sink {one.name} was not made by you on this machine, so it sends nothing.",
                       hint=f"sinks status {one.name} shows where it goes; remove it, and add it again if it may.")


def _ours(workspace: Workspace, one: SinkRecord) -> SinkRecord:
    if not is_ours(workspace, one):
        raise not_ours(one)
    return one


def sync(workspace: Workspace, known: Sinks) -> str:
    """Takes over what pluto.toml says; what it says no more is removed. Why nothing of it counts, or ""."""
    from pluto_duck.governance.trust import is_trusted
    from pluto_duck.settings import sinks_of

    wanted, origin = sinks_of(workspace.toml), str(workspace.toml.name)
    there = {one.name.casefold(): one for one in known.all()}
    if wanted and not is_trusted(workspace):
        return f"The sinks of {workspace.toml.name} send data out, so they count only once you trust this folder."
    for name, entry in wanted.items():
        kind, tables, options = _entry(name, entry)
        found = there.get(name.casefold())
        if found is None:
            known.add(name, kind, tables=tables, options=options, origin=origin,
                      seal=sealed(workspace, name, kind, tables, options))
        elif found.origin != origin:
            raise UsageError(f"A sink {name} stands in {workspace.toml.name}, and another was added by a verb.",
                             hint=f"Remove one of them: pluto-duck sinks remove {name}")
        elif ((found.kind, found.tables, dict(found.options)) != (kind, tables, options)
              or not is_ours(workspace, found)):
            known.change(found.name, kind=kind, tables=tables, options=options,
                         seal=sealed(workspace, found.name, kind, tables, options))
    for one in there.values():
        if one.origin == origin and one.name.casefold() not in {name.casefold() for name in wanted}:
            known.remove(one.name)
    return ""


def _entry(name: str, entry: Mapping[str, Any]) -> tuple[str, tuple[TableRef, ...], dict[str, Any]]:
    from pluto_duck.events.sinks import checked

    options = dict(entry)
    kind, tables = options.pop("kind", None), options.pop("tables", [])
    if not isinstance(kind, str) or not isinstance(tables, list) or not all(isinstance(one, str) for one in tables):
        raise UsageError(f"[sinks.{name}] needs a kind, and tables as a list of names.",
                         hint='kind = "file"\ntables = ["orders"]\nfolder = "changes"')
    checked(kind, options)
    return kind, tuple(TableRef.parse(one) for one in tables), options


def tracked_of(session: Session) -> Sequence[TableRef]:
    return [TableRef(one["name"], one["schema"]) for one in session.tracked()["tables"] if one["there"]]


def relay_of(session: Session, name: str, *, pace: Pace | None = None) -> Relay:
    """For the thread that runs it; the session must be its own."""
    from pluto_duck.events.envelope import Origin
    from pluto_duck.events.relay import Relay

    workspace = session.workspace
    ((identity,),) = session.query("SELECT id FROM _pluto.identity").rows()
    return Relay(name, session, lambda: tracked_of(session), Sinks(session.control),
                 lambda record: make(workspace, _ours(workspace, record)), locks=locks_of(workspace),
                 holder=f"{socket.gethostname()}:{os.getpid()}", origin=Origin(str(identity), workspace.name),
                 pace=pace)


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class Relays:
    """Delivers to all sinks of a workspace, as far as nobody else does. Opens the workspace once there is one."""

    def __init__(self, workspace: Workspace, *, role: Literal["server", "kernel", "shell"] = "server") -> None:
        self._workspace, self._role = workspace, role
        self._stop = threading.Event()
        self._running: dict[str, tuple[threading.Thread, list[Relay]]] = {}
        self._watch: threading.Thread | None = None

    def start(self) -> None:
        self._watch = threading.Thread(target=self._look, name="pluto-duck-sinks", daemon=True)
        self._watch.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """After the batches at hand; whoever still waits for a target that does not answer is left behind."""
        self._stop.set()
        if self._watch is not None:
            self._watch.join(timeout_s)
        for _, relays in list(self._running.values()):
            for relay in relays:
                relay.stop()
        for thread, _ in list(self._running.values()):
            thread.join(timeout_s)

    def _look(self) -> None:
        while not self._stop.is_set() and not self._workspace.control.exists():
            self._stop.wait(LOOK_S)
        if self._stop.is_set():
            return
        control, seen = ControlStore(self._workspace.control), tuple[object, ...]()
        try:
            while not self._stop.is_set():
                try:
                    now = self._seen(control)
                    if now != seen:
                        self._look_once(control)
                        seen = now
                except PlutoError as error:
                    log.warning("The sinks of %s can't be read: %s", self._workspace.root, error)
                self._stop.wait(LOOK_S)
        finally:
            control.close()

    def _seen(self, control: ControlStore) -> tuple[object, ...]:
        """What another wish would change. A quiet workspace costs this look each second."""
        from pluto_duck.governance.trust import file

        return (Sinks(control).change_mark(), _changed_at(self._workspace.toml), _changed_at(file()),
                sum(thread.is_alive() for thread, _ in self._running.values()))

    def _look_once(self, control: ControlStore) -> None:
        known, why = Sinks(control), ""
        try:
            why = sync(self._workspace, known)
        except PlutoError as error:
            log.warning("The sinks of %s: %s", self._workspace.toml, error)
        for one in known.all():
            if (why and one.origin) or (one.name in self._running and self._running[one.name][0].is_alive()):
                continue
            relays: list[Relay] = []
            thread = threading.Thread(target=self._deliver, args=(one.name, relays), daemon=True,
                                      name=f"pluto-duck-sink-{one.name}")
            self._running[one.name] = thread, relays
            thread.start()

    def _deliver(self, name: str, relays: list[Relay]) -> None:
        from pluto_duck.session import Session

        try:
            with Session.open(self._workspace.root, role=self._role, label=f"sink {name}") as session:
                relays.append(relay_of(session, name))
                if not self._stop.is_set():
                    relays[0].run()
        except PlutoError as error:  # it begins again at the next look
            log.warning("The sink %s of %s: %s", name, self._workspace.root, error)
        except Exception:  # a thread of ours in somebody's server: it tells, and is begun again
            log.exception("The sink %s of %s", name, self._workspace.root)


__all__ = ["Relays", "account", "address_of", "folder_of", "is_ours", "locks_of", "make", "not_ours", "relay_of",
           "sealed", "secret_of", "sync", "tracked_of"]
