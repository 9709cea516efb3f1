"""Job 8, system health: what the console itself stands on. Each check finds a figure and judges it; none changes anything.

Limits: a disk is low under `LOW_DISK` and out under `OUT_DISK` bytes; available memory, file handles and the console's own size
are judged against the machine's and the process's limits. A clock is off by more than `CLOCK_OFF_S` where signed requests and
rate-limit resets begin to go wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.events import Event, RequestFinished
from aiconsole.jobs.job import Job, JobFailed, Outcome, Run
from aiconsole.jobs.threads import in_thread

LOW_DISK: Final = 1_000_000_000
OUT_DISK: Final = 200_000_000
LOW_MEMORY: Final = 0.10
OUT_MEMORY: Final = 0.04
MANY_HANDLES: Final = 0.7
MOST_HANDLES: Final = 0.9
HANDLES_WINDOWS: Final = 10_000
LATE_MS: Final = 100.0
TOO_LATE_MS: Final = 1000.0
CLOCK_OFF_S: Final = 30.0
CLOCK_WRONG_S: Final = 300.0
CHECK_S: Final = 20.0
CONNECT_S: Final = 5.0

Verdict = Literal["well", "low", "bad", "unknown"]


class Check(msgspec.Struct, frozen=True):
    """One check's finding: ``figure`` in ``unit``, ``words`` a sentence, ``advice`` what to do, "" where there is nothing."""

    name: str
    verdict: Verdict
    words: str
    figure: float | None = None
    unit: str = ""
    advice: str = ""


class Keyring(Protocol):
    """Whether keys can be kept securely: ``usable`` None is not known."""

    @property
    def usable(self) -> bool | None: ...

    @property
    def words(self) -> str: ...

    @property
    def advice(self) -> str: ...


Door = Callable[[], Awaitable[Check]]


class SystemHealth:
    """Runs checks; ``latest`` are their findings of the last run.

    Args:
        doors: more checks, each a coroutine function; see the functions of this module that make them.
        folders: where the console keeps its files; the disk of each is checked.
    """

    def __init__(self, folders: Sequence[Path], doors: Sequence[Door] = ()) -> None:
        self._doors: tuple[Door, ...] = (
            lambda: in_thread(check_disk, folders),
            lambda: in_thread(check_memory),
            lambda: in_thread(check_handles),
            *doors,
        )
        self.latest: tuple[Check, ...] = ()

    def job(self) -> Job:
        return Job(
            "system",
            "System health",
            "Looks at disk, memory, file handles, database, key store, network, the clock and the event loop.",
            "every 10m",
            self.work,
            timeout_s=120,
            first_in_s=60,
        )

    async def work(self, run: Run) -> Outcome:
        """Run all checks at once.

        Raises:
            JobFailed: one of them is bad.
        """
        self.latest = tuple(await asyncio.gather(*(self._checked(door) for door in self._doors)))
        for check in self.latest:
            run.say(f"{check.name}: {check.verdict}. {check.words} {check.advice}".rstrip())
        bad = [check for check in self.latest if check.verdict == "bad"]
        if bad:
            raise JobFailed(
                " ".join(check.words for check in bad), advice=" ".join(check.advice for check in bad).strip()
            )
        low = [check for check in self.latest if check.verdict == "low"]
        if low:
            return Outcome(" ".join(check.words for check in low), found=True)
        return Outcome(f"All {len(self.latest)} checks are well.")

    async def _checked(self, door: Door) -> Check:
        try:
            async with asyncio.timeout(CHECK_S):
                return await door()
        except TimeoutError:
            return Check("check", "bad", f"A check did not end within {CHECK_S:g} s.")
        except Exception as error:
            return Check("check", "unknown", f"A check could not be made: {type(error).__name__}: {error}.")


def check_disk(folders: Sequence[Path]) -> Check:
    """The least room on the disks of these folders; blocks."""
    least: tuple[int, Path] | None = None
    for folder in folders:
        there = next((path for path in (folder, *folder.parents) if path.exists()), None)
        if there is not None:
            free = shutil.disk_usage(there).free
            least = (free, there) if least is None or free < least[0] else least
    if least is None:
        return Check("disk", "unknown", "No folder of the console's exists.")
    verdict = _below(least[0], LOW_DISK, OUT_DISK)
    advice = "" if verdict == "well" else "Make room on that disk."
    return Check("disk", verdict, f"{least[0] / 1e9:.1f} GB are free.", least[0] / 1e9, "GB", advice)


def available_memory() -> float:
    """The share of the machine's memory that is available, 0 to 1; blocks."""
    import psutil

    machine = psutil.virtual_memory()
    return float(machine.available / machine.total)


def check_memory() -> Check:
    """How much of the machine's memory is left, and how much the console has; blocks."""
    import psutil

    machine = psutil.virtual_memory()
    mine = psutil.Process().memory_info().rss
    share = machine.available / machine.total
    verdict = _below(share, LOW_MEMORY, OUT_MEMORY)
    words = f"{share:.0%} of the machine's memory is left; the console has {mine / 1e6:.0f} MB."
    advice = "" if verdict == "well" else "Close programs that take much memory."
    return Check("memory", verdict, words, mine / 1e6, "MB", advice)


def check_handles() -> Check:
    """How many files and sockets the process has open, of those it may; blocks."""
    import psutil

    process = psutil.Process()
    if sys.platform == "win32":
        count, most = process.num_handles(), HANDLES_WINDOWS
    else:
        import resource

        count = process.num_fds()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = soft if 0 < soft < 1 << 30 else 1 << 20
    verdict: Verdict = "bad" if count > MOST_HANDLES * most else "low" if count > MANY_HANDLES * most else "well"
    advice = "" if verdict == "well" else "Start the console again, and report this."
    return Check("file handles", verdict, f"{count:,} of {most:,} are open.", count, "handles", advice)


def database_check(
    path: Path, read: Callable[[], Awaitable[object]], trouble: Callable[[], ConsoleError | None]
) -> Door:
    """Whether the database answers, and what is held up. ``read`` asks it something small, ``trouble`` says why it cannot be
    written at present."""

    async def check() -> Check:
        error = trouble()
        if error is None:
            try:
                await read()
            except ConsoleError as caught:
                error = caught
        if error is not None:
            return Check("database", "bad", error.message, advice=error.advice)
        size = await in_thread(_size, path)
        return Check("database", "well", f"It answers, and has {size / 1e6:.1f} MB.", size / 1e6, "MB")

    return check


def keyring_check(ask: Callable[[], Awaitable[Keyring]]) -> Door:
    """Whether keys can be kept in the system's key store."""

    async def check() -> Check:
        state = await ask()
        verdict: Verdict = {True: "well", False: "low", None: "unknown"}[state.usable]  # type: ignore[assignment]
        return Check("key store", verdict, state.words, advice="" if state.usable else state.advice)

    return check


def loop_check(worst_ms: Callable[[], float]) -> Door:
    """How long the event loop was held up at most in the last minute."""

    async def check() -> Check:
        lag = worst_ms()
        verdict: Verdict = "bad" if lag > TOO_LATE_MS else "low" if lag > LATE_MS else "well"
        advice = "" if verdict == "well" else "Close what else is busy on this machine; if it stays, report this."
        return Check("event loop", verdict, f"It was at most {lag:.0f} ms late in the last minute.", lag, "ms", advice)

    return check


def network_check(hosts: Callable[[], Sequence[tuple[str, int]]]) -> Door:
    """Whether any of these hosts (name, port) can be connected to; one that can is enough. Nothing is sent."""

    async def check() -> Check:
        asked = list(dict.fromkeys(hosts()))[:3]
        if not asked:
            return Check("network", "unknown", "No provider is set up to be reached.")
        reached = await asyncio.gather(*(in_thread(_reach, host, port) for host, port in asked))
        told = "; ".join(words for words in reached if words)
        if any(words is None for words in reached):
            return Check(
                "network", "well", f"{sum(words is None for words in reached)} of {len(asked)} hosts can be reached."
            )
        return Check(
            "network", "bad", f"No provider's host can be reached: {told}.", advice="Check the network and the proxy."
        )

    return check


class ClockWatch:
    """How far this machine's clock is from the providers', by the ``Date`` of their answers (RFC 9110, 6.6.1; whole seconds).
    `listen` is for the event bus; `check` is a door for `SystemHealth`. Answers come late or hang, but never early, so the
    least of the last offsets is the one to believe."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=20)

    def listen(self, event: Event) -> None:
        """Note the date of an answer."""
        if not isinstance(event, RequestFinished) or event.cached or event.attempts != 1 or not event.headers:
            return
        date = parsedate_tz(event.headers.get("date", ""))
        if date is not None:
            timing = event.timing
            answered = timing.started_at + (timing.ttft_ms if timing.ttft_ms is not None else timing.duration_ms) / 1000
            self._offsets.append(answered - (mktime_tz(date) + 0.5))

    async def check(self) -> Check:
        """The machine's clock against the providers'."""
        if not self._offsets:
            return Check("clock", "unknown", "No provider's clock was seen yet.")
        offset = min(self._offsets, key=abs)
        off = abs(offset)
        if off < 2:
            return Check("clock", "well", "This machine's clock agrees with the providers'.", offset, "s")
        verdict: Verdict = "bad" if off > CLOCK_WRONG_S else "low" if off > CLOCK_OFF_S else "well"
        words = f"This machine's clock is {off:.0f} s {'ahead of' if offset > 0 else 'behind'} the providers'."
        advice = "" if verdict == "well" else "Let the system set its clock by the network."
        return Check("clock", verdict, words, offset, "s", advice)


def _reach(host: str, port: int) -> str | None:
    """Connect and leave; None where that works, else why not, in words. Blocks."""
    try:
        with contextlib.closing(socket.create_connection((host, port), CONNECT_S)):
            return None
    except OSError as error:
        return f"{host}: {error.strerror or error}"


def _size(path: Path) -> int:
    return sum(os.path.getsize(file) for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())  # noqa: PTH202


def _below(figure: float, low: float, bad: float) -> Verdict:
    return "bad" if figure < bad else "low" if figure < low else "well"
