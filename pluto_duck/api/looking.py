"""What the sidebar looks at without a kernel: /status, /rows, /tables/{name}/profile and /watch."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, ClassVar

from tornado.iostream import StreamClosedError

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.api.openapi_parts import LEAST_S
from pluto_duck.errors import PlutoError, UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.api.work import Spend
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.runs import Run, RunContext
    from pluto_duck.session import Session

JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
WATCH_S = 1.0
"""How often the versions of the tables are looked at."""

_ROWS: dict[str, tuple[type, ...]] = {
    "table": (str,), "sql": (str,), "offset": (int,), "limit": (int,), "order": (list,), "filters": (list,),
    "timeout_s": (int, float)}
_PROFILE: dict[str, tuple[type, ...]] = {"columns": (list,)}


class StatusHandler(PlutoHandler):
    @guarded
    async def get(self) -> None:
        """Who answers, from which workspace, with which planners."""
        from pluto_duck.commands import looking
        from pluto_duck.commands.checkup import changes_of

        place = await self.place()
        told = await self.in_thread(place.ask, looking.hello)
        changes = await self.in_thread(place.ask, changes_of)
        server = {"runs": place.runs.standing(), **self.app.protecting.standing()}
        cache = await self.in_thread(cached, place)
        self.send({**told, "workspace": place.name, "folder": told["workspace"]["root"], "server": server,
                   "cache": cache, "changes": changes})


def cached(place: Place) -> dict[str, Any]:
    """How often a query of the last days was answered from what was computed before."""
    counts = place.runs.cache_counts()
    hits, misses = counts.get("hit", 0), counts.get("miss", 0)
    answers, size = place.cache.usage() if place.cache is not None else (0, 0)
    return {"on": place.cache is not None, "hits": hits, "misses": misses, "bypassed": counts.get("bypass", 0),
            "hit_ratio": round(hits / (hits + misses), 4) if hits + misses else None,
            "answers": answers, "bytes": size}


class RowsHandler(PlutoHandler):
    @guarded
    async def post(self) -> None:
        """A window of a table or of a SELECT, that no run keeps."""
        from pluto_duck.api.looks import look
        from pluto_duck.commands import looking

        body = self.json_object(_ROWS)
        offset, limit = body.get("offset", 0), body.get("limit", looking.PAGE)
        if not 0 <= offset <= 2**53 or not 1 <= limit <= looking.MAX_PAGE:
            raise UsageError(f'"offset" must be 0 or more, "limit" from 1 to {looking.MAX_PAGE:,}.')
        place = await self.place()
        most = float(place.settings["query.timeout_s"])
        timeout_s = float(body.get("timeout_s", most))
        if not LEAST_S <= timeout_s <= most:
            raise UsageError(f'"timeout_s" must be from {LEAST_S:g} to {most:.15g}.', name="timeout_s",
                             hint="The setting query.timeout_s is the limit.")
        kind = self.accepted((JSON, ARROW))

        def question(session: Session) -> tuple[dict[str, Any], bytes]:
            page, more = looking.rows(
                session, table=body.get("table"), sql=body.get("sql"), offset=offset, limit=limit,
                order=body.get("order", ()), filters=body.get("filters", ()), timeout_s=timeout_s)
            more_facts = {"workspace": place.name, "offset": offset, "more": more}
            if kind == ARROW:
                return more_facts, page.arrow(more_facts)[1]
            return more_facts | page.json(), b""

        facts, stream = await look(self, place, question)
        self.set_header("Vary", "Accept")
        if kind == JSON:
            self.send(facts)
            return
        self.set_header("Cache-Control", "no-store")
        self.finish(stream, set_content_type=ARROW)


class ProfileHandler(PlutoHandler):
    scopes: ClassVar = {"POST": "schema:read"}
    counts_as: ClassVar = {"POST": "runs"}
    actions: ClassVar = {"POST": "read"}

    @guarded
    async def post(self, name: str) -> None:
        """Starts a run that tells what each column holds, column by column."""
        from pluto_duck.session import TableRef

        self.must_have("data:read")  # it has values of the rows
        body = self.json_object(_PROFILE)
        columns = [str(one) for one in body.get("columns", ())]
        place = await self.place()
        key = TableRef.parse(name).key
        run = await self.in_thread(_profile, place, key, columns, self.actor, self.allowance, self.spender())
        self.send_started(place, run)


def _profile(place: Place, key: str, columns: list[str], actor: Actor | None, allowance: Allowance | None,
             spend: Spend | None) -> Run:
    from pluto_duck.api.work import begun
    from pluto_duck.commands import looking

    table = place.ask_as(actor, lambda session: looking.find(session, key))

    def work(run: RunContext) -> dict[str, Any]:
        place.keep_open()
        started = time.perf_counter()
        for column in looking.profile(run.session, table, columns):
            run.emit("progress", "chunk", column=column)
        return {"profile": {"table": table.ref.key, "version": table.version,
                            "elapsed_s": time.perf_counter() - started}}

    run = begun(place, "profile", f"profile {table.ref}", work, actor, allowance, spend)
    place.attach(run.run_id)
    return run


class WatchHandler(PlutoHandler):
    @guarded
    async def get(self) -> None:
        """Events for as long as the client listens: which tables were written to, and who hosts them."""
        place = await self.place()
        gone = asyncio.Event()
        self.on_gone = gone.set
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        seen, hosting = await self.in_thread(place.ask, _moment)
        try:
            await self._tell("status", workspace=place.name, hosting=hosting)
            silent = 0.0
            while not gone.is_set() and not self.app.closing:
                try:
                    await asyncio.wait_for(gone.wait(), WATCH_S)
                    continue
                except TimeoutError:
                    pass
                try:
                    versions, now = await self.in_thread(place.ask, _moment)
                except PlutoError:
                    continue  # a host that is on its way; the next look will tell
                if now != hosting:
                    hosting = now
                    await self._tell("status", workspace=place.name, hosting=hosting)
                changed = sorted(key for key in {*versions, *seen} if versions.get(key) != seen.get(key))
                seen, silent = versions, 0.0 if changed else silent + WATCH_S
                if changed:
                    await self._tell("changed", tables=changed, hosting=hosting)
                elif silent >= self.app.heartbeat_s:
                    silent = 0.0
                    self.write(": still here\n\n")
                    await self.flush()
            if self.app.closing:
                self.write(": the server stops\nretry: 2000\n\n")
        except StreamClosedError:
            pass

    async def _tell(self, type: str, **content: Any) -> None:
        self.write(f"data: {json.dumps({'type': type, 'content': content}, ensure_ascii=False)}\n\n")
        await self.flush()


def _moment(session: Session) -> tuple[dict[str, int], str]:
    return session.versions(), session.hosting
