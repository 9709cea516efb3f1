"""What a job is: a name, a schedule, and something to do, with what may be said of it while it goes on."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import msgspec

from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.jobs import JobCause

MAX_LINES: Final = 400
MAX_LINE: Final = 500
"""Lines of output kept of one run, the first and the last half of them, and characters of each."""


class JobFailed(ConsoleError):
    """A job could not do what it is for, and says why; shown without a traceback."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a run that did not fail: a sentence, in how many seconds it wants to run again where that is sooner than
    its schedule says, and whether what it ``found`` needs a look."""

    message: str = ""
    again_in_s: float | None = None
    found: bool = False


class Run:
    """One run, as the job that does it sees it. ``say`` may be called from any thread.

    Attributes:
        due: the time it was due (epoch seconds), None where it was begun by hand.
        cause: why it was begun.
        leaving: set when the run is to end; blocking work looks at it now and then.
    """

    def __init__(self, due: float | None, cause: JobCause, say: Callable[[str], None]) -> None:
        self.due = due
        self.cause = cause
        self.leaving = threading.Event()
        self._say = say

    def say(self, line: str) -> None:
        """Add a line to the output, shown at once and kept with the run."""
        self._say(line)


class Job(msgspec.Struct, frozen=True):
    """A job. ``work`` is a coroutine function, or a plain one, which then runs in a thread of its own.

    Attributes:
        name: short, as on the command line.
        title, about: for people; ``about`` is one sentence.
        schedule: the default, see `domain.schedule`.
        timeout_s: how long a run may take.
        retries: how often a failed or timed-out run is tried again, after ``backoff_s`` doubled each time, with jitter.
        jitter_s: a run begins up to so much after its due time, so that many consoles do not call at the same second.
        misfire: what to do with due times that passed while the console was closed or asleep, however many: run once, or
            skip them where the last is more than ``grace_s`` ago.
        after: jobs that go first where they are due or running at the same time.
        first_in_s: an interval begins so soon after the first start.
    """

    name: str
    title: str
    about: str
    schedule: str
    work: Callable[[Run], Awaitable[Outcome | None]] | Callable[[Run], Outcome | None]
    timeout_s: float = 600.0
    retries: int = 0
    backoff_s: float = 60.0
    jitter_s: float = 0.0
    misfire: Literal["run once", "skip"] = "run once"
    grace_s: float = 60.0
    after: tuple[str, ...] = ()
    first_in_s: float = 30.0


class Output:
    """The lines of a run, bounded: when there are too many the middle ones are left out, and how many is said."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._first: list[str] = []
        self._last: list[str] = []
        self._left_out = 0

    def add(self, text: str) -> str:
        """Take a line in and return it as it is kept."""
        line = self._clean(" ".join(text.splitlines()))
        if len(line) > MAX_LINE:
            line = line[: MAX_LINE - 1] + "…"
        if len(self._first) < MAX_LINES // 2:
            self._first.append(line)
        else:
            self._last.append(line)
            if len(self._last) > MAX_LINES // 2:
                del self._last[0]
                self._left_out += 1
        return line

    def lines(self) -> tuple[str, ...]:
        """What there is so far."""
        gap = (f"… {self._left_out} lines left out …",) if self._left_out else ()
        return (*self._first, *gap, *self._last)
