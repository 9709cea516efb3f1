"""What the cache tells and counts: its steps as events, each request it answered, and what that saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aiconsole.cache.entry import Meta
from aiconsole.domain.chat import ChatRequest, ChatResult, Cost, Timing
from aiconsole.domain.clock import Clock
from aiconsole.domain.events import CacheEvent, CacheStep, Event, RequestFinished
from aiconsole.domain.trace import DecisionTrace, Note

if TYPE_CHECKING:
    from aiconsole.cache.file import CacheFile

NO_COST: Final = Cost(0.0, "price list")
_SHORT: Final = 16
_COUNTED: Final[dict[CacheStep, str]] = {"evict": "evictions", "expire": "expired", "invalidate": "invalidated"}


class Accounts:
    """See the module.

    Args:
        share: the share (0 to 1) of the cache's steps that is told as `CacheEvent`; all of them are counted.

    Attributes:
        counts: by the names of `CacheStats`.
        saved_usd, saved_ms: since the start; ``earlier`` holds those of the runs before.
    """

    def __init__(self, publish: Callable[[Event], None], clock: Clock, random: Random, share: float) -> None:
        self.counts: Counter[str] = Counter()
        self.saved_usd = 0.0
        self.saved_ms = 0.0
        self.earlier = (0.0, 0.0)
        self._took_up = False
        self.share = share
        self._publish = publish
        self._clock = clock
        self._random = random
        self._run = uuid4().hex[:12]
        self._serial = count(1)

    def step(self, step: CacheStep, meta: Meta, *, reason: str = "") -> None:
        """An entry was evicted, expired or invalidated."""
        self.counts[_COUNTED[step]] += 1
        if self._tells():
            now = self._clock.now()
            self._publish(
                CacheEvent(
                    step,
                    meta.key.hex()[:_SHORT],
                    now,
                    meta.provider,
                    meta.model,
                    meta.size,
                    max(0.0, now - meta.stored_at),
                    reason=reason,
                )
            )

    def missed(self, key: bytes) -> None:
        """A request was not in the cache."""
        self.counts["misses"] += 1
        if self._tells():
            self._publish(CacheEvent("miss", key.hex()[:_SHORT], self._clock.now()))

    def stored(self, meta: Meta) -> None:
        """An answer was kept."""
        self.counts["stores"] += 1
        if self._tells():
            self._publish(
                CacheEvent("store", meta.key.hex()[:_SHORT], meta.stored_at, meta.provider, meta.model, meta.size)
            )

    def gave(self, request: ChatRequest, result: ChatResult, meta: Meta, *, stream: bool, left: bool = False) -> None:
        """A kept answer was given; ``left``: its reader went away before the end."""
        cached = result.cached
        assert cached is not None  # only such answers are given here
        self.counts["hits"] += 1
        if cached.stale:
            self.counts["stale"] += 1
        if cached.similarity is not None:
            self.counts["similar"] += 1
        if self._tells():
            self._publish(
                CacheEvent(
                    "hit",
                    cached.key[:_SHORT],
                    result.timing.started_at,
                    meta.provider,
                    meta.model,
                    meta.size,
                    cached.age_s,
                    cached.saved_usd,
                    cached.saved_ms,
                    cached.similarity,
                    "past its time" if cached.stale else "",
                )
            )
        self._answered(request, result, meta.provider, meta.model, stream, "cancelled" if left else None)

    def shared(self, request: ChatRequest, result: ChatResult, *, stream: bool) -> None:
        """The answer of an equal request under way was given."""
        self.counts["shared"] += 1
        self._answered(request, result, result.provider, result.model, stream, None)

    def trace(self, route: str, by: str, timing: Timing, note: str) -> DecisionTrace:
        """The way of a request that no call was made for; ``by`` gave the answer once, as ``provider/model``."""
        return DecisionTrace(
            self._request_id(),
            route,
            "response cache",
            timing.started_at,
            timing.duration_ms,
            by,
            notes=(Note(note, timing.duration_ms),),
        )

    def given_way(self, route: str, meta: Meta, timing: Timing) -> DecisionTrace:
        """The way of a request that a kept answer is given to."""
        return self.trace(route, f"{meta.provider}/{meta.model}", timing, "taken from the response cache")

    def ended(self, request: ChatRequest, error_kind: str, timing: Timing, *, stream: bool) -> None:
        """A request that waited for another's call ended without an answer."""
        self._publish(
            RequestFinished(
                self._request_id(),
                request.model,
                "",
                "",
                timing,
                error_kind=error_kind,
                stream=stream,
                origin=request.origin,
                attempts=0,
            )
        )

    def take_up(self, totals: Mapping[str, float]) -> None:
        """Go on from the sums of earlier runs, as a file holds them; once, as a file opened later holds this run's too."""
        if not self._took_up:
            self._took_up = True
            self.earlier = (totals.get("saved_usd", 0.0), totals.get("saved_ms", 0.0))

    def write(self, file: CacheFile | None) -> None:
        """Write the sums over all runs to the file soon."""
        if file is not None and (self.saved_ms or self.saved_usd):
            file.note("saved_usd", self.earlier[0] + self.saved_usd)
            file.note("saved_ms", self.earlier[1] + self.saved_ms)

    def _answered(
        self,
        request: ChatRequest,
        result: ChatResult,
        provider: str,
        model: str,
        stream: bool,
        error_kind: str | None,
    ) -> None:
        cached = result.cached
        assert cached is not None  # only such answers are told here
        self.saved_ms += cached.saved_ms
        self.saved_usd += cached.saved_usd or 0.0
        trace = result.trace
        self._publish(
            RequestFinished(
                "" if trace is None else trace.request_id,
                request.model,
                provider,
                model,
                result.timing,
                cost=NO_COST,
                error_kind=error_kind,
                attempts=0,
                stream=stream,
                origin=request.origin,
                simulated=result.simulated,
                cached=True,
                saved_usd=cached.saved_usd,
                saved_ms=cached.saved_ms,
                trace=trace,
            )
        )

    def _tells(self) -> bool:
        return self.share >= 1 or self._random.random() < self.share

    def _request_id(self) -> str:
        return f"{self._run}-{next(self._serial):x}"
