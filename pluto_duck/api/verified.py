"""/api/v1/verified: questions whose SQL somebody vouches for, as semantics.yaml has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent.memory.verified import VerifiedQuestions
    from pluto_duck.catalog import Verified
    from pluto_duck.session import Session

MADE: dict[str, tuple[type, ...]] = {"question": (str,), "sql": (str,), "answer": (str,), "replace": (bool,)}


class VerifiedHandler(PlutoHandler):
    @guarded
    async def get(self) -> None:
        """In the order of the file; `check=1` runs their SQL and tells what is wrong with each."""
        place = await self.place()
        check = self.integer("check", 0, least=0, most=1)

        def look(session: Session) -> list[dict[str, Any]]:
            if not check:
                return [_told(one) for one in _of(session).all()]
            return [{"question": one.question, "sql": one.sql, "fault": one.fault} for one in _of(session).check()]

        self.send({"workspace": place.name, "verified": await self.in_thread(place.ask, look)})

    @guarded
    async def post(self) -> None:
        """Either an answer's question and SQL, or a question and SQL of one's own."""
        await self.must_be_let("pluto_duck_verified")
        body = self.json_object(MADE)
        question, sql = body.get("question", ""), body.get("sql", "")
        if "answer" not in body and not (question and sql):
            raise UsageError('Give "answer", or "question" and "sql".')
        place = await self.place()

        def add(session: Session) -> Verified:
            replace = body.get("replace", False)
            if "answer" in body:
                from pluto_duck.agent.memory import Memory

                return Memory(session).verify(body["answer"], question, sql, replace=replace)
            return _of(session).add(question, sql, replace=replace)

        self.send({"workspace": place.name, **_told(await self.in_thread(place.ask, add))}, 201)

    @guarded
    async def delete(self) -> None:
        await self.must_be_let("pluto_duck_verified")
        question = self.get_query_argument("question", "")
        place = await self.place()
        gone = await self.in_thread(place.ask, lambda session: _of(session).remove(question))
        self.send({"workspace": place.name, **_told(gone)})


def _of(session: Session) -> VerifiedQuestions:
    from pluto_duck.agent.memory.verified import VerifiedQuestions

    return VerifiedQuestions(session)


def _told(one: Verified) -> dict[str, Any]:
    return {"question": one.question, "sql": one.sql}
