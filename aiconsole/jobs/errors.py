"""Job 7, error tracking: groups errors by fingerprint, and says when one is new, is back, or comes far more often than usual.

Errors of providers come from the traces of finished requests, so each has its words and a request to look at; errors of the
console itself come from its log. Both are counted in memory and written every few minutes, and once more at the end.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.error_groups import ErrorFinding, ErrorSeen, ErrorSource
from aiconsole.domain.events import Event, RequestFinished
from aiconsole.jobs.job import Job, Outcome, Run

MAX_WAITING: Final = 500
"""Groups held in memory between two runs; what comes beyond is counted together."""

_NOT_ERRORS: Final = frozenset({"cancelled", "held back", "all candidates failed"})
_VARIES: Final = (
    (re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b"), "‹id›"),
    (re.compile(r"https?://[^\s\"'”]+"), "‹address›"),
    (re.compile(r"\b(?=\w*\d)[A-Za-z0-9_-]{12,}\b"), "‹id›"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "‹n›"),
)
_WORDS: Final = 300
_SAMPLE: Final = 2000


class ErrorKeeping(Protocol):
    """Where groups are kept; store/errors.py is one."""

    async def take_in(self, seen: Sequence[ErrorSeen], now: float) -> tuple[ErrorFinding, ...]: ...


class ErrorTracking:
    """Counts errors and hands them on; `listen` is for the event bus, `handler` for the log.

    Args:
        tell: takes what is new, is back or comes far more often.
    """

    def __init__(self, keeping: ErrorKeeping, clock: Clock, tell: Callable[[ErrorFinding], object]) -> None:
        self._keeping = keeping
        self._clock = clock
        self._tell = tell
        self._waiting: dict[str, ErrorSeen] = {}
        self._guard = threading.Lock()
        self.handler: logging.Handler = _Handler(self)

    def job(self) -> Job:
        return Job(
            "errors",
            "Error tracking",
            "Groups errors, and tells which are new, which are back and which come far more often than usual.",
            "every 5m",
            self.work,
            timeout_s=60,
            first_in_s=90,
        )

    def listen(self, event: Event) -> None:
        """Count the failed attempts of a finished request; simulated ones are not tracked."""
        if not isinstance(event, RequestFinished) or event.simulated or event.trace is None:
            return
        for attempt in event.trace.attempts:
            if attempt.error_kind is None or attempt.error_kind in _NOT_ERRORS:
                continue
            provider, _, model = attempt.candidate.partition("/")
            self.count(
                "provider",
                attempt.error_kind,
                attempt.error,
                provider=provider,
                model=model,
                status=attempt.status,
                sample=event.request_id,
            )

    def count(
        self,
        source: ErrorSource,
        kind: str,
        words: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        sample: str = "",
    ) -> None:
        """Count one error. May be called from any thread."""
        general = generalised(words)
        print_of = fingerprint(source, kind, provider, model, str(status), general)
        now = self._clock.now()
        with self._guard:
            known = self._waiting.get(print_of)
            if known is None and len(self._waiting) >= MAX_WAITING:
                general, provider, model, status = "Too many different errors to tell apart.", "", "", None
                print_of = fingerprint(source, kind, general)
                known = self._waiting.get(print_of)
            if known is not None:
                self._waiting[print_of] = msgspec.structs.replace(known, last=now, count=known.count + 1, sample=sample)
                return
            self._waiting[print_of] = ErrorSeen(
                print_of, source, kind, general[:_WORDS], now, now, 1, provider, model, status, sample[-_SAMPLE:]
            )

    async def work(self, run: Run) -> Outcome:
        """Hand on what was counted, and tell what is remarkable."""
        count, findings = await self.flush()
        for finding in findings:
            run.say(finding.words)
            self._tell(finding)
        if not count:
            return Outcome("No errors since the last run.")
        turns = [finding.turn for finding in findings]
        remarkable = ", ".join(
            f"{turns.count(turn)} {turn}" for turn in ("new", "regression", "spike") if turn in turns
        )
        words = f"{count} errors{f': {remarkable}' if remarkable else ', all of known kinds'}."
        return Outcome(words, found=bool(findings))

    async def flush(self) -> tuple[int, tuple[ErrorFinding, ...]]:
        """Hand on what was counted so far: how many errors, and what is remarkable. What cannot be kept is counted again.

        Raises:
            StoreError: it cannot be kept now.
        """
        with self._guard:
            taken, self._waiting = self._waiting, {}
        if not taken:
            return 0, ()
        try:
            findings = await self._keeping.take_in(tuple(taken.values()), self._clock.now())
        except BaseException:
            with self._guard:
                for print_of, seen in taken.items():
                    later = self._waiting.get(print_of)
                    self._waiting[print_of] = seen if later is None else _together(seen, later)
            raise
        return sum(seen.count for seen in taken.values()), findings


class _Handler(logging.Handler):
    """Counts errors of the console's own log. Errors of jobs are counted there too, so those of this one's work are not."""

    def __init__(self, tracking: ErrorTracking) -> None:
        super().__init__(logging.ERROR)
        self._tracking = tracking

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        kind = record.name if error is None else type(error).__name__
        words = record.getMessage() if error is None else f"{record.getMessage()} ({type(error).__name__}: {error})"
        sample = "" if error is None else "".join(traceback.format_exception(error))
        self._tracking.count("console", kind, words, sample=sample)


def generalised(words: str) -> str:
    """Words without what differs from one error of a kind to the next: numbers, ids, addresses."""
    for pattern, name in _VARIES:
        words = pattern.sub(name, words)
    return words


def fingerprint(*parts: str) -> str:
    """What errors with the same parts have in common, as 16 hexadecimal digits."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def _together(one: ErrorSeen, later: ErrorSeen) -> ErrorSeen:
    return msgspec.structs.replace(later, first=one.first, count=one.count + later.count)
