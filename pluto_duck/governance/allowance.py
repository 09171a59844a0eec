"""How much of the server one actor may use: the settings `limits.*`, or what its roles have in policy.yaml instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import SettingError
from pluto_duck.governance.rates import Rate, widest

if TYPE_CHECKING:
    from pluto_duck.governance.policy.model import Policy
    from pluto_duck.settings import Settings

KINDS = ("reads", "writes", "runs")
"""What a request counts as."""
COSTS = ("rows", "seconds")
"""What is counted when a request has ended, and stops the next one."""


@dataclass(frozen=True)
class Allowance:
    reads: Rate | None
    writes: Rate | None
    runs: Rate | None
    rows: Rate | None
    seconds: Rate | None
    running: int
    waiting: int
    streams: int
    max_rows: int
    max_mb: float
    timeout_s: float

    def rate(self, kind: str) -> Rate | None:
        found: Rate | None = getattr(self, kind)
        return found

    def more(self, other: Allowance) -> Allowance:
        """The more generous of each: roles add up, here as everywhere."""
        def best(name: str) -> Any:
            mine, theirs = getattr(self, name), getattr(other, name)
            return widest(mine, theirs) if name in (*KINDS, *COSTS) else max(mine, theirs)

        return Allowance(**{one.name: best(one.name) for one in fields(Allowance)})


def usual(settings: Settings) -> Allowance:
    """Of an actor whose roles say nothing about it. Raises SettingError."""
    found: dict[str, Any] = {}
    for one in fields(Allowance):
        value = settings[f"limits.{one.name}"]
        if one.name in (*KINDS, *COSTS):
            try:
                value = Rate.parse(value)
            except SettingError as error:
                raise SettingError(f"limits.{one.name}: {error.message}", hint=error.hint) from None
        elif value <= 0:
            raise SettingError(f"limits.{one.name} = {value} must be more than 0.")
        found[one.name] = value
    return Allowance(**found)


def of_roles(policy: Policy | None, roles: Sequence[str], otherwise: Allowance) -> Allowance:
    """A role that says nothing has what is usual; of several roles the most counts."""
    found: Allowance | None = None
    for name in roles:
        role = policy.roles.get(name) if policy is not None else None
        one = otherwise
        if role is not None and role.limits is not None:
            said = role.limits.model_dump(exclude_none=True)
            values = {each.name: getattr(otherwise, each.name) for each in fields(Allowance)}
            one = Allowance(**{**values, **{key: Rate.parse(value) if key in (*KINDS, *COSTS) else value
                                            for key, value in said.items()}})
        found = one if found is None else found.more(one)
    return found or otherwise
