"""DuckDB's own text of a type, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator


def fields_of(kind: str) -> Iterator[tuple[str, str]]:
    """(name, type) of the fields of a STRUCT."""
    for part in parts(kind[len("STRUCT("):-1]):
        if part.startswith('"'):
            end = re.match(r'"((?:[^"]|"")*)" ', part)
            assert end is not None
            yield end[1].replace('""', '"'), part[end.end():]
        else:
            name, _, of = part.partition(" ")
            yield name, of


def parts(text: str) -> list[str]:
    """What stands between the commas that are in no bracket and no quotes."""
    found, depth, quoted, start = [], 0, "", 0
    for i, char in enumerate(text):
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "\"'":
            quoted = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[start:i].strip())
            start = i + 1
    return [*found, text[start:].strip()]
