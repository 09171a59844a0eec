"""Entry points: list names without importing, load one by name. Nothing else reads package metadata."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pluto_duck.errors import unknown_name

GROUPS = ("pluto_duck.connectors", "pluto_duck.sinks", "pluto_duck.planners", "pluto_duck.tools", "pluto_duck.hooks")


@cache
def _group(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> list[str]:
    """The names registered in a group, sorted; imports none of them."""
    return sorted(_group(group))


def load(group: str, name: str) -> Any:
    """The object behind one name. Raises UnknownName, naming what is installed."""
    points = _group(group)
    if name not in points:
        raise unknown_name(group.rsplit(".", 1)[-1].rstrip("s"), name, points)
    return points[name].load()
