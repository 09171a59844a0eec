"""POST /api/v1/dbt: models built from afar, as a run.

The owner's alone: a project is code that runs as whoever owns the workspace, and its variables go into its SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import unknown_name
from pluto_duck.transform import DBT_FROM_AFAR

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run, RunContext, Work
    from pluto_duck.transform.dbt import DbtOptions

_BODY: dict[str, tuple[type, ...]] = {
    "command": (str,), "project": (str,), "select": (str, list), "exclude": (str, list), "vars": (dict,),
    "full_refresh": (bool,), "target": (str,), "threads": (int,), "check": (bool,), "workspace": (str,)}


class DbtHandler(PlutoHandler):
    actions: ClassVar = {"POST": "dbt"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def post(self) -> None:
        """Starts dbt and answers 202; its nodes are events of the run."""
        body = self.json_object(_BODY)
        place = await self.place(body.get("workspace"))
        run = await self.in_thread(_start, place, body)
        self.send_started(place, run)


# -- in a thread ----------------------------------------------------------------------------------------


def _start(place: Place, body: dict[str, Any]) -> Run:
    from pluto_duck.commands.dbt_wishes import options_of, shown_of, text_of
    from pluto_duck.transform.dbt.project import project_inside
    from pluto_duck.transform.dbt.running import must_be_installed

    must_be_installed()
    if body.get("command", "build") not in DBT_FROM_AFAR:
        raise unknown_name("command of dbt", body["command"], DBT_FROM_AFAR)
    options = options_of(project_inside(place.workspace, body.get("project")), body)
    shown = shown_of(options, place.workspace)
    return place.runs.start("dbt", text_of(options, place.workspace), _work(place, options, shown))


def _work(place: Place, options: DbtOptions, shown: str) -> Work:
    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.session import Session
        from pluto_duck.transform.dbt.telling import facts, failure, run_told

        place.keep_open()
        with Session(place.workspace, place.settings, role="server", label="dbt") as owner:
            run.lend(owner)
            report = run_told(run, owner, options)
            wrong = failure(report, shown)
            if wrong is not None:
                raise wrong
            return facts(report, shown)

    return work
