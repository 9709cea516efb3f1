"""Schedules over a year of local time, with its two clock changes."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from aiconsole.domain.schedule import Cron, Every, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def due_times(text: str, start: str, end: str, zone: ZoneInfo = BERLIN) -> list[str]:
    schedule = parse_schedule(text)
    moment, last = at(start, zone), at(end, zone)
    found = []
    while (moment := schedule.next_after(moment, zone)) <= last:
        found.append(datetime.fromtimestamp(moment, zone).isoformat())
    return found


def test_a_time_that_is_skipped_is_due_once_at_the_next_valid_moment() -> None:
    assert due_times("daily 02:30", "2026-03-28", "2026-03-31") == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_exists_twice_is_due_the_first_time_only() -> None:
    assert due_times("30 2 * * *", "2026-10-24", "2026-10-27") == [
        "2026-10-24T02:30:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    second = at("2026-10-25 02:10", fold=1)
    assert datetime.fromtimestamp(Cron("30 2 * * *").next_after(second, BERLIN), BERLIN).day == 26


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("text", ["daily 02:30", "daily 00:00", "daily 03:00", "daily 02:00"])
def test_every_day_of_a_year_has_exactly_one(zone: str, text: str) -> None:
    days = [moment[:10] for moment in due_times(text, "2026-01-01T12:00", "2027-01-01T12:00", ZoneInfo(zone))]
    assert len(days) == 365
    assert len(set(days)) == 365


def test_many_times_an_hour_never_meet_in_one_moment() -> None:
    moments = due_times("*/15 * * * *", "2026-03-29T01:40", "2026-03-29T03:30")
    assert [moment[11:16] for moment in moments] == ["01:45", "03:00", "03:15", "03:30"]


def test_intervals_do_not_care_for_clock_changes_and_keep_their_grid() -> None:
    every = Every(1800)
    start = at("2026-03-29 00:10")
    moments = [start]
    for _ in range(10):
        moments.append(every.next_after(moments[-1], BERLIN, anchor=start))
    assert {later - earlier for earlier, later in pairwise(moments)} == {1800}
    assert every.next_after(start + 86400 * 7 + 5, BERLIN, anchor=start) == start + 86400 * 7 + 1800
    assert every.next_after(start - 86400 + 5, BERLIN, anchor=start) == start - 86400 + 1800


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 3 * * 0", ["Sun"]),
        ("0 3 * * 7", ["Sun"]),
        ("0 3 * * 1-5", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
        ("0 3 * * 5-7", ["Fri", "Sat", "Sun"]),
        ("0 3 * * 0-2", ["Mon", "Tue", "Sun"]),
        ("weekly wed 03:00", ["Wed"]),
        ("0 3 * * mon,4", ["Mon", "Thu"]),
    ],
)
def test_weekdays_are_those_of_a_crontab(text: str, days: list[str]) -> None:
    week = [
        datetime.fromisoformat(moment).strftime("%a") for moment in due_times(text, "2026-06-01", "2026-06-07T23:00")
    ]
    assert week == days


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now and then",
        "every 5s",
        "every 0m",
        "every 400d",
        "daily 25:00",
        "weekly foo 02:30",
        "* * * *",
        "61 * * * *",
        "0 0 30 2 *",
        "0 0 1 * mon",
        "0 0 * * 9",
        "*/0 * * * *",
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_schedule(text)


def test_a_leap_day_and_a_month_without_the_day_are_waited_for() -> None:
    assert due_times("monthly 31 04:00", "2026-01-31T12:00", "2026-06-01", UTC) == [
        "2026-03-31T04:00:00+00:00",
        "2026-05-31T04:00:00+00:00",
    ]
    assert due_times("0 0 29 2 *", "2026-01-01", "2028-12-31", UTC) == ["2028-02-29T00:00:00+00:00"]
