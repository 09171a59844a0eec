"""When a delivery that failed is tried again, and when an endpoint is given up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email.utils import parsedate_to_datetime

SCHEDULE_S = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)
"""Seconds before each attempt, as most who send webhooks have it; the last is made about 28 hours after the first."""
JITTER = 0.2
"""Up to so much later, so that what failed together does not come back together."""
LONGEST_S = 36_000.0
"""What an endpoint may ask us to wait."""
GIVE_UP_S = 5 * 86_400.0
"""An endpoint that took nothing for so long is disabled."""
GONE = 410


def delay_s(attempts: int, retry_after_s: float | None, random: Callable[[], float]) -> float | None:
    """Seconds until the next attempt after so many; None: that was the last one."""
    if attempts >= len(SCHEDULE_S):
        return None
    own = SCHEDULE_S[attempts] * (1 + JITTER * random())
    return max(own, min(retry_after_s, LONGEST_S)) if retry_after_s is not None else own


def retry_after(text: str | None, now: float) -> float | None:
    """Seconds, from either form of the header (RFC 9110 10.2.3); None for none that can be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, (at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)).timestamp() - now)
