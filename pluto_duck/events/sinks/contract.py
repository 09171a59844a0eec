"""The tests every sink must pass. For a plug-in, in its own test suite:

    class TestMine(SinkContract):
        @pytest.fixture
        def target(self, tmp_path):
            ...
            return Target(lambda: MySink(checked("mine", {"where": ...}, MySink), place_of(tmp_path)), lambda: [...])
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.events.marks import batch_table
from pluto_duck.events.model import OPS, ChangeBatch, Position, Sink
from pluto_duck.events.sinks import Place

HARD = ("plain", "", "naïve 鴨🦆", 'qu"ote', "two\nlines\r\n", "a'b;--", "\u2028\u0000x", "x" * 500)
"""Values of keys and columns."""


@dataclass(frozen=True)
class Target:
    make: Callable[[], Sink]
    """A sink for the same target each time, as the next process would make it. Not started."""
    events: Callable[[], Sequence[str]]
    """What a reader of the target sees now: the CloudEvents, those of one key in their order."""


def place_of(folder: Path, name: str = "mine") -> Place:
    own = folder / "own"
    own.mkdir(exist_ok=True)
    return Place(name, folder, own, lambda where: where)


def change(seq: int, n: int = 1, *, op: str = "c", key: Any = 1, table: str = "things", text: str = "x",
           keyed: bool = True) -> dict[str, Any]:
    """One row of a batch, with an event in the shape of the journal's."""
    after = None if op in ("d", "t", "drop", "resync", "schema") else {"id": key, "text": text}
    of_a_row = op in ("c", "u", "d", "r")
    event = {"specversion": "1.0", "id": f"{seq}.{n}", "source": f"/tables/main/{table}",
             "type": "io.plutoduck.row.changed", "sequence": f"{seq}.{n}", "subject": str(key),
             "datacontenttype": "application/json",
             "data": {"op": op, "before": {"id": key} if op == "d" else None, "after": after,
                      "source": {"schema": "main", "table": table, "seq": seq, "n": n}}}
    return {"seq": seq, "n": n, "last": True, "schema": "main", "name": table, "op": op,
            "key": json.dumps({"id": key}, ensure_ascii=False) if keyed and of_a_row else None,
            "event": json.dumps(event, ensure_ascii=False)}


def batch(*rows: dict[str, Any], position: Position | None = None) -> ChangeBatch:
    last = rows[-1] if rows else {"seq": 0, "n": 0}
    return ChangeBatch(batch_table(list(rows)), position or Position(last["seq"], last["n"]), last["seq"])


def once(events: Iterable[str]) -> list[str]:
    """The events without those that came before: what a reader makes of a target that may tell one twice."""
    return list(dict.fromkeys(events))


def of_key(events: Iterable[str], key: Any) -> list[int]:
    """The commits of one key's changes, in the order of the target."""
    found = [json.loads(one) for one in events]
    return [one["data"]["source"]["seq"] for one in found if one["subject"] == str(key)]


class SinkContract:
    @pytest.fixture
    def target(self) -> Target:
        raise NotImplementedError("Give a Target to test.")

    def test_a_new_target_begins_where_the_relay_stands(self, target: Target) -> None:
        sink = target.make()
        try:
            assert sink.start(Position(7, 3)) == Position(7, 3)
        finally:
            sink.close()
        assert list(target.events()) == []

    def test_what_was_delivered_is_there_as_it_was_given(self, target: Target) -> None:
        rows = [change(seq, key=seq % 3, text=f"{seq}") for seq in range(1, 41)]
        self._deliver(target, Position(), batch(*rows[:1]), batch(*rows[1:30]), batch(*rows[30:]))
        found = target.events()
        assert sorted(found) == sorted(one["event"] for one in rows)
        for key in range(3):
            assert of_key(found, key) == [one for one in range(1, 41) if one % 3 == key]

    def test_the_position_of_a_batch_is_what_its_delivery_tells(self, target: Target) -> None:
        sink = target.make()
        try:
            sink.start(Position())
            done = sink.deliver(batch(change(1), change(2), position=Position(9, Position.LAST)))
            assert done.position == Position(9, Position.LAST)
            assert done.dead == ()
        finally:
            sink.close()

    def test_a_closed_sink_goes_on_where_it_stood(self, target: Target) -> None:
        self._deliver(target, Position(), batch(change(1), change(2)))
        stands = self._deliver(target, Position(2, 1), batch(change(3)))
        assert stands == Position(2, 1)
        assert of_key(target.events(), 1) == [1, 2, 3]

    def test_a_sink_that_ended_before_the_relay_noted_it_loses_nothing(self, target: Target) -> None:
        first, second, third = batch(change(1)), batch(change(2), change(3)), batch(change(4))
        self._deliver(target, Position(), first, second)
        sink = target.make()  # the relay's note is that of the first batch
        try:
            stands = sink.start(first.position)
            assert first.position <= stands <= second.position
            if stands < second.position:
                sink.deliver(second)
            sink.deliver(third)
        finally:
            sink.close()
        assert of_key(once(target.events()), 1) == [1, 2, 3, 4]

    def test_a_batch_that_comes_twice_is_the_same_to_who_drops_what_it_has(self, target: Target) -> None:
        twice = batch(change(2), change(3))
        self._deliver(target, Position(), batch(change(1)), twice, twice, batch(change(4)))
        assert of_key(once(target.events()), 1) == [1, 2, 3, 4]

    def test_an_empty_batch_changes_nothing(self, target: Target) -> None:
        self._deliver(target, Position(), batch(), batch(change(1)), batch(position=Position(5, 0)))
        assert of_key(target.events(), 1) == [1]

    def test_hard_texts_arrive_as_they_are(self, target: Target) -> None:
        rows = [change(number, key=text, text=text) for number, text in enumerate(HARD, 1)]
        self._deliver(target, Position(), batch(*rows))
        assert sorted(target.events()) == sorted(one["event"] for one in rows)

    def test_every_kind_of_change_can_be_told(self, target: Target) -> None:
        rows = [change(number, op=op) for number, op in enumerate(OPS, 1)]
        self._deliver(target, Position(), batch(*rows))
        assert {json.loads(one)["data"]["op"] for one in target.events()} == set(OPS)

    def test_tables_and_rows_without_a_key_keep_their_order(self, target: Target) -> None:
        rows = [change(seq, table="logs", keyed=False) for seq in range(1, 6)]
        other = [change(seq, table="others", key=2) for seq in range(6, 9)]
        self._deliver(target, Position(), batch(*rows[:3]), batch(*rows[3:], *other))
        assert of_key(target.events(), 1) == [1, 2, 3, 4, 5]
        assert of_key(target.events(), 2) == [6, 7, 8]

    def test_a_large_change_arrives_or_is_set_aside_with_a_reason(self, target: Target) -> None:
        rows = [change(1), change(2, text="y" * 600_000), change(3, text="z" * 3_000_000), change(4)]
        sink = target.make()
        try:
            sink.start(Position())
            done = sink.deliver(batch(*rows))
        finally:
            sink.close()
        assert done.position == Position(4, 1)
        aside = [one.position.seq for one in done.dead]
        assert all(one.reason for one in done.dead)
        assert sorted([*aside, *of_key(target.events(), 1)]) == [1, 2, 3, 4]
        assert 1 not in aside
        assert 4 not in aside

    def test_closing_is_always_possible(self, target: Target) -> None:
        sink = target.make()
        sink.close()
        sink = target.make()
        sink.start(Position())
        sink.close()
        sink.close()

    def _deliver(self, target: Target, position: Position, *batches: ChangeBatch) -> Position:
        """Where it stood when it was started."""
        sink = target.make()
        try:
            stands = sink.start(position)
            for one in batches:
                assert sink.deliver(one).dead == ()
        finally:
            sink.close()
        return stands
