"""What a question may cost at a model, what it has cost so far, and what models charge."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pluto_duck.agent.answer import Cost
from pluto_duck.errors import PlutoError, SettingError
from pluto_duck.settings import Settings

PRICES_OF = "2026-11-21"
"""When these were looked up. They change; agent.prices overrules them."""


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    read: float
    written: float
    cache_read: float
    cache_write: float

    @classmethod
    def plain(cls, read: float, written: float) -> Price:
        """With the usual terms of a prompt cache: a tenth for reading, a quarter on top for writing."""
        return cls(read, written, read * 0.1, read * 1.25)


# Source: the pricing page of the models' maker. A model that is missing has a price that depends on more than
# its name, or one not seen there: then tokens are counted, and no dollars.
PRICES = {
    "claude-opus-5": Price.plain(5, 25),
    "claude-opus-4-8": Price.plain(5, 25),
    "claude-opus-4-7": Price.plain(5, 25),
    "claude-opus-4-6": Price.plain(5, 25),
    "claude-opus-4-5": Price.plain(5, 25),
    "claude-fable-5": Price.plain(10, 50),
    "claude-sonnet-4-6": Price.plain(3, 15),
    "claude-sonnet-4-5": Price.plain(3, 15),
    "claude-haiku-4-5": Price.plain(1, 5),
}


@dataclass(frozen=True)
class Usage:
    """Tokens of one request, as its server counted them."""

    read: int = 0
    written: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.read + self.written + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.read + other.read, self.written + other.written, self.cache_read + other.cache_read,
                     self.cache_write + other.cache_write)


class Spent(PlutoError):
    """Not for users: the dialogue turns it into a declined Answer."""

    code = "budget_spent"


class Budget:
    def __init__(self, model: str, *, max_tokens: int, max_usd: float, prices: str = "") -> None:
        self.max_tokens = max_tokens
        self.max_usd = max_usd
        self.price = price_of(model, prices)
        self.used = Usage()
        self._open = Usage()
        """The request that is running: what is known of it so far."""
        self._last_read = 0

    @classmethod
    def of(cls, settings: Settings, model: str) -> Budget:
        return cls(model, max_tokens=settings["agent.max_tokens"], max_usd=settings["agent.max_usd"],
                   prices=settings["agent.prices"])

    def room(self, about_to_read: int, most: int) -> int:
        """Tokens that the next reply may have, at most `most`. Raises Spent where too few are left for one."""
        room = most
        about_to_read = max(about_to_read, self._last_read)  # a dialogue only grows
        if self.max_tokens:
            room = min(room, self.max_tokens - self.used.total - about_to_read)
        if self.max_usd and self.price is not None:
            left = self.max_usd - self.usd - about_to_read * self.price.read / 1e6
            room = min(room, int(left / self.price.written * 1e6)) if self.price.written else room
        if room < MIN_REPLY:
            raise Spent(f"The budget of this question is spent: {self}.",
                        hint="Raise agent.max_tokens or agent.max_usd, or ask for less.")
        return room

    def note(self, usage: Usage) -> None:
        """What the running request has used so far: the whole of it, not what came on top."""
        self._open = usage

    def close(self) -> None:
        """The running request has ended, well or not: what it used is spent."""
        self._last_read = self._open.total - self._open.written
        self.used, self._open = self.used + self._open, Usage()

    @property
    def usd(self) -> float:
        used, price = self.used + self._open, self.price
        if price is None:
            return 0.0
        return (used.read * price.read + used.written * price.written + used.cache_read * price.cache_read
                + used.cache_write * price.cache_write) / 1e6

    def cost(self) -> Cost:
        used = self.used + self._open
        return Cost(used.total - used.written, used.written, round(self.usd, 6), self.price is not None)

    def __str__(self) -> str:
        cost = self.cost()
        money = f", ${cost.usd:.4f}" if cost.usd_known else ""
        return f"{cost.input_tokens:,} tokens read, {cost.output_tokens:,} written{money}"


MIN_REPLY = 256
"""A reply that is cut before this many tokens is none."""


def price_of(model: str, overrides: str = "") -> Price | None:
    """None: not known. A name may carry the date of its version."""
    known = {**PRICES, **parsed(overrides)}
    return known.get(model) or known.get(re.sub(r"-\d{8}$", "", model))


def parsed(text: str) -> dict[str, Price]:
    """The setting agent.prices. Raises SettingError."""
    found: dict[str, Price] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, prices = part.rpartition("=")
        try:
            read, written, *cache = (float(one) for one in prices.split("/"))
            price = Price.plain(read, written)
            if cache:
                price = replace(price, cache_read=cache[0], cache_write=cache[1] if cache[1:] else price.cache_write)
        except ValueError:
            equals = ""
        if not (equals and name.strip()) or min(price.read, price.written) < 0:
            raise SettingError(f"agent.prices: {part!r} is not MODEL=READ/WRITTEN.",
                               hint="US dollars per million tokens: my-model=0.5/2")
        found[name.strip()] = price
    return found
