"""The name of a table, and the only quoting of identifiers in this project."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pluto_duck.errors import UsageError

DEFAULT_SCHEMA = "main"


def quote(identifier: str) -> str:
    """An identifier as SQL text, always in double quotes. Refuses NUL, which DuckDB's parser cuts at."""
    if "\0" in identifier or not identifier:
        raise UsageError(f"{identifier!r} can't be the name of a table or column.")
    return '"' + identifier.replace('"', '""') + '"'


def parts(text: str) -> list[str]:
    """Of a name with dots, any of them quoted: `"odd.name".x`."""
    found: list[str] = []
    current, quoted, i = "", False, 0
    was_quoted = False
    while i < len(text):
        char = text[i]
        if quoted:
            if char == '"' and text[i + 1:i + 2] == '"':
                current, i = current + '"', i + 1
            elif char == '"':
                quoted = False
            else:
                current += char
        elif char == '"' and not current:
            quoted = was_quoted = True
        elif char == ".":
            found.append(current)
            current, was_quoted = "", False
        else:
            current += char
        i += 1
    if quoted:
        raise UsageError(f"{text!r} has an opening quote without a closing one.")
    found.append(current if was_quoted else current.strip())
    return found


@dataclass(frozen=True)
class TableRef:
    """A table or view of the workspace; DuckDB compares names without case, and so does `key`."""

    name: str
    schema: str = DEFAULT_SCHEMA

    @classmethod
    def parse(cls, text: str) -> TableRef:
        """From `orders`, `raw.orders` or `"My schema"."odd.name"`."""
        found = parts(text.strip())
        if not 1 <= len(found) <= 2 or not all(found):
            raise UsageError(f"{text!r} is not the name of a table.",
                             hint='Write table or schema.table; quote odd names: "my.table".')
        ref = cls(found[-1]) if len(found) == 1 else cls(found[1], found[0])
        quote(ref.name), quote(ref.schema)
        return ref

    @property
    def sql(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def shell(self) -> str:
        """As a command of ours takes it, for a line that can be pasted into a shell."""
        def part(name: str) -> str:
            return quote(name) if set(name) & {".", '"'} or name != name.strip() else name

        parts = [self.name] if self.schema == DEFAULT_SCHEMA else [self.schema, self.name]
        return shlex.quote(".".join(map(part, parts)))

    @property
    def key(self) -> str:
        """For comparing and for the version of a table. Lower-cases ASCII only, as DuckDB does."""
        return f"{fold(self.schema)}.{fold(self.name)}"

    def __str__(self) -> str:
        return self.name if self.schema == DEFAULT_SCHEMA else f"{self.schema}.{self.name}"


def fold(name: str) -> str:
    """Lower-case of ASCII letters only: Python's lower() maps the Kelvin sign to k, DuckDB does not."""
    return name.lower() if name.isascii() else "".join(c.lower() if c.isascii() else c for c in name)
