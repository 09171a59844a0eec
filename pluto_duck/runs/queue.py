"""Which waiting run begins next: the owner's own are behind nobody's, and the others take turns, actor by actor."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pluto_duck.errors import Overloaded, QueueFull

OWNER = ""


@dataclass(frozen=True)
class Share:
    """Of one actor."""

    running: int = 2
    waiting: int = 16


class Waiting(Protocol):
    @property
    def run_id(self) -> str: ...

    @property
    def lane(self) -> str:
        """Whose it is: the actor's identity, OWNER for the owner."""
        ...

    @property
    def share(self) -> Share: ...


FEW = Share()

J = TypeVar("J", bound=Waiting)


class FairQueue(Generic[J]):
    """Belongs to whoever holds the lock of its Runs."""

    def __init__(self, running: int, waiting: int, *, others_running: int, others_waiting: int) -> None:
        self.running, self.waiting = running, waiting
        self.others_running, self.others_waiting = others_running, others_waiting
        self._lanes: OrderedDict[str, deque[J]] = OrderedDict()
        """Actors in the order of their turns; none is empty."""
        self._at_work: Counter[str] = Counter()
        self._pace_s = 0.5
        """What a run takes, newer ones counting more."""

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def jobs(self) -> list[J]:
        return [one for lane in self._lanes.values() for one in lane]

    def find(self, run_id: str) -> J | None:
        return next((one for lane in self._lanes.values() for one in lane if one.run_id == run_id), None)

    # -- in ---------------------------------------------------------------------------------------

    def check(self, lane: str, share: Share) -> None:
        """Raises QueueFull or Overloaded where one more has no room."""
        mine = len(self._lanes.get(lane, ()))
        if mine >= (self.waiting if lane == OWNER else share.waiting):
            raise QueueFull(f"{mine} runs are waiting already.", hint="Try again when some have ended, or cancel some.",
                            **self._facts(lane, share, mine))
        others = sum(len(one) for name, one in self._lanes.items() if name != OWNER)
        if lane != OWNER and others >= self.others_waiting:
            raise Overloaded("The server has as many runs waiting as it can take.", hint="Try again in a while.",
                             **self._facts(lane, share, mine))

    def _facts(self, lane: str, share: Share, mine: int) -> dict[str, int]:
        """One's own numbers alone: what others do is nobody's business."""
        slots = self.running if lane == OWNER else min(share.running, self.others_running)
        wait_s = math.ceil(self._pace_s * (mine + 1) / max(1, slots))
        return {"position": mine, "retry_after_s": max(1, min(60, wait_s))}

    def put(self, job: J) -> None:
        self._lanes.setdefault(job.lane, deque()).append(job)

    def remove(self, job: J) -> None:
        lane = self._lanes[job.lane]
        lane.remove(job)
        if not lane:
            del self._lanes[job.lane]

    # -- out --------------------------------------------------------------------------------------

    def take(self) -> J | None:
        """The next that may begin now; its actor goes to the end of the line."""
        lane = next((one for one in self._order() if self._may(one, self._at_work)), None)
        if lane is None:
            return None
        jobs = self._lanes[lane]
        job = jobs.popleft()
        if jobs:
            self._lanes.move_to_end(lane)
        else:
            del self._lanes[lane]
        self._at_work[lane] += 1
        return job

    def _order(self) -> list[str]:
        return [OWNER, *(one for one in self._lanes if one != OWNER)] if OWNER in self._lanes else list(self._lanes)

    def _may(self, lane: str, at_work: Counter[str]) -> bool:
        if lane == OWNER:
            return at_work[OWNER] < self.running
        others = at_work.total() - at_work[OWNER]
        return others < self.others_running and at_work[lane] < self._lanes[lane][0].share.running

    def done(self, job: J, elapsed_s: float) -> None:
        self._at_work[job.lane] -= 1
        if self._at_work[job.lane] <= 0:
            del self._at_work[job.lane]
        self._pace_s += (elapsed_s - self._pace_s) / 8

    def ready(self) -> int:
        """How many may begin now."""
        at_work, count = self._at_work.copy(), 0
        for lane in self._order():
            for _ in self._lanes[lane]:
                if not self._may(lane, at_work):
                    break
                at_work[lane] += 1
                count += 1
        return count

    def position(self, job: J) -> int:
        """Runs that begin before it; 0: it is next."""
        mine = self._lanes[job.lane].index(job)
        if job.lane == OWNER:
            return mine
        ahead, seen = mine, False
        for lane, jobs in self._lanes.items():
            if lane == job.lane:
                seen = True
            elif lane == OWNER:
                continue
            else:
                ahead += min(len(jobs), mine if seen else mine + 1)  # a turn of each of its own, one more before it
        return ahead

    def standing(self) -> dict[str, object]:
        """For the owner."""
        actors = [{"actor": one or "owner", "running": self._at_work[one], "waiting": len(self._lanes.get(one, ()))}
                  for one in sorted({*self._at_work, *self._lanes})]
        return {"running": self._at_work.total(), "waiting": len(self), "actors": actors}
