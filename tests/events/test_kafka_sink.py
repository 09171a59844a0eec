"""The Kafka sink: the contract, seen by another client, and what brokers do to it."""

from __future__ import annotations

import json
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from pluto_duck.errors import PlutoError, Refused, TargetError, UsageError
from pluto_duck.events.model import Position
from pluto_duck.events.sinks import checked
from pluto_duck.events.sinks.contract import SinkContract, Target, batch, change, of_key, once, place_of
from pluto_duck.events.sinks.kafka import KafkaSink, topic_of
from pluto_duck.events.sinks.kafka_position import Note, Stand, standing
from pluto_duck.workspace.tableref import TableRef
from tests.services.kafka import Broker, new_prefix
from tests.services.kafka_gateway import Gateway


def make(broker: Broker, prefix: str, folder: Path, **options: Any) -> KafkaSink:
    return KafkaSink(checked("kafka", {"bootstrap": broker.address, "prefix": prefix, **options}, KafkaSink),
                     place_of(folder))


class TestContract(SinkContract):
    @pytest.fixture
    def target(self, kafka: Broker, tmp_path: Path) -> Target:
        prefix = new_prefix()
        return Target(lambda: make(kafka, prefix, tmp_path, max_mb=2),
                      lambda: once(kafka.events([one for one in kafka.topics(f"{prefix}.") if "positions" not in one])))


@pytest.fixture
def prefix() -> str:
    return new_prefix()


def test_messages_are_what_consumers_expect(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    sink = make(kafka, prefix, tmp_path)
    sink.start(Position())
    sink.deliver(batch(change(1, key="a"), change(2, key="a", op="d"), change(3, op="t")))
    sink.close()
    found = kafka.read(f"{prefix}.main.things")
    rows = [one for one in found if one.key() == b'{"id": "a"}']
    assert [one.value() is None for one in rows] == [False, False, True]
    assert len({one.partition() for one in rows}) == 1
    assert rows[0].headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert json.loads(rows[0].value())["specversion"] == "1.0"
    marks = [one for one in found if one.key() == b"{}"]
    assert sorted(one.partition() for one in marks) == [0, 1, 2]


def test_a_batch_and_its_position_come_together_or_not_at_all(kafka: Broker, prefix: str, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    sink = make(kafka, prefix, tmp_path)
    sink.start(Position())
    sink.deliver(batch(change(1)))
    producer = sink._producer
    assert producer is not None
    monkeypatch.setattr(producer, "commit_transaction", lambda: (_ for _ in ()).throw(OSError("cut off")))
    with pytest.raises(PlutoError):
        sink.deliver(batch(change(2)))
    sink.close()
    assert of_key(kafka.events([f"{prefix}.main.things"]), 1) == [1]
    sink = make(kafka, prefix, tmp_path)
    assert sink.start(Position()) == Position(1, 1)
    sink.close()


def _stands(broker: Broker, prefix: str) -> list[Stand]:
    found = [Stand.parse(one.value()) for one in broker.read(f"{prefix}.positions")]
    return [one for one in found if one is not None]


def test_a_position_goes_with_its_messages_and_says_where_they_really_stand(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    import confluent_kafka

    topic = f"{prefix}.main.things"
    sink = make(kafka, prefix, tmp_path)
    sink.start(Position())
    for number in range(1, 4):
        sink.deliver(batch(change(number, key="a"), change(number, 2, key=f"b{number}")))
    assert [one.count for one in _stands(kafka, prefix)] == [1, 2, 3]  # one each: no round trip more
    other = confluent_kafka.Producer({"bootstrap.servers": kafka.address})
    for number in range(3):
        other.produce(topic, b"from elsewhere", partition=number)
    other.flush()
    sink.deliver(batch(change(4, key="a"), change(5, key="b4"), change(6, key="c")))
    sink.deliver(batch(change(7, key="a")))
    sink.close()
    stands = _stands(kafka, prefix)
    assert [one.count for one in stands] == [1, 2, 3, 4, 4, 5]
    ends: dict[int, int] = {}
    for one in kafka.read(topic):
        if one.value() != b"from elsewhere":
            ends[one.partition()] = one.offset() + 1
    assert stands[-1].ends == {topic: ends}
    sink = make(kafka, prefix, tmp_path)
    assert sink.start(Position()) == Position(7, 1)
    sink.close()


def test_who_published_before_is_fenced(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    old, new = make(kafka, prefix, tmp_path), make(kafka, prefix, tmp_path)
    old.start(Position())
    old.deliver(batch(change(1)))
    assert new.start(Position()) == Position(1, 1)
    with pytest.raises(TargetError, match="Another publisher"):
        old.deliver(batch(change(2)))
    new.deliver(batch(change(2), change(3)))
    old.close()
    new.close()
    assert of_key(kafka.events([f"{prefix}.main.things"]), 1) == [1, 2, 3]


def test_two_tables_do_not_share_a_topic(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    assert topic_of("p", TableRef("Größe 1", "My.Schema")) == "p.my_schema.gr__e_1"
    sink = make(kafka, prefix, tmp_path)
    sink.start(Position())
    with pytest.raises(TargetError, match="share the topic"):
        sink.deliver(batch(change(1, table="a b"), change(2, table="a.b")))
    sink.close()


def test_what_the_broker_finds_too_large_is_set_aside(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    sink = make(kafka, prefix, tmp_path, max_mb=20)
    sink.start(Position())
    done = sink.deliver(batch(change(1), change(2, text="x" * 3_000_000), change(3)))
    assert [one.position for one in done.dead] == [Position(2, 1)]
    assert "too large" in done.dead[0].reason
    sink.deliver(batch(change(4)))
    sink.close()
    assert of_key(kafka.events([f"{prefix}.main.things"]), 1) == [1, 3, 4]


def test_a_topic_that_must_be_there_is_told(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    sink = make(kafka, prefix, tmp_path, create_topics=False)
    with pytest.raises(TargetError, match="no topic") as told:
        sink.start(Position())
    assert "create_topics" in told.value.hint
    sink.close()


def test_a_broker_that_is_away_is_told_as_something_that_passes(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    sink = make(broker, "p", tmp_path, timeout_s=1)
    with pytest.raises(PlutoError) as told:
        sink.start(Position())
    assert told.value.transient
    sink.close()


@pytest.mark.parametrize(("options", "kind"), [
    ({"bootstrap": ""}, UsageError), ({"bootstrap": "nowhere"}, UsageError), ({"bootstrap": "me:secret@host:1"}, UsageError),
    ({"security": "TLS"}, UsageError), ({"security": "SASL_SSL"}, UsageError), ({"username": "me"}, UsageError),
    ({"ca": "ca.pem"}, UsageError), ({"security": "SSL", "certificate": "c.pem"}, UsageError),
    ({"partitions": 0}, UsageError), ({"password": "hunter2"}, UsageError), ({"prefix": "no spaces"}, TargetError),
    ({"bootstrap": "far.example:9092", "security": "SASL_PLAINTEXT", "sasl": "PLAIN", "username": "me", "password": "env:X"},
     Refused)])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], kind: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(kind) as told:
        KafkaSink(checked("kafka", {"bootstrap": "127.0.0.1:1", **options}, KafkaSink), place_of(tmp_path))
    assert "hunter2" not in str(told.value)


def test_a_broker_that_forgot_is_told_again(mortal_kafka: Broker, prefix: str, tmp_path: Path) -> None:
    sink = make(mortal_kafka, prefix, tmp_path)
    sink.start(Position())
    sink.deliver(batch(change(1)))
    sink.close()
    mortal_kafka.end(signal.SIGTERM)  # keeps what it has
    mortal_kafka.start()
    sink = make(mortal_kafka, prefix, tmp_path)
    assert sink.start(Position()) == Position(1, 1)
    assert not sink.has_forgotten
    sink.deliver(batch(change(2)))
    sink.deliver(batch(change(3), position=Position(2, 1)))  # a table told whole: the position stays
    mortal_kafka.end()  # at once: what it acknowledged last is lost
    sink.close()
    mortal_kafka.start()
    lost = of_key(mortal_kafka.events([f"{prefix}.main.things"]), 1)
    sink = make(mortal_kafka, prefix, tmp_path)
    stands = sink.start(Position(3, 1))
    assert stands == Position({1: 1, 2: 2, 3: 2}[max(lost)], 1)
    assert sink.has_forgotten == (lost != [1, 2, 3])
    sink.close()


def test_a_broker_that_forgot_between_two_batches_is_noticed_by_the_next(mortal_kafka: Broker, prefix: str,
                                                                          tmp_path: Path) -> None:
    """Its clients connect again without a word: a publisher that is not told would go on behind a gap."""
    sink = make(mortal_kafka, prefix, tmp_path, partitions=1)
    sink.start(Position())
    sink.deliver(batch(change(1)))
    time.sleep(1.2)  # that is on the broker's disk
    for seq in range(2, 6):
        sink.deliver(batch(change(seq)))
    mortal_kafka.end()
    mortal_kafka.start()
    there = of_key(mortal_kafka.events([f"{prefix}.main.things"]), 1)
    told = 5
    if there != [1, 2, 3, 4, 5]:
        with pytest.raises(PlutoError) as error:
            sink.deliver(batch(change(6)))
        assert error.value.transient
    sink.close()
    sink = make(mortal_kafka, prefix, tmp_path, partitions=1)
    stands = sink.start(Position(told, 1))
    assert stands.seq == there[-1]
    sink.deliver(batch(*(change(seq) for seq in range(stands.seq + 1, 8))))
    sink.close()
    assert of_key(mortal_kafka.events([f"{prefix}.main.things"]), 1) == [1, 2, 3, 4, 5, 6, 7]


def test_a_broker_that_forgot_is_noticed_while_nothing_changes(mortal_kafka: Broker, prefix: str, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.events.sinks.kafka.LOOK_S", 0.0)
    sink = make(mortal_kafka, prefix, tmp_path, timeout_s=2)
    sink.start(Position())
    sink.deliver(batch(change(1)))
    time.sleep(1.2)
    sink.look()
    sink.deliver(batch(change(2)))
    mortal_kafka.end()
    mortal_kafka.start()
    if of_key(mortal_kafka.events([f"{prefix}.main.things"]), 1) == [1]:
        with pytest.raises(PlutoError) as error:
            sink.look()
        assert error.value.transient
    sink.close()


def test_a_lost_partition_is_told_again_although_its_position_is_there() -> None:
    """What several brokers can do, and one can't: the position stays, a partition is cut."""
    note = Note(Path("unused"), count=3)
    stands = [Stand(Position(seq, 1), seq, 0, {"t": {0: seq * 10}}) for seq in (3, 2, 1)]
    assert standing(note, stands, {"t": {0: 30}}) == stands[0]
    assert standing(note, stands, {"t": {0: 29}}) == stands[1]
    assert standing(note, stands, {"t": {0: 5}}) is None
    assert standing(note, stands, {}) is None
    note.generation, note.cut = 1, [(1, "t", 0, 15)]
    assert standing(note, stands, {"t": {0: 99}}) == stands[2], "what was lost is not there because its offsets are"
    again = Stand(Position(2, 1), 2, 1, {"t": {0: 40}})
    assert standing(note, [again, *stands], {"t": {0: 40}}) == again
    note.lost = [(2, 1)]
    assert standing(note, [again, *stands], {"t": {0: 40}}) == stands[2]


def test_the_time_it_takes_to_forget_is_known(mortal_kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """What these tests take for a clean broker: after a second, all is on its disk."""
    sink = make(mortal_kafka, prefix, tmp_path)
    sink.start(Position())
    sink.deliver(batch(change(1), change(2)))
    sink.close()
    time.sleep(1.2)
    mortal_kafka.end()
    mortal_kafka.start()
    assert of_key(mortal_kafka.events([f"{prefix}.main.things"]), 1) == [1, 2]


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.fixture
def gateway(kafka: Broker, authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """TLS in front of the broker; asks for a certificate of the client's where the test says "mutual"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    if getattr(request, "param", "") == "mutual":
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    made = Gateway(kafka.address, context)
    yield made
    made.close()


def _delivers(gateway: Gateway, kafka: Broker, prefix: str, folder: Path, **options: Any) -> list[str]:
    sink = KafkaSink(checked("kafka", {"bootstrap": gateway.address, "prefix": prefix, "timeout_s": 20, **options}, KafkaSink),
                     place_of(folder))
    try:
        sink.start(Position())
        sink.deliver(batch(change(1)))
    finally:
        sink.close()
    return kafka.events([f"{prefix}.main.things"])


def test_a_broker_is_spoken_to_in_tls(kafka: Broker, gateway: Gateway, prefix: str, tmp_path: Path) -> None:
    assert len(_delivers(gateway, kafka, prefix, tmp_path, security="SSL", ca="ca.pem")) == 1
    assert gateway.spoken > 5, "all went through it"


def test_a_broker_that_nobody_vouches_for_is_told_nothing(gateway: Gateway, kafka: Broker, prefix: str,
                                                          tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(TargetError, match=r"(?i)certificate"):
        _delivers(gateway, kafka, prefix, tmp_path, security="SSL", ca="other.pem")
    assert gateway.spoken == 0
    assert f"{prefix}.main.things" not in kafka.topics(prefix)


@pytest.mark.parametrize("gateway", ["mutual"], indirect=True)
def test_a_certificate_of_our_own_is_shown(gateway: Gateway, authority: trustme.CA, kafka: Broker, prefix: str,
                                           tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        _delivers(gateway, kafka, prefix, tmp_path, security="SSL", ca="ca.pem", timeout_s=2)
    mine = authority.issue_cert("publisher")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "mine.pem")
    assert len(_delivers(gateway, kafka, prefix, tmp_path, security="SSL", ca="ca.pem", certificate="mine.pem",
                         certificate_key="key.pem")) == 1


def test_a_password_is_sent_in_tls_and_told_nowhere(gateway: Gateway, kafka: Broker, prefix: str, tmp_path: Path) -> None:
    asks = {"security": "SASL_SSL", "ca": "ca.pem", "sasl": "PLAIN", "username": "writer", "password": "env:KAFKA_PASSWORD"}
    gateway.passwords = {"writer": "another"}
    with pytest.raises(TargetError, match="Wrong user or password") as refused:
        _delivers(gateway, kafka, prefix, tmp_path, **asks)
    assert refused.value.hint == "Check username and password."
    assert gateway.logins == []
    gateway.passwords = {"writer": place_of(tmp_path).secret("password")}
    assert len(_delivers(gateway, kafka, prefix, tmp_path, **asks)) == 1
    assert set(gateway.logins) == {"writer"}


def test_a_fenced_producer_is_told_the_same_when_its_batch_failed_in_the_background() -> None:
    from kafka.errors import KafkaError, ProducerFencedError

    from pluto_duck.events.sinks.kafka_errors import told

    late = KafkaError("Cannot perform send because at least one previous request has failed.", ProducerFencedError())
    assert str(told(late, "b:9092")) == str(told(ProducerFencedError(), "b:9092"))
    assert "Another publisher" in str(told(late, "b:9092"))
