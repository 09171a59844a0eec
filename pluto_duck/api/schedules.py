"""/api/v1/schedules: verbs that run by themselves, for the owner alone.

Besides `pluto_duck`, an Authorizer of Jupyter rules on the resource `pluto_duck_schedules`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.schedule.model import Firing, Schedule

WANTED: dict[str, tuple[type, ...]] = {
    "cron": (str,), "args": (list,), "only_if": (list,), "alert": (str,), "pause_on_failure": (bool,),
    "name": (str,), "zone": (str,),
    "missed": (str,), "most": (int,), "retries": (int,), "retry_after_s": (int, float), "timeout_s": (int, float)}
RESOURCE = "pluto_duck_schedules"
UPCOMING = 5


class SchedulesHandler(PlutoHandler):
    actions: ClassVar = {"GET": "schedules", "POST": "schedules"}

    @guarded
    async def get(self) -> None:
        """By name."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        found, somebody = await self.in_thread(_listed, place)
        self.send({"workspace": place.name, "somebody_runs": somebody,
                   "schedules": [told(one) for one in found]})

    @guarded
    async def post(self) -> None:
        await self.must_be_let(RESOURCE)
        body = self.json_object(WANTED)
        place = await self.place()
        made = await self.in_thread(_made, place, body)
        self.send_made(place, ("schedules", made.id), told(made))


class ScheduleHandler(PlutoHandler):
    """By id or name."""

    actions: ClassVar = {"GET": "schedules", "PATCH": "schedules", "DELETE": "schedules"}

    @guarded
    async def get(self, name: str) -> None:
        await self.must_be_let(RESOURCE)
        place = await self.place()
        found, upcoming = await self.in_thread(_looked, place, name)
        self.send({"workspace": place.name, **told(found), "upcoming": [_when(at, found) for at in upcoming]})

    @guarded
    async def patch(self, name: str) -> None:
        """`state` pauses and resumes."""
        await self.must_be_let(RESOURCE)
        state = self.json_object({"state": (str,)}).get("state")
        if state not in ("active", "paused"):
            raise unknown_name("state", str(state), ("active", "paused"))
        place = await self.place()
        act = place.schedules.pause if state == "paused" else place.schedules.resume
        self.send({"workspace": place.name, **told(await self.in_thread(act, name))})

    @guarded
    async def delete(self, name: str) -> None:
        await self.must_be_let(RESOURCE)
        place = await self.place()
        self.send({"workspace": place.name, **told(await self.in_thread(place.schedules.remove, name))})


class ScheduleRunHandler(PlutoHandler):
    actions: ClassVar = {"POST": "schedules"}

    @guarded
    async def post(self, name: str) -> None:
        """Whoever runs the schedules runs it, within a second."""
        await self.must_be_let(RESOURCE)
        place = await self.place()
        asked, schedule = await self.in_thread(_asked, place, name)
        self.send({"workspace": place.name, **of_firing(asked, schedule)}, 202)


class ScheduleHistoryHandler(PlutoHandler):
    actions: ClassVar = {"GET": "schedules"}

    @guarded
    async def get(self, name: str) -> None:
        """Newest first."""
        await self.must_be_let(RESOURCE)
        limit = self.integer("limit", 50, least=1, most=1_000) or 50
        before = self.integer("before", None, least=1, most=2**62)
        place = await self.place()
        schedule, found = await self.in_thread(_history, place, name, limit, before)
        self.send({"workspace": place.name, "firings": [of_firing(one, schedule) for one in found]})


def _listed(place: Place) -> tuple[list[Schedule], bool]:
    from pluto_duck.schedule.running import somebody_runs

    return place.schedules.all(), somebody_runs(place.workspace)


def _made(place: Place, body: dict[str, Any]) -> Schedule:
    from pluto_duck.schedule.model import Wish
    from pluto_duck.schedule.times import local_zone

    for name in ("cron", "args"):
        if name not in body:
            raise UsageError(f'"{name}" is missing.', hint='{"cron": "0 6 * * *", "args": ["backup", "--keep", "7"]}')
    for name in ("args", "only_if"):
        if not all(isinstance(one, str) for one in body.get(name, [])):
            raise UsageError(f'"{name}" must be a list of texts: a verb and its arguments.')
    wished = {name: body[name] for name in ("missed", "most", "retries", "alert", "pause_on_failure") if name in body}
    wished |= {field: float(body[name]) for name, field in (("retry_after_s", "backoff_s"), ("timeout_s", "timeout_s"))
               if name in body}
    return place.schedules.add(body.get("name", ""), Wish(
        body["cron"], body.get("zone") or local_zone(), tuple(body["args"]), str(place.workspace.root),
        only_if=tuple(body.get("only_if", [])), **wished))


def _looked(place: Place, name: str) -> tuple[Schedule, list[int]]:
    found = place.schedules.get(name)
    return found, place.schedules.upcoming(found, UPCOMING)


def _asked(place: Place, name: str) -> tuple[Firing, Schedule]:
    return place.schedules.ask_for(name), place.schedules.get(name)


def _history(place: Place, name: str, limit: int, before: int | None) -> tuple[Schedule, list[Firing]]:
    return place.schedules.get(name), place.schedules.history(name, limit=limit, before=before)


def told(one: Schedule) -> dict[str, Any]:
    wish = one.wish
    return {"id": one.id, "name": one.name, "cron": wish.cron, "zone": wish.zone, "args": list(wish.args),
            "only_if": list(wish.only_if),
            "folder": wish.folder, "missed": wish.missed, "most": wish.most, "retries": wish.retries,
            "retry_after_s": wish.backoff_s, "timeout_s": wish.timeout_s, "alert": wish.alert,
            "pause_on_failure": wish.pause_on_failure,
            "state": "disabled" if not one.ours else "paused" if one.paused else "active",
            "reason": "" if one.ours else "It was not made by you on this machine.",
            "created_at": _when(one.created_at, one), "next_at": None if one.paused else _when(one.next_at, one),
            "last": None if one.last is None else of_firing(one.last, one)}


def of_firing(one: Firing, schedule: Schedule) -> dict[str, Any]:
    return {"id": one.id, "schedule": one.schedule, "due_at": _when(one.due_at, schedule), "kind": one.kind,
            "state": one.state, "attempt": one.attempt, "times": one.times,
            "ready_at": _when(one.ready_at, schedule) if one.state == "queued" else None,
            "begun_at": _when(one.begun_at, schedule), "ended_at": _when(one.ended_at, schedule),
            "run_id": one.run_id, "code": one.code, "error": one.error, "hint": one.hint}


def _when(at: float | None, one: Schedule) -> str | None:
    """In the schedule's own zone, with its offset."""
    from pluto_duck.errors import PlutoError
    from pluto_duck.schedule.times import zone_of

    if at is None:
        return None
    zone: dt.tzinfo
    try:
        zone = zone_of(one.wish.zone)
    except PlutoError:
        zone = dt.UTC
    return dt.datetime.fromtimestamp(at, zone).isoformat()
