"""What GraphQL keeps of a workspace between requests: schemas, and idle sessions for each actor."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pluto_duck.api.graphql.answering import Answer, Asked, May, finish, prepare
from pluto_duck.api.graphql.by_keys import look_up
from pluto_duck.api.graphql.limits import Limits
from pluto_duck.api.graphql.serving import CACHED_TEXT, Recent, Schemas
from pluto_duck.api.looks import Look, Looks
from pluto_duck.api.rows.desk import Together
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.identity import Caller
    from pluto_duck.api.places import Place
    from pluto_duck.errors import PlutoError
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance

ACTORS = 32
"""Whose sessions are kept."""


@dataclass(frozen=True)
class Group:
    """Whose requests may be answered together."""

    who: str
    actor: Actor | None = field(compare=False)
    scopes: frozenset[str] | None
    limits: Limits


class Desk:
    """One for each place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.schemas = Schemas()
        self.limits = Limits.of(place.settings)
        self._timeout_s = float(place.settings["graphql.timeout_s"])
        self._looks: OrderedDict[str, Looks] = OrderedDict()
        self._lock = threading.Lock()
        self._quick: Recent[bool] = Recent(1_000)
        """Documents that only read by key, as far as was seen."""
        self._together: Together[Group, tuple[Asked, May], Answer] | None = None

    @staticmethod
    def of(place: Place) -> Desk:
        """On the event loop."""
        if place.graphql is None:
            place.graphql = Desk(place)
        return place.graphql

    def looks(self, caller: Caller | None) -> Looks:
        place, actor = self._place, caller.actor if caller is not None else None
        key = _who(caller)

        def open() -> Session:
            place.keep_open()
            return Session(place.workspace, place.settings, role="server", label="Jupyter Server", actor=actor)

        with self._lock:
            found = self._looks.get(key)
            if found is None:
                found = self._looks[key] = Looks(open)
            self._looks.move_to_end(key)
            old = [self._looks.popitem(last=False)[1] for _ in range(len(self._looks) - ACTORS)]
        for one in old:
            one.close()
        return found

    def _limits(self, allowance: Allowance | None) -> tuple[Limits, float]:
        """What the roles of a key allow may be less."""
        if allowance is None:
            return self.limits, self._timeout_s
        most = allowance.max_rows
        return (replace(self.limits, rows=min(self.limits.rows, most), cost=min(self.limits.cost, most)),
                min(self._timeout_s, allowance.timeout_s))

    async def answer(self, handler: PlutoHandler, asked: Asked, may: May) -> Answer:
        """Counts what it costs. Raises HTTPProblem where the caller has used up what it may."""
        caller, allowance = handler.caller, handler.allowance
        if caller is not None and allowance is not None:
            may = replace(may, admitted=False)
        answer = await self._begun(handler, asked, may)
        if answer.needs and caller is not None and allowance is not None:
            if "writes" in answer.needs:
                handler.trail.note(action="write")
            for kind in answer.needs:
                handler.app.protecting.admit(caller, allowance, kind)
            answer = await self._begun(handler, asked, replace(may, admitted=True))
        for error in answer.errors:  # the status of the answer does not tell it
            if error.get("extensions", {}).get("code") == "refused":
                handler.trail.note(denied=str(error["message"]))
        return answer

    def _gather(self, handler: PlutoHandler) -> Together[Group, tuple[Asked, May], Answer]:
        self._together = Together(handler.app, self._all)
        return self._together

    def _all(self, group: Group, items: list[tuple[Asked, May]]) -> Sequence[Answer | PlutoError]:
        """Of one actor: what its requests ask by key is read together."""
        def work(session: Session) -> list[Answer | PlutoError]:
            served = self.schemas.of(session, group.scopes)
            prepared = [prepare(served, asked, may, group.limits) for asked, may in items]
            look_up(session, prepared)
            return [finish(one, session, self._timeout_s) for one in prepared]

        self._place.keep_open()
        return self._place.actors.ask(group.actor, work)

    async def _begun(self, handler: PlutoHandler, asked: Asked, may: May) -> Answer:
        caller, started = handler.caller, time.monotonic()
        limits, timeout_s = self._limits(handler.allowance)
        group = Group(_who(caller), caller.actor if caller is not None else None,
                      caller.scopes if caller is not None else None, limits)
        if self._quick.get(quick := (group.who, group.scopes, asked.text, asked.operation)):
            together = self._together or self._gather(handler)
            return await together.ask(group, (asked, may))
        looks = self.looks(caller)
        scopes = caller.scopes if caller is not None else None

        def work(session: Session) -> Answer:
            served = self.schemas.of(session, scopes)
            prepared = prepare(served, asked, may, limits)
            if prepared.quick and len(asked.text) <= CACHED_TEXT:
                self._quick.put(quick, True)
            return finish(prepared, session, timeout_s)

        async with looks.turn:
            look = Look(looks)
            handler.on_gone = look.stop
            answer: Answer = await handler.in_thread(look.do, work)
        if answer.began:
            handler.spend(rows=answer.rows, seconds=time.monotonic() - started)
        return answer

    def close(self) -> None:
        with self._lock:
            all_, self._looks = list(self._looks.values()), OrderedDict()
        for one in all_:
            one.close()


def _who(caller: Caller | None) -> str:
    return json.dumps(caller.actor.to_dict(), sort_keys=True) if caller is not None else ""
