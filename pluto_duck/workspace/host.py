"""The host: serves this process's own sessions directly and everybody else's over the socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import AuthenticationError
from typing import Any

from pluto_duck.errors import HostLost, PlutoError, UsageError, VersionMismatch
from pluto_duck.workspace import wire
from pluto_duck.workspace.database import Database
from pluto_duck.workspace.protocol import Handler, HandlerSession, Hello, Reply, Request
from pluto_duck.workspace.turns import short_turns
from pluto_duck.workspace.wire import Peer

RELOCK_S = 1.0


class Moved(Exception):
    """The host is leaving; the call did not run."""


class _Served:
    """One session that is served, with what is needed to tell whether the host is idle."""

    def __init__(self, session: HandlerSession, hello: Hello, peer: Peer | None = None) -> None:
        self.session = session
        self.hello = hello
        self.peer = peer
        self.running = 0
        """Calls under way; an open local stream counts until it is closed."""
        self.ended = threading.Event()


class Host:
    """Owns an open Database and its Handler; `listen` opens the door to guests."""

    def __init__(self, database: Database, handler: Handler, key: bytes, versions: dict[str, Any],
                 on_request: Callable[[str, Peer, dict[str, Any]], None], announce: Callable[[], None],
                 on_fatal: Callable[[], None]) -> None:
        self.database = database
        self._handler = handler
        self._key = key
        self._versions = versions
        self._on_request = on_request
        """For connections that ask for the lock or the file instead of a session: handover, lend."""
        self._announce = announce
        """Each second: puts back what was deleted under us."""
        self._on_fatal = on_fatal
        """The engine has stopped: this database answers nothing any more."""
        self._served: dict[str, _Served] = {}
        self._changed = threading.Condition()
        self._leaving = False
        self._listener: Any = None
        self._peers: set[Peer] = set()
        self._stop = threading.Event()

    # -- who is served ----------------------------------------------------------------------------

    def open_local(self, hello: Hello) -> LocalChannel:
        with self._changed:
            if self._leaving:
                raise Moved
            served = _Served(self._handler.open(hello), hello)
            self._served[hello.session_id] = served
        return LocalChannel(self, served)

    def enter(self, served: _Served) -> None:
        """Marks a call as running; raises Moved when the host is leaving, unless the session is in a
        transaction, which may finish."""
        with self._changed:
            if self._leaving and not served.session.in_transaction():
                raise Moved
            served.running += 1

    def exit(self, served: _Served) -> None:
        with self._changed:
            served.running -= 1
            self._changed.notify_all()

    def failed(self, error: BaseException) -> None:
        """Looks whether an error was the end of the engine."""
        if isinstance(error, PlutoError) and error.facts.get("fatal"):
            self._on_fatal()

    def forget(self, served: _Served) -> None:
        with self._changed:
            if self._served.get(served.hello.session_id) is served:
                del self._served[served.hello.session_id]
            self._changed.notify_all()
        served.session.close()
        served.ended.set()

    def _release(self) -> None:
        """Who only waits asks the next host."""
        for one in self._served.values():
            one.session.release()

    def _busy(self, *, holding: bool) -> list[_Served]:
        return [s for s in self._served.values()
                if s.running or s.session.in_transaction() or (holding and s.session.holdings())]

    def leave_when_idle(self, wait_s: float) -> list[str]:
        """Stops new calls at a moment when nothing runs and nothing would be lost; [] then. Else, after
        `wait_s`, what stood in the way, and everything goes on as before."""
        until = time.monotonic() + wait_s
        with self._changed:
            while True:
                if self._leaving:
                    return ["moving to another process"]
                busy = self._busy(holding=True)
                if not busy:
                    self._leaving = True
                    self._release()
                    return []
                left = until - time.monotonic()
                if left <= 0:
                    return [f"{s.hello.label or s.hello.role} (pid {s.hello.pid})" for s in busy]
                self._changed.wait(min(left, 0.02))

    def leave_now(self, grace_s: float) -> None:
        """Stops new calls, lets running ones finish for `grace_s`, then interrupts them."""
        until = time.monotonic() + grace_s
        with self._changed:
            self._leaving = True
            self._release()
            while self._busy(holding=False) and time.monotonic() < until:
                self._changed.wait(0.01)
            busy = [s for s in self._served.values() if s.running]
        for served in busy:
            served.session.interrupt("moved")
        with self._changed:
            until = time.monotonic() + 0.4
            while any(s.running for s in self._served.values()) and time.monotonic() < until:
                self._changed.wait(0.01)

    # -- the door to guests -----------------------------------------------------------------------

    def listen(self, address: str) -> str:
        """Starts to accept; the address to announce."""
        self._listener = wire.bind(address)
        if address.startswith("tcp:"):
            address = f"tcp:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="pluto-duck-accept", daemon=True).start()
        threading.Thread(target=self._relock, name="pluto-duck-relock", daemon=True).start()
        return address

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            # The handshake runs in the connection's own thread: a silent client delays nobody.
            threading.Thread(target=self._greet, args=(Peer(sock),), name="pluto-duck-guest", daemon=True).start()

    def _relock(self) -> None:
        while not self._stop.wait(RELOCK_S):
            self.database.relock()
            self._announce()
            with suppress(PlutoError):  # it may be closed meanwhile, or have stopped
                self._handler.tend()

    def _greet(self, peer: Peer) -> None:
        self._peers.add(peer)
        try:
            peer.settimeout(wire.HANDSHAKE_S)
            wire.prove_as_host(peer, self._key)
            _kind, hello = peer.get_json()
            if not isinstance(hello, dict):
                return
            refusal = self._mismatch(hello)
            if refusal is not None:
                peer.put_json("X", refusal.to_dict())
                peer.flush()
                return
            peer.settimeout(None)
            purpose = hello.get("purpose")
            if purpose == "session":
                with short_turns():
                    self._serve_session(peer, hello)
            elif purpose == "control":
                self._serve_control(peer, str(hello.get("session_id")))
            elif purpose == "watch":
                self._reply_hello(peer)
                peer.get()  # EOF is the news, on either side
            else:
                self._on_request(str(purpose), peer, hello)
        except (EOFError, OSError, AuthenticationError, ValueError):
            pass
        finally:
            self._peers.discard(peer)
            peer.close()

    def _mismatch(self, hello: dict[str, Any]) -> VersionMismatch | None:
        if hello.get("protocol") == self._versions["protocol"]:
            return None
        return VersionMismatch(
            f"The workspace is hosted by pluto-duck {self._versions['pluto_duck']} (protocol "
            f"{self._versions['protocol']}); this is {hello.get('pluto_duck')} (protocol {hello.get('protocol')}).",
            hint="Use one version of pluto-duck in both environments, or close the other process.")

    def _reply_hello(self, peer: Peer) -> None:
        peer.put_json("J", self._versions)
        peer.flush()

    def _serve_session(self, peer: Peer, fields: dict[str, Any]) -> None:
        hello = Hello(str(fields["session_id"]), fields["role"], int(fields["pid"]), str(fields.get("label", "")),
                      fields["actor"])
        self._end_former(hello.session_id)
        try:
            with self._changed:
                if self._leaving:
                    raise Moved
                served = _Served(self._handler.open(hello), hello, peer)
                self._served[hello.session_id] = served
        except Moved:
            peer.put("M")
            peer.flush()
            return
        except PlutoError as error:
            peer.put_json("X", error.to_dict())
            peer.flush()
            return
        try:
            self._reply_hello(peer)
            while True:
                kind, fields = peer.get_json()
                if kind != "J":
                    return
                self._answer(peer, served, fields)
        finally:
            self.forget(served)

    def _end_former(self, session_id: str) -> None:
        """A guest that lost its connection comes again: its old statement must have ended first, or one
        token could run twice at once."""
        former = self._served.get(session_id)
        if former is not None:
            former.session.interrupt("gone")
            if former.peer is not None:
                former.peer.hang_up()
            former.ended.wait(5)

    def _answer(self, peer: Peer, served: _Served, fields: dict[str, Any]) -> None:
        upload = _Upload(peer) if fields.get("rows") else None
        try:
            served.session.hold(Request(str(fields["op"]), dict(fields["args"])))
            self.enter(served)
        except PlutoError as error:
            peer.put_json("X", self._with_state(served, error.to_dict()))
            peer.flush()
            return
        except Moved:
            if upload is not None:
                upload.drain()
            peer.put("M")
            peer.flush()
            return
        try:
            request = Request(str(fields["op"]), dict(fields["args"]), rows=upload.reader() if upload else None)
            try:
                reply = served.session.handle(request)
                if upload is not None:
                    upload.drain()
            except PlutoError as error:
                self.failed(error)
                if upload is not None:
                    upload.drain()
                peer.put_json("X", self._with_state(served, error.to_dict()))
            except (EOFError, OSError):
                raise
            except Exception as error:  # a bug of ours must not end the guest's session without a word
                if upload is not None:
                    upload.drain()
                peer.put_json("X", self._with_state(served, PlutoError(
                    f"Unexpected {type(error).__name__} in the host: {error}").to_dict()))
            else:
                self._send_reply(peer, served, reply)
            peer.flush()
        finally:
            self.exit(served)

    @staticmethod
    def _with_state(served: _Served, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "state": state_of(served.session)}

    def _send_reply(self, peer: Peer, served: _Served, reply: Reply) -> None:
        peer.put_json("J", {**reply.header, "state": state_of(served.session)})
        if reply.schema is not None:
            try:
                wire.put_batches(peer, reply.schema, reply.batches)
            except PlutoError as error:
                peer.put_json("X", self._with_state(served, error.to_dict()))
                return
            finally:
                reply.close()
        peer.put_json("E", reply.trailer)

    def _serve_control(self, peer: Peer, session_id: str) -> None:
        self._reply_hello(peer)
        try:
            while True:
                _kind, fields = peer.get_json()
                served = self._served.get(session_id)
                answer: dict[str, Any] = {}
                if fields["op"] == "interrupt" and served is not None:
                    served.session.interrupt("cancel")
                elif fields["op"] == "progress":
                    answer["percent"] = served.session.progress() if served is not None else -1.0
                peer.put_json("J", answer)
                peer.flush()
        except (EOFError, OSError):
            # The guest is gone; its thread is inside DuckDB and can't see that itself.
            served = self._served.get(session_id)
            if served is not None and served.peer is not None:
                served.session.interrupt("gone")
                served.peer.hang_up()
            raise

    # -- end --------------------------------------------------------------------------------------

    def spare(self, peer: Peer) -> None:
        """A connection that must outlive `close`: the one that asked for the lock or the file."""
        self._peers.discard(peer)

    def close(self) -> None:
        """Hangs up on everybody and closes the database. Call one of the `leave_...` first."""
        self._stop.set()
        with self._changed:
            self._leaving = True
            self._release()
        if self._listener is not None:
            _wake_and_close(self._listener)
        served = list(self._served.values())
        for peer in list(self._peers):
            peer.hang_up()  # a reader that does not read would hold us in send
        for one in served:
            if one.peer is None and not one.running:
                self.forget(one)
        until = time.monotonic() + 0.5
        for one in served:
            # A thread that is inside DuckDB still: closing its cursor under it would crash; the file
            # stays locked until it comes out, and the next host waits for that.
            one.ended.wait(max(0.0, until - time.monotonic()))
        self._handler.close()
        self.database.checkpoint()
        self.database.close()

    def after_fork_in_child(self) -> None:
        """Closes the inherited sockets (close, not shutdown: that would hang up the parent's)."""
        if self._listener is not None:
            self._listener.close()
        for peer in list(self._peers):
            peer.close()


def _wake_and_close(listener: Any) -> None:
    import socket

    try:
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept
    except OSError:
        pass
    listener.close()


def state_of(session: HandlerSession) -> dict[str, Any]:
    """What the guest must remember of its session, should this host be lost."""
    return {"tx": session.in_transaction(), "held": session.holdings()}


class _Upload:
    """The rows that travel with a request, as an Arrow stream that is read while they come."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._done = False
        kind, body = peer.get()
        if kind != "S":
            self._done = True
            raise UsageError("The rows came without a schema.")
        self._schema = wire.read_schema(body)

    def _batches(self) -> Iterator[Any]:
        while not self._done:
            kind, body = self._next()
            if kind in "AB":
                yield wire.read_batch(kind, body, self._schema)
            elif kind == "X":
                raise UsageError("The sender gave up.")

    def _next(self) -> tuple[str, bytearray]:
        try:
            kind, body = self._peer.get()
        except BaseException:
            self._done = True
            raise
        if kind not in "AB":
            self._done = True
        return kind, body

    def reader(self) -> Any:
        import pyarrow

        return pyarrow.RecordBatchReader.from_batches(self._schema, self._batches())

    def drain(self) -> None:
        while not self._done:
            self._next()


class LocalChannel:
    """A session of the host's own process: a function call away from the database."""

    role = "host"

    def __init__(self, host: Host, served: _Served) -> None:
        self._host = host
        self._served = served

    def call(self, request: Request) -> Reply:
        self._host.database.check_process()
        self._served.session.hold(request)
        self._host.enter(self._served)
        try:
            reply = self._served.session.handle(request)
        except BaseException as error:
            self._host.failed(error)
            if isinstance(error, PlutoError):
                error.facts["_state"] = state_of(self._served.session)  # BEGIN may have run before it
            self._host.exit(self._served)
            raise
        reply.header["state"] = state_of(self._served.session)
        if reply.schema is None:
            self._host.exit(self._served)
            return reply
        closing = reply.on_close

        def ended() -> None:
            if closing is not None:
                closing()
            self._host.exit(self._served)

        reply.on_close = ended
        return reply

    def interrupt(self) -> None:
        self._served.session.interrupt("cancel")

    def progress(self) -> float:
        return self._served.session.progress()

    def close(self) -> None:
        if not self._served.ended.is_set():
            self._host.forget(self._served)


__all__ = ["Host", "HostLost", "LocalChannel", "Moved", "state_of"]
