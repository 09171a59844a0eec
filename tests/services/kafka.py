"""A broker that speaks Kafka's protocol, for tests: one for the whole run, topics of its own for each test.

It is noida-db's; PLUTO_TEST_KAFKA=host:port takes another one, for all tests but those that kill it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

START_S = 30.0
_numbers = itertools.count(1)


class Broker:
    """A broker in a folder of its own, on a loopback port."""

    def __init__(self, folder: Path, address: str = "") -> None:
        self.folder = folder
        self.address = address or f"127.0.0.1:{_free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        port = self.address.rpartition(":")[2]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [str(program()), "start", "--data-dir", str(self.folder / "data"), "--only", "kafka", "--kafka-port",
                 port], stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(port)), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"The broker did not start: {self.log()}") from None
                time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """SIGTERM keeps all, SIGKILL forgets the last half second. Its program is a child of a wrapper: the group."""
        if self._process is not None:
            os.killpg(self._process.pid, how)
            self._process.wait(30)
            self._process = None
            # The wrapper may end before the program that holds the port.
            until = time.monotonic() + START_S
            while _is_open(self.address) and time.monotonic() < until:
                time.sleep(0.02)

    def log(self, lines: int = 30) -> str:
        try:
            return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def remove(self) -> None:
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def consumer(self, *topics: str) -> Any:
        """Another client than the sink's: librdkafka, which reads what was committed, from the beginning."""
        import confluent_kafka

        found = confluent_kafka.Consumer({
            "bootstrap.servers": self.address, "group.id": f"oracle-{os.getpid()}-{next(_numbers)}",
            "isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "enable.partition.eof": True, "log_level": 0, "fetch.wait.max.ms": 10})
        listed = found.list_topics(timeout=30).topics
        found.assign([confluent_kafka.TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING)
                      for topic in topics if topic in listed for number in listed[topic].partitions])
        return found

    def topics(self, prefix: str) -> list[str]:
        import confluent_kafka

        admin = confluent_kafka.Consumer({"bootstrap.servers": self.address, "group.id": "list", "log_level": 0})
        try:
            return sorted(one for one in admin.list_topics(timeout=30).topics if one.startswith(prefix))
        finally:
            admin.close()

    def read(self, *topics: str) -> list[Any]:
        """Every committed message, those of one partition in their order."""
        import confluent_kafka

        consumer = self.consumer(*topics)
        try:
            left = len(consumer.assignment())
            found: list[Any] = []
            until = time.monotonic() + START_S
            while left and time.monotonic() < until:
                for message in consumer.consume(500, 0.05):
                    error = message.error()
                    if error is None:
                        found.append(message)
                    elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        left -= 1
            assert not left, "The broker did not give all of it."
            return found
        finally:
            consumer.close()

    def events(self, topics: Sequence[str]) -> list[str]:
        """The values, without tombstones."""
        return [one.value().decode() for one in self.read(*topics) if one.value() is not None]


def program() -> Path:
    return Path(sys.executable).parent / "noida-db"


def begin() -> Broker:
    """A broker of one's own; skips, with the reason, where none can be had."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    if not program().exists():
        pytest.skip("noida-db, the broker of the tests, is not installed")
    found = Broker(Path(tempfile.mkdtemp(prefix="pluto-duck-test-kafka-")))
    try:
        found.start()
    except BaseException:
        found.remove()
        raise
    return found


def new_prefix() -> str:
    """For the topics of one test."""
    return f"t{os.getpid()}x{next(_numbers)}"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _is_open(address: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """The run's broker."""
    elsewhere = os.environ.get("PLUTO_TEST_KAFKA")
    if elsewhere:
        pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
        yield Broker(Path(tempfile.mkdtemp(prefix="pluto-duck-test-kafka-")), elsewhere)
        return
    found = begin()
    yield found
    found.remove()


@pytest.fixture
def mortal_kafka() -> Iterator[Broker]:
    """A broker for one test, which may kill it."""
    found = begin()
    yield found
    found.remove()
