"""When something is due: `every 5m`, `daily 02:30`, `weekly sun 02:30`, or the five fields of a crontab, in local time.

The calendar arithmetic is that of APScheduler 3's `CronTrigger`; its two clocks' changes a year are not. Given a zone, it
runs a job at 02:30 an hour late in the night that skips 02:30, and twice in the night that has it twice (tried with 3.11).
So it is asked on the plain calendar, without a zone, and the moment it names is placed in the zone here: one that does not
exist is due at the next valid moment, one that exists twice is due the first time only. Intervals are absolute: `every 30m`
does not care for clock changes, and is what to use for anything more often than daily.

Two habits of crontabs are kept apart from APScheduler's: 0 and 7 are Sunday, as in crontab(5), and a day of the month
together with a weekday is refused, as cron takes either and APScheduler takes both.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

SHORTEST_S: Final = 10.0
"""The shortest interval, in seconds."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_EVERY = re.compile(r"every (\d+(?:\.\d+)?) ?([smhd])")
_TIMED = re.compile(
    r"(?:daily|weekly (?P<weekday>[a-z]{3})|monthly (?P<day>\d{1,2})) (?P<hour>\d{1,2}):(?P<minute>\d\d)"
)
_WEEKDAYS = re.compile(r"(?P<first>\d)(?:-(?P<last>\d))?(?:/(?P<step>\d))?")
_FORMS: Final = "write it as “every 5m”, “daily 02:30”, “weekly sun 02:30”, “monthly 1 02:30” or five crontab fields"


class Every(msgspec.Struct, frozen=True):
    """Due again and again after ``seconds``, counted in real time."""

    seconds: float

    def next_after(self, after: float, zone: tzinfo, *, anchor: float | None = None) -> float:
        """The first due time later than ``after`` (epoch seconds) on the grid that ``anchor`` lies on."""
        if anchor is None:
            return after + self.seconds
        return anchor + (math.floor((after - anchor) / self.seconds) + 1) * self.seconds


class Cron(msgspec.Struct, frozen=True):
    """Due at moments of the calendar: ``fields`` as in a crontab, weekdays by name."""

    fields: str

    def next_after(self, after: float, zone: tzinfo, *, anchor: float | None = None) -> float:
        """The first due time later than ``after`` (epoch seconds), by the clocks of ``zone``; ``anchor`` says nothing here.

        Raises:
            ValueError: there is none.
        """
        wall = datetime.fromtimestamp(after, zone).replace(tzinfo=UTC, fold=0)
        while True:
            found: datetime | None = _trigger(self.fields).get_next_fire_time(None, wall + timedelta(microseconds=1))
            if found is None:
                raise ValueError("it is never due")
            moment = moment_of(found.replace(tzinfo=None), zone)
            if moment > after:
                return moment
            wall = found


Schedule = Every | Cron


def parse_schedule(text: str) -> Schedule:
    """A schedule from what a person wrote.

    Raises:
        ValueError: with the reason.
    """
    plain = " ".join(text.lower().split())
    if every := _EVERY.fullmatch(plain):
        seconds = float(every[1]) * _UNITS[every[2]]
        if not SHORTEST_S <= seconds <= 366 * 86400:
            raise ValueError(f"an interval is from {SHORTEST_S:g}s to 366d")
        return Every(seconds)
    if timed := _TIMED.fullmatch(plain):
        plain = f"{int(timed['minute'])} {int(timed['hour'])} {timed['day'] or '*'} * {timed['weekday'] or '*'}"
    fields = plain.split(" ")
    if len(fields) != 5:
        raise ValueError(_FORMS)
    if fields[2] != "*" and fields[4] != "*":
        raise ValueError("a crontab with both a day of the month and a weekday is not taken; name one of them")
    fields[4] = ",".join(_weekdays(part) for part in fields[4].split(","))
    cron = Cron(" ".join(fields))
    try:
        due = _trigger(cron.fields).get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC))
    except ValueError as error:
        raise ValueError(f"{_FORMS} ({error})") from None
    if due is None:
        raise ValueError("it is never due")
    return cron


def moment_of(wall: datetime, zone: tzinfo) -> float:
    """The epoch seconds at which the clocks of ``zone`` show ``wall`` (naive) the first time, or, where they skip it, the
    moment they do so (PEP 495: ``fold`` 0 reads a skipped time by the offset before, 1 by the one after)."""
    later = wall.replace(tzinfo=zone, fold=0).timestamp()
    if datetime.fromtimestamp(later, zone).replace(tzinfo=None) == wall:
        return later
    earlier = wall.replace(tzinfo=zone, fold=1).timestamp()
    before = datetime.fromtimestamp(earlier, zone).utcoffset()
    while later - earlier > 1:
        middle = (earlier + later) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            earlier = middle
        else:
            later = middle
    return float(math.floor(later))


def _weekdays(part: str) -> str:
    """One part of a crontab's weekday field with its numbers as names."""
    found = _WEEKDAYS.fullmatch(part)
    if found is None:
        return part
    first, last, step = int(found["first"]), int(found["last"] or found["first"]), int(found["step"] or 1)
    if not (first <= last <= 7 and step):
        raise ValueError("weekdays are 0 to 7, or sun to sat")
    return ",".join(_DAYS[day % 7] for day in range(first, last + 1, step))


@lru_cache(maxsize=64)
def _trigger(fields: str) -> CronTrigger:
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(fields, timezone=UTC)
