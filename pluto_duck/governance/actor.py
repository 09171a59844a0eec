"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Actor:
    kind: Literal["person", "agent"]
    name: str
    read_only: bool
    """True: statements pass the read-only Gate and run on the role's own catalog."""
    role: str = "owner"


OWNER = Actor("person", "local", read_only=False)
"""The person whose files these are: in a notebook, at a shell, or through Jupyter's own token."""

AGENT = Actor("agent", "agent", read_only=True, role="agent")
"""SQL that a planner wrote for a question."""
