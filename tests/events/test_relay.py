"""The relay: nothing left out, by whoever and however it was stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pluto_duck.errors import PlutoError, TargetBusy, TargetError
from pluto_duck.events.envelope import Origin
from pluto_duck.events.lease import Lease, is_held
from pluto_duck.events.model import ChangeBatch, DeadLetter, Delivery, Position, Sink
from pluto_duck.events.relay import Pace, Relay
from pluto_duck.events.sinks import checked
from pluto_duck.events.sinks.contract import place_of
from pluto_duck.events.sinks.file import FileSink
from pluto_duck.events.sinkstore import LeaseLost, Sinks, slowest
from pluto_duck.workspace import ControlStore
from pluto_duck.workspace.tableref import TableRef
from tests.events.memory import THINGS, MemoryJournal, replay
from tests.events.test_file_sink import events_in

QUICK = Pace(rows=10, wait_s=0.05, first_retry_s=0.01, longest_retry_s=0.05, failed_retry_s=5)


class Kept:
    """A target in memory: a sink without a memory of its own, which may be told to fail."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.batches: list[int] = []
        self.fails: list[Exception] = []
        self.poison: str | None = None
        self.starts = 0
        self.stands: Position | None = None
        self.has_forgotten = False
        self.before: Callable[[], None] = lambda: None

    def __call__(self, _: Any) -> Sink:
        return _KeptSink(self)


class _KeptSink:
    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.has_forgotten = kept.has_forgotten

    def start(self, position: Position) -> Position:
        self._kept.starts += 1
        return self._kept.stands or position

    def deliver(self, batch: ChangeBatch) -> Delivery:
        self._kept.before()
        if self._kept.fails:
            raise self._kept.fails.pop(0)
        dead = []
        for row in batch.table.to_pylist():
            if self._kept.poison is not None and self._kept.poison in row["event"]:
                dead.append(DeadLetter(Position(row["seq"], row["n"]), TableRef(row["name"], row["schema"]),
                                       row["event"], "It can't be digested."))
            else:
                self._kept.events.append(row["event"])
        self._kept.batches.append(sum(len(one) for one in batch.table.column("event").to_pylist()))
        return Delivery(batch.position, tuple(dead))

    def close(self) -> None:
        pass


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = ControlStore(folder / "control.sqlite")
        self.sinks = Sinks(self.control)
        self.journal = MemoryJournal()
        self.kept = Kept()
        self._running: list[tuple[Relay, threading.Thread]] = []

    def relay(self, make: Any = None, pace: Pace = QUICK) -> Relay:
        return Relay("out", self.journal, self.journal.tracked, self.sinks, make or self.kept, locks=self.folder,
                     holder="here", origin=Origin("w1", "test"), pace=pace)

    def start(self, make: Any = None, pace: Pace = QUICK) -> Relay:
        relay = self.relay(make, pace)
        thread = threading.Thread(target=relay.run)
        thread.start()
        self._running.append((relay, thread))
        return relay

    def deliver(self) -> None:
        """All there is, here and now."""
        self.relay().run(until_caught_up=True)

    def stop(self) -> None:
        for relay, _ in self._running:
            relay.stop()
        for _, thread in self._running:
            thread.join(30)
            assert not thread.is_alive()
        self._running.clear()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    found.sinks.add("out", "kept", options={})
    yield found
    found.stop()
    found.control.close()


def until(condition: Callable[[], object], what: Callable[[], object] = lambda: "", timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"It did not come to pass: {what()}"
        time.sleep(0.005)


def test_a_new_sink_is_told_the_tables_whole_and_then_what_changes(world: World) -> None:
    world.journal.write(("c", 1, "one"), ("c", 2, "two"))
    world.deliver()
    assert list(map(_op, world.kept.events)) == ["t", "r", "r"]
    world.journal.write(("u", 1, "uno"), ("d", 2, ""))
    world.deliver()
    assert [_op(one) for one in world.kept.events[3:]] == ["u", "d"]
    assert replay(world.kept.events) == world.journal.tables
    assert world.sinks.get("out").lag == 0


def test_history_before_a_new_sink_need_not_be_kept(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.journal.write(("c", 2, "two"))
    world.journal.forget(1)
    world.deliver()
    assert [_op(one) for one in world.kept.events] == ["t", "r", "r"]


def test_a_sink_from_now_on_is_told_only_what_is_new(world: World) -> None:
    world.sinks.remove("out")
    world.journal.write(("c", 1, "one"))
    world.sinks.add("out", "kept", options={}, position=Position(1, Position.LAST), known=[THINGS])
    world.journal.write(("c", 2, "two"))
    world.deliver()
    assert [_op(one) for one in world.kept.events] == ["c"]


def test_only_the_wished_tables_are_told(world: World) -> None:
    world.sinks.remove("out")
    world.sinks.add("out", "kept", options={}, tables=[TableRef("others")])
    world.journal.write(("c", 1, "one"))
    world.journal.write(("c", 1, "one"), table="others")
    world.deliver()
    world.journal.write(("c", 2, "two"), table="others")
    world.journal.write(("c", 2, "two"))
    world.deliver()
    assert replay(world.kept.events) == {"others": {1: "one", 2: "two"}}
    assert world.sinks.get("out").lag == 0


def test_a_table_that_is_tracked_later_is_told_whole(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.deliver()
    world.journal.write(("c", 1, "one"), ("c", 2, "two"), table="others")
    world.deliver()
    assert replay(world.kept.events) == world.journal.tables


def test_what_changed_unseen_is_told_whole_between_the_changes(world: World) -> None:
    world.journal.write(("c", 1, "one"), ("c", 2, "two"))
    world.deliver()
    world.journal.write(("c", 3, "three"))
    world.journal.change_unseen("things", {2: "zwei", 4: "vier"})
    world.journal.write(("u", 4, "quatre"))
    world.journal.write(("c", 7, "x"), table="others")
    world.deliver()
    assert [_op(one) for one in world.kept.events if "things" in one][3:] == ["c", "t", "r", "r"]
    assert replay(world.kept.events) == world.journal.tables == {"things": {2: "zwei", 4: "quatre"}, "others": {7: "x"}}


def test_a_sink_that_history_has_passed_is_told_the_tables_whole(world: World) -> None:
    world.journal.write(("c", 1, "one"), ("c", 2, "two"))
    world.deliver()
    for number in range(20):
        world.journal.write(("u", 1, str(number)))
    world.journal.write(("d", 2, ""))
    world.journal.forget(15)
    world.deliver()
    assert [_op(one) for one in world.kept.events][3:] == ["t", "r"]
    assert replay(world.kept.events) == {"things": {1: "19"}}
    world.journal.write(("u", 1, "end"))
    world.deliver()
    assert replay(world.kept.events) == {"things": {1: "end"}}


def test_a_table_that_left_with_its_history_is_told_to_be_gone(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.journal.write(("c", 1, "one"), table="others")
    world.deliver()
    del world.journal.tables["others"]
    world.journal.write(("c", 2, "two"))
    world.journal.forget(world.journal.seq)
    world.journal.write(("c", 3, "three"))
    world.deliver()
    assert replay(world.kept.events) == {"things": {1: "one", 2: "two", 3: "three"}, "others": {}}


def test_a_target_that_knows_itself_where_it_stands_is_told_nothing_twice(world: World, tmp_path: Path) -> None:
    def make(_: Any) -> FileSink:
        return FileSink(checked("file", {"folder": str(tmp_path / "out")}, FileSink), place_of(tmp_path))

    world.sinks.remove("out")
    world.sinks.add("out", "file", options={}, tables=[THINGS])
    world.journal.write(("c", 1, "one"))
    for _ in range(3):
        world.relay(make).run(until_caught_up=True)
        world.journal.write(("c", 1, "nothing for this sink"), table="others")
    world.relay(make).run(until_caught_up=True)
    world.journal.write(("d", 1, ""))
    world.relay(make).run(until_caught_up=True)
    assert list(map(_op, events_in(tmp_path / "out"))) == ["t", "r", "d"]
    assert world.sinks.get("out").lag == 0


def test_a_database_that_is_an_older_one_again_is_told_whole(world: World) -> None:
    for number in range(5):
        world.journal.write(("c", number, "x"))
    world.deliver()
    world.journal = MemoryJournal()
    world.journal.write(("c", 1, "restored"))
    world.deliver()
    assert replay(world.kept.events) == world.journal.tables
    world.journal.write(("c", 2, "new"))
    world.deliver()
    assert replay(world.kept.events) == world.journal.tables


def test_a_target_that_forgot_is_told_again(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.deliver()
    for number in range(5):
        world.journal.write(("u", 1, str(number)))
    world.deliver()
    count = len(world.kept.events)
    world.kept.stands = Position(3, 1)
    del world.kept.events[count - 3:]
    world.deliver()
    assert len(world.kept.events) == count
    assert replay(world.kept.events) == world.journal.tables


def test_a_target_that_forgot_a_table_told_whole_is_told_it_again(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.journal.write(("c", 2, "two"))
    world.deliver()
    world.kept.events.clear()
    world.kept.stands, world.kept.has_forgotten = Position(0, 0), True
    world.deliver()
    assert replay(world.kept.events) == world.journal.tables


@pytest.mark.parametrize("error", [TargetBusy("It is away."), ValueError("a slip of the plug-in")])
def test_what_passes_is_tried_again_until_it_is_there(world: World, error: Exception) -> None:
    world.journal.write(("c", 1, "one"))
    world.deliver()
    world.journal.write(("u", 1, "uno"))
    world.kept.fails = [error] * 4
    world.start()
    until(lambda: replay(world.kept.events) == {"things": {1: "uno"}})
    until(lambda: world.sinks.get("out").lag == 0)
    assert world.kept.starts >= 5
    found = world.sinks.get("out")
    assert found.state == "running"
    assert str(error).split(":")[-1] in found.error


def test_what_will_not_pass_waits_for_somebody(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.kept.fails = [TargetError("The password is wrong.", hint="Give the right one.")]
    world.start()
    until(lambda: world.sinks.get("out").state == "failed")
    found = world.sinks.get("out")
    assert (found.error, found.hint) == ("The password is wrong.", "Give the right one.")
    world.sinks.pause("out", False)
    until(lambda: world.kept.events)
    until(lambda: world.sinks.get("out").state == "running")


def test_what_will_not_pass_is_raised_in_the_foreground(world: World) -> None:
    world.journal.write(("c", 1, "one"))
    world.kept.fails = [TargetError("The password is wrong.")]
    with pytest.raises(PlutoError, match="password"):
        world.deliver()


def test_a_paused_sink_is_told_nothing_until_it_goes_on(world: World) -> None:
    world.start()
    world.journal.write(("c", 1, "one"))
    until(lambda: world.kept.events)
    world.sinks.pause("out")
    until(lambda: world.sinks.get("out").state == "stopped")
    count = len(world.kept.events)
    world.journal.write(("c", 2, "two"))
    time.sleep(0.2)
    assert len(world.kept.events) == count
    world.sinks.pause("out", False)
    until(lambda: replay(world.kept.events) == world.journal.tables)


def test_a_removed_sink_ends_its_relay(world: World) -> None:
    world.start()
    world.journal.write(("c", 1, "one"))
    until(lambda: world.kept.events)
    world.sinks.remove("out")
    _, thread = world._running[0]
    thread.join(30)
    assert not thread.is_alive()


def test_batches_are_bounded_by_rows_and_bytes(world: World) -> None:
    world.journal.write(("c", 0, "x"))
    world.deliver()
    world.kept.batches.clear()
    world.journal.write(*(("c", key, "x" * 1000) for key in range(100)))
    world.journal.write(("c", 1000, "y" * 50_000))
    world.journal.write(*(("c", key, "x" * 1000) for key in range(200, 210)))
    world.relay(pace=Pace(rows=50, bytes=8_000, wait_s=0.01)).run(until_caught_up=True)
    assert world.journal.most <= 50
    assert sum(one > 8_000 for one in world.kept.batches) == 1
    assert replay(world.kept.events) == world.journal.tables


def test_a_change_that_can_never_arrive_is_set_aside_and_can_be_tried_again(world: World) -> None:
    world.kept.poison = "venom"
    world.journal.write(("c", 0, "x"))
    world.deliver()
    world.journal.write(("c", 1, "one"), ("c", 2, "venom"), ("c", 3, "three"))
    world.deliver()
    (dead,) = world.sinks.dead("out")
    assert (dead.position, dead.table, dead.op, dead.reason) == (Position(2, 2), THINGS, "c", "It can't be digested.")
    assert replay(world.kept.events) == {"things": {0: "x", 1: "one", 3: "three"}}
    assert world.sinks.get("out").lag == 0
    assert world.sinks.retry("out") == 1
    world.deliver()
    (dead,) = world.sinks.dead("out")
    assert (dead.attempts, dead.wanted) == (2, False)
    world.kept.poison = None
    world.sinks.retry("out", [dead.id])
    world.deliver()
    assert world.sinks.dead("out") == []
    assert replay(world.kept.events) == world.journal.tables


def test_two_relays_deliver_everything_once(world: World) -> None:
    relays = [world.start() for _ in range(3)]
    world.journal.write(*(("c", key, "x") for key in range(30)))
    until(lambda: world.sinks.get("out").lag == 0 and world.kept.events)
    relays[0].stop()
    for number in range(50):
        world.journal.write(("u", number % 30, str(number)))
    until(lambda: replay(world.kept.events) == world.journal.tables)
    relays[1].stop()
    world.journal.write(("d", 3, ""))
    until(lambda: replay(world.kept.events) == world.journal.tables)
    assert len(world.kept.events) == len(set(world.kept.events))


def test_who_lost_the_lease_can_note_nothing_more(world: World) -> None:
    old = world.sinks.take("out", "one")
    new = world.sinks.take("out", "two")
    assert new > old
    with pytest.raises(LeaseLost):
        world.sinks.went("out", old, Position(9, 9))
    with pytest.raises(LeaseLost):
        world.sinks.cover("out", old, THINGS, Position(9, 9))
    world.sinks.went("out", new, Position(4, 2))
    assert world.sinks.get("out").position == Position(4, 2)


def test_a_fenced_relay_stops_before_its_next_batch(world: World) -> None:
    world.start()
    world.journal.write(("c", 1, "one"))
    until(lambda: world.sinks.get("out").position.seq == 1)
    taken = world.sinks.take("out", "somebody")
    world.journal.write(("c", 2, "two"))
    # It holds the lock still, and so it takes over again itself, with a token of its own.
    until(lambda: world.sinks.get("out").token > taken)
    until(lambda: replay(world.kept.events) == world.journal.tables)


def test_a_clock_that_jumps_moves_no_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start()
    world.journal.write(("c", 1, "one"))
    until(lambda: world.sinks.get("out").lag == 0 and world.kept.events)
    token = world.sinks.get("out").token
    real = time.time
    for jump in (-10**8, 10**8):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        assert Lease.take(world.folder, "out") is None
        assert is_held(world.folder, "out")
        world.journal.write(("u", 1, str(jump)))
        until(lambda: replay(world.kept.events) == world.journal.tables)
    assert world.sinks.get("out").token == token


def test_the_slowest_sink_says_what_must_be_kept(world: World) -> None:
    assert slowest(world.control) is None
    world.journal.write(("c", 1, "one"))
    world.deliver()
    world.sinks.add("other", "kept", options={}, position=Position(40, 2))
    assert slowest(world.control) == world.sinks.get("out").position
    world.sinks.remove("out")
    assert slowest(world.control) == Position(40, 2)


def _op(event: str) -> str:
    import json

    return str(json.loads(event)["data"]["op"])


def test_an_error_while_it_is_being_stopped_is_not_the_targets(world: World) -> None:
    relay = world.relay()

    def ended(*_: object, **__: object) -> NoReturn:
        relay.stop()
        raise PlutoError("This session has been closed.")

    world.journal.changes = ended  # type: ignore[method-assign]
    relay.run()
    found = world.sinks.get("out")
    assert (found.state, found.error) == ("stopped", "")
