"""How moments are written in the window: in local time, as short as the day allows, and in full for hovering."""

from __future__ import annotations

import time


def moment(at: float | None, now: float) -> str:
    """A time (epoch s): the clock's where it is today, else with its date; a dash for None."""
    if at is None:
        return "–"
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%d %b %H:%M" if then[0] == today[0] else "%d %b %Y", then)


def full(at: float | None) -> str:
    """A time (epoch s) with its date, "" for None."""
    return "" if at is None else time.strftime("%A, %d %B %Y, %H:%M:%S", time.localtime(at))
