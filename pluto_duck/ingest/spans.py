"""Spans of time as people write them: 90s, 30m, 1h, 7d."""

from __future__ import annotations

import re

from pluto_duck.errors import UsageError

_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
          "d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*\Z", re.IGNORECASE)


def seconds(text: str) -> float:
    """Raises UsageError for what is no span."""
    found = _SPAN.match(text)
    unit = found[2].lower() if found else ""
    unit = unit if unit in _UNITS else unit.removesuffix("s")
    if found is None or unit not in _UNITS or float(found[1]) == 0:
        raise UsageError(f"{text!r} is no span of time.", hint="For example 90s, 30m, 1h, 7d.")
    return float(found[1]) * _UNITS[unit]


def span_text(span_s: float) -> str:
    """Roughly, with one unit: 40 s, 3 min, 2 h, 5 days."""
    for size, unit in ((172_800, 86_400), (5_400, 3600), (90, 60)):
        if span_s >= size:
            return f"{round(span_s / unit)} { {86_400: 'days', 3600: 'h', 60: 'min'}[unit]}"
    return f"{round(span_s)} s"
