"""POST /api/v1/dbt: models built from afar, as a run.

The owner's alone: a project is code that runs as whoever owns the workspace, and its variables go into its SQL.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.transform import DBT_FROM_AFAR

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run, RunContext, Work
    from pluto_duck.transform.dbt import DbtOptions

MOST_THREADS = 64
_BODY: dict[str, tuple[type, ...]] = {
    "command": (str,), "project": (str,), "select": (str, list), "exclude": (str, list), "vars": (dict,),
    "full_refresh": (bool,), "target": (str,), "threads": (int,), "workspace": (str,)}


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
    from pluto_duck.transform.dbt.running import must_be_installed

    must_be_installed()
    options = _options(place, body)
    assert options.project is not None
    shown = options.project.relative_to(place.workspace.root.resolve()).as_posix()
    text = " ".join(("dbt", options.command, *options.args)).partition(" --vars")[0]
    return place.runs.start("dbt", f"{text} in {shown}" if shown != "." else text, _work(place, options, shown))


def _options(place: Place, body: dict[str, Any]) -> DbtOptions:
    from pluto_duck.transform.dbt import DbtOptions
    from pluto_duck.transform.dbt.project import project_inside

    command = body.get("command", "build")
    if command not in DBT_FROM_AFAR:
        raise unknown_name("command of dbt", command, DBT_FROM_AFAR)
    args: list[str] = []
    for name in ("select", "exclude"):
        if name in body:
            args += [f"--{name}", *_words(name, body[name])]
    if body.get("full_refresh"):
        args.append("--full-refresh")
    if "vars" in body:
        args += ["--vars", json.dumps(body["vars"])]
    target, threads = body.get("target"), body.get("threads")
    if target is not None and (not target or target.startswith("-")):
        raise UsageError('"target" is the name of one in the profile.', name="target")
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise UsageError(f'"threads" must be from 1 to {MOST_THREADS}.', name="threads")
    return DbtOptions(command, project_inside(place.workspace, body.get("project")), tuple(args), target, threads)


def _words(name: str, value: Any) -> list[str]:
    """What selects nodes; an option of dbt's is none."""
    words = value.split() if isinstance(value, str) else value
    if not words or not all(isinstance(one, str) and one.strip() and not one.lstrip().startswith("-") for one in words):
        raise UsageError(f'"{name}" must be what selects nodes, as text or as an array of texts.', name=name,
                         hint='For example: ["staging+", "tag:daily"]')
    return [str(one) for one in words]


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
