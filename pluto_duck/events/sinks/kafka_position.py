"""Where a Kafka sink stands, as Kafka itself knows it.

Each batch ends with a record in the topic PREFIX.positions, in the same transaction: what was delivered so far, and
where each partition ended then. A broker that died uncleanly may have lost messages that it had acknowledged, the
record among them or not; so the newest record counts whose ends are all still there, and publishing goes on from it.
A note on this machine tells how far it had been, and which records are of a time that was lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pluto_duck.events.model import Position

Ends = dict[str, dict[int, int]]
"""The offset of the next message, by topic and partition."""


@dataclass(frozen=True)
class Stand:
    """After one delivered batch."""

    position: Position
    count: int
    """Batches so far: also those of a table that was told whole, during which the position stays."""
    generation: int
    """Grows when the broker was found to have lost something."""
    ends: Ends

    def to_json(self) -> bytes:
        return json.dumps({"seq": self.position.seq, "n": self.position.n, "count": self.count,
                           "generation": self.generation, "ends": self.ends}, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, content: bytes) -> Stand | None:
        """None for what is no record of ours."""
        try:
            found = json.loads(content)
            return cls(Position(int(found["seq"]), int(found["n"])), int(found["count"]), int(found["generation"]),
                       {str(topic): {int(number): int(end) for number, end in ends.items()}
                        for topic, ends in found["ends"].items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def is_there(self, ends: Mapping[str, Mapping[int, int]]) -> bool:
        """Whether the topics still reach as far as they did then."""
        return all(ends.get(topic, {}).get(number, 0) >= end
                   for topic, mine in self.ends.items() for number, end in mine.items())


FEW = 100
"""Messages of a batch up to which a round trip more is felt."""
TRIES = 3


class Ahead:
    """Where messages will stand once they are sent: behind what this producer has sent, and the mark that ended its
    transaction. A guess, which is compared with what came of it before the transaction commits."""

    def __init__(self, ends: Ends | None = None) -> None:
        self._next: Ends = {topic: dict(mine) for topic, mine in (ends or {}).items()}
        self._wrong = 0

    def ends(self, known: Ends, messages: Sequence[tuple[str, int]]) -> Ends | None:
        """None where it is not worth a guess. `messages`: topic and partition of each."""
        if len(messages) > FEW or self._wrong >= TRIES:
            return None
        found = {topic: dict(mine) for topic, mine in known.items()}
        begun: set[tuple[str, int]] = set()
        for topic, number in messages:
            mine = found.setdefault(topic, {})
            if (topic, number) not in begun:
                begun.add((topic, number))
                mine[number] = self._next.get(topic, {}).get(number, 0)
            mine[number] += 1
        return found

    def went(self, first: Ends, ends: Ends, guess: Ends | None) -> None:
        """After the commit. `first`: which partitions have messages of it."""
        for topic, mine in first.items():
            self._next.setdefault(topic, {}).update({number: ends[topic][number] + 1 for number in mine})
        if guess is not None:
            self._wrong = 0 if guess == ends else self._wrong + 1


@dataclass
class Note:
    """What this machine remembers of the target."""

    path: Path
    count: int = 0
    generation: int = 0
    lost: list[tuple[int, int]] = field(default_factory=list)
    """(generation, count): records of an older generation count only up to that many batches."""
    cut: list[tuple[int, str, int, int]] = field(default_factory=list)
    """(generation, topic, partition, end): the same for records by which the partition ended later than there."""

    @classmethod
    def read(cls, path: Path) -> Note:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, int(found["count"]), int(found["generation"]),
                       [(int(generation), int(count)) for generation, count in found["lost"]],
                       [(int(generation), str(topic), int(number), int(end))
                        for generation, topic, number, end in found["cut"]])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def write(self, *, durable: bool = False) -> None:
        temporary = self.path.with_name(f"{self.path.name}.tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"count": self.count, "generation": self.generation, "lost": self.lost[-100:],
                       "cut": self.cut[-100:]}, file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(self.path)

    def allows(self, stand: Stand) -> bool:
        return all(stand.count <= count for generation, count in self.lost if stand.generation < generation) and all(
            stand.ends.get(topic, {}).get(number, 0) <= end
            for generation, topic, number, end in self.cut if stand.generation < generation)

    def cut_off(self, topic: str, number: int, end: int) -> None:
        """The partition was found to end there although it had been longer: what comes next takes the lost offsets."""
        self.generation += 1
        self.cut.append((self.generation, topic, number, end))
        self.write(durable=True)


def standing(note: Note, stands: Iterable[Stand], ends: Mapping[str, Mapping[int, int]]) -> Stand | None:
    """The newest stand that holds, of those that come newest first."""
    return next((one for one in stands if note.allows(one) and one.is_there(ends)), None)


def settle(note: Note, found: Stand | None) -> bool:
    """Takes the stand as the note's; True where the target has lost something since."""
    count = found.count if found else 0
    has_lost = count < note.count
    note.generation = max(note.generation, found.generation if found else 0)
    if has_lost:
        note.generation += 1
        note.lost.append((note.generation, count))
    note.count = count
    note.write(durable=True)
    return has_lost


def raised(ends: Ends, topic: str, number: int, end: int) -> None:
    mine: Any = ends.setdefault(topic, {})
    mine[number] = max(mine.get(number, 0), end)
