"""SQL that a stranger wrote, run apart from the data: the host publishes what it needs, a reader runs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, SessionReset, TimedOut, UsageError
from pluto_duck.governance.binding import Bound
from pluto_duck.workspace.protocol import Reply, Request
from pluto_duck.workspace.reader import Reading

if TYPE_CHECKING:
    from pluto_duck.session import Session

MAIN = "pluto_duck.session.reading"
MAX_AGE_S = 10.0 * 365 * 86_400


def read_apart(session: Session, sql: str, params: dict[str, Any], *, max_rows: int | None, timeout_s: float | None,
               max_age_s: float | None) -> tuple[Reply, float]:
    """The rows, and the second of the epoch as of which they are."""
    if session.actor is None:
        raise UsageError("Only what others ask is read apart; the owner's own statements run live.")
    if max_age_s is not None and not 0 <= max_age_s <= MAX_AGE_S:
        raise UsageError("max_age must be 0 or more seconds.", hint="0: as of now.")
    until = time.monotonic() + (timeout_s or float(session.settings["query.timeout_s"]))
    readers = session._link.node.readers(MAIN)
    readers.warm()
    reading = Reading()
    damaged: list[str] = []
    with session.interrupting(reading.stop):
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimedOut("The statement ran longer than it may.", hint="Ask for less, or raise timeout_s.")
            published = session._link.call(Request("publish", {
                "sql": sql, "params": params, "max_age_s": max_age_s, "timeout_s": left, "damaged": damaged,
                "default_s": float(session.settings["reader.max_age_s"])}, retry="read")).header
            world: dict[str, Any] = published["world"]
            bound = Bound(published["sql"], sql, tuple((a, b, c, d) for a, b, c, d in published["places"]))
            reading.check()
            job = {"sql": published["sql"], "actor": session.actor.to_dict(), "max_rows": max_rows, "world": world}
            try:
                reply = readers.read(job, world=world["print"], timeout_s=until - time.monotonic(), reading=reading)
            except PlutoError as error:
                if not error.facts.get("lost") or damaged:
                    raise bound.told(error) from None
                damaged = [name.removeprefix("pack_") for name in world["packs"]]
                continue
            break
    reply.header["versions"] = published["versions"]
    stop = reading.stop
    session._on_interrupt.append(stop)
    closing = reply.on_close

    def ended() -> None:
        if stop in session._on_interrupt:
            session._on_interrupt.remove(stop)
        if closing is not None:
            closing()

    reply.on_close = ended
    reply.batches = _mended(session, bound, params, world, reply.batches)
    return reply, float(published["as_of"])


def _mended(session: Session, bound: Bound, params: dict[str, Any], world: dict[str, Any],
            batches: Iterator[Any]) -> Iterator[Any]:
    """A damage that shows in the middle of the rows: too late for this statement, the next one finds a new copy."""
    try:
        yield from batches
    except PlutoError as error:
        if not error.facts.get("lost"):
            raise bound.told(error) from None
        damaged = [name.removeprefix("pack_") for name in world["packs"]]
        session._link.call(Request("publish", {"sql": bound.written, "params": params, "max_age_s": None,
                                               "damaged": damaged}, retry="read"))
        raise SessionReset("The snapshot was damaged while it was being read; it has been made anew.",
                           hint="Run it again.") from error
