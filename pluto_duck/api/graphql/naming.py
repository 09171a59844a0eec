"""Names of tables, columns and values as GraphQL can write them: letters, digits and `_`, not `__` in front."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MOST = 64
"""Characters of a name; DuckDB has no limit of its own."""
_FINE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALONE = {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}


def is_fine(name: str) -> bool:
    """Whether GraphQL takes it as it is."""
    return len(name) <= MOST and bool(_FINE.fullmatch(name)) and not name.startswith("__")


def graphql_name(name: str) -> str:
    """Accents fall, other letters become `uXXXX`, all else `_`. The same text always gives the same name."""
    if is_fine(name):
        return name
    letters = []
    for char in unicodedata.normalize("NFKD", "".join(_ALONE.get(one, one) for one in name)):
        if char.isascii():
            letters.append(char if char.isalnum() or char == "_" else "_")
        elif not unicodedata.combining(char):
            letters.append(f"u{ord(char):04x}" if char.isalnum() else "_")
    made = "".join(letters)
    made = "_" + made.lstrip("_") if made.startswith("__") else made or "_"
    if made[0].isdigit():
        made = "_" + made
    if len(made) > MOST:
        made = f"{made[:MOST - 9]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return made


class Taken:
    """Names in use in one place; whoever comes later with the same one gets `_2`, `_3`, ..."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = set(names)

    def one(self, wanted: str) -> str:
        return self.all(wanted, ("",))

    def all(self, wanted: str, forms: Iterable[str]) -> str:
        """A base all of whose forms (`insert_*`, `*_by_pk`, with `*` for the base) are free; they are taken then."""
        forms = [one if "*" in one else "*" + one for one in forms]
        base, count = wanted, 1
        while any(one.replace("*", base) in self._names for one in forms):
            count += 1
            base = f"{wanted}{'' if wanted == '_' else '_'}{count}"  # __2 would be GraphQL's own
        self._names.update(one.replace("*", base) for one in forms)
        return base


def given(names: Iterable[str], taken: Taken | None = None) -> dict[str, str]:
    """Original -> name. Those that need no change keep theirs, whatever stands before them."""
    names, taken = list(names), taken or Taken()
    found: dict[str, str] = {}
    for fine in (True, False):
        for name in names:
            if is_fine(name) is fine:
                found[name] = taken.one(graphql_name(name))
    return {name: found[name] for name in names}
