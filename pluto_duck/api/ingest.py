"""POST /api/v1/ingest and POST /api/v1/ingest/{table}: data in, as a run.

Others than the owner never say where the server reads from, be it a path, an address or a query: they send rows, or
name a connection that the owner has opened to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import HTTPProblem, PlutoHandler, guarded
from pluto_duck.api.ingest_body import FileBody
from pluto_duck.errors import Refused, UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.governance import Actor
    from pluto_duck.runs import Run, RunContext, Work
    from pluto_duck.session import Session

MAX_UPLOAD = 1_000_000_000
"""Bytes."""
KINDS = {"text/csv": ".csv", "application/x-ndjson": ".ndjson", "application/vnd.apache.parquet": ".parquet",
         "application/vnd.apache.arrow.stream": ".arrows"}
MODES = ("append", "merge", "replace")
_HOW = ("A load needs the action ingest on the whole of a table that is there, and delete to replace it. "
        "Under a condition rows are inserted: POST /tables/NAME/rows.")
OWNERS: dict[str, tuple[type, ...]] = {
    "source": (str,), "connection": (str,), "workspace": (str,), "tables": (list,), "exclude": (list,),
    "schema": (str,), "query": (str,), "into": (str,), "mode": (str,), "key": (list,), "where": (str,), "skip": (list,),
    "cast": (dict,),
    "rejects": (str,), "cursor": (str,), "lag": (str,), "since": (str,), "limit": (int,), "sample": (int, float),
    "columns": (str,), "verify": (bool,), "check": (bool,),
    "delete_missing": (bool,), "parallel": (int,), "options": (dict,),
    "connector": (str,)}
OTHERS: dict[str, tuple[type, ...]] = {
    "connection": (str,), "workspace": (str,), "tables": (list,), "into": (str,), "mode": (str,), "key": (list,),
    "check": (bool,)}


class IngestHandler(PlutoHandler):
    scopes: ClassVar = {"POST": "data:ingest"}
    actions: ClassVar = {"POST": "ingest"}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def post(self) -> None:
        """From a source: any for the owner, an opened connection for others. 202 with a run."""
        body = self.json_object(OWNERS if self.caller is None else OTHERS)
        if ("source" in body) == ("connection" in body):
            raise UsageError('Give either "source" or "connection".' if self.caller is None else
                             'Give a "connection" that the owner has opened.',
                             hint='For example: {"connection": "shop"}')
        place = await self.place(body.pop("workspace", None))
        run = await self.in_thread(_from_source, place, body, self.actor)
        self.send_started(place, run)


class UploadHandler(PlutoHandler):
    scopes: ClassVar = {"POST": "data:ingest"}
    actions: ClassVar = {"POST": "ingest"}
    counts_as: ClassVar = {"POST": "runs"}
    max_body = MAX_UPLOAD
    _body: FileBody

    def initialize(self, **options: Any) -> None:
        super().initialize(**options)
        self._body = FileBody(self, self.max_body)
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self._body.suffix = KINDS.get(kind, "")

    @guarded
    async def post(self, name: str) -> None:
        """Rows of the body into one table. 202 with a run."""
        from pluto_duck.session import TableRef

        if not self._body.suffix:
            raise HTTPProblem(415, "Rows come as CSV, NDJSON, Parquet or an Arrow stream.",
                              hint=f"Content-Type: {', '.join(KINDS)}")
        mode = self.get_query_argument("mode", "append")
        if mode not in MODES:
            raise UsageError(f"mode={mode} is none of {', '.join(MODES)}.", name="mode")
        key = [one for one in self.get_query_argument("key", "").split(",") if one]
        check = self.integer("check", 0, least=0, most=1)
        place, ref = await self.place(), TableRef.parse(name)
        self.trail.note(on=[ref.key])
        path, self._body.path = self._body.path, None  # the run's from here on
        assert path is not None
        options = {"into": str(ref), "mode": mode, "key": key, "check": bool(check)}
        try:
            run = await self.in_thread(_from_file, place, path, options, self.actor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self.send_started(place, run)

    def on_finish(self) -> None:
        self._body.drop()
        super().on_finish()

    def on_connection_close(self) -> None:
        self._body.drop()
        super().on_connection_close()


# -- in a thread ----------------------------------------------------------------------------------------


def _from_source(place: Place, body: dict[str, Any], actor: Actor | None) -> Run:
    from pluto_duck.commands.load_run import apart
    from pluto_duck.ingest.connections import Connections

    connection, source = body.pop("connection", None), body.pop("source", None)
    if actor is not None:
        opened = [one.strip() for one in str(place.settings["ingest.open_connections"]).split(",") if one.strip()]
        if connection not in opened:
            raise unknown_name("connection", str(connection), opened, where="what the owner has opened")
        if body.get("mode", "append") not in ("append", "merge"):
            raise UsageError('"mode" is append or merge.', hint="A table is replaced by sending its rows.")
        body["mode"] = body.get("mode", "append")
        if len(body.get("tables", ())) != 1 or not body.get("into"):
            raise UsageError('Name one of "tables", and the table that it goes "into".')
        if any(one in str(body["tables"][0]) for one in "*?[") or "*" in body["into"]:
            raise UsageError("A pattern may mean several tables; name one.")
    if connection is not None:
        known = place.ask(lambda session: _address(Connections(session.control, session.workspace), connection))
        source, body["connector"] = known[0], body.get("connector") or known[1]
    shown = f"connection {connection}" if connection is not None else apart(str(source))[0]
    if source is not None and connection is None and "://" not in source:
        source = str(place.workspace.root / Path(source).expanduser())  # paths begin in the workspace
    return _start(place, lambda: source, body, shown, actor, secret=apart(str(source))[1])


def _address(known: Any, name: str) -> tuple[str, str | None]:
    found = known.get(name)
    return known.uri(found), found.connector


def _from_file(place: Place, path: Path, options: dict[str, Any], actor: Actor | None) -> Run:
    if actor is not None:
        place.ask(lambda session: must_may(session, actor, options))
        if options["mode"] == "replace":  # its rows alone: a table that is made anew loses its key
            options = {**options, "mode": "merge", "delete_missing": True}
    if options["mode"] == "merge" and not options["key"]:
        options = {**options, "key": place.ask(lambda session: _key_of(session, options["into"]))}
    return _start(place, lambda: _frame(path) if path.suffix == ".arrows" else str(path), options,
                  f"an upload ({path.suffix.removeprefix('.')})", actor, file=path)


def _key_of(session: Session, name: str) -> list[str]:
    """The primary key of the table: what else would tell its rows from those that come."""
    from pluto_duck.session import TableRef

    found = session.tables([TableRef.parse(name)])
    if not found or not found[0].primary_key:
        raise UsageError("What tells the rows apart?", hint="mode=merge&key=id, or a table with a primary key.")
    return list(found[0].primary_key)


def _frame(path: Path) -> Any:
    import pyarrow

    try:
        return pyarrow.ipc.open_stream(pyarrow.memory_map(str(path)))
    except pyarrow.ArrowInvalid:
        raise UsageError("The body is no Arrow stream.") from None


def _start(place: Place, source: Any, options: dict[str, Any], shown: str, actor: Actor | None, *,
           secret: str | None = None, file: Path | None = None) -> Run:
    from pluto_duck.ingest.told import told

    if actor is not None:
        options = {**options, "columns": "freeze"}  # what a table is made of is not theirs to change
        place.ask(lambda session: must_may(session, actor, options))
    told(None, options)
    work = _work(place, source, options, actor, secret, file)
    return place.runs.start("ingest", f"{shown} into {options.get('into') or 'tables of its names'}", work, actor=actor)


def _work(place: Place, source: Any, options: dict[str, Any], actor: Actor | None, secret: str | None,
          file: Path | None) -> Work:
    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.commands.holding import asked
        from pluto_duck.commands.load_run import Teller, without
        from pluto_duck.errors import Cancelled, PlutoError
        from pluto_duck.governance.audit import current
        from pluto_duck.ingest import ingest
        from pluto_duck.session import Session

        place.keep_open()
        try:
            with Session(place.workspace, place.settings, role="server", label="ingest") as owner:
                run.lend(owner)
                if actor is not None:
                    must_may(owner, actor, options)  # what was granted may have changed while it waited
                try:
                    report = ingest(owner, source(), None, on_progress=Teller(run, None), **options)
                except PlutoError as error:
                    run.check()
                    raise _for(actor, without(asked(owner, error, actor.identity if actor else ""), secret)) from None
                trail = current()
                if trail is not None:
                    trail.note(on=[one.ref.key for one in report.tables], rows=report.rows)
                return {"load_id": report.load_id, "tables": [
                    {"table": str(one.ref), "rows": one.rows, "elapsed_s": round(one.elapsed_s, 3)}
                    for one in report.tables]}
        except Cancelled:
            raise Cancelled("The load was cancelled.", hint="The tables are as they were.") from None
        finally:
            if file is not None:
                file.unlink(missing_ok=True)

    return work


def _for(actor: Actor | None, error: Any) -> Any:
    """Others read what is wrong with their rows, and nothing of paths and of what the table holds."""
    from pluto_duck.errors import ChecksFailed, StatementError

    if isinstance(error, ChecksFailed) and actor is not None:
        # What a check says may tell of other tables, and of rows that were there before.
        waiting = "They wait for whoever may approve them. " if "approval" in error.facts else ""
        return ChecksFailed("The rows do not meet what is expected of the table; it is as it was.",
                            hint=f"{waiting}GET /checks?table=NAME tells of the checks that you may see.")
    if actor is None or isinstance(error, Refused):
        return error
    return StatementError("The rows can't be loaded: they do not fit the table, or can't be read.",
                          hint="Names and types must be those of GET /tables/{name}; a key only once.", kind=error.code)


def must_may(session: Session, actor: Actor, options: dict[str, Any]) -> None:
    """Raises Refused unless the policy gives `ingest` on the whole of a table that is there."""
    from pluto_duck.errors import UnknownName
    from pluto_duck.governance.audit import current
    from pluto_duck.session import TableRef, policies

    name, trail = str(options["into"]), current()
    takes_away = options.get("mode") == "replace" or options.get("delete_missing")
    for action in ("ingest", "delete") if takes_away else ("ingest",):
        try:
            found = policies.explain(session, actor, action, name)[0]
        except UnknownName:
            raise Refused(f"Your roles may not load into {name}.", hint=_HOW) from None
        whole = any(not condition for _rule, condition in found.rows)
        plain = all(shown == "as it is" for _name, shown, _rule in found.columns)
        if not (found.allowed and whole and plain):
            if trail is not None:
                why = found.why if not found.allowed else f"{found.why}: not the whole table"
                trail.note(on=[TableRef.parse(name).key], denied=why)
            raise Refused(f"Your roles may not load into {name}.", hint=_HOW)
        if trail is not None:
            trail.note(rules=[found.why])
