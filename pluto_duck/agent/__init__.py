"""Questions in plain words, answered with SQL that can be read: `ask` and the planners behind it."""

from __future__ import annotations

from pluto_duck.agent.answer import Answer, Choice, Cost, Event, Status
from pluto_duck.agent.asking import ask

__all__ = ["Answer", "Choice", "Cost", "Event", "Status", "ask"]
