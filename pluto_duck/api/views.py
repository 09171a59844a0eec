"""/api/v1/views: views and how fresh they are, for the owner alone: their definitions read whatever they name.

A view itself is read as a table, by whoever the policy lets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import datetime as dt

    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run, RunContext, Work
    from pluto_duck.session import Session, TableRef
    from pluto_duck.session.views import Refreshed, ViewInfo

WANTED: dict[str, tuple[type, ...]] = {
    "name": (str,), "sql": (str,), "materialized": (bool,), "refresh": (str,), "replace": (bool,), "track": (bool,),
    "workspace": (str,)}
FROM_AFAR = ("on-change", "manual")
"""`schedule` is a schedule of `view refresh`: POST /schedules."""


class ViewsHandler(PlutoHandler):
    actions: ClassVar = {"GET": "views", "POST": "views"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def get(self) -> None:
        """By schema and name."""
        place = await self.place()
        found = await self.in_thread(place.ask, lambda session: session.views.list())
        self.send({"workspace": place.name, "views": [told(one) for one in found]})

    @guarded
    async def post(self) -> None:
        """Made before the answer comes."""
        body = self.json_object(WANTED)
        for name in ("name", "sql"):
            if name not in body:
                raise UsageError(f'"{name}" is missing.', hint='{"name": "totals", "sql": "select ...", '
                                 '"materialized": true, "refresh": "on-change"}')
        if body.get("refresh", "manual") not in FROM_AFAR:
            raise unknown_name("refresh", str(body["refresh"]), FROM_AFAR)
        if "refresh" in body and not body.get("materialized", False):
            raise UsageError("A plain view needs no refresh: it is as its tables are.", hint='"materialized": true')
        place = await self.place(body.get("workspace"))
        made = await self.in_thread(place.ask, lambda session: _made(session, body))
        self.send_made(place, ("views", str(made.ref)), told(made))


class ViewHandler(PlutoHandler):
    actions: ClassVar = {"GET": "views", "DELETE": "views"}

    @guarded
    async def get(self, name: str) -> None:
        """With its last refreshes, newest first."""
        place, ref = await self.place(), _ref(name)
        found = await self.in_thread(place.ask, lambda session: session.views.show(ref))
        self.send({"workspace": place.name, **told(found), "history": [of_refresh(one) for one in found.history]})

    @guarded
    async def delete(self, name: str) -> None:
        place, ref = await self.place(), _ref(name)
        gone = await self.in_thread(place.ask, lambda session: _dropped(session, ref))
        self.send({"workspace": place.name, **told(gone)})


class ViewRefreshHandler(PlutoHandler):
    actions: ClassVar = {"POST": "views"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def post(self, name: str) -> None:
        """Starts it and answers 202."""
        body = self.json_object({"full": (bool,), "workspace": (str,)})
        place, ref = await self.place(body.get("workspace")), _ref(name)
        await self.in_thread(place.ask, lambda session: session.views.show(ref))
        self.send_started(place, await self.in_thread(_start, place, ref, body.get("full", False)))


def told(one: ViewInfo) -> dict[str, Any]:
    return {"name": str(one.ref), "materialized": one.materialized, "sql": one.sql, "refresh": one.refresh,
            "state": one.state, "why": one.why, "as_of": _when(one.as_of), "as_of_commit": one.as_of_seq,
            "behind": one.behind, "rows": one.rows, "sources": [key.removeprefix("main.") for key in one.sources],
            "kept": one.incremental, **({"tracked": one.tracked} if one.tracked else {})}


def of_refresh(one: Refreshed) -> dict[str, Any]:
    return {"at": _when(one.at), "elapsed_s": one.elapsed_s, "way": one.way, "because": one.because, "rows": one.rows,
            "changed": one.changed, "run_id": one.run_id}


def _when(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _ref(name: str) -> TableRef:
    from pluto_duck.workspace import TableRef

    return TableRef.parse(name)


# -- in a thread ----------------------------------------------------------------------------------------


def _made(session: Session, body: dict[str, Any]) -> ViewInfo:
    return session.views.create(
        _ref(body["name"]), body["sql"], materialized=body.get("materialized", False),
        refresh=body.get("refresh", "manual"), replace=body.get("replace", False), track=body.get("track", True))


def _dropped(session: Session, ref: TableRef) -> ViewInfo:
    found = session.views.show(ref)
    session.views.drop(ref)
    return found


def _start(place: Place, ref: TableRef, full: bool) -> Run:
    return place.runs.start("view", f"view refresh {ref}", _work(place, ref, full))


def _work(place: Place, ref: TableRef, full: bool) -> Work:
    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.commands.views import facts_of

        place.keep_open()
        return facts_of(ref, run.session.views.refresh(ref, full=full, run_id=run.run_id))

    return work
