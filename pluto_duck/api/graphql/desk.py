"""What GraphQL keeps of a workspace between requests: schemas, and idle sessions for each actor."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from pluto_duck.api.graphql.answering import Answer, Asked, May, begin
from pluto_duck.api.graphql.limits import Limits
from pluto_duck.api.graphql.serving import Schemas
from pluto_duck.api.looks import Look, Looks
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.identity import Caller
    from pluto_duck.api.places import Place
    from pluto_duck.governance.allowance import Allowance

ACTORS = 32
"""Whose sessions are kept."""


class Desk:
    """One for each place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.schemas = Schemas()
        self.limits = Limits.of(place.settings)
        self._timeout_s = float(place.settings["graphql.timeout_s"])
        self._looks: OrderedDict[str, Looks] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def of(place: Place) -> Desk:
        """On the event loop."""
        if place.graphql is None:
            place.graphql = Desk(place)
        return place.graphql

    def looks(self, caller: Caller | None) -> Looks:
        place, actor = self._place, caller.actor if caller is not None else None
        key = json.dumps(actor.to_dict(), sort_keys=True) if actor is not None else ""

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
        return answer

    async def _begun(self, handler: PlutoHandler, asked: Asked, may: May) -> Answer:
        caller, started = handler.caller, time.monotonic()
        limits, timeout_s = self._limits(handler.allowance)
        looks = self.looks(caller)
        scopes = caller.scopes if caller is not None else None

        def work(session: Session) -> Answer:
            served = self.schemas.of(session, scopes)
            return begin(session, served, asked, may, limits, timeout_s)

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
