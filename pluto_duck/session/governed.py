"""The host's side of a session whose actor is not the owner: reads what its roles may see, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError, Refused, SessionReset, UsageError
from pluto_duck.governance import Actor, GovernedCatalog
from pluto_duck.governance.binding import Bound
from pluto_duck.governance.scrub import scrubbed
from pluto_duck.session.handler import HostSession
from pluto_duck.session.noted import KEY as NOTED
from pluto_duck.session.noted import Deciding
from pluto_duck.session.rows.rights import granted
from pluto_duck.session.tables import listing
from pluto_duck.session.targets import EVERYTHING, POLICY, SCHEMA
from pluto_duck.workspace.protocol import Hello, Json, Reply, Request
from pluto_duck.workspace.tableref import TableRef, fold

if TYPE_CHECKING:
    from pluto_duck.governance.gate import Approved
    from pluto_duck.governance.policy.model import Action
    from pluto_duck.session.handler import SessionHandler
    from pluto_duck.session.rows.host import GovernedRows

TRIES = 20


class GovernedSession(HostSession):
    """Whatever is not in `_ops` here is refused: an operation that is added for the owner stays the owner's."""

    def __init__(self, handler: SessionHandler, hello: Hello) -> None:
        try:
            self._actor = Actor.from_dict(hello.actor)
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError("This session does not say who asks.") from error
        super().__init__(handler, hello)
        self._deciding = Deciding(handler, self._actor)
        self._governed_rows: GovernedRows | None = None
        self._ops = {"query": self._governed, "tables": self._tables, "versions": self._versions,
                     "rows": lambda request: self._rows().rows(request),
                     "by_key": lambda request: self._rows().by_key(request),
                     "moment": lambda request: self._rows().moment(request),
                     "change": lambda request: self._rows().change(request), "publish": self._publish,
                     "changes": self._changes, "snapshot_changes": self._changes,
                     "rights": lambda _request: granted(self._rows()), "stamp": self._stamp}

    def handle(self, request: Request) -> Reply:
        if request.op not in self._ops:
            raise Refused("Only the owner of the workspace may do this.",
                          hint="Reading is what the policy can give: query, tables, describe, ask.")
        self._deciding.named.clear()
        try:
            reply = super().handle(request)
        except PlutoError as error:
            noted = self._deciding.told(request, error)
            sql = str(request.args.get("sql", ""))
            told = self._told(error, error.facts.pop("bound", None) or Bound(sql, sql))
            told.facts[NOTED] = noted
            raise told from None
        reply.header[NOTED] = self._deciding.told(request, reply=reply)
        return reply

    def _approved(self, request: Request, catalog: GovernedCatalog) -> tuple[Approved, Bound]:
        """Its tables are noted: which they are stands in the statement alone."""
        try:
            bound = self._handler.gate.bound(str(request.args["sql"]), request.args.get("params") or {})
            found = self._handler.gate.approved(bound.sql, catalog.names_for(self._actor))
        except PlutoError as error:
            # The Gate has seen the text and the granted names alone; its own words may be told.
            error.facts["checked"] = True
            raise
        action: Action = "ask" if self._actor.kind == "agent" else "read"
        self._deciding.named += [(action, one) for one in found.tables]
        return found, bound

    def _rows(self) -> GovernedRows:
        if self._governed_rows is None:
            from pluto_duck.session.rows.host import GovernedRows

            self._governed_rows = GovernedRows(self)
        return self._governed_rows

    def close(self) -> None:
        if self._governed_rows is not None:
            self._governed_rows.close()
        super().close()

    def _told(self, error: PlutoError, bound: Bound) -> PlutoError:
        if error.facts.pop("checked", False):
            return error
        seen = self._handler.governed.known(self._actor.roles or ())
        return bound.told(scrubbed(error, bound.sql, {name for one in seen for name, _type in one.columns}))

    def _catalog_now(self) -> GovernedCatalog:
        handler = self._handler
        handler.ledger.notice()
        return handler.governed.of(self._actor.roles or (), handler.policy.current(), handler.ledger.version(SCHEMA))

    def _governed(self, request: Request) -> Reply:
        for _ in range(TRIES):
            catalog = self._catalog_now()
            generation = catalog.generation
            try:
                reply = self._within(catalog, generation, request)
            except PlutoError:
                if generation % 2 == 0 and catalog.generation == generation:
                    raise
                continue  # the views were made anew under it
            if reply is not None:
                return reply
        raise SessionReset("What this session may see changed again and again.", hint="Run it again.")

    def _publish(self, request: Request) -> Reply:
        """{sql, params, max_age_s, timeout_s, damaged: packs that could not be read}: what a reader needs to run
        it. The statement is looked at here, and neither resolved nor run."""
        from pluto_duck.session.publish import publish

        handler, args = self._handler, request.args
        if args.get("damaged"):
            handler.snapshots.forget(args["damaged"])
        for _ in range(TRIES):
            catalog = self._catalog_now()
            generation, schema = catalog.generation, handler.ledger.version(SCHEMA)
            try:
                approved, bound = self._approved(request, catalog)
            except PlutoError:
                if generation % 2 or catalog.generation != generation:
                    continue
                raise
            cursor = self._database.cursor()
            self._running.on(cursor)
            try:
                found = publish(handler, cursor, catalog, self._actor, approved, database=self._own_catalog,
                                max_age_s=args.get("max_age_s"), default_s=float(args.get("default_s") or 0),
                                timeout_s=args.get("timeout_s"))
            finally:
                cursor.close()
            self._database.relock()
            if generation % 2 == 0 and catalog.generation == generation and handler.ledger.version(SCHEMA) == schema:
                return Reply({**found, "sql": approved.sql, "places": bound.places})
        raise SessionReset("What this session may see changed again and again.", hint="Run it again.")

    def _within(self, catalog: GovernedCatalog, generation: int, request: Request) -> Reply | None:
        """Begins the statement; None where the views have been made anew since `generation`."""
        approved, bound = self._approved(request, catalog)
        cursor = catalog.cursor_for(self._actor, approved.tables)
        self._running.on(cursor)
        try:
            catalog.check_resolved(cursor, approved.sql, approved.tables)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            rows = cursor.execute(approved.sql, select=True)
            if generation % 2 or catalog.generation != generation:
                cursor.close()
                return None
            return self._streamed(rows, "SELECT", bound.written, request.args, finish=cursor.close, bound=bound)
        except BaseException as error:
            cursor.close()
            if isinstance(error, PlutoError):
                error.facts["bound"] = bound
            raise

    def _changes(self, request: Request) -> Reply:
        from pluto_duck.session.changes.views import GovernedViews

        def look(catalog: GovernedCatalog) -> Reply:
            cursor = catalog.cursor_of(self._actor)
            reply = self._read_changes(cursor, GovernedViews(self._handler, catalog, self._actor, cursor), request)
            self._deciding.named += [("read", TableRef(name, schema)) for schema, name in reply.header.pop("on", ())]
            return reply

        return self._steady(look)

    def _stamp(self, request: Request) -> Reply:
        return Reply(self._handler.stamps.governed(self._cursor, self._catalog_now(), self._own_catalog,
                                                   str(request.args["sql"]), request.args, self._actor))

    # -- small questions --------------------------------------------------------------------------

    def _steady(self, look: Callable[[GovernedCatalog], Reply]) -> Reply:
        """What a look finds that no rebuild came between."""
        for _ in range(TRIES):
            catalog = self._catalog_now()
            generation = catalog.generation
            found = look(catalog)
            if generation % 2 == 0 and catalog.generation == generation:
                return found
        raise SessionReset("What this session may see changed again and again.", hint="Run it again.")

    def _tables(self, request: Request) -> Reply:
        return self._steady(lambda catalog: self._listed(catalog, request))

    def _listed(self, catalog: GovernedCatalog, request: Request) -> Reply:
        may = catalog.names_for(self._actor)
        seen = {key: one for key, one in catalog.seen.items() if one.ref in may}
        versions = self._seen_versions(catalog)
        found = listing(self._cursor, self._own_catalog, request.args.get("only"))
        tables: list[Json] = []
        columns: list[Json] = []
        told = {(TableRef(row[1], row[0]).key, fold(row[2])): row for row in found["columns"]}
        for schema, name, kind, estimate, comment in found["tables"]:
            one = seen.get(TableRef(name, schema).key)
            if one is None:
                continue
            # What rows a condition lets through can change with other tables: as of a view's.
            tables.append([schema, name, "view" if one.filtered else kind, None if one.filtered else estimate, comment])
            for column, type_ in one.columns:
                row = told.get((one.ref.key, fold(column)))
                changed = column in one.masked or row is None
                columns.append([schema, name, column, type_, True if changed or row is None else row[4],
                                row[5] if row is not None else ""])
        clear = {key: {fold(name) for name, _type in one.columns if name not in one.masked}
                 for key, one in seen.items()}

        def shown(table: TableRef, names: list[str]) -> bool:
            return table.key in clear and {*map(fold, names or ())} <= clear[table.key]

        keys = [row for row in found["keys"] if shown(TableRef(row[1], row[0]), row[3]) and (
            not row[4] or shown(TableRef(row[4], row[0]), row[5]))]
        known = [row for row in found["known_keys"]
                 if shown(TableRef(row[1], row[0]), row[2]) and shown(TableRef(row[4], row[3]), row[5])]
        return Reply({"tables": tables, "columns": columns, "keys": keys, "known_keys": known, "versions": versions})

    def _versions(self, request: Request) -> Reply:
        return self._steady(lambda catalog: Reply({"versions": self._seen_versions(catalog)}))

    def _seen_versions(self, catalog: GovernedCatalog) -> dict[str, int]:
        """Of what this actor may see."""
        all_ = dict(self._handler.ledger.versions)
        newest = max(all_.values(), default=0)
        found = {key: newest if one.filtered else all_.get(key, 0) for key, one in catalog.seen.items()
                 if one.ref in catalog.names_for(self._actor)}
        return {**found, EVERYTHING: all_.get(EVERYTHING, 0), SCHEMA: all_.get(SCHEMA, 0),
                POLICY: self._handler.policy.current().print}
