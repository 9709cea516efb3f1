"""Job 10, the test bench on a schedule: off until a suite is chosen. It fails where the run did not pass, so that the alert
rules on jobs tell of it; what health checks find of providers goes the way of all health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from aiconsole.jobs.job import Job, JobFailed, Outcome, Run


class SuiteEnd(msgspec.Struct, frozen=True):
    """How a run ended: whether all is well, and in a sentence."""

    well: bool
    words: str


class BenchSchedule:
    """Runs a suite when it is due.

    Args:
        carry_out: runs the suite of the settings, and says what happens to the ``say`` it is given.
    """

    def __init__(self, carry_out: Callable[[Callable[[str], None]], Awaitable[SuiteEnd]]) -> None:
        self._carry_out = carry_out

    def job(self) -> Job:
        return Job(
            "bench",
            "Test bench",
            "Runs a suite of the test bench and fails where it does not pass; off until bench.suite is set.",
            "daily 06:00",
            self.work,
            timeout_s=7200,
            misfire="skip",
            grace_s=3600,
        )

    async def work(self, run: Run) -> Outcome:
        """Run it.

        Raises:
            JobFailed: the run did not pass.
        """
        end = await self._carry_out(run.say)
        if not end.well:
            raise JobFailed(end.words, advice="See the run in the test bench.")
        return Outcome(end.words)
