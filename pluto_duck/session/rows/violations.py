"""What a constraint forbids, told by its columns and without a value: the other row may not be the actor's to see."""

from __future__ import annotations

import re

from pluto_duck.errors import Conflict, PlutoError, StatementError
from pluto_duck.session.rows.shapes import Shape

_NOT_NULL = re.compile(r'NOT NULL constraint failed: .*?\.("(?:[^"]|"")*"|[^."]*)$', re.S)


def explained(error: PlutoError, real: Shape, seen: Shape) -> PlutoError:
    """`real` and `seen`: the table as it is, and as the actor knows it."""
    if not isinstance(error, StatementError):
        return error
    kind, text = error.facts.get("engine"), error.message
    if kind == "Transaction" and "onflict" in text:
        return Conflict(f"Others wrote the same rows of {seen.ref} at the same moment.", hint="Try again.",
                        constraint="concurrent", columns=[], checked=True)
    if kind != "Constraint" and "constraint" not in text.lower():
        return error
    if "foreign key" in text:
        if "still referenced" in text:
            return _conflict("foreign_key", f"Rows of another table still refer to this one of {seen.ref}.", (),
                             "Take those away first, or leave its keys, indexed columns and lists as they are.")
        return _conflict("foreign_key", f"A row of {seen.ref} would refer to one that is not there.", (),
                         "Make that one first.")
    if "uplicate key" in text or "unique" in text.lower():
        columns = [one for one in _unique(text, real) if seen.has([one])]
        return _conflict("unique", f"There is a row in {seen.ref} already with the same "
                                   f"{', '.join(columns) or 'key'}.", columns, "Update that one, or take another key.")
    missing = _NOT_NULL.search(text)
    if missing:
        name = missing[1].strip()
        if name.startswith('"') and name.endswith('"'):  # 2.0 quotes words of SQL
            name = name[1:-1].replace('""', '"')
        columns = [name] if seen.has([name]) else []
        return _conflict("not_null", f"{columns[0] if columns else 'A column'} of {seen.ref} needs a value.", columns,
                         "Give it one.")
    return _conflict("check", f"A CHECK of {seen.ref} does not allow these values.", (), "Look at its constraints.")


def _conflict(constraint: str, message: str, columns: list[str] | tuple[()], hint: str) -> Conflict:
    return Conflict(message, hint=hint, constraint=constraint, columns=list(columns), checked=True)


def _unique(text: str, real: Shape) -> tuple[str, ...]:
    """The columns of the constraint that it names by their values: `a: 1, b: 2`."""
    fitting = [one for one in real.unique
               if f'"{one[0]}: ' in text and all(f", {name}: " in text for name in one[1:])]
    return max(fitting, key=len, default=())
