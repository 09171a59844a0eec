"""What was asked before: conversations, their answers, and which of them people vouch for."""

from __future__ import annotations

from pluto_duck.agent.memory.kept import Conversation, Door, Kept, Rating
from pluto_duck.agent.memory.store import Memory

__all__ = ["Conversation", "Door", "Kept", "Memory", "Rating"]
