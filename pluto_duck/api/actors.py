"""Sessions of actors, kept between their requests: opening one costs more than most answers.

Each is one actor's alone, for good: a session is known by all that the actor is, never by its name.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from pluto_duck.errors import SessionReset

if TYPE_CHECKING:
    from pluto_duck.governance import Actor
    from pluto_duck.session import Session

T = TypeVar("T")

MOST_IDLE = 32
"""Of all actors; the one that waited longest is closed first."""
IDLE_S = 300.0


class Actors:
    """Of one workspace."""

    def __init__(self, open: Callable[[Actor | None], Session]) -> None:
        self._open = open
        self._idle: OrderedDict[int, tuple[str, Session, float]] = OrderedDict()
        self._by_actor: dict[str, list[int]] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, actor: Actor | None, question: Callable[[Session], T]) -> T:
        """Answers with a session of the actor's (None: the owner's) that nobody else uses meanwhile."""
        with self._lent(actor) as session:
            try:
                return question(session)
            except SessionReset:
                return question(session)  # it moved to a new host; nothing of ours was lost

    @contextmanager
    def _lent(self, actor: Actor | None) -> Iterator[Session]:
        known = who(actor)
        session = self._take(known) or self._open(actor)
        try:
            yield session
        except BaseException:
            # Whatever state it was left in is nobody's.
            if session.in_transaction:
                session.close()
            raise
        finally:
            self._give(known, session)

    def _take(self, known: str) -> Session | None:
        with self._lock:
            while numbers := self._by_actor.get(known):
                _known, session, _since = self._idle.pop(numbers.pop())
                if not numbers:
                    del self._by_actor[known]
                if not session.closed:
                    return session
        return None

    def _give(self, known: str, session: Session) -> None:
        over: list[Session] = []
        with self._lock:
            if self._closed or session.closed:
                over.append(session)
            else:
                self._count += 1
                now = time.monotonic()
                self._idle[self._count] = (known, session, now)
                self._by_actor.setdefault(known, []).append(self._count)
                while self._idle and (len(self._idle) > MOST_IDLE or next(iter(self._idle.values()))[2] < now - IDLE_S):
                    number, (whose, oldest, _since) = self._idle.popitem(last=False)
                    self._by_actor[whose].remove(number)
                    if not self._by_actor[whose]:
                        del self._by_actor[whose]
                    over.append(oldest)
        for one in over:
            one.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            sessions = [one for _known, one, _since in self._idle.values()]
            self._idle.clear()
            self._by_actor.clear()
        for one in sessions:
            one.close()


def who(actor: Actor | None) -> str:
    """All that an actor is, as one text."""
    return "" if actor is None else json.dumps(actor.to_dict(), sort_keys=True)
