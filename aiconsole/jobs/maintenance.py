"""Job 4, database maintenance: retention, statistics for the query planner, room given back, and a look for damage.

It only works while nothing else does: while requests are under way it puts itself off, for some hours at most. The rollups need
no job: they are written with what they count.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from aiconsole.domain.clock import Clock
from aiconsole.jobs.job import Job, JobFailed, Outcome, Run
from aiconsole.jobs.threads import in_thread

IDLE_S: Final = 60.0
PUT_OFF_S: Final = 300.0
PATIENCE_S: Final = 6 * 3600.0
"""How long after its due time it waits for the console to be idle before it works all the same."""

WHOLE_EVERY: Final = 7
"""Every so many runs the look for damage is a whole one."""

LEAST_FREE: Final = 0.1
"""The share of the file that must be free before room is given back; less is soon used again."""


class File(Protocol):
    """The file in bytes."""

    @property
    def size(self) -> int: ...
    @property
    def free(self) -> int: ...
    @property
    def shrinks(self) -> bool: ...


class Upkeep(Protocol):
    """What can be done for the database; see store/upkeep.py."""

    async def prune(self, now: float) -> int: ...
    async def analyze(self) -> None: ...
    async def state(self) -> File: ...
    async def release(self) -> int: ...
    def check(self, leaving: threading.Event, *, whole: bool) -> str: ...


class Maintenance:
    """Looks after the database.

    Args:
        idle_s: for how many seconds nothing has been going on, 0 while something is.
    """

    def __init__(self, upkeep: Upkeep, clock: Clock, idle_s: Callable[[], float]) -> None:
        self._upkeep = upkeep
        self._clock = clock
        self._idle_s = idle_s
        self._runs = 0
        self._since: float | None = None

    def job(self) -> Job:
        return Job(
            "maintenance",
            "Database maintenance",
            "Deletes what is older than is kept, keeps queries quick, gives room back and looks for damage, while idle.",
            "daily 13:10",
            self.work,
            timeout_s=1800,
            retries=1,
            backoff_s=600,
        )

    async def work(self, run: Run) -> Outcome:
        """Do it all, or put it off.

        Raises:
            JobFailed: the file is damaged.
        """
        now = self._clock.now()
        if run.cause != "by hand" and self._idle_s() < IDLE_S:
            self._since = now if self._since is None or self._since > now else self._since
            if now - self._since < PATIENCE_S:
                return Outcome("Requests are under way; put off.", again_in_s=PUT_OFF_S)
        self._since = None
        steps = await self._upkeep.prune(now)
        run.say(f"retention: {steps} steps" if steps else "retention: nothing is too old")
        await self._upkeep.analyze()
        run.say("statistics are up to date")
        released = await self._release()
        run.say(f"{released / 1e6:.1f} MB given back to the disk" if released else "no room to give back")
        whole = self._runs % WHOLE_EVERY == 0
        self._runs += 1
        damage = await in_thread(lambda: self._upkeep.check(run.leaving, whole=whole))
        if damage:
            raise JobFailed(
                f"The database is damaged: {damage}.",
                advice="The console makes a damaged index anew; a damaged file it sets aside, and copies what can be read.",
            )
        run.say("whole check: sound" if whole else "quick check: sound")
        size = (await self._upkeep.state()).size
        return Outcome(f"The database is sound and has {size / 1e6:.1f} MB.")

    async def _release(self) -> int:
        state = await self._upkeep.state()
        if not state.shrinks or state.free < LEAST_FREE * state.size:
            return 0
        released = 0
        while step := await self._upkeep.release():
            released += step
        return released
