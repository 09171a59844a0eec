"""What sinks do a second, and how late they are, beside a bare producer of the same bytes."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pluto_duck.commands.relaying import relay_of, sealed
from pluto_duck.events.model import Position
from pluto_duck.events.sinkstore import Sinks
from pluto_duck.session import Session
from pluto_duck.workspace import create
from pluto_duck.workspace.tableref import TableRef
from tests.benchmarks.table import Row
from tests.services.kafka import Broker, begin, new_prefix

CHANGES, COMMIT, ROUNDS, SINGLE = 20_000, 1_000, 3, 100


def all_rows() -> Iterator[Row]:
    broker = begin()
    try:
        with tempfile.TemporaryDirectory() as folder, Session.open(create(Path(folder)).root) as session:
            session.query("CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR, amount DECIMAL(12, 2), "
                          "status VARCHAR, placed TIMESTAMP)")
            session.track(TableRef("orders"))
            yield _files(session)
            yield _kafka(session, broker)
            yield _late(session, broker)
    finally:
        broker.remove()


def _write(session: Session, begin_at: int) -> None:
    for start in range(begin_at, begin_at + CHANGES, COMMIT):
        session.query("INSERT INTO orders SELECT range, 'customer ' || range, range / 7, 'PROPOSED', "
                      f"TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND FROM range({start}, {start + COMMIT})")


def _drained(session: Session, name: str) -> float:
    """Changes a second of everything that waits for this sink."""
    before, began = Sinks(session.control).get(name).delivered, time.perf_counter()
    relay_of(session, name).run(until_caught_up=True)
    took = time.perf_counter() - began
    return (Sinks(session.control).get(name).delivered - before) / took


def _add(session: Session, name: str, kind: str, options: dict[str, Any]) -> None:
    head = Position(session.tracked()["head"], Position.LAST)
    Sinks(session.control).add(name, kind, options=options, position=head, known=[TableRef("orders")],
                               seal=sealed(session.workspace, name, kind, (), options))


def _files(session: Session) -> Row:
    _add(session, "files", "file", {"folder": "out", "rotate_mb": 16})
    rates = []
    for number in range(ROUNDS):
        _write(session, (1 + number) * 1_000_000)
        rates.append(_drained(session, "files"))
    Sinks(session.control).remove("files")
    rate = statistics.median(rates)
    return Row("changes to a file sink", f"{rate:,.0f} a second", "none", f"{rate:,.0f}", "20,000 a second",
               "20,000 a second", rate >= 20_000)


def _kafka(session: Session, broker: Broker) -> Row:
    from kafka import KafkaProducer

    ours, theirs = [], []
    for number in range(ROUNDS):
        prefix = new_prefix()
        _add(session, f"k{number}", "kafka", {"bootstrap": broker.address, "prefix": prefix})
        _write(session, 50_000_000 + number * 1_000_000)
        ours.append(_drained(session, f"k{number}"))
        sent = [(one.key(), one.value()) for one in broker.read(f"{prefix}.main.orders")]
        assert len(sent) == CHANGES
        producer = KafkaProducer(bootstrap_servers=broker.address, batch_size=1 << 18)
        began = time.perf_counter()
        for key, value in sent:
            producer.send(f"{prefix}.main.orders", key=key, value=value)
        producer.flush()
        theirs.append(CHANGES / (time.perf_counter() - began))
        producer.close()
        Sinks(session.control).remove(f"k{number}")
    mine, peer = statistics.median(ours), statistics.median(theirs)
    return Row("changes to Kafka, read from the journal and in transactions", f"{mine:,.0f} a second",
               f"kafka-python's producer, the same bytes: {peer:,.0f}", f"{mine / peer:.2f} x", "0.8 x", "1 x",
               mine / peer >= 0.8)


def _late(session: Session, broker: Broker) -> Row:
    """From the return of a statement to the message in a consumer."""
    prefix = new_prefix()
    _add(session, "late", "kafka", {"bootstrap": broker.address, "prefix": prefix, "partitions": 1})
    _write(session, 90_000_000)
    _drained(session, "late")
    relay = None
    ready = threading.Event()

    def deliver() -> None:
        nonlocal relay
        with Session.open(session.workspace.root) as own:
            relay = relay_of(own, "late")
            ready.set()
            relay.run()

    thread = threading.Thread(target=deliver)
    thread.start()
    ready.wait()
    consumer = broker.consumer(f"{prefix}.main.orders")
    bare = Bare(broker, new_prefix())
    try:
        count = 0
        while count < CHANGES:
            count += sum(1 for one in consumer.consume(1000, 0.2) if one.error() is None)
        late, theirs = [], []
        for number in range(SINGLE):
            session.query(f"INSERT INTO orders VALUES ({99_000_000 + number}, 'one', 1, 'PROPOSED', now()::TIMESTAMP)")
            began = time.perf_counter()
            message = _next(consumer)
            late.append((time.perf_counter() - began) * 1000)
            time.sleep(0.02)
            theirs.append(bare.took_ms(message.key(), message.value()))
            time.sleep(0.02)
    finally:
        bare.close()
        consumer.close()
        if relay is not None:
            relay.stop()
        thread.join()
    middle, worst = statistics.median(late), sorted(late)[int(len(late) * 0.95)]
    peer = statistics.median(theirs)
    return Row("a commit seen by a Kafka consumer (librdkafka)", f"p50 {middle:.1f} ms, p95 {worst:.1f} ms",
               f"kafka-python's transactional producer alone, the same bytes: p50 {peer:.1f} ms ({middle / peer:.2f} x)",
               f"{middle:.1f} ms", "20 ms", "20 ms", middle <= 20)


class Bare:
    """What the client and the broker need by themselves for a message and a position in one transaction."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        from kafka import KafkaAdminClient, KafkaProducer
        from kafka.admin import NewTopic

        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        self._topics = f"{prefix}.rows", f"{prefix}.positions"
        admin.create_topics([NewTopic(one, 1, 1) for one in self._topics])
        admin.close()
        self._producer = KafkaProducer(bootstrap_servers=broker.address, transactional_id=prefix)
        self._producer.init_transactions()
        self._consumer = broker.consumer(self._topics[0])

    def took_ms(self, key: bytes, value: bytes) -> float:
        began = time.perf_counter()
        self._producer.begin_transaction()
        self._producer.send(self._topics[0], key=key, value=value)
        self._producer.send(self._topics[1], key=b"p", value=b"x" * 100)
        self._producer.flush()
        self._producer.commit_transaction()
        _next(self._consumer)
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        self._consumer.close()
        self._producer.close()


def _next(consumer: Any) -> Any:
    while (found := consumer.poll(10)) is None or found.error() is not None:
        pass
    return found
