"""`projects`, `scaffold`, `build`, `builds`, `follow`, `halt`: dbt, started and watched from the sidebar.

A build is a run that goes on when the page is reloaded or closed: whoever comes follows it by its id.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Cancelled, PlutoError, UnknownName
from pluto_duck.panel.protocol import Request, for_sidebar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.panel.desk import Desk
    from pluto_duck.runs import Run, RunContext, RunEvent
    from pluto_duck.transform.dbt import DbtOptions

LOOK_S = 0.25
"""How often a run of another process is looked at; those of this one say when they move."""
LOOKED_AT = 1_000
"""Runs of any kind among which builds are looked for."""
ROWS_OF = ("model", "seed", "snapshot")
COUNTED = 500
"""Tables at a time."""


def projects(desk: Desk, request: Request, session: Workbench) -> None:
    """Those of the workspace, and in a kernel the one around its folder, which comes first."""
    from pluto_duck.transform.dbt.project import FILE, profile_name, read
    from pluto_duck.transform.dbt.running import must_be_installed

    try:
        must_be_installed()
        missing = None
    except PlutoError as error:
        missing = {"message": error.message, "hint": error.hint}
    found = []
    for key, folder in _projects(session).items():
        try:
            name = str(read(folder / FILE).get("name") or profile_name(folder))
        except PlutoError:
            name = folder.name  # dbt will say what is wrong with it
        found.append({"key": key, "name": name, "folder": str(folder)})
    request.reply("projects", end=True, projects=found, missing=missing)


def _projects(session: Workbench) -> dict[str, Path]:
    """Key, as the sidebar names it, -> folder."""
    from pluto_duck.transform.dbt.project import below, find_project

    root = session.workspace.root.resolve()
    found = [one.resolve() for one in below(session.workspace)]
    if session.role == "kernel":
        try:
            here = find_project(session.workspace, None).resolve()
        except PlutoError:
            pass
        else:
            found = [here, *(one for one in found if one != here)]
    return {one.relative_to(root).as_posix() if one.is_relative_to(root) else str(one): one for one in found}


def scaffold(desk: Desk, request: Request, session: Workbench) -> None:
    """A project from the tables."""
    from pluto_duck.transform.dbt.scaffold import scaffold as made_of

    made = made_of(session, session.workspace.root / "dbt", ())
    request.reply("scaffolded", end=True, key=made.folder.relative_to(session.workspace.root).as_posix(),
                  tables=made.tables, files=[str(one.relative_to(made.folder)) for one in made.files])


def build(desk: Desk, request: Request, session: Workbench) -> None:
    """Starts it; `follow` tells how it goes."""
    from pluto_duck.commands.dbt_wishes import options_of, shown_of, text_of
    from pluto_duck.transform.dbt.running import must_be_installed

    must_be_installed()
    there, key = _projects(session), request.text("project")
    if key not in there:
        raise UnknownName(f"There is no dbt project {key} in the workspace.", hint="Look again: it may have moved.")
    wanted: dict[str, Any] = {"command": request.text("command", "build"), "full_refresh": request.flag("full_refresh")}
    wanted |= {name: text for name in ("select", "exclude") if (text := request.text(name, "").strip())}
    options = options_of(there[key], wanted)
    shown = shown_of(options, session.workspace)
    run = desk.runs(session).start("dbt", text_of(options, session.workspace), lambda run: _work(run, options, shown))
    request.reply("started", end=True, run=_told(run))


def _work(run: RunContext, options: DbtOptions, shown: str) -> dict[str, Any]:
    from pluto_duck.transform.dbt.telling import facts, failure, run_told

    report = run_told(run, run.session, options)
    wrong = failure(report, shown)
    if wrong is not None:
        raise wrong
    return facts(report, shown)


def builds(desk: Desk, request: Request, session: Workbench) -> None:
    """Newest first, from whatever door."""
    found = [one for one in desk.runs(session).list(LOOKED_AT) if one.kind == "dbt"]
    request.reply("builds", end=True, builds=[_told(one) for one in found[:request.whole("limit", 20, least=1)]])


def _told(run: Run) -> dict[str, Any]:
    facts = run.facts or (run.error or {}).get("facts", {})
    return {"run": run.run_id, "text": run.text, "state": run.status, "at": run.created_at.isoformat(),
            "elapsed_s": run.elapsed_s, "counts": facts.get("counts", {}), "project": facts.get("project", "")}


def follow(desk: Desk, request: Request, session: Workbench) -> None:
    """What has happened, what happens, and how it ended. Stopping this request stops nothing else."""
    runs, id = desk.runs(session), request.text("run")
    after, seen = request.whole("after", 0), threading.Event()
    gone = threading.Event()

    def left() -> None:
        gone.set()
        seen.set()

    off = runs.on_change(seen.set)
    try:
        with session.interrupting(left):
            while True:
                seen.clear()
                run = runs.get(id)
                while events := runs.read_events(id, after):
                    after = events[-1].seq
                    for op, content in _frames(events, session):
                        request.reply(op, **content)
                if run.done:
                    break
                if gone.is_set():
                    raise Cancelled("Stopped.")
                seen.wait(LOOK_S)
    finally:
        off()
    request.reply("built", end=True, build=_told(run), error=run.error and {
        "code": run.error["code"], "message": run.error["message"], "hint": for_sidebar(run.error["hint"])},
        nodes=_with_rows(_nodes(run), session), folder=_folder(run, session))


def _frames(events: Sequence[RunEvent], session: Workbench) -> Iterator[tuple[str, dict[str, Any]]]:
    nodes = [dict(one.content) for one in events if one.type == "tool" and "node" in one.content]
    rows = iter(_with_rows([one | {"kind": one.pop("node_kind", "")} for one in nodes], session))
    for one in events:
        if one.type == "tool" and "node" in one.content:
            yield "node", {"node": next(rows), "at": one.at.isoformat()}
        elif one.type == "log":
            yield "log", {"text": str(one.content.get("text", ""))}


def _nodes(run: Run) -> list[dict[str, Any]]:
    return list((run.facts or (run.error or {}).get("facts", {})).get("nodes", []))


def _with_rows(nodes: list[dict[str, Any]], session: Workbench) -> list[dict[str, Any]]:
    """How many rows the tables have that they made; the catalog's own number counts deleted ones, too."""
    made = [one for one in nodes if one.get("relation") and one["status"] == "ok" and one["kind"] in ROWS_OF]
    there = {one.ref.key: one for one in session.tables()} if made else {}
    for one in made:
        table = there.get(_key(one["relation"]))
        if table is not None:
            one["table"] = table.ref.key
    counted = [there[one["table"]] for one in made if "table" in one and there[one["table"]].kind == "table"][:COUNTED]
    if counted:
        sql = ", ".join(f"(SELECT count(*) FROM {one.ref.sql})" for one in counted)
        try:
            [row] = session.query(f"SELECT {sql}").rows()
        except PlutoError:
            return nodes  # one of them is gone again
        numbers = {table.ref.key: int(str(number)) for table, number in zip(counted, row, strict=True)}
        for one in made:
            one |= {"rows": numbers[one["table"]]} if one.get("table") in numbers else {}
    return nodes


def _key(relation: str) -> str:
    from pluto_duck.workspace.tableref import TableRef, parts

    path = parts(relation)[-2:]
    return TableRef(path[1], path[0]).key if len(path) == 2 else ""


def _folder(run: Run, session: Workbench) -> str:
    """Of its project, as the file system has it."""
    facts = run.facts or (run.error or {}).get("facts", {})
    project = str(facts.get("project", ""))
    return str((session.workspace.root / project).resolve()) if project else ""


def halt(desk: Desk, request: Request, session: Workbench) -> None:
    """Stops a build, whichever process it is in."""
    run = desk.runs(session).cancel(request.text("run"))
    request.reply("halted", end=True, build=_told(run))
