"""A session's line to the data: it survives the host, and says what did not.

What happens to a call when the host is lost in the middle of it:

    not sent, or the host said it was leaving        sent again
    a read, no row handed out yet                    sent again
    an autocommit write                              sent again with its token: the new host knows whether it ran
    COMMIT                                           its token is asked for: committed, or rolled back
    a statement inside an open transaction           HostLost, rolled back, start again
    rows half read                                   HostLost, partial
    CHECKPOINT, ATTACH, COPY TO, CALL ...            HostLost, outcome unknown
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Forked, HostLost, PlutoError, SessionReset, UnknownName, WorkspaceError
from pluto_duck.workspace.guest import ChannelLost, GuestChannel
from pluto_duck.workspace.host import LocalChannel, Moved
from pluto_duck.workspace.protocol import Hello, Reply, Request

if TYPE_CHECKING:
    from pluto_duck.workspace.node import Node


class Link:
    def __init__(self, node: Node, hello: Hello) -> None:
        self.node = node
        self.hello = hello
        self._channel: LocalChannel | GuestChannel | None = None
        self._pid = os.getpid()
        self._tx = False
        self._held: list[str] = []
        self._lost: list[str] = []
        """What the last move cost, until it has been told."""
        self._notices: list[str] = []
        self._setup: dict[str, str] = {}
        """SET and USE statements of this session, run again on each new host."""
        self._closed = False
        self._lock = threading.RLock()

    @property
    def in_transaction(self) -> bool:
        return self._tx

    @property
    def role(self) -> str:
        """As it is now, also where the host has ended since this session asked for something."""
        return "host" if self.node.hosting else "guest"

    @property
    def is_local(self) -> bool:
        """Whether calls stay in this process, as far as the last one knows."""
        return isinstance(self._channel, LocalChannel)

    def connect(self) -> None:
        """Makes sure that there is a channel; waits for a host as Node.channel does."""
        if os.getpid() != self._pid:
            raise forked()
        if self._closed:
            raise WorkspaceError("This session has been closed.", hint="Open another: pluto_duck.open()")
        if self._channel is not None:
            return
        self._channel = self.node.channel(self.hello)
        for key, statement in list(self._setup.items()):
            try:
                self._channel.call(Request("query", {"sql": statement}))
            except PlutoError:  # what it names is gone with the old host
                del self._setup[key]
                self._lost.append(f"the effect of {statement.strip()}")

    def call(self, request: Request) -> Reply:
        """One call at a time, whoever calls: two threads on one socket would read each other's rows."""
        with self._lock:
            return self._call(request)

    def _call(self, request: Request) -> Reply:
        for _attempt in range(20):
            in_transaction = self._tx
            try:
                self.connect()
                assert self._channel is not None
                reply = self._channel.call(request)
            except (ChannelLost, Moved) as lost:
                self._drop()
                sent = isinstance(lost, ChannelLost) and lost.sent
                again = self._after_loss(request, sent=sent, in_transaction=in_transaction, lost=lost)
                if again is None:
                    return self._outcome(request)
                request = again
            except PlutoError as error:
                state = error.facts.pop("_state", None)
                if state:
                    self._remember(state)
                raise self._explained(error) from error.__cause__
            else:
                return self._arrived(reply)
        raise HostLost("The host changed again and again; giving up.", outcome="not_run", hint="Run it again.")

    def _arrived(self, reply: Reply) -> Reply:
        self._remember(reply.header.get("state") or {})
        if self._lost:
            self._notices.append(self._lost_text())
            self._lost = []
        for key, statement in reply.header.get("setup") or ():
            self._setup.pop(key, None)  # the latest comes last
            self._setup[key] = statement
        self._notices += reply.header.get("notices") or ()
        if reply.schema is not None:
            reply.batches = self._guarded(reply.batches)
        return reply

    def _guarded(self, batches: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from batches
        except ChannelLost as lost:
            self._drop()
            raise HostLost("The host ended while its rows were being read; what came is incomplete.",
                           hint="Run it again.", outcome="partial") from lost

    def _remember(self, state: dict[str, Any]) -> None:
        self._tx = bool(state.get("tx"))
        self._held = list(state.get("held") or [])

    def _drop(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        self._lost += [one for one in self._held if one not in self._lost]
        self._held, self._tx = [], False

    def _after_loss(self, request: Request, *, sent: bool, in_transaction: bool, lost: BaseException) -> Request | None:
        """The request to send again, None to ask what became of it, or the error the caller must see."""
        if in_transaction:
            if sent and _may_commit(request):
                return None
            self._lost = [one for one in self._lost if "transaction" not in one]
            raise HostLost("The host ended while a transaction was open; the transaction was rolled back.",
                           hint="Start it again from BEGIN.", outcome="rolled_back") from lost
        if request.rows is not None and sent:
            return None  # the stream has been read and can't be sent twice
        if not sent or request.retry == "read":
            return request
        if request.retry == "token":
            return replace(request, args={**request.args, "again": True})
        raise HostLost("The host ended during the call; whether it ran is not known.",
                       hint="Look before you run it again.", outcome="unknown") from lost

    def _outcome(self, request: Request) -> Reply:
        """Asks the new host for the token of a COMMIT or an upload that was in flight."""
        asked = self._call(Request("outcome", {"token": request.args["token"]}, retry="read")).header
        if not asked["committed"]:
            raise HostLost("The host ended before the commit; everything was rolled back.",
                           hint="Run it again from the start.", outcome="rolled_back")
        if request.op != "query":
            return Reply({"rows": asked["affected"]})
        self._notices.append("The host ended during COMMIT; the transaction was committed.")
        return Reply({"statement": "TRANSACTION", "sql": "COMMIT", "affected": asked["affected"]})

    def _explained(self, error: PlutoError) -> PlutoError:
        """An error that comes from what a move took away is told as that, once."""
        lost = [one for one in self._lost if one.startswith("temp table ")]
        if isinstance(error, UnknownName) and any(one.endswith(f" {error.facts.get('name')}") for one in lost):
            text, self._lost = self._lost_text(), []
            return SessionReset(text, hint="Make it again.")
        return error

    def _lost_text(self) -> str:
        return f"The session moved to a new host and lost: {', '.join(self._lost)}."

    def take_notices(self) -> list[str]:
        """What the reader should be told once."""
        taken, self._notices = self._notices, []
        return taken

    def interrupt(self) -> None:
        channel = self._channel
        if channel is not None:
            channel.interrupt()

    def progress(self) -> float:
        channel = self._channel
        return channel.progress() if channel is not None else -1.0

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        self.node.release(self)

    def after_fork_in_child(self) -> None:
        channel, self._channel = self._channel, None
        if isinstance(channel, GuestChannel):
            channel.close()


def forked() -> Forked:
    return Forked("This process was forked from the one that opened the session.",
                  hint="Open a session of its own here: pluto_duck.open()")


def _may_commit(request: Request) -> bool:
    return bool(request.args.get("token")) and bool(
        re.search(r"\b(commit|end)\b", str(request.args.get("sql", "")), re.IGNORECASE))
