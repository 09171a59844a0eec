"""Where changes go: each kind of sink is one class, entered as an entry point of the group `pluto_duck.sinks`.

    [project.entry-points."pluto_duck.sinks"]
    mine = "my_package.sink:MySink"

The class keeps the Protocol `Sink` of `events/model.py`, names its OPTIONS, and is made from them and a `Place`.
`contract.py` has the tests that it must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pluto_duck import plugins
from pluto_duck.errors import UsageError, nearest
from pluto_duck.events.model import Sink

GROUP = "pluto_duck.sinks"


@dataclass(frozen=True)
class Option:
    """One thing that can be said about a sink."""

    help: str
    kind: Literal["str", "int", "float", "bool"] = "str"
    default: Any = None
    """None: there is none, and it need not be given."""
    choices: tuple[str, ...] = ()
    least: float | None = None
    required: bool = False
    secret: bool = False
    """Says where the secret is (env:NAME or keyring), never the secret itself."""


@dataclass(frozen=True)
class Place:
    """What a sink is given beside its options."""

    name: str
    root: Path
    """The workspace: what relative paths are relative to."""
    folder: Path
    """Of this sink alone, for what it must remember on this machine. It exists."""
    secret: Callable[[str], str]
    """The secret that the option of this name refers to; to be asked for anew at each start, and never kept."""


class SinkKind(Protocol):
    """The class behind an entry point."""

    OPTIONS: ClassVar[Mapping[str, Option]]

    def __call__(self, options: Mapping[str, Any], place: Place) -> Sink:
        """From options that `checked` has seen: all of OPTIONS, with their types. Must not reach out yet."""
        ...


def kinds() -> list[str]:
    return plugins.names(GROUP)


def kind(name: str) -> SinkKind:
    """Raises UnknownName, naming what is installed."""
    found: SinkKind = plugins.load(GROUP, name)
    return found


def checked(name: str, options: Mapping[str, Any], given: SinkKind | None = None) -> dict[str, Any]:
    """All options of a kind, with their types and defaults. Raises UsageError for what can't be."""
    known = (given or kind(name)).OPTIONS
    for one in options:
        if one not in known:
            close = nearest(one, known)
            raise UsageError(f"A {name} sink has no option {one}.", hint=f"Did you mean {close[0]}?" if close else
                             f"There are: {', '.join(sorted(known))}.")
    found: dict[str, Any] = {}
    for one, option in known.items():
        if options.get(one) in (None, ""):
            if option.required:
                raise UsageError(f"A {name} sink needs the option {one}: {option.help}")
            found[one] = option.default
        else:
            found[one] = _value(name, one, option, options[one])
    return found


def _value(kind: str, name: str, option: Option, raw: Any) -> Any:
    what = f"The option {name} of a {kind} sink"
    try:
        if option.kind == "bool":
            value: Any = raw if isinstance(raw, bool) else {
                "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[str(raw).strip().lower()]
        elif isinstance(raw, bool) or (option.kind == "int" and isinstance(raw, float)):
            raise ValueError
        else:
            value = {"int": int, "float": float, "str": str}[option.kind](raw)
    except (ValueError, KeyError):
        raise UsageError(f"{what} must be of type {option.kind}.", hint=option.help) from None
    if option.secret and not is_reference(value):
        # What was given may be the secret itself, so it is not repeated.
        raise UsageError(f"{what} says where a secret is, never the secret: env:NAME or keyring.", hint=option.help)
    if option.choices and value not in option.choices:
        raise UsageError(f"{what} is one of {', '.join(option.choices)}; not {value!r}.", hint=option.help)
    if option.least is not None and value < option.least:
        raise UsageError(f"{what} must be at least {option.least:g}.", hint=option.help)
    return value


def is_reference(value: str) -> bool:
    return value == "keyring" or (value.startswith("env:") and len(value) > 4)


def secrets_of(name: str) -> Sequence[str]:
    """The options of a kind that say where a secret is."""
    return [one for one, option in kind(name).OPTIONS.items() if option.secret]


__all__ = ["GROUP", "Option", "Place", "SinkKind", "checked", "is_reference", "kind", "kinds", "secrets_of"]
