"""How much of something in how much time: `600/minute`, as settings and policy.yaml write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pluto_duck.errors import SettingError

UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
UNLIMITED = "unlimited"
_RATE = re.compile(r"([0-9]{1,15})\s*(?:/|per)\s*(?:([0-9]{1,5})\s*)?(second|minute|hour|day)s?", re.IGNORECASE)


@dataclass(frozen=True)
class Rate:
    amount: int
    window_s: int

    @classmethod
    def parse(cls, text: str) -> Rate | None:
        """None: any number. Raises SettingError."""
        text = text.strip()
        if text.lower() in ("", UNLIMITED):
            return None
        found = _RATE.fullmatch(text)
        if found is None or not int(found[1]) or found[2] == "0":
            raise SettingError(f"{text!r} is no rate.",
                               hint=f'Write "600/minute", "5 per 10 seconds" or "{UNLIMITED}".')
        return cls(int(found[1]), int(found[2] or 1) * UNITS[found[3].lower()])

    @property
    def per_second(self) -> float:
        return self.amount / self.window_s

    def __str__(self) -> str:
        name, size = next(((name, size) for name, size in reversed(UNITS.items()) if self.window_s % size == 0))
        count = self.window_s // size
        return f"{self.amount}/{name}" if count == 1 else f"{self.amount}/{count} {name}s"


def widest(one: Rate | None, other: Rate | None) -> Rate | None:
    """The more generous of two."""
    if one is None or other is None:
        return None
    return one if one.per_second >= other.per_second else other
