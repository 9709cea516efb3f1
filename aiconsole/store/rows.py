"""Events as rows. Runs in the writer's thread, some 50 events at a time, so that the interpreter is never held long.

A row's values are made to fit whatever an event holds: texts lose lone surrogates and secrets, numbers that are none become
NULL, and what is out of all bounds is cut. So a row is refused for the disk's sake only.
"""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import isfinite
from typing import Any, Final

from aiconsole.domain.chat import Continued
from aiconsole.domain.events import (
    AlertChanged,
    AttemptFinished,
    BreakerChanged,
    CacheEvent,
    Event,
    HealthSeen,
    Hedged,
    LimitSeen,
    RequestFinished,
    RuleFired,
    Switched,
    UserActed,
)
from aiconsole.domain.trace import Attempt
from aiconsole.store.cached import CacheSums
from aiconsole.store.health import HealthSpans
from aiconsole.store.names import Names
from aiconsole.store.packing import Redact, clean
from aiconsole.store.rollups import Rollups, pico
from aiconsole.store.traces import pack_aside
from aiconsole.store.writer import give_way

Seen = tuple[Event, bool]
"""An event, and whether the simulator was on when it came."""

STEP: Final = 50
_TEXT: Final = 500
_BIG: Final = 2**53
_SERIAL: Final = 0xFFFFF
_LATEST: Final = 2**42

_log = logging.getLogger(__name__)
_WIDTHS: Final = {
    "usage_request": 19,
    "usage_failure": 4,
    "usage_attempt": 11,
    "usage_trace": 2,
    "cache_events": 14,
    "breaker_events": 9,
    "fallback_events": 10,
    "user_activity": 4,
    "alerts": 8,
}
_INSERTS: Final = {
    table: f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * width)})"  # noqa: S608
    for table, width in _WIDTHS.items()
}
KINDS: Final[tuple[type, ...]] = (
    AlertChanged,
    AttemptFinished,
    BreakerChanged,
    CacheEvent,
    Continued,
    HealthSeen,
    Hedged,
    LimitSeen,
    RequestFinished,
    RuleFired,
    Switched,
    UserActed,
)
"""What is written; other events have places of their own, or none."""

_KEPT: Final = frozenset(KINDS)


def kept(event: Event) -> bool:
    """Whether an event is one that is written. Of limits, only those that are near, hit or hold requests back."""
    if type(event) is LimitSeen:
        return event.held_until is not None or event.headroom <= 0.2
    return type(event) in _KEPT


def new_serials() -> Iterator[int]:
    """Running numbers for ids, from anywhere, so that two processes hardly give one twice."""
    return count(random.getrandbits(20))


class Rows:
    """Writes events to one connection. What it remembers holds until a transaction in which it wrote is rolled back.

    Args:
        redact: removes secrets from text.
        serials: go on with these running numbers of ids, so that their order holds over a fault.
    """

    def __init__(self, connection: sqlite3.Connection, redact: Redact, serials: Iterator[int] | None = None) -> None:
        self._connection = connection
        self._redact = redact
        self._names = Names(connection)
        self._rollups = Rollups(self._names.sums_of)
        self._health = HealthSpans(connection)
        self._cache = CacheSums(connection)
        self._serials = serials or new_serials()
        self._now = 0.0
        self._pending: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _WIDTHS}
        self._take: dict[type[Any], Callable[[Any, bool], None]] = {
            RequestFinished: self._request,
            AttemptFinished: self._attempt,
            HealthSeen: self._health_seen,
            CacheEvent: self._cache_event,
            BreakerChanged: self._breaker,
            Switched: self._switched,
            RuleFired: self._rule,
            Hedged: self._hedged,
            Continued: self._continued,
            LimitSeen: self._limit,
            UserActed: self._user,
            AlertChanged: self._alert,
        }

    def write(self, events: Sequence[Seen], now: float) -> None:
        """Write all of them; ``now`` (epoch s) stands in where an event has no usable time."""
        self._now = now
        for start in range(0, len(events), STEP):
            for event, simulated in events[start : start + STEP]:
                try:
                    self._take[type(event)](event, simulated)
                except (TypeError, ValueError, AttributeError, OverflowError):
                    _log.exception("An event could not be put into the history: %s", type(event).__name__)
            for table, rows in self._pending.items():
                if rows:
                    self._connection.executemany(_INSERTS[table], rows)
                    rows.clear()
            give_way()
        self._rollups.write(self._connection)
        self._health.write(self._id)
        self._cache.write()

    def _id(self, at: float) -> int:
        ms = int(at * 1000) if 0 < at * 1000 < _LATEST else int(self._now * 1000)
        return ms << 20 | next(self._serials) & _SERIAL

    def _at(self, at: float) -> float:
        return at if 0 < at * 1000 < _LATEST else self._now

    def _text(self, text: str) -> str:
        return self._redact(clean(text[:_TEXT])) if text else ""

    def _error(self, kind: str | None) -> tuple[int, str] | None:
        return None if kind is None else (self._names.label(clean(kind)), kind)

    def _request(self, event: RequestFinished, simulated: bool) -> None:
        timing, usage, cost, trace = event.timing, event.usage, event.cost, event.trace
        duration, ttft = _us(timing.duration_ms) or 0, _us(timing.ttft_ms)
        key = self._id(timing.started_at + duration / 1e6)
        series = self._names.series(
            (
                "requests",
                clean(event.provider),
                clean(event.model),
                clean(event.route),
                event.origin,
                event.simulated,
            )
        )
        error = self._error(event.error_kind)
        words = trace.attempts[-1].error if error and trace and trace.attempts else ""
        cell = self._rollups.cell(series, (key >> 20) // 1000)
        cell.add(error, duration, ttft, usage, cost, event.attempts)
        saved_us = _us(event.saved_ms)
        saved_usd = event.saved_usd or 0.0
        cell.saved_pico += pico(saved_usd) - pico(-saved_usd)
        if event.cached:
            cell.cached += 1
            cell.saved_us += saved_us or 0
            cell.uncosted -= error is None and cost is None
        flags = event.stream | event.cached << 1 | (cost is not None and cost.source == "provider") << 2
        self._pending["usage_request"].append(
            (
                key,
                clean(event.request_id),
                series,
                flags,
                _whole(event.attempts) or 0,
                duration,
                ttft,
                error and error[0],
                _whole(event.status),
                _whole(usage.prompt),
                _whole(usage.completion),
                _whole(usage.cached),
                _whole(usage.cache_written),
                _whole(usage.reasoning),
                _whole(usage.billed_prompt),
                _whole(usage.billed_completion),
                None if cost is None else _number(cost.usd),
                _number(event.saved_usd),
                saved_us,
            )
        )
        if error is not None:
            self._pending["usage_failure"].append((key, series, error[0], self._text(words)))
        if trace is not None:
            self._pending["usage_trace"].append((key, pack_aside(trace, event.headers, self._redact)))
            self._pending["usage_attempt"].extend(self._attempt_row(key, attempt) for attempt in trace.attempts)

    def _attempt_row(self, key: int, attempt: Attempt) -> tuple[Any, ...]:
        label = self._names.label
        return (
            key,
            attempt.number,
            label(clean(attempt.candidate)),
            label(attempt.outcome),
            _us(attempt.began_ms) or 0,
            _us(attempt.duration_ms) or 0,
            _us(attempt.ttft_ms),
            None if attempt.error_kind is None else label(clean(attempt.error_kind)),
            _whole(attempt.status),
            self._text(attempt.error) or None,
            _number(attempt.cost_usd),
        )

    def _attempt(self, event: AttemptFinished, simulated: bool) -> None:
        timing = event.timing
        duration = _us(timing.duration_ms) or 0
        at = self._at(timing.started_at + duration / 1e6)
        series = self._names.series(
            ("attempts", clean(event.provider), clean(event.model), "", event.origin, event.simulated)
        )
        error = self._error(event.error_kind)
        self._rollups.cell(series, int(at)).add(error, duration, _us(timing.ttft_ms), event.usage, event.cost)

    def _health_seen(self, event: HealthSeen, simulated: bool) -> None:
        self._health.add(event, self._at(event.at), self._text(event.reason))

    def _cache_event(self, event: CacheEvent, simulated: bool) -> None:
        at, entry = self._at(event.at), clean(event.key)
        repeated = self._cache.add(event.step, entry, int(at), simulated)
        self._pending["cache_events"].append(
            (
                self._id(at),
                at,
                event.step,
                entry,
                clean(event.provider),
                clean(event.model),
                _whole(event.size) or 0,
                _number(event.age_s),
                _number(event.saved_usd),
                _number(event.saved_ms),
                _number(event.similarity),
                self._text(event.reason),
                repeated,
                simulated,
            )
        )

    def _breaker(self, event: BreakerChanged, simulated: bool) -> None:
        at = self._at(event.at)
        self._pending["breaker_events"].append(
            (
                self._id(at),
                at,
                clean(event.key),
                event.before,
                event.after,
                self._text(event.reason),
                _number(event.open_until),
                event.observe_only,
                simulated,
            )
        )

    def _fallback(
        self,
        kind: str,
        at: float,
        simulated: bool,
        subject: str,
        words: str,
        *,
        route: str = "",
        request_id: str = "",
        after: str = "",
        error_kind: str | None = None,
    ) -> None:
        at = self._at(at)
        names = (clean(route), clean(request_id), clean(subject), clean(after))
        self._pending["fallback_events"].append(
            (self._id(at), at, kind, *names, self._text(words), error_kind and clean(error_kind), simulated)
        )

    def _switched(self, event: Switched, simulated: bool) -> None:
        words = f"in the middle of the answer: {event.reason}" if event.mid_stream else event.reason
        self._fallback(
            "switch",
            event.at,
            simulated,
            event.before,
            words,
            route=event.route,
            request_id=event.request_id,
            after=event.after,
            error_kind=event.error_kind,
        )

    def _rule(self, event: RuleFired, simulated: bool) -> None:
        words = f"“{event.rule}”: {event.action if event.holds else 'ceased to hold'}, {event.reason}"
        self._fallback("rule", event.at, simulated, event.subject, words, route=event.route)

    def _hedged(self, event: Hedged, simulated: bool) -> None:
        won = f"{event.winner} was first" if event.winner else "neither answered"
        extra = "" if event.extra_usd is None else f", about ${event.extra_usd:.2g} more"
        words = f"asked as well after {event.after_ms:.0f} ms, {won}{extra}"
        self._fallback("hedge", event.at, simulated, event.first, words, route=event.route, after=event.second)

    def _continued(self, event: Continued, simulated: bool) -> None:
        words = "began anew" if event.mode == "restart" else f"went on after {event.at_chars:,} characters"
        self._fallback(
            "continued",
            self._now,
            simulated,
            event.after,
            words,
            after=f"{event.provider}/{event.model}",
            error_kind=event.error_kind or None,
        )

    def _limit(self, event: LimitSeen, simulated: bool) -> None:
        self._fallback("limit", event.at, simulated, event.key, event.reason)

    def _user(self, event: UserActed, simulated: bool) -> None:
        at = self._at(event.at)
        row = (self._id(at), at, self._text(event.action), self._text(event.subject))
        self._pending["user_activity"].append(row)

    def _alert(self, event: AlertChanged, simulated: bool) -> None:
        at = self._at(event.at)
        texts = (event.alert, event.rule, event.state, event.severity, event.summary, event.subject)
        self._pending["alerts"].append((self._id(at), at, *map(self._text, texts)))


def _us(ms: float | None) -> int | None:
    """Whole microseconds; None for what is no duration."""
    return None if ms is None or not 0.0 <= ms < _BIG / 1000 else round(ms * 1000)


def _whole(number: int | None) -> int | None:
    return None if number is None else min(max(int(number), 0), _BIG)


def _number(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None
