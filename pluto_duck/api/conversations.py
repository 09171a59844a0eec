"""/api/v1/conversations and /api/v1/answers: what was asked before, and what people think of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent.memory import Conversation, Kept, Memory
    from pluto_duck.api.places import Place
    from pluto_duck.api.work import Spend
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.runs import Run, RunContext
    from pluto_duck.session import Session

RATING: dict[str, tuple[type, ...]] = {"rating": (str,), "note": (str,)}


class ConversationsHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "query:ask"}
    actions: ClassVar = {"GET": "look"}

    @guarded
    async def get(self) -> None:
        """Those last used first."""
        place = await self.place()
        limit = self.integer("limit", 50, least=1, most=500) or 50
        before, named = self._before(), self.get_query_argument("workspace", None)
        search = self.get_query_argument("search", "")
        found = await self.in_thread(place.ask_as, self.actor, lambda session: memory(session).conversations(
            limit + 1, before=before, search=search, everyone=True))
        page, links = found[:limit], {}
        if len(found) > limit:
            links["next"] = self.url("conversations", limit=limit, cursor=repr(page[-1].changed_at), workspace=named,
                                     **({"search": search} if search else {}))
            self.set_header("Link", f'<{links["next"]}>; rel="next"')
        self.send({"workspace": place.name, "links": links, "conversations": [
            _summary(one) | {"links": {"self": self.url("conversations", one.id, workspace=named)}} for one in page]})

    def _before(self) -> float | None:
        text = self.get_query_argument("cursor", None)
        try:
            return None if text is None else float(text)
        except ValueError:
            raise UsageError(f"cursor={text} is none of ours.", hint="Take links.next as it is.") from None


class ConversationHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "query:ask", "DELETE": "query:ask"}
    actions: ClassVar = {"GET": "look"}

    @guarded
    async def get(self, id: str) -> None:
        place = await self.place()

        def look(session: Session) -> tuple[Conversation, list[Kept]]:
            known = memory(session)
            found = known.conversation(id)
            return found, known.turns(found.id)

        found, turns = await self.in_thread(place.ask_as, self.actor, look)
        self.send({"workspace": place.name, **_summary(found), "turns": [kept(one) for one in turns]})

    @guarded
    async def delete(self, id: str) -> None:
        place = await self.place()
        gone = await self.in_thread(place.ask_as, self.actor, lambda session: memory(session).delete(id))
        self.send({"workspace": place.name, **_summary(gone)})


class ReplayHandler(PlutoHandler):
    scopes: ClassVar = {"POST": "query:ask"}
    counts_as: ClassVar = {"POST": "runs"}
    actions: ClassVar = {"POST": "ask"}

    @guarded
    async def post(self, id: str) -> None:
        """Starts a run that asks its questions again."""
        place = await self.place()
        found = await self.in_thread(place.ask_as, self.actor, lambda session: memory(session).mine(id))
        run = await self.in_thread(_replay, place, found, self.actor, self.allowance, self.spender())
        self.send_started(place, run)


class AnswerHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "query:ask"}
    actions: ClassVar = {"GET": "look"}

    @guarded
    async def get(self, id: str) -> None:
        place = await self.place()
        found = await self.in_thread(place.ask_as, self.actor, lambda session: memory(session).answer(id))
        self.send({"workspace": place.name, **kept(found)})


class RatingHandler(PlutoHandler):
    scopes: ClassVar = {"POST": "query:ask"}

    @guarded
    async def post(self, id: str) -> None:
        body = self.json_object(RATING)
        if body.get("rating") not in ("up", "down", ""):
            raise UsageError('"rating" must be up, down, or an empty text to take it back.')
        place = await self.place()
        found = await self.in_thread(place.ask_as, self.actor, lambda session: memory(session).rate(
            id, body["rating"], body.get("note", "")))
        self.send({"workspace": place.name, **kept(found)})


def memory(session: Session) -> Memory:
    from pluto_duck.agent.memory import Memory

    return Memory(session)


def _replay(place: Place, found: Conversation, actor: Actor | None, allowance: Allowance | None,
            spend: Spend | None) -> Run:
    from pluto_duck.api.work import begun

    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.agent.memory.replay import replay

        place.keep_open()
        turns = []
        for one in replay(run.session, found.id):
            turns.append({"turn": one.before.turn, "question": one.question, "was": one.before.answer.status,
                          "is": one.after.status if one.after is not None else "failed",
                          "sql": one.after.sql if one.after is not None else "", "changes": list(one.changes)})
            run.emit("progress", "chunk", **turns[-1])
        return {"replay": turns}

    return begun(place, "replay", f"replay {found.id}: {found.title}", work, actor, allowance, spend)


def _summary(one: Conversation) -> dict[str, Any]:
    return {"id": one.id, "title": one.title, "door": one.door, "who": one.who, "questions": one.turns,
            "created_at": _when(one.created_at), "changed_at": _when(one.changed_at)}


def kept(one: Kept) -> dict[str, Any]:
    from pluto_duck.agent.telling import told

    return {"turn": one.turn, "asked_at": _when(one.asked_at), "answer": told(one.answer, rows=False),
            "columns": list(one.columns), "row_count": one.row_count,
            "rows": None if one.rows is None else [list(row) for row in one.rows], "versions": dict(one.versions),
            "rating": one.rating, "note": one.note}


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
