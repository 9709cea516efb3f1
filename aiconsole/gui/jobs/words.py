"""Schedules, waits and results in words."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

from ...domain.jobs import JobResult, JobRun, JobState
from ..theme import State

RESULTS: Final[dict[JobResult, State]] = {
    "succeeded": "ok",
    "failed": "crit",
    "timed out": "crit",
    "cancelled": "idle",
    "interrupted": "idle",
    "missed": "warn",
}
STATES: Final[dict[JobState, State]] = {"waiting": "idle", "running": "ok", "paused": "warn", "off": "idle"}

NEEDS_A_LOOK: Final = "needs a look"
"""The result of a run that did its work and found something that is not well."""

_UNITS: Final = {"s": ("second", "s"), "m": ("minute", "min"), "h": ("hour", "h"), "d": ("day", "d")}
_WEEKDAYS: Final = {
    "mon": "Mondays",
    "tue": "Tuesdays",
    "wed": "Wednesdays",
    "thu": "Thursdays",
    "fri": "Fridays",
    "sat": "Saturdays",
    "sun": "Sundays",
}
_DAY: Final = 86_400.0


def schedule_words(text: str) -> str:
    """A schedule as a person would say it; what has no such words is said as it is written."""
    plain = " ".join(text.lower().split())
    if every := re.fullmatch(r"every (\d+(?:\.\d+)?) ?([smhd])", plain):
        name, short = _UNITS[every[2]]
        return f"every {name}" if every[1] == "1" else f"every {every[1]} {short}"
    if timed := re.fullmatch(r"(daily|weekly ([a-z]{3})|monthly (\d{1,2})) (\d{1,2}:\d\d)", plain):
        if timed[2]:
            return f"{_WEEKDAYS.get(timed[2], timed[2])} at {timed[4]}"
        return f"monthly on day {timed[3]} at {timed[4]}" if timed[3] else f"daily at {timed[4]}"
    if cron := re.fullmatch(r"(\d{1,2}) (\*|\d{1,2}) \* \* \*", plain):
        minute = f"{int(cron[1]):02d}"
        return f"hourly at :{minute}" if cron[2] == "*" else f"daily at {int(cron[2]):02d}:{minute}"
    return f"crontab {plain}" if plain else "–"


def countdown(seconds: float | None) -> str:
    """How long it is until something is due; a dash where it is not."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole <= 0:
        return "now"
    if whole < 60:
        return f"in {whole} s"
    if whole < 3600:
        return f"in {whole // 60} min {whole % 60:02d} s"
    if whole < _DAY:
        return f"in {whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"in {whole // 86400} d {whole % 86400 // 3600} h"


def dues(moments: Sequence[float], now: float) -> str:
    """The next due times in a row."""
    shown = [time.strftime("%a %d %b %H:%M:%S", time.localtime(at)) for at in moments]
    today = time.strftime("%a %d %b ", time.localtime(now))
    return " · ".join(each.removeprefix(today) for each in shown)


def result_word(run: JobRun) -> str:
    """How a run ended, in a word."""
    return NEEDS_A_LOOK if run.found else run.result or "running"


def result_words(run: JobRun | None) -> str:
    """How a run ended, and what it said."""
    if run is None:
        return "not run yet"
    word = result_word(run)
    return f"{word}: {run.message}" if run.message and word != "succeeded" else run.message or word


def result_state(run: JobRun | None) -> State | None:
    """The glyph of a run's result, None where it goes on or there is none."""
    if run is None or run.result is None:
        return None
    return "warn" if run.found else RESULTS[run.result]
