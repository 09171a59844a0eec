"""What most connectors answer alike: inherit it, and write only what the source can do.

Also how names and globs pick tables, which should be the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, ClassVar, Self

from pluto_duck.errors import PlutoError, SourceError, UsageError, unknown_name
from pluto_duck.ingest.connectors import EVERYTHING, NativeScan, Selection, SourceTable
from pluto_duck.session import NativeSource


class Defaults:
    """A source without options, rejects, a way through the host, or a history."""

    kind: ClassVar[str] = ""
    source: str = ""
    selects: frozenset[str] = frozenset()
    options: ClassVar[Mapping[str, str]] = {}
    """Option -> what it is for, in a few words."""
    _connection: Any = None
    """What `interrupt` stops, of a connector that reads through one."""

    def __init__(self) -> None:
        self.configured: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source})"

    def configure(self, options: Mapping[str, str]) -> None:
        for name in options:
            if name not in self.options:
                known = "; ".join(f"{one}: {what}" for one, what in sorted(self.options.items()))
                raise UsageError(f"There is no option {name} for {self.kind}.", hint=known or "It has none.")
        self.configured.update(options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        return None

    def rejects(self, table: SourceTable) -> Any | None:
        return None

    def native(self, name: str | None = None) -> NativeSource | None:
        return None

    def scan(self, table: SourceTable, selection: Selection = EVERYTHING) -> NativeScan | None:
        return None

    def explained(self, error: PlutoError, table: SourceTable) -> PlutoError:
        return error

    def twin(self) -> Self | None:
        return None

    def interrupt(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.interrupt()

    def state(self) -> Mapping[str, Any]:
        return {}


def pick(names: Sequence[str] | None, known: Mapping[str, bool], *, where: str) -> list[str]:
    """The known names that are meant, in the order asked for, without repeats.

    `known`: name -> whether it comes without being named; a view does not, and no glob takes it either.
    Upper and lower case tell names apart only where both are there. Raises UnknownName; SourceError when
    nothing at all is there.
    """
    if names is None:
        found = [name for name, by_itself in known.items() if by_itself]
        if not found:
            raise SourceError(f"{where} holds no table.", hint=_others(known))
        return found
    picked: dict[str, None] = {}
    for name in names:
        matched = [name] if name in known else [one for one in known if one.casefold() == name.casefold()]
        if not matched and any(mark in name for mark in "*?["):
            matched = sorted(one for one, by_itself in known.items() if by_itself and fnmatchcase(one, name))
        if not matched:
            raise unknown_name("table", name, known, where=where)
        picked.update(dict.fromkeys(matched))
    return list(picked)


def _others(names: Iterable[str]) -> str:
    there = sorted(names)[:12]
    return f"Views come when they are named: {', '.join(there)}." if there else "Was it written to the end?"
