"""The steps of a histogram: round numbers, as many as the values can fill."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST = 40
_ROUND = (1, 2, 2.5, 5, 10)


def bins(values: Sequence[float]) -> tuple[list[float], list[int], float]:
    """(left edges, how many values each step holds, its width). A value on an edge belongs to the step above it.

    Source: Freedman and Diaconis 1981: twice the interquartile range over the cube root of the count; rounded up to
    1, 2, 2.5 or 5 times a power of ten, so that the edges can be read.
    """
    if not values:
        return [], [], 0.0
    ordered = sorted(values)
    low, high, count = ordered[0], ordered[-1], len(ordered)
    spread = ordered[int(0.75 * (count - 1))] - ordered[int(0.25 * (count - 1))]
    width = 2 * spread / count ** (1 / 3) or (high - low) / 10 or abs(low) / 10 or 1.0
    step = _round_up(max(width, (high - low) / MOST))
    if all(one.is_integer() for one in ordered):
        step = float(math.ceil(step))
    first = math.floor(low / step)
    counts = [0] * (math.floor(high / step) - first + 1)
    for one in ordered:
        counts[math.floor(one / step) - first] += 1
    return [(first + i) * step for i in range(len(counts))], counts, step


def _round_up(width: float) -> float:
    power = 10.0 ** math.floor(math.log10(width))
    return next(one for one in _ROUND if one * power >= width * (1 - 1e-9)) * power
