"""Rows reduced to a short mark: the same for the same rows, whatever order they come in."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from pluto_duck.workspace import Result

DIGITS = 12
"""Of a float: its last ones depend on the order in which a sum was made. Whole numbers and decimals count whole."""


def fingerprint(result: Result) -> str:
    """Tells nothing of the rows by itself, though whoever guesses a small result can see that the guess was right."""
    rows = sorted(repr(tuple(_plain(value) for value in row)) for row in result.rows())
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    return value
