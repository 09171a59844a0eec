"""What a language model has used so far, in sight while it works."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pluto_duck.agent import Event


def step(event: Event) -> str:
    """The line that an event changes the meter to; "" for one that says nothing of it."""
    if event.type == "progress" and "input_tokens" in event.data:
        usd = event.data.get("usd")
        money = f", ${usd:.4f}" if usd is not None else ", price unknown"
        return (f"{event.data['input_tokens']:,} tokens read, {event.data['output_tokens']:,} written{money}")
    if event.type == "tool" and event.subtype == "start":
        return f"{event.text} ..."
    return ""


class Meter:
    """The two things a reader waits for: the latest step, and what was spent. A planner that spends nothing, and is
    done at once, shows nothing."""

    def __init__(self) -> None:
        self.spent = ""
        self.doing = ""

    def tell(self, event: Event) -> bool:
        """True where there is something new to show."""
        line = step(event)
        if not line:
            return False
        if event.type == "progress":
            self.spent = line
        else:
            self.doing = line
        return bool(self.spent)

    def __str__(self) -> str:
        return "  ".join(one for one in (self.spent, self.doing) if one)


class TerminalMeter:
    """One line that is rewritten, and wiped when the answer comes."""

    def __init__(self, into: TextIO | None = None) -> None:
        self._into = into or sys.stderr
        self._meter = Meter()
        self._drawn = False

    def __call__(self, event: Event) -> None:
        from pluto_duck.display.values import cut, visible

        if self._meter.tell(event):
            self._into.write("\r\x1b[2K" + cut(visible(str(self._meter)), 100))
            self._into.flush()
            self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            self._into.write("\r\x1b[2K")
            self._into.flush()
        self._drawn = False
        self._meter = Meter()
