"""How large a statement may be, and what the functions that no interrupt reaches may be asked for.

Inside one vector DuckDB looks at no interrupt and memory_limit misses what scalar functions allocate: one
row of repeat('x', 4e9) stalls for 20 seconds. Macros in the role's catalog stand before such functions and
check the size inside the argument (checked around the call, 2.0 folds the call first). They stop accidents.
The price: repeat() of a BLOB is an error for a role.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pluto_duck.errors import Refused

MAX_TEXT = 100_000
MAX_NODES = 30_000
MAX_CTES = 50
MAX_SET_OPERATIONS = 100
MAX_WIDTH = 2_000
MAX_PLAN = 20_000

MAX_CHARACTERS = 100_000
MAX_ITEMS = 100_000


def _cap(too_large: str, value: str, what: str) -> str:
    return f"CASE WHEN {too_large} THEN error('{what} would be too large here') ELSE {value} END"


def _steps(start: str, stop: str, step: str) -> str:
    """True when a range has more than MAX_ITEMS; works for numbers, dates and timestamps alike."""
    far = f"{start} + {step} * {MAX_ITEMS}"
    return f"CASE WHEN {start} + {step} > {start} THEN {far} < {stop} ELSE {far} > {stop} END"


def _range(name: str) -> list[str]:
    return [
        f"(n) := system.main.{name}({_cap(f'n > {MAX_ITEMS}', 'n', name)})",
        f"(a, b) := system.main.{name}(a, {_cap(f'b - a > {MAX_ITEMS}', 'b', name)})",
        f"(a, b, s) := system.main.{name}(a, {_cap(_steps('a', 'b', 's'), 'b', name)}, s)",
    ]


def _pad(name: str) -> list[str]:
    return [f"(s, n, p) := system.main.{name}(s, {_cap(f'n > {MAX_CHARACTERS}', 'n', name)}, p)"]


def _distance(name: str) -> list[str]:
    # Quadratic in time and memory.
    return [f"(a, b) := system.main.{name}({_cap('length(a) > 5000 OR length(b) > 5000', 'a', name)}, b)"]


_SHADOWS: dict[str, list[str]] = {
    "repeat": [f"(s, n) := system.main.repeat(s, {_cap(f'len(s) * n > {MAX_CHARACTERS}', 'n', 'repeat')})"],
    "lpad": _pad("lpad"),
    "rpad": _pad("rpad"),
    "range": _range("range"),
    "generate_series": _range("generate_series"),
    "levenshtein": _distance("levenshtein"),
    "editdist3": _distance("editdist3"),
    "damerau_levenshtein": _distance("damerau_levenshtein"),
    "bitstring": [f"(b, n) := system.main.bitstring(b, {_cap(f'n > {MAX_CHARACTERS}', 'n', 'bitstring')})"],
    "bar": ["(x, a, b) := system.main.bar(x, a, b)",
            f"(x, a, b, w) := system.main.bar(x, a, b, {_cap('w > 1000', 'w', 'bar')})"],
    **{name: [f"(l, n) := system.main.{name}(l, {_cap(f'n > {MAX_ITEMS}', 'n', name)})",
              f"(l, n, v) := system.main.{name}(l, {_cap(f'n > {MAX_ITEMS}', 'n', name)}, v)"]
       for name in ("list_resize", "array_resize")},
}


def macros(catalog: str) -> list[str]:
    """The statements that put the caps into a role's catalog (`catalog`: quoted)."""
    made = []
    for name, overloads in _SHADOWS.items():
        bodies = ", ".join(one.replace(" := ", " AS ", 1) for one in overloads)
        made.append(f"CREATE OR REPLACE MACRO {catalog}.main.{name}{bodies}")
    return made


def _format(node: Mapping[str, Any]) -> None:
    """A width stands in the format string: it must be a constant, and short."""
    name = str(node.get("function_name"))
    arguments = node.get("children") or [one["expression"] for one in node.get("arguments") or ()]
    first = arguments[0] if arguments else {}
    holder = first.get("value") or first.get("literal") or {}
    text = holder.get("value", holder.get("text"))
    if first.get("class") != "CONSTANT" or not isinstance(text, str):
        raise Refused(f"{name}() needs a constant format here.", hint=f"Write {name}('...', ...).")
    digits = 0
    for char in text:
        digits = digits + 1 if char.isdigit() else 0
        if digits > 3 or char == "*":
            raise Refused(f"{name}() with a width of more than 999 is refused.", hint="Write a smaller width.")
    if re.search(r"\{[^{}]*:[^{}]*\{", text):
        raise Refused(f"{name}() needs constant widths here.", hint="Write the width as a number.")


def _by_macro(node: Mapping[str, Any]) -> None:
    return


CAPPED: dict[str, Callable[[Mapping[str, Any]], None]] = {
    **dict.fromkeys(_SHADOWS, _by_macro), "format": _format, "printf": _format}
"""Functions that only their own name may call, and what is checked where they stand."""


def widths(select_list: Iterable[Mapping[str, Any]], source: int) -> int:
    """Tables' worth of columns that a SELECT gives, when its FROM brings `source` of them."""
    stars = sum(1 for one in select_list if one.get("class") == "STAR")
    return max(1, stars * max(1, source))
