"""Who asks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pluto_duck.errors import UsageError

Claim = str | int | float | bool | list[str] | list[int]
"""What is known of an actor by whoever vouches for it: a region, a tenant, a list of customers."""

CLAIM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
ROLE_NAME = "[A-Za-z][A-Za-z0-9_-]{0,62}"
BUILT_IN = ("actor", "roles")
"""Claims that everybody has: who it is, and its roles."""


@dataclass(frozen=True)
class Actor:
    kind: Literal["person", "agent", "key", "token"]
    name: str
    roles: tuple[str, ...] | None = None
    """None: the owner's own rights, which no policy narrows. Else what policy.yaml grants these roles, together."""
    claims: Mapping[str, Claim] = field(default_factory=dict)
    id: str = ""
    """Who it is for good, where the name can be given again: "key:" and its id, "token:" and issuer and subject."""

    @property
    def identity(self) -> str:
        """What its runs are known by: never the same for two actors, whatever they are called."""
        return self.id or self.name

    def __post_init__(self) -> None:
        for name, value in self.claims.items():
            if not CLAIM_NAME.fullmatch(name) or name in BUILT_IN or not _is_claim(value):
                raise UsageError(f"The claim {name!r} can't be used: a claim has a plain name and is a text, a number, "
                                 "true or false, or a list of texts or whole numbers.")

    @property
    def governed(self) -> bool:
        """True for everybody but the owner: sees a catalog of its own, reads only, and names nothing else."""
        return self.roles is not None

    @property
    def needs(self) -> tuple[Literal["read", "ask"], ...]:
        """The actions that a table must be granted for, before this actor sees it."""
        return ("read", "ask") if self.kind == "agent" else ("read",)

    def as_agent(self) -> Actor:
        """Whatever writes SQL for this actor's questions: never more than the actor itself may see."""
        return replace(self, kind="agent")

    def claim(self, name: str) -> Claim | None:
        """None where it has none."""
        if name == "actor":
            return self.name
        return list(self.roles or ()) if name == "roles" else self.claims.get(name)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "roles": None if self.roles is None else list(self.roles),
                "claims": dict(self.claims), "id": self.id}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Actor:
        """Raises UsageError, KeyError or TypeError for what `to_dict` did not write."""
        roles = fields["roles"]
        if fields["kind"] not in ("person", "agent", "key", "token"):
            raise UsageError(f"There is no kind of actor {fields['kind']!r}.")
        return cls(fields["kind"], str(fields["name"]), None if roles is None else tuple(str(one) for one in roles),
                   dict(fields["claims"]), str(fields.get("id", "")))


def _is_claim(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value) or all(type(one) is int for one in value)
    return isinstance(value, str | int)


OWNER = Actor("person", "local")
"""The person whose files these are: in a notebook, at a shell, or through Jupyter's own token."""

AGENT = Actor("agent", "agent")
"""SQL that a planner wrote for the owner's question."""
