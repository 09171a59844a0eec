"""The whole of Changes as one machine: whatever is written, by whom and in what transactions, every consumer that reads
nothing but events comes to the tables: one that began with them, those that began with a snapshot in the middle, who
reads the files of a sink, and who reads Kafka alone."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pyarrow
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from pluto_duck.commands.relaying import relay_of, sealed
from pluto_duck.errors import HistoryGone, PlutoError
from pluto_duck.events.model import Position
from pluto_duck.events.retention import DAY_MS
from pluto_duck.events.sinkstore import Sinks
from pluto_duck.session import Session, TableRef, WriteColumn
from pluto_duck.session.rows.model import Delete, Insert, Keyed, Put, Update
from pluto_duck.workspace import create
from tests.events.consumer import Consumer, of_messages, together
from tests.events.guest import Guest, run
from tests.events.replay import counts
from tests.events.test_file_sink import events_in
from tests.events.test_replay_any import COMMON
from tests.services.kafka import Broker, new_prefix

KEYED, WHOLE = TableRef("t"), TableRef("w")
COLUMNS = [("id", "INTEGER"), ("v", "VARCHAR")]
EXACT = st.sampled_from([
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS x DECIMAL(38,10)", "UPDATE t SET x = id - 1234567890123456789012.0123456789",
    "ALTER TABLE t ALTER COLUMN x TYPE DOUBLE", "UPDATE t SET x = -0.0 WHERE id < 4", "ALTER TABLE t DROP COLUMN IF EXISTS x",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS s STRUCT(at TIMESTAMPTZ, \"b c\" BLOB[], i INTERVAL)",
    "UPDATE t SET s = {'at': TIMESTAMPTZ '2024-02-29 10:00:00.123456+02', 'b c': ['\\x00\\xFF'::BLOB, NULL], "
    "'i': INTERVAL 30 DAYS} WHERE id % 2 = 0",
    "UPDATE t SET s = {'at': NULL, 'b c': [], 'i': INTERVAL 1 MONTH}", "ALTER TABLE t RENAME COLUMN v TO v2",
    "ALTER TABLE t RENAME COLUMN v2 TO v", "ALTER TABLE t RENAME TO away", "ALTER TABLE away RENAME TO t",
    "PREPARE p AS INSERT INTO t (id, v) VALUES ($1, 'p'); EXECUTE p(5)", "EXPLAIN ANALYZE DELETE FROM t WHERE id = 3",
    "BEGIN; INSERT INTO t (id, v) VALUES (20, 'x'); DELETE FROM t WHERE id < 3; ROLLBACK",
    "BEGIN; TRUNCATE t; INSERT INTO t (id, v) SELECT range, 'm' FROM range(8); DELETE FROM t WHERE id = 2; COMMIT"])
STATEMENT = st.tuples(st.one_of(*COMMON[:-3], EXACT), st.sampled_from("tw")).map(
    lambda one: re.sub(r"\b(?:t)\b(?!')", one[1], one[0]).replace("away", f"{one[1]}_away"))
ROWS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "naïve 鴨", "", None])), min_size=1, max_size=4,
                unique_by=lambda one: one[0])
BOTH = st.sampled_from([KEYED, WHOLE])


class Machine(RuleBasedStateMachine):
    broker: ClassVar[Broker | None] = None
    guest: ClassVar[Guest]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="pluto-duck-test-", ignore_cleanup_errors=True)
        self.root = create(Path(self.folder.name) / "w").root
        self.session, self.reader = Session.open(self.root), Session.open(self.root)
        self.session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); CREATE TABLE w (id INTEGER, v VARCHAR)")
        self.session.track(KEYED, before=True)
        self.session.track(WHOLE, full_row=True)
        first = Consumer()
        for ref in (KEYED, WHOLE):
            first.knows(ref, COLUMNS)
        self.consumers = [first]
        """The first one slowly: it never reads before the end, unless history is gone."""
        self._add("out", "file", {"folder": str(self.root / "out"), "rotate_mb": 0.02})
        self.prefix = new_prefix()
        if self.broker is not None:
            self._add("kafka", "kafka", {"bootstrap": self.broker.address, "prefix": self.prefix})
        assert self.guest.do("open", str(self.root)) is None

    def _add(self, name: str, kind: str, options: dict[str, Any]) -> None:
        Sinks(self.session.control).add(name, kind, options=options,
                                        seal=sealed(self.session.workspace, name, kind, [], options))

    # -- who writes -------------------------------------------------------------------------------

    @rule(sql=STATEMENT)
    def host_writes(self, sql: str) -> None:
        type(self).steps += 1
        run(self.session, sql)

    @rule(sql=STATEMENT)
    def guest_writes(self, sql: str) -> None:
        type(self).steps += 1
        self.guest.do("run", sql)

    @rule(one=STATEMENT, other=STATEMENT)
    def both_write_at_once(self, one: str, other: str) -> None:
        type(self).steps += 2
        self.guest.ask("run", one)
        run(self.session, other)
        self.guest.answer()

    @rule(what=st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK", "COMMIT"]), as_guest=st.booleans())
    def transaction(self, what: str, as_guest: bool) -> None:
        self.guest.do("run", what) if as_guest else run(self.session, what)

    @rule()
    def guest_leaves_and_comes(self) -> None:
        """What it had open is taken back."""
        self.guest.do("close")
        assert self.guest.do("open", str(self.root)) is None

    @rule(rows=ROWS, ref=BOTH)
    def frame(self, rows: Any, ref: TableRef) -> None:
        type(self).steps += 1
        lent = {"frame": pyarrow.table({"id": [one[0] for one in rows], "v": [one[1] for one in rows]})}
        with suppress(PlutoError):
            self.session.query(f"INSERT INTO {ref.sql} (id, v) SELECT id, v FROM frame", namespace=lent)
            return
        self._back()

    @rule(rows=ROWS, ref=BOTH, mode=st.sampled_from(["append", "append", "replace"]))
    def load(self, rows: Any, ref: TableRef, mode: Any) -> None:
        type(self).steps += 1
        found = pyarrow.table({"id": pyarrow.array([one[0] for one in rows], pyarrow.int32()),
                               "v": pyarrow.array([one[1] for one in rows], pyarrow.string())})
        columns = [WriteColumn(name, kind, name) for name, kind in COLUMNS]
        with suppress(PlutoError):
            self.session.write(ref, found.to_reader(), columns, mode=mode, primary_key=["id"] if ref == KEYED else [])
            return
        self._back()

    @rule(rows=ROWS, what=st.sampled_from(["insert", "upsert", "update", "put", "delete"]))
    def row(self, rows: Any, what: str) -> None:
        type(self).steps += 1
        values = tuple({"id": key, "v": text} for key, text in rows)
        key = (str(rows[0][0]),)
        change: Any = {"insert": Insert(KEYED, values), "upsert": Insert(KEYED, values, "update"),
                       "update": Update(KEYED, Keyed(key), {"v": rows[0][1]}), "put": Put(KEYED, key, {"v": rows[0][1]}),
                       "delete": Delete(KEYED, Keyed(key))}[what]
        with suppress(PlutoError):
            self.session.change([change])
            return
        self._back()

    def _back(self) -> None:
        if self.session.in_transaction:
            self.session.query("ROLLBACK")

    # -- who reads --------------------------------------------------------------------------------

    @rule(limit=st.sampled_from([1, 3, 1000]))
    def consumers_read(self, limit: int) -> None:
        for one in self.consumers[1:]:
            self._read(one, limit)
            self._check(one)

    @precondition(lambda self: len(self.consumers) < 4)
    @rule()
    def begin_in_the_middle(self) -> None:
        made = Consumer()
        self._anew(made)
        self.consumers.append(made)

    @rule()
    def deliver(self) -> None:
        relay_of(self.reader, "out").run(until_caught_up=True)

    @precondition(lambda self: self.broker is not None)
    @rule()
    def deliver_to_kafka(self) -> None:
        relay_of(self.reader, "kafka").run(until_caught_up=True)

    @rule()
    def forget(self) -> None:
        """Retention passes everybody."""
        retaining = self.session._link.node._host._handler.retaining  # type: ignore[union-attr]
        retaining.trim(int(time.time() * 1000) + 60 * DAY_MS)

    def _read(self, consumer: Consumer, limit: int = 1000) -> None:
        try:
            consumer.read(self.reader, limit)
        except HistoryGone:
            oldest = self.reader.tracked()["oldest"]
            assert consumer.position < Position(oldest, Position.LAST), "told of a reset without need"
            self._anew(consumer)

    def _anew(self, consumer: Consumer) -> None:
        """From a snapshot of each table; nobody writes meanwhile."""
        consumer.copies.clear()
        there = {one.ref.key: one for one in self.reader.tables([KEYED, WHOLE])}
        moments: set[Position] = set()
        for ref in (KEYED, WHOLE):
            columns = COLUMNS
            rows: list[str] = []
            if ref.key in there:
                columns = [(one.name, one.type) for one in there[ref.key].columns]
                moment, found = self.reader.snapshot_changes(ref)
                moments.add(moment)
                rows = found.read_all().column("event").to_pylist()
            consumer.knows(ref, columns, rows)
        assert len(moments) <= 1
        consumer.position = moments.pop() if moments else Position(self.reader.tracked()["head"], Position.LAST)

    def _check(self, consumer: Consumer) -> None:
        for ref in (KEYED, WHOLE):
            consumer.check(self.reader, ref)

    def teardown(self) -> None:
        try:
            self.guest.do("close")
            run(self.session, "COMMIT") if self.session.in_transaction else None
            for one in self.consumers:
                self._read(one)
                self._check(one)
            counts(self.reader)
            self.deliver()
            told = Consumer(strict=False)
            events = events_in(self.root / "out")
            for text in events:
                told.take(text)
            self._check(told)
            assert len(events) == len(set(events)), "a file tells each change once"
            if self.broker is not None:
                self.deliver_to_kafka()
                topics = [one for one in self.broker.topics(f"{self.prefix}.") if not one.endswith("positions")]
                self._check(together(part for topic in topics for part in of_messages(self.broker.read(topic)).values()))
        finally:
            self.reader.close()
            self.session.close()
            self.folder.cleanup()


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    Machine.guest = Guest()
    yield Machine.guest
    Machine.guest.end()


QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False,
                 phases=[Phase.generate])  # each step takes milliseconds: a failure is told as it came


def _runs(examples: int, steps: int, *, broker: Broker | None = None, quick: bool) -> None:
    Machine.broker, Machine.steps = broker, 0
    run_state_machine_as_test(Machine, settings=settings(QUIET, max_examples=examples, stateful_step_count=steps,
                                                         derandomize=quick))
    print(f"{Machine.steps} writes")
    assert Machine.steps > examples * steps / 10


def test_every_consumer_comes_to_the_tables(guest: Guest) -> None:
    _runs(5, 30, quick=True)


def test_who_reads_kafka_alone_comes_to_the_tables(guest: Guest, kafka: Broker) -> None:
    _runs(3, 30, broker=kafka, quick=True)


@pytest.mark.soak
def test_thousands_of_writes(guest: Guest) -> None:
    _runs(250, 60, quick=False)


@pytest.mark.soak
def test_thousands_of_writes_to_kafka(guest: Guest, kafka: Broker) -> None:
    _runs(40, 60, broker=kafka, quick=False)
