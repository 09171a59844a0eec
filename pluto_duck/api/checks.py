"""/api/v1/checks: how the checks of tables came out, for whoever may see those tables; /checks/run for the owner."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pluto_duck.api.places import Place
    from pluto_duck.governance import Actor
    from pluto_duck.governance.checks import Check
    from pluto_duck.governance.checks.store import Result, Scan
    from pluto_duck.runs import Run, RunContext, Work
    from pluto_duck.session import Session

MOST_SCANS = 1_000


class ChecksHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "schema:read"}
    actions: ClassVar = {"GET": "schema"}

    @guarded
    async def get(self) -> None:
        """The last scan of each table, or the last ones of a table."""
        table = self.get_query_argument("table", "")
        limit = self.integer("limit", 50, least=1, most=MOST_SCANS) or 50
        before = self.integer("before", None, least=1, most=2**62)
        place = await self.place()
        found = await self.in_thread(place.ask, lambda session: _scans(session, table, limit, before))
        if self.actor is not None:
            actor = self.actor
            found = await self.in_thread(place.ask, lambda session: narrowed(session, actor, found))
        whole = {} if table else {"score": _share([result for one in found for result in one.results])}
        self.send({"workspace": place.name, "scans": [told(one, owner=self.actor is None) for one in found],
                   **whole, **await self.mind(place)})


class CheckRunHandler(PlutoHandler):
    actions: ClassVar = {"POST": "checks"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def post(self) -> None:
        """Starts the checks of tables, or all of them, and answers 202; each table is an event of the run."""
        body = self.json_object({"tables": (list,), "workspace": (str,)})
        tables = body.get("tables", [])
        if not all(isinstance(one, str) for one in tables):
            raise UsageError('"tables" must be a list of names.', name="tables", hint='{"tables": ["orders"]}')
        place = await self.place(body.get("workspace"))
        run = await self.in_thread(_start, place, tables)
        self.send_started(place, run)


def told(one: Scan, *, owner: bool = True) -> dict[str, Any]:
    at = dt.datetime.fromtimestamp(one.at, dt.UTC).isoformat()
    return {"id": one.id, "table": one.table, "source": one.source, "at": at, "rows": one.rows, "score": one.score,
            "scores": one.scores, "counts": one.counts(), "checks": [_check(result, owner) for result in one.results],
            **({"run_id": one.run_id, "elapsed_s": round(one.elapsed_s, 6)} if owner else {})}


def _check(one: Result, owner: bool) -> dict[str, Any]:
    return {"name": one.name, "kind": one.kind, "columns": list(one.columns), "severity": one.severity,
            "dimension": one.dimension, "status": one.status, "failing": one.failing,
            **({"says": one.says, "sample": one.sample} if owner else {})}


# -- in a thread ----------------------------------------------------------------------------------------


def _scans(session: Session, table: str, limit: int, before: int | None) -> list[Scan]:
    from pluto_duck.governance.checks.store import CheckStore
    from pluto_duck.workspace import TableRef

    known = CheckStore(session.control)
    return known.history(TableRef.parse(table), limit=limit, before=before) if table else known.latest()


def narrowed(session: Session, actor: Actor, scans: Sequence[Scan]) -> list[Scan]:
    """What an actor may learn: of tables whose every row it sees, the checks of columns that it sees as they are.

    What a check says of other rows, tables or expressions would tell of what is hidden: those are left out, and the
    scores are of what is left.
    """
    from dataclasses import replace

    from pluto_duck.governance.checks import DIMENSIONS
    from pluto_duck.governance.checks.store import OURS
    from pluto_duck.session import policies
    from pluto_duck.workspace import TableRef
    from pluto_duck.workspace.tableref import fold

    seen = {TableRef.parse(one.table).key: one for one in policies.explain(session, actor, "read")
            if one.allowed and one.rows and not any(condition for _, condition in one.rows)}
    found = []
    for scan in scans:
        if scan.table_key not in seen or scan.source != OURS:
            continue
        shown = {fold(name) for name, how, _ in seen[scan.table_key].columns if how == "as it is"}
        results = tuple(one for one in scan.results if one.plain and {fold(name) for name in one.columns} <= shown)
        scores = {str(name): _share(some) for name in DIMENSIONS
                  if (some := [one for one in results if one.dimension == name])}
        found.append(replace(scan, results=results, score=_share(results), scores=scores))
    return found


def _share(results: Sequence[Result]) -> float:
    from pluto_duck.governance.checks import share

    return share((one.severity, one.status) for one in results)


def _start(place: Place, tables: Sequence[str]) -> Run:
    from pluto_duck.commands.check_run import asked

    return place.runs.start("check", " ".join(("check", *tables)), _work(place, asked(place.workspace, tables)))


def _work(place: Place, checks: Sequence[Check]) -> Work:
    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.commands.check_run import facts, failure, perform

        place.keep_open()
        reports = perform(run, run.session, checks)
        wrong = failure(reports)
        if wrong is not None:
            raise wrong
        return facts(reports)

    return work
