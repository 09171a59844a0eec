"""Sliding windows of `limits` over a storage that a stranger can't fill up.

The memory storage of `limits` keeps two entries for each key until they expire, and a thread that goes through all of
them up to a hundred times a second. Here an actor has one entry, the longest unused goes when there are too many, and
nothing runs beside the requests.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import missing_extra

if TYPE_CHECKING:
    from limits.strategies import SlidingWindowCounterRateLimiter

    from pluto_duck.governance.rates import Rate

MOST = 50_000
MOST_KEYS = 1_000


@dataclass(frozen=True)
class Left:
    """What a limit said to one request."""

    allowed: bool
    remaining: int
    reset_s: int
    """Whole seconds to the end of the window, at least 1."""
    retry_s: int
    """Whole seconds after which one more is let through; 0 where it is now."""


class Windows:
    """`clock`: seconds since whenever; a test has its own."""

    def __init__(self, clock: Callable[[], float] = time.time, most: int = MOST) -> None:
        try:
            self._strategy, self._storage = _made(clock, most)
        except ImportError:
            raise missing_extra("limits", "serve", why="Limiting the requests of keys and tokens") from None
        self._items: dict[Rate, Any] = {}
        self._item_of = _items()

    def __len__(self) -> int:
        return len(self._storage.entries)

    def hit(self, rate: Rate, *who: str) -> Left:
        """Counts one, unless that were too many."""
        item = self._item(rate)
        with self._storage.lock:
            return self._left(rate, item, who, self._strategy.hit(item, *who))

    def look(self, rate: Rate, *who: str) -> Left:
        """The same without counting."""
        item = self._item(rate)
        with self._storage.lock:
            return self._left(rate, item, who, None)

    def debit(self, rate: Rate, *who: str, cost: int) -> None:
        """Counts what has been spent already, however much."""
        if cost > 0:
            self._storage.debit(self._item(rate).key_for(*who), rate.window_s, cost)

    def _item(self, rate: Rate) -> Any:
        found = self._items.get(rate)
        if found is None:
            found = self._items[rate] = self._item_of(rate.amount, rate.window_s)
        return found

    def _left(self, rate: Rate, item: Any, who: tuple[str, ...], allowed: bool | None) -> Left:
        """`allowed`: what the strategy said; None: whether one more were."""
        before, before_s, now, _ = self._storage.get_sliding_window(item.key_for(*who), rate.window_s)
        part = self._storage.part(rate.window_s)
        remaining = max(0, rate.amount - math.floor(before * before_s / rate.window_s + now))
        if allowed is None:
            allowed = remaining > 0
        reset_s = max(1, math.ceil((1 - part) * rate.window_s))
        return Left(allowed, remaining, reset_s, 0 if allowed else _wait(rate, before, now, part))


def _wait(rate: Rate, before: int, now: int, part: float) -> int:
    """Whole seconds until the weight of the two windows has fallen below the amount."""
    if now < rate.amount:
        windows = (1 - (rate.amount - now) / before if before else 0.0) - part
    else:
        windows = 1 - part + 1 - rate.amount / now  # `now` is then the window before
    return max(1, math.floor(windows * rate.window_s + 1e-6) + 1)


def _items() -> type[Any]:
    from limits import RateLimitItemPerSecond

    class Item(RateLimitItemPerSecond):
        """Puts the key of somebody together once: it costs more than to count."""

        __slots__ = ("_keys",)

        def __init__(self, amount: int, window_s: int) -> None:
            super().__init__(amount, window_s)
            self._keys: dict[tuple[Any, ...], str] = {}

        def key_for(self, *identifiers: Any) -> str:
            found = self._keys.get(identifiers)
            if found is None:
                if len(self._keys) >= MOST_KEYS:
                    self._keys.clear()
                found = self._keys[identifiers] = super().key_for(*identifiers)
            return found

    return Item


def _made(clock: Callable[[], float], most: int) -> tuple[SlidingWindowCounterRateLimiter, Any]:
    from limits.storage.base import SlidingWindowCounterSupport, Storage
    from limits.strategies import SlidingWindowCounterRateLimiter

    class Bounded(Storage, SlidingWindowCounterSupport):
        STORAGE_SCHEME = None

        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.RLock()
            self.entries: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
            """key -> (number of the window, count of the one before, count of it)"""

        @property
        def base_exceptions(self) -> type[Exception]:
            return ValueError

        def part(self, expiry: int) -> float:
            """How much of the window has gone."""
            return clock() / expiry % 1

        def _at(self, key: str, expiry: int) -> tuple[int, int, int]:
            number = int(clock() // expiry)
            window, before, count = self.entries.get(key, (number, 0, 0))
            if window == number:
                return number, before, count
            return number, count if window == number - 1 else 0, 0

        def debit(self, key: str, expiry: int, amount: int) -> int:
            with self.lock:
                number, before, count = self._at(key, expiry)
                self._set(key, number, before, count + amount)
                return count + amount

        def _set(self, key: str, number: int, before: int, count: int) -> None:
            self.entries[key] = (number, before, count)
            self.entries.move_to_end(key)
            if len(self.entries) > most:
                self.entries.popitem(last=False)

        def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
            with self.lock:
                number, before, count = self._at(key, expiry)
                weighted = math.floor(before * (1 - self.part(expiry)) + count) if before else count
                if weighted + amount > limit:
                    return False
                self._set(key, number, before, count + amount)
                return True

        def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
            with self.lock:
                _number, before, count = self._at(key, expiry)
                left = (1 - self.part(expiry)) * expiry
                return before, left, count, left + expiry

        def clear_sliding_window(self, key: str, expiry: int) -> None:
            self.clear(key)

        # What fixed windows would ask; the strategy here does not.
        def incr(self, key: str, expiry: int, amount: int = 1) -> int:
            return self.debit(key, expiry, amount)

        def get(self, key: str) -> int:
            return self.entries.get(key, (0, 0, 0))[2]

        def get_expiry(self, key: str) -> float:
            return clock()

        def check(self) -> bool:
            return True

        def reset(self) -> int | None:
            with self.lock:
                gone = len(self.entries)
                self.entries.clear()
                return gone

        def clear(self, key: str) -> None:
            with self.lock:
                self.entries.pop(key, None)

    storage = Bounded()
    return SlidingWindowCounterRateLimiter(storage), storage
