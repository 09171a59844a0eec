"""The host's side of reading and writing rows, for the owner; `GovernedRows` adds the policy."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, Refused, SessionReset, UsageError, unknown_name
from pluto_duck.governance.refusals import unseen_table
from pluto_duck.session.rows.finding import find, find_texts
from pluto_duck.session.rows.model import Changed, Select, change_from, select_from
from pluto_duck.session.rows.reading import Compiled, aggregate, select
from pluto_duck.session.rows.shapes import Col, Shape
from pluto_duck.session.rows.writing import Done, Owners, Writer, committed
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.protocol import Json, Reply, Request
from pluto_duck.workspace.result import Column, Result
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.governance import Actor, GovernedCatalog
    from pluto_duck.governance.governed import Seen
    from pluto_duck.session.governed import GovernedSession
    from pluto_duck.session.handler import HostSession

TRIES = 20


class OwnersRows:
    """Of one session."""

    def __init__(self, session: HostSession) -> None:
        self.session = session
        self.handler = session._handler

    # -- what the subclass changes ----------------------------------------------------------------

    def begin(self) -> None:
        """Before each call."""
        self.handler.ledger.notice()

    def cursor(self) -> Cursor:
        return self.session._cursor

    def shape(self, ref: TableRef) -> Shape:
        """The table as the actor sees it. Raises UnknownName."""
        found = self.real(ref)
        if found is None:
            raise unknown_name("table", str(ref), self.handler.shapes.names(self.session._cursor))
        return found

    def real(self, ref: TableRef) -> Shape | None:
        """The table as it is."""
        # What an open transaction has made is nobody else's yet.
        own = self.session._cursor
        return self.handler.shapes.of(own, ref, fresh=self.session._transaction is not None)

    def steadily(self, work: Callable[[], Reply]) -> Reply:
        return work()

    def writer(self, *, texts: bool = False) -> Writer:
        return Owners(self, texts=texts)

    def version(self, ref: TableRef) -> int:
        return self.handler.ledger.version(ref.key)

    def state(self) -> tuple[int, int]:
        """Another one as soon as the actor may see something else."""
        return 0, 0

    def standing(self) -> Cursor:
        """Another cursor where `cursor` stands; the caller closes it."""
        return self.handler.database.cursor()

    # -- of one moment ------------------------------------------------------------------------------

    def moment(self, request: Request) -> Reply:
        """{token}: what `rows` of this token reads is of one moment, until the next token, or "". Nothing is written
        down of it: on another host it is over."""
        self.session.leave_moment()
        token = str(request.args.get("token") or "")
        if token:
            self.begin()
            cursor = self.standing()
            try:
                cursor.execute("BEGIN TRANSACTION READ ONLY")
            except BaseException:
                cursor.close()
                raise
            self.session._moment = token, cursor, self.state()
        return Reply({})

    def _standing_for(self, request: Request) -> Cursor:
        token, moment = request.args.get("moment"), self.session._moment
        if not token:
            return self.cursor()
        if moment is None or moment[0] != token or moment[2] != self.state():
            raise SessionReset("What this session may see, or its host, changed while it was read.",
                               hint="Run it again.")
        return moment[1]

    # -- operations ---------------------------------------------------------------------------------

    def tries(self, expression: str) -> bool:
        return bool(self.cursor().fetchall(f"SELECT ({expression}) IS NOT NULL")[0][0])

    def rows(self, request: Request) -> Reply:
        """{wanted, paged}: the rows of a Select or an Aggregate."""
        return self.steadily(lambda: self._rows(request))

    def _rows(self, request: Request) -> Reply:
        self.begin()
        wanted = select_from(request.args["wanted"])
        compiled = self.checked(lambda: self._compiled(wanted, bool(request.args.get("paged"))))
        cursor = self._standing_for(request)
        self.session._running.on(cursor)
        rows = cursor.execute(compiled.sql, select=True)
        if compiled.columns:
            ends = rows.columns[len(compiled.columns):]
            rows.columns = (*compiled.columns, *ends)
        reply = self.session._streamed(rows, "SELECT", "", request.args)
        reply.header["cursor"] = compiled.cursor
        reply.header["version"] = self.version(wanted.table)
        return reply

    def _compiled(self, wanted: Any, paged: bool) -> Compiled:
        shape = self.shape(wanted.table)
        if isinstance(wanted, Select):
            return select(wanted, shape, self.tries, paged=paged)
        return aggregate(wanted, shape, self.tries)

    def by_key(self, request: Request) -> Reply:
        """{table, keys, columns, texts}: rows by their primary keys, each a list of texts. `texts`: rather as JSON and
        tags, where that tells all of them."""
        return self.steadily(lambda: self._by_key(request))

    def _by_key(self, request: Request) -> Reply:
        self.begin()
        args = request.args
        shape = self.checked(lambda: self.shape(TableRef(args["table"][1], args["table"][0])))
        cursor = self.cursor()
        self.session._running.on(cursor)
        if args.get("texts"):
            short = find_texts(shape, args["keys"], args["columns"], self.tries, cursor)
            if short is not None:
                return Reply({"texts": short.rows, "version": self.version(shape.ref),
                              "errors": {str(i): error.to_dict() for i, error in short.errors.items()}})
        found = find(shape, args["keys"], args["columns"], self.tries, cursor)
        return Reply({"columns": [[one.name, one.type] for one in found.columns], "at": found.at,
                      "errors": {str(i): error.to_dict() for i, error in found.errors.items()},
                      "key": list(shape.key), "version": self.version(shape.ref)},
                     schema=found.table.schema, batches=iter(found.table.to_batches()),
                     on_close=self.session._ended(lambda: None))

    def change(self, request: Request) -> Reply:
        """{groups: [{changes, token}], again, look, texts}: each group all or nothing, and whatever becomes of the
        others. `look`: the tokens may have been used before. `texts`: as of `by_key`."""
        self.begin()
        groups = request.args["groups"]
        again = bool(request.args.get("again") or request.args.get("look"))
        outcomes = self.writer(texts=bool(request.args.get("texts"))).all([
            ([change_from(one) for one in group["changes"]], str(group["token"])) for group in groups], again=again)
        return Reply({"outcomes": [one.to_dict() if isinstance(one, PlutoError) else
                                   [_told(done) for done in one] for one in outcomes]})

    def checked(self, work: Callable[[], Any]) -> Any:
        """Errors of our own compiling are in our own words, and name what the actor itself has named."""
        try:
            return work()
        except (UsageError, Refused) as error:
            if "engine" not in error.facts:
                error.facts["checked"] = True
            raise
        except PlutoError as error:
            if error.code == "unknown_name":
                error.facts["checked"] = True
            raise

    def close(self) -> None:
        pass


class GovernedRows(OwnersRows):
    """The policy's rows and masks are part of every statement; its cursor stands in the catalog of the roles."""

    session: GovernedSession

    def __init__(self, session: GovernedSession) -> None:
        super().__init__(session)
        self._catalog: GovernedCatalog | None = None
        self._generation = -1
        self._standing: Cursor | None = None
        self._made: dict[str, tuple[Seen, Shape, Shape]] = {}
        """By the table's key: what was seen, what is there, and what both come to."""

    @property
    def actor(self) -> Actor:
        return self.session._actor

    @property
    def catalog(self) -> GovernedCatalog:
        assert self._catalog is not None
        return self._catalog

    def begin(self) -> None:
        catalog = self.session._catalog_now()
        self._generation = catalog.generation
        if catalog is not self._catalog:
            self.close()
            self._catalog, self._standing, self._made = catalog, catalog.cursor_of(self.actor), {}

    def cursor(self) -> Cursor:
        assert self._standing is not None
        return self._standing

    def state(self) -> tuple[int, int]:
        return id(self._catalog), self._generation

    def standing(self) -> Cursor:
        return self.catalog.cursor_of(self.actor)

    def seen(self, ref: TableRef) -> Seen | None:
        found = self.catalog.seen.get(ref.key)
        return found if found is not None and found.ref in self.catalog.names_for(self.actor) else None

    def shape(self, ref: TableRef) -> Shape:
        seen = self.seen(ref)
        if seen is None:
            raise unseen_table(str(ref), self.catalog.names_for(self.actor))
        real = self.real(seen.ref)
        if real is None:
            raise SessionReset("The tables changed meanwhile.", hint="Run it again.")
        known = self._made.get(seen.ref.key)
        if known is not None and known[0] is seen and known[1] is real:
            return known[2]
        lens = seen.lens
        plain = {fold(one) for one in lens.plain} - {fold(one) for one in real.generated}
        columns = tuple(Col(name, kind, fold(name) in plain) for name, kind in seen.columns)
        key = real.key if {fold(one) for one in real.key} <= plain else ()
        made = Shape(seen.ref, columns, key, seen.stored, seen.source, lens.select, lens.where, seen.barrier,
                     generated=real.generated)
        self._made[seen.ref.key] = seen, real, made
        return made

    def steadily(self, work: Callable[[], Reply]) -> Reply:
        """What was read of the grants must not have been half old, half new."""
        for _ in range(TRIES):
            try:
                reply = work()
            except PlutoError:
                if self._catalog is None or (self._generation % 2 == 0
                                             and self._generation == self._catalog.generation):
                    raise
                continue
            if self._generation % 2 == 0 and self._generation == self.catalog.generation:
                return reply
            reply.close()
        raise SessionReset("What this session may see changed again and again.", hint="Run it again.")

    def writer(self, *, texts: bool = False) -> Writer:
        from pluto_duck.session.rows.governed import Governed

        return Governed(self, texts=texts)

    def version(self, ref: TableRef) -> int:
        """Of a filtered table the newest of all: what it shows may hang on others."""
        seen = self.seen(ref)
        if seen is None or not seen.filtered:
            return super().version(ref)
        return max(self.handler.ledger.versions.values(), default=0)

    def close(self) -> None:
        if self._standing is not None:
            self._standing.close()
            self._standing = None
        self._catalog = None


def _told(done: Done) -> Json:
    if done.table is None:
        return [done.affected, done.version, done.created, done.key, None, None, done.texts]
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, done.table.schema) as writer:
        writer.write_table(done.table)
    return [done.affected, done.version, done.created, done.key, [[one.name, one.type] for one in done.columns],
            base64.b64encode(sink.getvalue()).decode("ascii"), None]


def untold(told: Json, root: str) -> Changed:
    affected, version, created, key, columns, data, texts = told
    if texts is not None:
        return Changed(affected, None, version, created, tuple(key), tuple((one[0], one[1]) for one in texts))
    if data is None:
        return Changed(affected, None, version, created, tuple(key))
    import pyarrow

    table = pyarrow.ipc.open_stream(base64.b64decode(data)).read_all()
    rows = Result(columns=tuple(Column(name, kind) for name, kind in columns), table=table, sql="",
                  statement="RETURNING", elapsed_s=0.0, workspace=root)
    return Changed(affected, rows, version, created, tuple(key))


def listed(names: Iterable[str]) -> str:
    return ", ".join(quote(one) for one in names)


__all__ = ["GovernedRows", "OwnersRows", "committed", "listed", "untold"]
