"""One run of a job on the event loop: its task, its time limit, its output, and how it came to its end."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import traceback
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.jobs import JobResult, JobRun
from aiconsole.jobs.job import Job, Outcome, Output, Run
from aiconsole.jobs.threads import in_thread

STOPPING_S: Final = 5.0
"""How long a run that was told to stop is waited for, before it is recorded as ended and left to itself."""

_ERROR_CHARACTERS: Final = 4000

Stop = Literal["timed out", "cancelled", "interrupted"]


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    result: JobResult
    message: str = ""
    error: str = ""
    again_in_s: float | None = None
    found: bool = False


class Running:
    """A run that goes on from construction until its task is done.

    Args:
        run: as it was claimed, with its number.
        now: the monotonic time.
        told: called in the loop with each line of output.
        clean: removes secrets from text.
    """

    def __init__(
        self,
        job: Job,
        run: JobRun,
        now: float,
        *,
        told: Callable[[JobRun, str], None],
        clean: Callable[[str], str],
    ) -> None:
        self.job = job
        self.run = run
        self.began = now
        self.ended = asyncio.Event()
        self.left = False
        self._stop: Stop | None = None
        self._stopped_at = 0.0
        self._clean = clean
        self._told = told
        self._output = Output(clean)
        self._loop = asyncio.get_running_loop()
        self._view = Run(run.due, run.cause, self._say)
        self.task = asyncio.ensure_future(self._work())

    @property
    def ends_by(self) -> float:
        """The monotonic time at which something must be done about it: its time is up, or it has not stopped."""
        if self._stop is None:
            return self.began + self.job.timeout_s
        return self._stopped_at + STOPPING_S

    def output(self) -> tuple[str, ...]:
        return self._output.lines()

    def note(self, line: str) -> None:
        """Add a line of the scheduler's own to the output."""
        self._add(line)

    def stop(self, why: Stop, now: float) -> None:
        """Tell it to stop; the first reason counts."""
        if self._stop is None:
            self._stop, self._stopped_at = why, now
            self._view.leaving.set()
            self.task.cancel()

    @property
    def stopping(self) -> bool:
        return self._stop is not None

    async def ending(self) -> Ending:
        """Wait for its end and tell it. Raises nothing."""
        await asyncio.wait({self.task})
        if self.task.cancelled():
            return self.stopped()
        error = self.task.exception()
        if error is not None:
            return self._failed(error)
        outcome = self.task.result() or Outcome()
        return Ending("succeeded", self._clean(outcome.message), again_in_s=outcome.again_in_s, found=outcome.found)

    def stopped(self) -> Ending:
        """The ending of a run that was told to stop, whether it has or not."""
        late = "" if self.task.done() else " It did not stop when told, and is not begun again before it has."
        if self._stop == "timed out":
            return Ending("timed out", f"It took longer than {self.job.timeout_s:g} s.{late}")
        if self._stop == "interrupted":
            return Ending("interrupted", f"The console was closed while it ran.{late}")
        return Ending("cancelled", f"It was cancelled.{late}")

    async def _work(self) -> Outcome | None:
        if inspect.iscoroutinefunction(self.job.work):
            outcome: Outcome | None = await self.job.work(self._view)
            return outcome
        return await in_thread(self.job.work, self._view)  # type: ignore[arg-type]

    def _failed(self, error: BaseException) -> Ending:
        if isinstance(error, ConsoleError):
            words = f"{error.message} {error.advice}".strip()
            return Ending("failed", self._clean(words), self._clean(f"{type(error).__name__}: {error.message}"))
        told = "".join(traceback.format_exception(error))
        return Ending(
            "failed",
            self._clean(f"{type(error).__name__}: {error}"),
            self._clean(told)[-_ERROR_CHARACTERS:],
        )

    def _say(self, text: str) -> None:
        """From any thread. What comes after its end is left out."""
        try:
            inside = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            inside = False
        if inside:
            self._add(text)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._add, text)

    def _add(self, text: str) -> None:
        if not self.left:
            self._told(self.run, self._output.add(text))
