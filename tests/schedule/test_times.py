"""When a cron expression comes due, on the days on which clocks change too."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest

from pluto_duck.errors import UnknownName, UsageError
from pluto_duck.schedule.times import Times, local_zone
from tests.schedule.conftest import BERLIN, at


def local(cron: str, zone: str, after: str, count: int) -> list[str]:
    """The next ones in local time, with their offset."""
    found, times, moment = [], Times(cron, zone), float(at(after, zone))
    for _ in range(count):
        moment = times.after(moment) or 0
        found.append(dt.datetime.fromtimestamp(moment, zoneinfo.ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return found


@pytest.mark.parametrize(("cron", "zone", "after", "comes"), [
    # Germany skips 2026-03-29 02:00 to 03:00, and has 2026-10-25 02:00 to 03:00 twice.
    ("30 2 * * *", BERLIN, "2026-03-28 12:00", ["29 03:00 +0200", "30 02:30 +0200"]),
    ("0 2,3 * * *", BERLIN, "2026-03-28 12:00", ["29 03:00 +0200", "30 02:00 +0200"]),
    ("30 2 * * *", BERLIN, "2026-10-24 12:00", ["25 02:30 +0200", "26 02:30 +0100"]),
    ("0 6 * * *", BERLIN, "2026-10-24 12:00", ["25 06:00 +0100", "26 06:00 +0100"]),
    ("*/30 * * * *", BERLIN, "2026-03-29 01:00", ["29 01:30 +0100", "29 03:00 +0200", "29 03:30 +0200"]),
    ("0 * * * *", BERLIN, "2026-10-25 01:00", ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]),
    ("*/20 2 * * *", BERLIN, "2026-10-25 02:20", ["25 02:40 +0200", "25 02:00 +0100", "25 02:20 +0100"]),
    # Brazil skipped midnight itself, Samoa a whole day, New York is not in step with Europe.
    ("0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", ["04 01:00 -0200", "05 00:00 -0200"]),
    ("0 12 * * *", "Pacific/Apia", "2011-12-29 13:00", ["31 00:00 +1400", "31 12:00 +1400"]),
    ("30 2 * * *", "America/New_York", "2026-03-07 12:00", ["08 03:00 -0400", "09 02:30 -0400"]),
    ("30 1 * * *", "America/New_York", "2026-10-31 12:00", ["01 01:30 -0400", "02 01:30 -0500"]),
    ("0 * * * *", "America/New_York", "2026-11-01 00:30", ["01 01:00 -0400", "01 01:00 -0500", "01 02:00 -0500"]),
    # Lord Howe Island: half an hour, at 02:00 in October forward, in April back to 01:30.
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", ["04 02:30 +1100", "05 02:15 +1100"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00", ["05 01:45 +1100", "06 01:45 +1030"]),
    ("*/15 * * * *", "Australia/Lord_Howe", "2026-04-05 01:30", [
        "05 01:45 +1100", "05 01:30 +1030", "05 01:45 +1030", "05 02:00 +1030"]),
    ("*/15 * * * *", "Australia/Lord_Howe", "2026-10-04 01:30", ["04 01:45 +1030", "04 02:30 +1100", "04 02:45 +1100"]),
    ("0 6 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", ["04 06:00 +1100", "05 06:00 +1100"]),
    ("@daily", "Asia/Kathmandu", "2026-01-01 00:00", ["02 00:00 +0545"]),
    ("0 6 * * MON-FRI", BERLIN, "2026-03-27 07:00", ["30 06:00 +0200"])])
def test_the_next_times(cron: str, zone: str, after: str, comes: list[str]) -> None:
    assert local(cron, zone, after, len(comes)) == comes


def test_within_the_doubled_hour_nothing_comes_from_the_past() -> None:
    second_pass = at("2026-10-25 02:10", fold=1)
    assert Times("30 2 * * *", BERLIN).after(second_pass) == at("2026-10-26 02:30")


@pytest.mark.parametrize(("cron", "zone"), [("30 2 * * *", BERLIN), ("0 * * * *", "America/Sao_Paulo"),
                                            ("*/15 0-4 * * *", BERLIN), ("0 0 * * *", "America/Sao_Paulo")])
def test_the_last_ones_of_a_span_are_those_that_come_one_by_one(cron: str, zone: str) -> None:
    times, moment, until = Times(cron, zone), float(at("2018-10-20 12:00")), at("2018-11-08 12:00")
    one_by_one = []
    while (moment := times.after(moment) or until + 1) <= until:
        one_by_one.append(moment)
    for most in (1, 3, 5_000):
        assert times.within(at("2018-10-20 12:00"), until, most) == one_by_one[-most:]


def test_years_of_minutes_are_not_counted_one_by_one() -> None:
    until = at("2026-03-10 12:00")
    assert Times("* * * * *", BERLIN).within(0, until, 3) == [until - 120, until - 60, until]


@pytest.mark.parametrize("cron", ["", "* * * *", "0 0 6 * * *", "61 * * * *", "a b c d e", "0 0 30 2 *", "*/0 * * * *"])
def test_what_is_no_cron_expression_is_told(cron: str) -> None:
    with pytest.raises(UsageError) as told:
        Times(cron, BERLIN)
    assert told.value.hint


def test_names_are_offered_where_one_is_near() -> None:
    with pytest.raises(UnknownName, match=r"no time zone .Europe/Berln"):
        Times("0 6 * * *", "Europe/Berln")
    with pytest.raises(UnknownName):
        Times("@dayly", BERLIN)
    for bad in ("../../etc/passwd", "/etc/passwd", "", "\0"):
        with pytest.raises(UnknownName):
            Times("0 6 * * *", bad)


def test_the_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_zone() == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "CET-1CEST")
    assert local_zone() == "UTC"
