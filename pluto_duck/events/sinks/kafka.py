"""Changes to Kafka: a topic for each table, the key of a row as the key of its messages, one transaction a batch.

The value is the CloudEvent as JSON (the structured mode of CloudEvents' Kafka binding). The batch and its position
commit together; the transactional id fences whoever published before.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.errors import TargetBusy, TargetError, missing_extra
from pluto_duck.events.model import ChangeBatch, DeadLetter, Delivery, Position
from pluto_duck.events.sinks import Option, Place, kafka_options
from pluto_duck.events.sinks.kafka_errors import telling
from pluto_duck.events.sinks.kafka_position import Ahead, Ends, Note, Stand, raised, settle, standing
from pluto_duck.workspace.tableref import TableRef, fold

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

HEADERS = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
OF_A_ROW = ("c", "u", "d", "r")
NO_ROW = b"{}"
"""The key of what concerns a table as a whole: a compacted topic takes none without."""
BATCH_BYTES = 1 << 18
LOOK_BACK = 500
LOOK_S = 5.0
"""How soon it is noticed that a broker forgot something while there was nothing to deliver."""


_AGAIN = "What it lost is published again by itself."


class KafkaSink:
    """One transactional producer."""

    OPTIONS: ClassVar[Mapping[str, Option]] = kafka_options.OPTIONS

    def __init__(self, options: Mapping[str, Any], place: Place) -> None:
        kafka_options.check(options)
        self._options, self._place = options, place
        self._prefix = str(options["prefix"])
        _legal(self._prefix, "prefix")
        self.positions = f"{self._prefix}.positions"
        self._telling = telling(str(options["bootstrap"]))
        self._producer: KafkaProducer | None = None
        self._admin: KafkaAdminClient | None = None
        self._topics: dict[str, str] = {}
        """By the table's key; the value is its topic, which is there."""
        self._ends: Ends = {}
        """As far as this producer knows each partition to reach: none may ever end before."""
        self._ahead = Ahead()
        self._last = -1
        """The offset of the last record of a position."""
        self._consumer: KafkaConsumer | None = None
        self._looked_at = 0.0
        self._note = Note(place.folder / "kafka.json")
        self.has_forgotten = False
        """The broker lost something after the position that `start` told, perhaps of a table that was told whole."""

    # -- start ------------------------------------------------------------------------------------

    def start(self, position: Position) -> Position:
        try:
            from kafka import KafkaAdminClient, codec
        except ImportError:
            raise missing_extra("kafka-python", "kafka", why="A Kafka sink") from None
        _quiet()
        options = self._options
        if options["compression"] != "none" and not getattr(codec, f"has_{options['compression']}")():
            raise TargetError(f"The package for {options['compression']} is not installed.",
                              hint="pip install lz4 or zstandard, or say compression=gzip.")
        with self._telling:
            connection = self._connection()
            self._admin = KafkaAdminClient(**connection)
            self._make(self.positions, {"cleanup.policy": "compact"}, partitions=1)
            # First of all: from here on whoever published before can commit nothing more.
            self._producer = self._made(connection)
            return self._stand(connection, position)

    def _connection(self) -> dict[str, Any]:
        """What each of its clients takes."""
        return kafka_options.connection(self._options, self._place) | {"kafka_client": self._telling.client}

    def _made(self, connection: Mapping[str, Any]) -> KafkaProducer:
        """A producer whose transactions nobody else's can mix with."""
        from kafka import KafkaProducer

        options, milliseconds = self._options, int(self._options["timeout_s"] * 1000)
        made = KafkaProducer(
            **connection, transactional_id=f"pluto-duck.{self._prefix}.{self._place.name}",
            delivery_timeout_ms=2 * milliseconds, max_block_ms=milliseconds, batch_size=BATCH_BYTES,
            max_request_size=int(options["max_mb"] * 1_000_000), allow_auto_create_topics=False,
            compression_type=None if options["compression"] == "none" else options["compression"])
        try:
            made.init_transactions()
        except BaseException:
            made.close(timeout=0)
            raise
        return made

    def _stand(self, connection: Mapping[str, Any], position: Position) -> Position:
        from kafka import KafkaConsumer

        self._note = Note.read(self._note.path)
        self._consumer = consumer = KafkaConsumer(**{
            **connection, "isolation_level": "read_committed", "enable_auto_commit": False,
            "allow_auto_create_topics": False})
        ends = self._ends_now(consumer)
        found = standing(self._note, self._stands(consumer), ends)
        never = found is None and self._note.count == 0
        self.has_forgotten = settle(self._note, found)
        self._last = ends.pop(self.positions, {}).get(0, 0) - 1
        self._ends = ends
        self._ahead = Ahead(ends)
        if never:
            return position
        return found.position if found else Position()

    def _ends_now(self, consumer: KafkaConsumer) -> Ends:
        from kafka import TopicPartition

        found: Ends = {}
        for topic in consumer.topics():
            if topic.startswith(f"{self._prefix}."):
                parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
                found[topic] = {one.partition: end for one, end in consumer.end_offsets(parts).items()}
        return found

    def _stands(self, consumer: KafkaConsumer) -> Iterator[Stand]:
        """This sink's records, newest first; read a piece at a time from the end."""
        from kafka import TopicPartition

        part = TopicPartition(self.positions, 0)
        consumer.assign([part])
        first, end = consumer.beginning_offsets([part])[part], consumer.end_offsets([part])[part]
        size = LOOK_BACK
        while end > first:
            begin = max(first, end - size)
            found = []
            for record in self._between(consumer, part, begin, end):
                if record.key == self._place.name.encode():
                    stand = Stand.parse(record.value or b"")
                    if stand is not None:
                        found.append(stand)
            yield from reversed(found)
            end, size = begin, size * 10

    def _between(self, consumer: KafkaConsumer, part: Any, begin: int, end: int) -> Iterator[Any]:
        consumer.seek(part, begin)
        silent = 0
        while consumer.position(part) < end:
            records = [one for some in consumer.poll(timeout_ms=500).values() for one in some]
            yield from (one for one in records if one.offset < end)
            # What stands at the end may be no message but the mark of a transaction.
            silent = 0 if records else silent + 1
            if silent > 4:
                return

    # -- deliver ----------------------------------------------------------------------------------

    def deliver(self, batch: ChangeBatch) -> Delivery:
        if not batch.table.num_rows:
            return Delivery(batch.position)
        assert self._producer is not None
        rows = batch.table.to_pylist()
        with self._telling:
            for row in rows:
                self._topic(row)
            dead: dict[int, DeadLetter] = {}
            while not self._transaction(rows, batch.position, dead):
                pass
        self._note.write()
        return Delivery(batch.position, tuple(dead[number] for number in sorted(dead)))

    def _transaction(self, rows: list[dict[str, Any]], position: Position, dead: dict[int, DeadLetter]) -> bool:
        """False where a change turned out too large for the broker: it stands among the dead now, and all the others
        are to be sent again."""
        from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

        assert self._producer is not None
        producer = self._producer
        producer.begin_transaction()
        sent: list[tuple[int, Any]] = []
        try:
            messages = [(number, one) for number, row in enumerate(rows) if number not in dead
                        for one in self._messages(row)]
            noted, guess, broken = None, None, None
            try:
                for number, one in messages:
                    if number not in dead:
                        try:
                            sent.append((number, producer.send(**one)))
                        except MessageSizeTooLargeError:  # the client's own limit: nothing was sent
                            dead[number] = self._letter(rows[number])
                # With the messages, where they will stand: what they wait for are round trips.
                guess = self._ahead.ends(self._ends, [(one["topic"], one["partition"]) for _, one in messages])
                noted = None if guess is None else self._note_down(position, guess)
            except KafkaTimeoutError:
                raise
            except KafkaError as error:
                broken = error  # of an earlier one, perhaps
            self._flush(producer)
            ends = {topic: dict(mine) for topic, mine in self._ends.items()}
            large = {number for number, future in sent if future.failed()
                     and isinstance(future.exception, MessageSizeTooLargeError)}
            if large:
                # What went with it or behind it failed as well, and the producer is good for nothing more.
                worst = max(large, key=lambda number: len(rows[number]["event"]))
                dead[worst] = self._letter(rows[worst])
                producer.close(timeout=2)
                self._producer = self._made(self._connection())
                return False
            if broken is not None:
                raise broken
            first: Ends = {}
            for _, future in sent:
                written = future.get(timeout=self._options["timeout_s"])
                first.setdefault(written.topic, {}).setdefault(written.partition, written.offset)
                raised(ends, written.topic, written.partition, written.offset + 1)
            self._must_reach(first)
            if noted is None or ends != guess:  # a second one behind it counts
                noted = self._note_down(position, ends)
                self._flush(producer)
            at = noted.get(timeout=self._options["timeout_s"]).offset
            if at <= self._last:
                raise TargetBusy(f"Kafka at {self._options['bootstrap']} lost positions.", hint=_AGAIN)
            self._within(producer.commit_transaction)
        except BaseException as error:
            if not isinstance(error, KafkaTimeoutError):  # who does not answer aborts nothing
                try:
                    self._within(producer.abort_transaction)
                except (KafkaError, OSError):
                    pass  # whoever starts next ends it
            raise
        self._ahead.went(first, ends, guess)
        self._ends, self._note.count, self._last = ends, self._note.count + 1, at
        return True

    def _note_down(self, position: Position, ends: Ends) -> Any:
        assert self._producer is not None
        stand = Stand(position, self._note.count + 1, self._note.generation, ends)
        return self._producer.send(self.positions, key=self._place.name.encode(), value=stand.to_json(), partition=0)

    def _flush(self, producer: KafkaProducer) -> None:
        producer.flush(2 * self._options["timeout_s"])

    def _within(self, call: Callable[[], None]) -> None:
        """kafka-python waits for the end of a transaction for as long as the broker is away: nobody would hear of it.
        Raises KafkaTimeoutError; what was ended by then, the next start finds out."""
        from kafka.errors import KafkaTimeoutError

        ended: Future[None] = Future()

        def work() -> None:
            try:
                call()
                ended.set_result(None)
            except BaseException as error:
                ended.set_exception(error)

        threading.Thread(target=work, daemon=True, name="pluto-duck-kafka").start()
        try:
            ended.result(2 * self._options["timeout_s"])
        except TimeoutError:
            raise KafkaTimeoutError("No answer in time") from None

    def _must_reach(self, ends: Ends) -> None:
        """Raises TargetBusy where a partition ends before what it had: the broker was another one for a moment, and
        its clients went on with it without a word."""
        for topic, mine in ends.items():
            for number, end in mine.items():
                if end < self._ends.get(topic, {}).get(number, 0):
                    self._note.cut_off(topic, number, end)
                    raise TargetBusy(f"Kafka at {self._options['bootstrap']} lost messages of {topic}.", hint=_AGAIN)

    def look(self) -> None:
        """Asks the broker for what it has, now and then, while there is nothing to deliver."""
        if self._consumer is None or time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        with self._telling:
            now = self._ends_now(self._consumer)
        if now.pop(self.positions, {}).get(0, 0) <= self._last:
            raise TargetBusy(f"Kafka at {self._options['bootstrap']} lost positions.", hint=_AGAIN)
        self._must_reach({topic: {number: now.get(topic, {}).get(number, 0) for number in mine}
                          for topic, mine in self._ends.items()})

    def _messages(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """What `send` takes."""
        from kafka.partitioner.default import murmur2

        assert self._producer is not None
        topic, value = self._topics[TableRef(row["name"], row["schema"]).key], row["event"].encode()
        numbers = sorted(self._producer.partitions_for(topic))
        one = {"topic": topic, "key": None, "value": value, "headers": HEADERS, "partition": 0}
        if row["op"] not in OF_A_ROW:
            # Each partition is a stream of its own: all of them must tell it.
            return [{**one, "key": NO_ROW, "partition": number} for number in numbers]
        if row["key"] is None:
            # No key tells which rows belong together, so all of them stay in one order.
            return [one]
        key = row["key"].encode()
        one |= {"key": key, "partition": numbers[(murmur2(key) & 0x7FFFFFFF) % len(numbers)] if numbers[1:] else 0}
        found = [one]
        if row["op"] == "d" and self._options["tombstones"]:
            found.append({**one, "value": None, "headers": []})
        return found

    @staticmethod
    def _letter(row: dict[str, Any]) -> DeadLetter:
        size = len(row["event"].encode())
        return DeadLetter(Position(row["seq"], row["n"]), TableRef(row["name"], row["schema"]), row["event"],
                          f"The message is too large for Kafka: {size:,} bytes. The sink's option max_mb and the "
                          "broker's message.max.bytes say how large one may be.")

    # -- topics -----------------------------------------------------------------------------------

    def _topic(self, row: dict[str, Any]) -> None:
        table = TableRef(row["name"], row["schema"])
        if table.key in self._topics:
            return
        topic = topic_of(self._prefix, table)
        clash = next((key for key, name in self._topics.items() if name == topic), None)
        if clash is not None:
            raise TargetError(f"{table} and {clash} would share the topic {topic}.",
                              hint="Kafka's names have fewer letters: rename one, or give each a sink with a prefix of "
                              "its own.")
        keyed = row["key"] is not None or row["op"] not in OF_A_ROW
        cleanup = self._options["cleanup"] if keyed else "delete"
        if self._options["create_topics"]:
            self._make(topic, {"cleanup.policy": cleanup}, partitions=self._options["partitions"])
        assert self._producer is not None
        self._producer.partitions_for(topic)
        self._topics[table.key] = topic

    def _make(self, topic: str, configs: Mapping[str, str], *, partitions: int) -> None:
        from kafka.admin import NewTopic
        from kafka.errors import TopicAlreadyExistsError

        assert self._admin is not None
        if topic in self._admin.list_topics():
            return
        if not self._options["create_topics"]:
            raise TargetError(f"There is no topic {topic}.", hint="Make it, with one partition and "
                              "cleanup.policy=compact for positions; or let the sink make it: create_topics=true.")
        try:
            self._admin.create_topics([NewTopic(topic, partitions, self._options["replication"] or -1,
                                                topic_configs=dict(configs))])
        except TopicAlreadyExistsError:
            pass

    def close(self) -> None:
        producer, self._producer = self._producer, None
        admin, self._admin = self._admin, None
        consumer, self._consumer = self._consumer, None
        if producer is not None:
            producer.close(timeout=2)
        if consumer is not None:
            consumer.close()
        if admin is not None:
            admin.close()


def topic_of(prefix: str, table: TableRef) -> str:
    """PREFIX.SCHEMA.TABLE: small letters, as names are compared; what Kafka has no letter for is _, and so is a dot."""
    name = f"{prefix}.{_plain(table.schema)}.{_plain(table.name)}"
    _legal(name, "name")
    return name


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", fold(name))


def _legal(name: str, what: str) -> None:
    if len(name) > 249 or not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise TargetError(f"{name[:60]!r} can't be the {what} of a topic.",
                          hint="Letters, digits, . _ and -, 249 at most.")


def _quiet() -> None:
    """kafka-python tells each lost connection on stderr; here its state and error stand in `sinks status`."""
    import logging

    logging.getLogger("kafka").setLevel(logging.CRITICAL)


__all__ = ["KafkaSink", "topic_of"]
