"""When a cron expression comes due in a time zone.

Minute, hour, day of month, month, day of week, as in Debian's cron (`cronsim`), days on which clocks change among it:
what has a fixed hour and minute comes once a day, in a skipped hour at its end, in a doubled one the first time. What
comes each minute or hour follows the time that passes.
"""

from __future__ import annotations

import datetime as dt
import os
import zoneinfo
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from pluto_duck.errors import UsageError, unknown_name

ALIASES = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
           "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}
LONGEST = 200
_SHIFT_S = 3 * 3_600
"""No clock is set by more at once, but where a country changes its side of the date line."""


class Times:
    """The due times of one expression, as seconds since 1970. Raises UsageError for what is none."""

    def __init__(self, cron: str, zone: str) -> None:
        from cronsim import CronSim, CronSimError

        self.cron, self._zone = spelled(cron), zone_of(zone)
        self._sim = CronSim
        try:
            CronSim(self.cron, dt.datetime.now(self._zone))
        except CronSimError as error:
            raise UsageError(f"{cron!r} is no cron expression: {str(error)[:1].lower()}{str(error)[1:]}.",
                             hint="Minute, hour, day of month, month, day of week: \"0 6 * * MON-FRI\" is six o'clock "
                                  "on weekdays. Or @hourly, @daily, @weekly, @monthly.") from None

    def after(self, at: float) -> int | None:
        """The first one later than that; None where none comes within 50 years."""
        for found in self._sim(self.cron, dt.datetime.fromtimestamp(int(at), self._zone)):
            if (moment := int(found.timestamp())) > at:  # in a doubled hour it may begin a little earlier
                return moment
        return None

    def within(self, after: float, until: float, most: int) -> list[int]:
        """The last `most` of those later than `after` and not later than `until`, in their order."""
        found = list(islice(self._from(after, until), most + 1))
        if len(found) <= most:
            return found
        # Going back finds about where to begin, however long ago `after` is; what counts is told by going forward.
        back = self._sim(self.cron, dt.datetime.fromtimestamp(int(until) + 1, self._zone), reverse=True)
        first = next(islice(back, most - 1, None))
        return list(self._from(max(after, first.timestamp() - _SHIFT_S), until))[-most:]

    def _from(self, after: float, until: float) -> Iterator[int]:
        moment = self.after(after)
        while moment is not None and moment <= until:
            yield moment
            moment = self.after(moment)


@lru_cache(4_096)
def times(cron: str, zone: str) -> Times:
    return Times(cron, zone)


def spelled(cron: str) -> str:
    """Five fields. Raises UsageError for another number of them."""
    text = " ".join(cron.split())
    text = ALIASES.get(text.lower(), text)
    if text.startswith("@"):
        raise unknown_name("time of that name", text, ALIASES)
    if len(text.split()) != 5 or len(text) > LONGEST:
        raise UsageError(f"{cron[:LONGEST]!r} is no cron expression: it has five fields.",
                         hint="Minute, hour, day of month, month, day of week, in quotes: \"0 6 * * *\"")
    return text


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Raises UnknownName with the nearest names."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        pass
    except KeyError:
        pass
    raise unknown_name("time zone", name, zoneinfo.available_timezones())


def local_zone() -> str:
    """The name of this machine's time zone; UTC where nothing tells it."""
    found = os.environ.get("TZ", "").lstrip(":")
    if not found:
        try:
            found = Path("/etc/timezone").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            found = ""
    if not found:
        try:
            found = os.readlink("/etc/localtime").partition("zoneinfo/")[2]
        except OSError:
            found = ""
    try:
        return zone_of(found).key
    except Exception:  # TZ may also be a rule of POSIX, CET-1CEST
        return "UTC"
