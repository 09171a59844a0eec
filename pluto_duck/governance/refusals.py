"""What the walk over a statement says when it stops, and the reading of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pluto_duck.errors import Refused, UnknownName, unknown_name

Node = Mapping[str, Any]


def path_of(node: Node, *keys: str) -> list[str]:
    """The parts of a name that are there; 2.0 writes them twice, and both must say the same."""
    path = [str(node[key]) for key in keys if node.get(key)]
    qualified = node.get("qualified_name")
    if (qualified and list(qualified.get("path") or ()) != path) or set(qualified or ()) - {"path"}:
        raise Refused(f"The name {'.'.join(path)} has more parts than may be used here.",
                      hint="Write table or schema.table.")
    return path


def unseen_table(name: str, seen: Iterable[object], where: str = "") -> UnknownName:
    """Who sees none at all would look for the fault in the name."""
    error = unknown_name("table", name, known := [str(one) for one in seen], where=where)
    if not known:
        error.hint = ("Your roles see no table now. The owner can see why: pluto-duck policy check (a policy.yaml that "
                      "was changed grants nothing until pluto-duck trust).")
    return error


def unknown_part(what: str) -> Refused:
    return Refused(f"The statement has a part that is not allowed here: {what}.",
                   hint="Write it with plain SELECT, FROM, JOIN, WHERE, GROUP BY, WITH and ORDER BY.")


def parameter() -> Refused:
    return Refused("Parameters ($name, ?) are refused here.", hint="Write the value into the statement.")


def refused_type(name: str) -> Refused:
    return Refused(f"The type {name} is refused here.", hint="Cast to a built-in type, such as VARCHAR.")


def too_large(what: str) -> Refused:
    return Refused(f"The statement is too large: {what}.", hint="Ask for less, or in several statements.")
