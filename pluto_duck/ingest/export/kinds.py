"""DuckDB's type texts taken apart: `STRUCT(a DECIMAL(18,3), "x y" INTEGER[])[]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from pluto_duck.session.rows.values import parts
from pluto_duck.workspace import quote

_LONG = re.compile(r"(?:TIME|TIMESTAMP) WITH TIME ZONE", re.I)
_NESTED = ("STRUCT", "MAP", "UNION")


@dataclass(frozen=True)
class Kind:
    name: str
    """In capitals: INTEGER, LIST, ARRAY, STRUCT, MAP, UNION, DECIMAL, ENUM."""
    detail: str = ""
    """DECIMAL: `18,3`; ARRAY: its length; ENUM: its labels as written."""
    parts: tuple[tuple[str, Kind], ...] = ()
    """LIST and ARRAY: one without a name; MAP: key and value; STRUCT and UNION: by name."""

    def __str__(self) -> str:
        if self.name in ("LIST", "ARRAY"):
            return f"{self.parts[0][1]}[{self.detail}]"
        if self.name in _NESTED:
            inside = ", ".join(f"{quote(name)} {kind}" if name else str(kind) for name, kind in self.parts)
            return f"{self.name}({inside})"
        return f"{self.name}({self.detail})" if self.detail else self.name

    @property
    def item(self) -> Kind:
        return self.parts[0][1]

    def mapped(self, change: Callable[[Kind], Kind]) -> Kind:
        """The same with each type in it changed, innermost first."""
        return change(replace(self, parts=tuple((name, kind.mapped(change)) for name, kind in self.parts)))

    def has(self, *names: str) -> bool:
        """Whether a type of one of these names is it, or stands anywhere in it."""
        return self.name in names or any(kind.has(*names) for _name, kind in self.parts)


def parse(text: str) -> Kind:
    """Any type text DuckDB writes; what is unknown becomes a Kind of that name."""
    text = text.strip()
    suffix = re.search(r"\[(\d*)\]$", text)
    if suffix:
        return Kind("ARRAY" if suffix[1] else "LIST", suffix[1], (("", parse(text[:suffix.start()])),))
    head, bracket, rest = text.partition("(")
    name = head.strip().upper()
    if not bracket or not text.endswith(")"):
        return Kind(text.strip('"').upper())
    inside = rest[:-1]
    if name in _NESTED:
        return Kind(name, "", tuple(("", parse(one)) if name == "MAP" else _field(one) for one in parts(inside)))
    return Kind(name, inside)


def _field(text: str) -> tuple[str, Kind]:
    text = text.strip()
    quoted = re.match(r'"((?:[^"]|"")*)"\s+(?=\S)', text)
    if quoted:
        return quoted[1].replace('""', '"'), parse(text[quoted.end():])
    bare = re.match(r"(\w+)\s+(?=\S)", text)
    if bare and not _LONG.match(text):
        return bare[1], parse(text[bare.end():])
    return "", parse(text)  # a struct without names
