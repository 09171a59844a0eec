"""Following one database: begin or go on, apply what comes, connect again when the line breaks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pluto_duck.errors import Cancelled, HostLost, PlutoError, SourceError, StatementError, UsageError
from pluto_duck.ingest.claims import claiming
from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.ingest.connectors.postgres_address import Address, psycopg
from pluto_duck.ingest.connectors.postgres_catalog import Catalog
from pluto_duck.ingest.follow import slot as slots
from pluto_duck.ingest.follow import snapshot, state
from pluto_duck.ingest.follow.alone import alone
from pluto_duck.ingest.follow.applying import Applier
from pluto_duck.ingest.follow.messages import Relation
from pluto_duck.ingest.follow.shapes import AGAIN, Listed
from pluto_duck.ingest.follow.state import Follow, Server
from pluto_duck.ingest.follow.stream import Position, Stream, connect
from pluto_duck.ingest.load import ingest
from pluto_duck.ingest.options import LoadOptions, Progress
from pluto_duck.ingest.plan import targets
from pluto_duck.ingest.publish import refuse_followed
from pluto_duck.ingest.report import LoadReport
from pluto_duck.session import Session
from pluto_duck.session.backup import workspace_id
from pluto_duck.session.handler import LOADING

T = TypeVar("T")

LOOK_S = 0.2
"""How often a follower that has nothing to do looks whether it should stop."""
TELL_S = 1.0
PASS_BYTES = 16 << 20
"""Log of the source without a change of ours, after which that is remembered, so that it can be thrown away there."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 30.0


@dataclass(frozen=True)
class Lag:
    """How far following is, told once in a second while anything happens."""

    rows: int
    """Changes since this follower began."""
    transactions: int
    rows_per_s: float
    bytes: int
    """Of the source's log, not applied yet."""
    seconds: float
    """How old the newest change is that was applied, while there are others behind it; 0 when there are none."""
    lsn: str = ""


@dataclass(frozen=True)
class FollowReport:
    source: str
    slot: str
    tables: tuple[str, ...]
    rows: int
    """Changes applied by this follower."""
    transactions: int
    elapsed_s: float
    copied: LoadReport | None = None
    """The copy that it began with, unless it went on."""
    notices: tuple[str, ...] = ()
    caught_up: bool = False


@dataclass
class Told:
    """Who hears of it."""

    say: Callable[[str], None] = lambda _text: None
    progress: Callable[[Progress], None] | None = None
    lag: Callable[[Lag], None] = lambda _lag: None
    stopped: Callable[[], bool] = lambda: False


class Follower:
    def __init__(self, session: Session, uri: str, options: LoadOptions, told: Told, *, once: bool = False,
                 resnapshot: bool = False) -> None:
        check_options(options)
        self._session = session
        self._address = Address(uri)
        self._options = options
        self._told = told
        self._once = once
        self._resnapshot = resnapshot
        self._notices: list[str] = []
        self._careful = self._roomy = False
        self._seen: Follow | None = None
        """As it was counted last."""
        self._rows = self._transactions = 0
        self._until: int | None = None
        self._began = time.monotonic()
        self._told_at = 0.0
        self._told_lsn = -1
        self._told_rows = 0
        self._caught_up = False
        self._follow: Follow | None = None
        self._copied: LoadReport | None = None

    def run(self) -> FollowReport:
        """Until it is told to stop, or with `once` until all has come that had happened when it began."""
        server = self._translated("it was asked who it is", self._identify)
        name = slots.name_of(workspace_id(self._session.control), server)
        with alone(self._session.workspace, name, self._address.shown):
            follow, self._copied = self._begin(name, server)
            refuse_followed(self._session.workspace, [one.target for one in follow.tables])
            self._follow = follow
            with claiming(self._session.workspace, name) as claims, Session(
                    self._session.workspace, self._session.settings, role=self._session.role, label=LOADING) as worker:
                for table in follow.tables:
                    claims.take(table.target)
                self._go_on(worker, follow)
        report = self.report()
        assert report is not None
        return report

    def report(self) -> FollowReport | None:
        """What it has done so far; None before it knew its tables."""
        follow = self._follow
        if follow is None:
            return None
        return FollowReport(self._address.shown, follow.slot, tuple(str(one.target) for one in follow.tables),
                            self._rows, self._transactions, time.monotonic() - self._began, self._copied,
                            tuple(self._notices), self._caught_up)

    # -- beginning --------------------------------------------------------------------------------

    def _identify(self) -> Server:
        with self._address.connect(application_name="pluto-duck follow") as plain:
            # Before the other kind of connection, which a user without the right to it is refused in other words.
            slots.facts(plain, self._address.shown, making=False)
        with connect(self._address, "pluto-duck follow") as connection:
            return slots.identify(connection)

    def _begin(self, name: str, server: Server) -> tuple[Follow, LoadReport | None]:
        known = state.find(self._session, name)
        if known is not None and not self._resnapshot:
            self._translated("its slot was looked at", lambda: self._check(known, server))
            if (chosen := _chosen(self._options)) != dict(known.options) and chosen != _chosen(LoadOptions()):
                raise UsageError(f"{self._address.shown} is followed with other options: "
                                 f"{_words(known.options) or 'none'}.",
                                 hint="Leave the options out to go on; or begin anew with --resnapshot.")
            self._options = _restored(known.options)
            self._say(f"goes on at {known.source} with {len(known.tables)} tables")
            return known, None
        return self._translated("following was begun", lambda: self._copy(name, server))

    def _check(self, known: Follow, server: Server) -> None:
        """Raises SourceError where going on would leave a gap."""
        with slots.open_plain(self._address, known.slot) as connection:
            found = slots.status(connection, known.slot)
        why = ""
        if server.system != known.server.system or server.database != known.server.database:
            why = "it is another database than the one that was followed"
        elif server.timeline != known.server.timeline:
            why = f"it was restored, or another server took over (timeline {known.server.timeline}, now " \
                  f"{server.timeline})"
        elif found is None:
            why = f"its slot {known.slot} is gone"
        elif found.wal == "lost" or found.why:
            why = "it has thrown away changes that had not been read" + (f" ({found.why})" if found.why else "")
        elif found.now < known.lsn:
            why = "it went back to an earlier state"
        elif found.confirmed > known.lsn:
            why = "this workspace went back to an earlier state, and what it had confirmed is not sent again"
        if why:
            raise SourceError(f"{self._address.shown} can't be followed further: {why}.", hint=AGAIN, reason="gap")

    def _copy(self, name: str, server: Server) -> tuple[Follow, LoadReport]:
        address, options = self._address, self._options
        state.forget(self._session, name)  # from here on nothing goes on from the old one
        with slots.open_plain(address, name) as plain:
            known = slots.facts(plain, address.shown, making=slots.status(plain, name) is None)
            wanted = self._wanted(plain)
            refuse_followed(self._session.workspace, targets(
                [SourceTable(one.name, one.schema, ()) for one in wanted], options.into))
            slots.check_tables(wanted, known, append_only=options.options.get("append_only") == "true")
            for gone in slots.drop(plain, name):
                self._say(f"dropped {gone} of before")
            publications = slots.publish(plain, name, wanted, known)
            try:
                with connect(address, f"pluto-duck follow {name}"[:63]) as replication:
                    lsn, moment = slots.create(replication, name)
                    self._say(f"made at {address.shown}: the slot {name}, the publication "
                              f"{' and '.join(publications)}")
                    source = snapshot.SnapshotConnector(address.uri, moment, wanted)
                    loading = replace(options, tables=tuple(_exact(one.schema, one.name) for one in wanted),
                                      exclude=(), schema=None, options={
                        key: value for key, value in options.options.items() if key != "append_only"})
                    kept = _Kept(source, loading)
                    report = ingest(self._session, kept, loading, on_progress=self._told.progress)
                    follow = Follow(name, address.shown, server, _chosen(options), tuple(kept.tables), lsn)
                    state.keep(self._session, follow)
            except BaseException:
                with suppress(Exception), slots.open_plain(address, name) as again:
                    slots.drop(again, name)
                raise
        return follow, report

    def _wanted(self, connection: Any) -> list[slots.Published]:
        options = self._options
        relations = Catalog(connection).find(list(options.tables) or None, options.schema)
        found = slots.published(connection, [one.oid for one in relations if one.kind in "rp"])
        left = {one.oid for one in found if one.permanent}
        other = [one.name for one in relations if one.oid not in left]
        if other and options.tables and not any(mark in name for name in options.tables for mark in "*?["):
            raise UsageError(f"Only tables can be followed, and {', '.join(other)} is none that PostgreSQL publishes.",
                             hint="Views, foreign and unlogged tables: load them, without --follow.")
        for one in other:
            self._notice(f"{one} is no table that PostgreSQL publishes: not followed")
        order = {one.oid: place for place, one in enumerate(relations)}
        from pluto_duck.ingest.plan import without

        names = without([SourceTable(one.name, one.schema, ()) for one in found if one.permanent], options.exclude)
        chosen = {(one.schema, one.name) for one in names}
        return sorted((one for one in found if (one.schema, one.name) in chosen), key=lambda one: order[one.oid])

    # -- going on ---------------------------------------------------------------------------------

    def _go_on(self, worker: Session, follow: Follow) -> None:
        wait_s, tried, again = FIRST_WAIT_S, 0, False
        while not self._told.stopped():
            before = self._rows
            try:
                if again:  # it may be another one by now, or have thrown away what it kept
                    self._translated("its slot was looked at", lambda: self._check(follow, self._identify()))  # noqa: B023
                self._stream(worker, follow)
                return
            except (SourceError, HostLost, StatementError) as error:
                if not self._may_try_again(error):
                    raise
                wait_s, tried = (FIRST_WAIT_S, 0) if self._rows > before else (wait_s, tried + 1)
                if tried > 40:
                    raise
                self._say(f"{error.message} Trying again in {wait_s:.1f} s.")
            until = time.monotonic() + wait_s * random.uniform(0.8, 1.2)
            while time.monotonic() < until and not self._told.stopped():
                time.sleep(min(LOOK_S, wait_s))
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)
            follow, again = self._known(worker, follow), True

    def _may_try_again(self, error: PlutoError) -> bool:
        if isinstance(error, HostLost):
            return True
        if isinstance(error, StatementError) and _needs_room(error):
            first, self._roomy = not self._roomy, True
            return first
        if isinstance(error, StatementError):
            # A row that should be new is there: somebody changed the table here. Once more, taking nothing for granted.
            first, self._careful = not self._careful, True
            return first
        return error.facts.get("reason") in ("lost", "active", "refused", "timeout", "connect", "host")

    def _known(self, worker: Session, follow: Follow) -> Follow:
        for _ in range(20):
            try:
                return state.find(worker, follow.slot) or follow
            except HostLost:
                time.sleep(LOOK_S)
        return follow

    def _stream(self, worker: Session, follow: Follow) -> None:
        with slots.open_plain(self._address, follow.slot) as plain:
            publications = slots.publications(plain, follow.slot)
            self._tell_new_tables(plain, follow)
            if self._once and self._until is None:
                found = slots.status(plain, follow.slot)
                self._until = found.now if found is not None else follow.lsn
        if not publications:
            raise SourceError(f"The publication {follow.slot} of {self._address.shown} is gone.", hint=AGAIN,
                              reason="gap")
        stream = Stream(self._address, follow.slot, publications, follow.lsn)
        self._seen = follow
        applier = Applier(worker, follow, self._ask, freeze=self._options.columns == "freeze", say=self._notice,
                          careful=self._careful, roomy=self._roomy)
        try:
            self._apply(stream, applier)
        finally:
            applier.abandon()
            stream.close()

    def _apply(self, stream: Stream, applier: Applier) -> None:
        passed: Position | None = None
        while True:
            taken = stream.take(LOOK_S)
            for one in taken:
                if isinstance(one, bytes):
                    applier.message(one)
                    if applier.due:
                        self._commit(stream, applier)
                else:
                    passed = one
            if applier.between and stream.empty:
                if applier.dirty:
                    self._commit(stream, applier)
                if passed is not None and self._worth(passed, applier.follow.lsn):
                    self._count(applier.pass_to(passed))
                    stream.confirm(applier.follow.lsn)
                applier.rest()
                if self._until is not None and max(applier.follow.lsn, passed or 0) >= self._until:
                    self._caught_up = True
                    return
                passed = None if passed is not None and passed <= applier.follow.lsn else passed
            self._tell(stream, applier)
            if self._told.stopped():
                return

    def _worth(self, passed: Position, lsn: int) -> bool:
        """A server that is shutting down waits until all has been confirmed; otherwise now and then is enough."""
        return passed > lsn and (passed.asked or passed - lsn > PASS_BYTES or
                                 (self._until is not None and passed >= self._until))

    def _commit(self, stream: Stream, applier: Applier) -> None:
        self._count(applier.commit())
        stream.confirm(applier.follow.lsn)
        self._tell(stream, applier)

    def _count(self, done: Follow) -> None:
        before, self._seen = self._seen, done
        if before is not None:
            self._rows += done.rows - before.rows
            self._transactions += done.transactions - before.transactions

    def _ask(self, relation: Relation) -> tuple[Any, dict[str, Listed]]:
        def work() -> tuple[Any, dict[str, Listed]]:
            with slots.open_plain(self._address, "shape") as connection:
                return (Catalog(connection).types([one.oid for one in relation.columns]),
                        snapshot.listed(connection, relation.oid))

        return self._translated("its catalog was read", work)

    # -- telling ----------------------------------------------------------------------------------

    def _tell(self, stream: Stream, applier: Applier) -> None:
        now = time.monotonic()
        if now - self._told_at < TELL_S or (self._told_lsn == applier.follow.lsn and not applier.waiting
                                            and stream.empty):
            return
        self._told_lsn = applier.follow.lsn
        rate = (self._rows - self._told_rows) / (now - self._told_at) if self._told_at else 0.0
        behind = applier.waiting > 0 or not stream.empty
        from pluto_duck.ingest.follow.messages import lsn_text

        at = applier.follow.at_us / 1e6
        self._told.lag(Lag(self._rows, self._transactions, rate, max(0, stream.server_end - applier.follow.lsn)
                           if behind else 0, max(0.0, time.time() - at) if behind and at else 0.0,
                           lsn_text(applier.follow.lsn)))
        self._told_at, self._told_rows = now, self._rows

    def _tell_new_tables(self, connection: Any, follow: Follow) -> None:
        options = self._options
        if options.tables and not any(mark in name for name in options.tables for mark in "*?["):
            return
        with suppress(PlutoError, psycopg().Error):
            known = {one.oid for one in follow.tables}
            new = [one for one in self._wanted(connection) if one.oid not in known]
            if new:
                self._notice(f"new at the source and not followed: {', '.join(one.shown for one in new)} "
                             "(--resnapshot takes them in)")

    def _notice(self, text: str) -> None:
        if text not in self._notices:
            self._notices.append(text)
            self._say(text)

    def _say(self, text: str) -> None:
        self._told.say(text)

    def _translated(self, when: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except psycopg().Error as error:
            raise slots.refused(error, self._address, when) from None


class _Kept:
    """A connector that, before it is closed, notes what following will need to know of the tables."""

    def __init__(self, connector: snapshot.SnapshotConnector, options: LoadOptions) -> None:
        self._connector = connector
        self._options = options
        self.tables: Sequence[state.FollowedTable] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def __enter__(self) -> _Kept:
        self._connector.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if error is None:
                self.tables = self._connector.followed(self._options)
        finally:
            self._connector.__exit__(kind, error, trace)


def check_options(options: LoadOptions) -> None:
    wrong = [f"--{word.replace('_', '-')}" for word, given in (
        ("query", options.query), ("where", options.where), ("cursor", options.cursor), ("limit", options.limit),
        ("sample", options.sample), ("cast", options.cast), ("delete_missing", options.delete_missing),
        ("key", options.key), ("since", options.since), ("check", options.check)) if given]
    if options.mode != "replace":
        wrong.append(f"--mode {options.mode}")
    if options.columns == "discard":
        wrong.append("--columns discard")
    if wrong:
        raise UsageError(f"{wrong[0]} can't be used with --follow, which keeps whole tables as they are at the source.",
                         hint="Choose with --table, --exclude and --skip.")


def _needs_room(error: StatementError) -> bool:
    """DuckDB had less memory than it needed; a COMMIT says so in other words."""
    return error.facts.get("engine") == "OutOfMemory" or " block of size " in error.message


def _chosen(options: LoadOptions) -> dict[str, Any]:
    return {"tables": list(options.tables), "exclude": list(options.exclude), "schema": options.schema,
            "into": options.into, "skip": list(options.skip), "columns": options.columns,
            "append_only": options.options.get("append_only") == "true"}


def _restored(told: Any) -> LoadOptions:
    return LoadOptions(tables=tuple(told["tables"]), exclude=tuple(told["exclude"]), schema=told["schema"],
                       into=told["into"], skip=tuple(told["skip"]), columns=told["columns"],
                       options={"append_only": "true"} if told["append_only"] else {})


def _words(told: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in told.items() if value and (key, value) != ("columns", "evolve"))


def _exact(schema: str, name: str) -> str:
    from pluto_duck.workspace import quote

    return f"{quote(schema)}.{quote(name)}"


__all__ = ["Cancelled", "FollowReport", "Follower", "Lag", "Told"]
