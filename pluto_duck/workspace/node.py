"""This process's place in a workspace: it finds the host, or becomes it, and hands it on.

    seeking -> guest | host;  host -> (handed over -> guest) | lent -> host | left;  guest -> seeking

Who holds the flock on host.lock hosts; nothing else decides. Every session of the process shares one
Node. After a fork the child's inherited Node is dead and `join` makes a new one.
"""

from __future__ import annotations

import atexit
import errno
import os
import threading
import time
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import DatabaseBusy, HostNotAnswering, PlutoError, WorkspaceError, WorkspaceUnusable
from pluto_duck.settings import Settings
from pluto_duck.version import __version__
from pluto_duck.workspace import hostfile, wire
from pluto_duck.workspace.database import Database
from pluto_duck.workspace.folder import Workspace, refuse_network
from pluto_duck.workspace.guest import GuestChannel, Watch, connect, not_answering
from pluto_duck.workspace.host import Host, LocalChannel, Moved
from pluto_duck.workspace.hostfile import HostFile
from pluto_duck.workspace.link import Link, forked
from pluto_duck.workspace.locks import FileLock
from pluto_duck.workspace.protocol import HandlerFactory, Hello, Role
from pluto_duck.workspace.wire import Peer

if TYPE_CHECKING:
    from pluto_duck.workspace.reader import Readers

HANDOVER_WAIT_S = 5.0
"""How long a host that is asked to hand over waits for a moment when nothing runs."""

LEAVE_GRACE_S = 0.5
"""What running statements get at exit; the whole drain stays under a second, since Jupyter kills after
2.5 s and correctness must not hang on it."""

_RANKS: dict[str, dict[str, int]] = {
    "auto": {"kernel": 3, "server": 2, "shell": 1},
    "server": {"kernel": 2, "server": 3, "shell": 1},
}
# When the host is gone, those who should host look first; a one-shot shell only if nobody else did.
_TAKE_OVER_DELAY_S = {3: 0.0, 2: 0.03, 1: 0.15}


class Node:
    def __init__(self, workspace: Workspace, settings: Settings, factory: HandlerFactory, role: Role,
                 label: str) -> None:
        if not settings["workspace.allow_network_filesystem"]:
            refuse_network(workspace)
        self.workspace = workspace
        self.settings = settings
        self.role: Role = role
        self.label = label
        self._factory = factory
        self._wait_s = float(settings["workspace.wait_s"])
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._host: Host | None = None
        self._host_lock: FileLock | None = None
        self._watch: Watch | None = None
        self._links: set[Link] = set()
        self._lent = ""
        self._closed = False
        self._readers: Readers | None = None
        self._declined: set[str] = set()
        """Epochs of hosts that would not hand over: not asked twice."""

    @cached_property
    def _key(self) -> bytes:
        try:
            return hostfile.key(self.workspace)
        except OSError as error:
            raise _unusable(self.workspace, error) from error

    @cached_property
    def _versions(self) -> dict[str, Any]:
        return {"protocol": wire.PROTOCOL, "pluto_duck": __version__}

    @property
    def rank(self) -> int:
        return self._rank_of(self.role)

    def _rank_of(self, role: str) -> int:
        # Looked up each time: a policy may be written while everybody is there.
        who = self.settings["workspace.host"] or ("server" if self.workspace.policy.exists() else "auto")
        return _RANKS[who].get(role, 1)

    @property
    def hosting(self) -> bool:
        return self._host is not None

    # -- links --------------------------------------------------------------------------------------

    def link(self, role: Role, label: str, actor: Any = None) -> Link:
        if self._rank_of(role) > self.rank:
            self.role, self.label = role, label
        link = Link(self, Hello(uuid.uuid4().hex, role, os.getpid(), label, actor))
        self._links.add(link)
        try:
            link.connect()
        except BaseException:
            self.release(link)
            raise
        return link

    def readers(self, main: str) -> Readers:
        """This process's readers; `main`: the module that they run."""
        with self._lock:
            if self._closed:
                raise WorkspaceError("This session has been closed.")
            if self._readers is None:
                from pluto_duck.workspace.reader import Readers

                self._readers = Readers(main, self.settings)
            return self._readers

    def release(self, link: Link) -> None:
        """The last link to go takes the process out of the workspace."""
        with _joining:
            self._links.discard(link)
            if self._links or _nodes.get(self.workspace.root) is not self:
                return
            del _nodes[self.workspace.root]
        self.leave(LEAVE_GRACE_S)

    # -- seeking ------------------------------------------------------------------------------------

    def channel(self, hello: Hello) -> LocalChannel | GuestChannel:
        """A channel for a session: in-process when we host, else through whoever does, else we become it.

        Waits until `workspace.wait_s`; then says why: DatabaseBusy, HostNotAnswering, WorkspaceError.
        """
        until = time.monotonic() + self._wait_s
        tries = 0
        while True:
            if os.getpid() != self._pid or self._closed:
                raise forked() if os.getpid() != self._pid else WorkspaceError("This session has been closed.")
            host = self._host
            if host is not None:
                try:
                    return host.open_local(hello)
                except Moved:
                    pass
            elif not self._lent:
                found = hostfile.read(self.workspace)
                if found is not None and found.state == "open":
                    channel = self._try_guest(found, hello, until)
                    if channel is not None:
                        return channel
                if self._host is None:
                    self._try_become_host(until)
                    if self._host is not None:
                        continue
            if time.monotonic() > until:
                raise self._why_not()
            tries += 1
            time.sleep(0.002 if tries < 200 else 0.02)

    def _try_guest(self, found: HostFile, hello: Hello, until: float) -> GuestChannel | None:
        outranked = self.rank > self._rank_of(found.role) and found.epoch not in self._declined
        if outranked and self._ask_handover(found):
            return None  # we host now; the loop sees it
        left = max(0.1, until - time.monotonic())
        try:
            channel = GuestChannel(found, self._key, self._versions, hello, min(left, self._wait_s))
        except (OSError, EOFError):
            return None
        with self._lock:
            if self._watch is None and not self._closed:
                try:
                    self._watch = Watch(found, self._key, self._versions, self._wait_s, self._host_gone)
                except (OSError, EOFError, HostNotAnswering):
                    pass
        return channel

    def _host_gone(self, watch: Watch | None) -> None:
        """The host has ended: a guest that waits takes over even when it has nothing to ask."""
        with self._lock:
            if self._watch is watch:
                self._watch = None
        time.sleep(_TAKE_OVER_DELAY_S[self.rank])
        until = time.monotonic() + self._wait_s
        tries = 0
        while not self._closed and self._host is None and time.monotonic() < until and os.getpid() == self._pid:
            found = hostfile.read(self.workspace)
            if found is not None and found.state == "open":
                try:
                    with self._lock:
                        if self._watch is None and not self._closed:
                            self._watch = Watch(found, self._key, self._versions, self._wait_s, self._host_gone)
                    return
                except (OSError, EOFError, PlutoError):
                    pass
            try:
                self._try_become_host(until)
            except PlutoError:
                return
            tries += 1
            time.sleep(0.002 if tries < 200 else 0.02)

    def _try_become_host(self, until: float) -> None:
        with self._lock:
            if self._host is not None or self._closed:
                return
            try:
                lock = FileLock.try_acquire(self.workspace.host_lock)
            except OSError as error:
                raise WorkspaceUnusable(f"{self.workspace.host_lock} can't be opened: {error.strerror}.",
                                        hint="Check the folder's permissions.") from error
            if lock is None:
                return
            try:
                hostfile.clean(self.workspace)
                self._open_as_host(lock, until)
            except BaseException as error:
                self.workspace.host_file.unlink(missing_ok=True)
                lock.close()
                if isinstance(error, OSError):
                    raise _unusable(self.workspace, error) from error
                raise

    def _open_as_host(self, lock: FileLock, until: float) -> None:
        """Opens the database, then listens, and announces last. While an outsider has the file we keep
        the flock and say so: guests see why they wait and nobody else races."""
        epoch = uuid.uuid4().hex
        announced = False
        while True:
            try:
                database = Database(self.workspace, self.settings)
                break
            except DatabaseBusy as busy:
                if not announced:
                    hostfile.write(self.workspace, self._announcement("waiting", "", epoch, busy.message))
                    announced = True
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        try:
            host = Host(database, self._factory(database), self._key, self._versions, self._on_request,
                        self._announce_again, self._on_fatal)
            address = self._listen(host)
            hostfile.write(self.workspace, self._announcement("open", address, epoch))
        except BaseException:
            database.close()
            raise
        self._host, self._host_lock = host, lock
        self._epoch, self._address = epoch, address
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _listen(self, host: Host) -> str:
        address = hostfile.new_address(self.workspace)
        try:
            return host.listen(address)
        except OSError:
            # Some shared folders can't hold a socket (EPERM, ENOTSUP).
            return host.listen(hostfile.temporary_address(Path(address).name))

    def _announcement(self, state: hostfile.State, address: str, epoch: str, note: str = "") -> HostFile:
        return HostFile(state, self.role, os.getpid(), address, epoch, hostfile.hostname(), self.label, note)

    def _announce_again(self) -> None:
        """Somebody may have deleted our files under us: newcomers need them to find the host."""
        with suppress(OSError):
            if not self.workspace.host_file.exists() and self._lock.acquire(blocking=False):
                try:
                    if self._host is not None:
                        hostfile.write(self.workspace, self._announcement("open", self._address, self._epoch))
                finally:
                    self._lock.release()
            if not self.workspace.key_file.exists():
                hostfile.write_key(self.workspace, self._key)

    def _on_fatal(self) -> None:
        """The engine stopped itself (a full disk, a broken file): close it and begin anew, here or elsewhere.
        In a thread of its own: the caller is inside the call that failed."""
        threading.Thread(target=self._begin_anew, args=(self._host,), name="pluto-duck-anew", daemon=True).start()

    def _begin_anew(self, failed: Host | None) -> None:
        if failed is not None:
            failed.leave_now(0.0)
        with self._lock:
            if self._host is None or self._host is not failed:
                return
            lock = self._shut("handover")
            self.workspace.host_file.unlink(missing_ok=True)
            lock.close()
        self._become_guest()

    def _why_not(self) -> PlutoError:
        found = hostfile.read(self.workspace)
        if self._lent:
            return WorkspaceError(f"The database is lent to {self._lent}.", hint="Wait until it is given back.")
        if found is None:
            return WorkspaceError("Another process holds the workspace's lock but does not say that it hosts.",
                                  hint=f"See who has {self.workspace.host_lock} open: lsof {self.workspace.host_lock}")
        if found.state == "waiting":
            return DatabaseBusy(found.note or "Another program holds the database.",
                                hint="Close it there; this workspace goes on as soon as the file is free.")
        if found.state == "lent":
            return DatabaseBusy(f"The database is lent to {found.note}.", hint="Wait until it is given back.")
        if found.hostname != hostfile.hostname():
            return WorkspaceUnusable(f"This workspace is hosted on another machine: {found.hostname}.",
                                     hint="Use it there, or close it there first.")
        return not_answering(found, self._wait_s)

    # -- handing over -------------------------------------------------------------------------------

    def _ask_handover(self, found: HostFile) -> bool:
        """Asks a host of lower rank for its place; True when we have it."""
        with self._lock:
            if self._host is not None:
                return True
            try:
                peer, _hello = connect(found, self._key, self._versions, "handover", timeout_s=self._wait_s,
                                       role=self.role, rank=self.rank)
            except (OSError, EOFError, HostNotAnswering):
                return False
            try:
                peer.settimeout(HANDOVER_WAIT_S + self._wait_s)
                _kind, answer = peer.get_json()
                if not answer or answer.get("declined"):
                    self._declined.add(found.epoch)
                    return False
                lock = FileLock(peer.receive_descriptor())
                try:
                    self._open_as_host(lock, time.monotonic() + self._wait_s)
                except BaseException:
                    lock.close()
                    raise
                peer.put_json("J", {"done": True})
                peer.flush()
                return True
            except (OSError, EOFError):
                return False
            finally:
                peer.close()

    def _on_request(self, purpose: str, peer: Peer, fields: dict[str, Any]) -> None:
        if purpose == "handover":
            self._hand_over(peer, int(fields.get("rank", 0)))
        elif purpose == "lend":
            self._lend(peer, str(fields.get("label", "another program")))

    def _hand_over(self, peer: Peer, rank: int) -> None:
        if rank <= self.rank:
            _decline(peer, "a process of the same or a higher rank hosts")
            return
        if not self._cleared_for(peer):
            return
        with self._lock:
            lock = self._shut("handover", keep=peer)
            try:
                peer.put_json("J", {"address": ""})
                peer.flush()
                peer.send_descriptor(lock.fileno())
                # Our copy stays open until the other side announced, so that the lock is never free; if
                # it dies, its copy closes by itself, then ours, and the ordinary race follows.
                peer.settimeout(self._wait_s)
                peer.get_json()
            except (OSError, EOFError):
                pass
            finally:
                lock.close()
        threading.Thread(target=self._become_guest, daemon=True, name="pluto-duck-reseek").start()

    def _cleared_for(self, peer: Peer) -> bool:
        """Whether a moment came when nothing ran, and new calls wait since; else `peer` has been declined."""
        host = self._host
        in_the_way = host.leave_when_idle(HANDOVER_WAIT_S) if host is not None else ["moving to another process"]
        if in_the_way:
            _decline(peer, f"busy with {', '.join(in_the_way)}")
        return not in_the_way

    def _become_guest(self) -> None:
        """After a hand-over: keep watching, so that we take over should the new host die."""
        if self._links and not self._closed:
            self._host_gone(None)

    def _shut(self, state: hostfile.State, *, keep: Peer | None = None, note: str = "") -> FileLock:
        """Closes the database and the door, but keeps the lock, which is returned."""
        host, lock = self._host, self._host_lock
        assert host is not None
        assert lock is not None
        try:
            hostfile.write(self.workspace, self._announcement(state, "", self._epoch, note))
        except OSError:  # a full disk, a folder that was deleted: the database must be closed all the same
            self.workspace.host_file.unlink(missing_ok=True)
        if keep is not None:
            host.spare(keep)
        self._host, self._host_lock = None, None
        host.close()
        hostfile.remove_socket(self._address)
        return lock

    # -- lending ------------------------------------------------------------------------------------

    @contextmanager
    def lend(self, label: str) -> Iterator[Path]:
        """The database file, closed by everybody, for as long as the block lasts."""
        until = time.monotonic() + self._wait_s
        while True:
            host = self._host
            if host is not None:
                with self._lent_by_us(host, label):
                    yield self.workspace.database
                return
            found = hostfile.read(self.workspace)
            if found is not None and found.state == "open":
                try:
                    peer, _hello = connect(found, self._key, self._versions, "lend", timeout_s=self._wait_s,
                                           label=label)
                    break
                except (OSError, EOFError):
                    pass
            if time.monotonic() > until:
                raise self._why_not()
            time.sleep(0.01)
        try:
            peer.settimeout(HANDOVER_WAIT_S + self._wait_s)
            try:
                _kind, answer = peer.get_json()
            except (OSError, EOFError) as error:
                raise DatabaseBusy("The host ended while it was asked to lend the database.",
                                   hint="Try again.") from error
            if not answer or answer.get("declined"):
                raise DatabaseBusy(f"The database can't be lent now: {(answer or {}).get('declined', 'no answer')}.",
                                   hint="Wait until it is idle and try again.")
            yield self.workspace.database
        finally:
            peer.close()  # its end is the return

    @contextmanager
    def _lent_by_us(self, host: Host, label: str) -> Iterator[None]:
        in_the_way = host.leave_when_idle(HANDOVER_WAIT_S)
        if in_the_way:
            raise DatabaseBusy(f"The database can't be lent now: busy with {', '.join(in_the_way)}.",
                               hint="Wait until it is idle and try again.")
        with self._lock:
            self._lent = label
            lock = self._shut("lent", note=label)
        try:
            yield
        finally:
            self._take_back(lock)

    def _lend(self, peer: Peer, label: str) -> None:
        if not self._cleared_for(peer):
            return
        with self._lock:
            self._lent = label
            lock = self._shut("lent", keep=peer, note=label)
        try:
            peer.put_json("J", {"path": str(self.workspace.database)})
            peer.flush()
            peer.get()  # EOF is the return
        except (OSError, EOFError):
            pass
        finally:
            self._take_back(lock)

    def _take_back(self, lock: FileLock) -> None:
        """Opens the database again; while the real borrower still has it (its wrapper may have died), waits."""
        while True:
            with self._lock:
                if self._closed:
                    lock.close()
                    return
                try:
                    self._open_as_host(lock, 0.0)
                    self._lent = ""
                    return
                except DatabaseBusy:
                    pass
                except BaseException:
                    self._lent = ""
                    self.workspace.host_file.unlink(missing_ok=True)
                    lock.close()
                    raise
            time.sleep(0.02)

    # -- the end --------------------------------------------------------------------------------------

    def leave(self, grace_s: float) -> None:
        if os.getpid() != self._pid:
            return
        self._closed = True
        with self._lock:
            readers, self._readers = self._readers, None
        if readers is not None:
            readers.close()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        host = self._host
        if host is not None:
            host.leave_now(grace_s)
            with self._lock:
                if self._host is None:
                    return
                lock = self._shut("handover")
                self.workspace.host_file.unlink(missing_ok=True)
                lock.close()  # last: the next host finds nothing half-open

    def after_fork_in_child(self) -> None:
        self._closed = True
        if self._host_lock is not None:
            self._host_lock.close()
        if self._host is not None:
            self._host.after_fork_in_child()
        if self._watch is not None:
            self._watch.after_fork_in_child()
        if self._readers is not None:
            self._readers.after_fork_in_child()
        for link in list(self._links):
            link.after_fork_in_child()


def _unusable(workspace: Workspace, error: OSError) -> WorkspaceUnusable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkspaceUnusable(f"The workspace {workspace.root} can't be opened: the disk is full.",
                                 hint="Free some space, then run it again. Committed rows are safe.")
    return WorkspaceUnusable(f"The workspace {workspace.root} can't be opened: {error.strerror or error}.",
                             hint="Check the folder's permissions.")


def _decline(peer: Peer, why: str) -> None:
    peer.put_json("J", {"declined": why})
    peer.flush()


_nodes: dict[Path, Node] = {}
_joining = threading.RLock()
_all: weakref.WeakSet[Node] = weakref.WeakSet()


def join(workspace: Workspace, settings: Settings, factory: HandlerFactory, role: Role, label: str = "",
         actor: Any = None) -> Link:
    """A link into the workspace; sessions of one process share one node."""
    with _joining:
        node = _nodes.get(workspace.root)
        if node is None:
            node = _nodes[workspace.root] = Node(workspace, settings, factory, role, label)
            _all.add(node)
    return node.link(role, label, actor)


def _after_fork() -> None:
    global _joining
    _joining = threading.RLock()
    for node in list(_all):
        node.after_fork_in_child()
    _nodes.clear()


def _at_exit() -> None:
    for node in list(_nodes.values()):
        try:
            node.leave(LEAVE_GRACE_S)
        except Exception:  # the process ends anyway, and a write that was acknowledged is on disk
            pass


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Link", "Node", "join"]
