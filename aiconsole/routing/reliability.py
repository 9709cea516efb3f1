"""How far a candidate can be relied on: a score from 0 to 100 per model and per provider, and the times it takes.

Everything is learnt from how attempts ended (`Reliability.seen`); nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, exp2
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.percentiles import Histogram
from aiconsole.routing.latency import Latency, Percentiles

FAILURES: Final = frozenset(
    {"timeout", "connection failed", "connection cut", "server fault", "overloaded", "malformed answer"}
)
"""The kinds of error (`ProviderError.kind`) that are the provider's own fault."""
LIMITS: Final = frozenset({"rate limit", "quota exhausted"})
"""The kinds that say that a limit was reached."""

_HALF_LIFE_S: Final = 600.0
_RECENT_S: Final = 60.0
_PRIOR: Final = 0.7
_PRIOR_WEIGHT: Final = 5.0
_RECENT_WEIGHT: Final = 2.0
_LEAST: Final = 0.01
_TOLERATED: Final = 1.25
_KEPT_S: Final = 0.5


class Score(msgspec.Struct, frozen=True, gc=False):
    """``value`` is 0 to 100; the parts are 0 to 1, and 1 where nothing was observed. ``samples`` counts what was observed,
    the older the less. See `Reliability` for the formula."""

    value: float
    success: float
    latency: float
    limits: float
    recency: float
    confidence: float
    samples: float


class Reliability:
    """Scores and times by key: ``provider/model`` for a model, the provider's name for all its models together.

    **The score.** Each attempt counts 1 when it ends and half as much after 10 minutes. With ok, failed and limited for the
    sums so weighted of answers, of the provider's own faults (`FAILURES`) and of limits reached (`LIMITS`):

    - success = ok / (ok + failed)
    - recency = (ok' + 2 success) / (ok' + failed' + 2), where ' means a half-life of 1 minute instead: the success of the
      last minute or so, leaning on the longer memory where that minute had few attempts
    - latency = min(1, 1.25 / r), where r is the time recently taken over the model's own usual time: exp of the mean of
      log(time / baseline), half-life 1 minute, held back by two samples that say "as usual"
    - limits = 1 - limited / n with n = ok + failed + limited; times 0.5 + 2.5 x headroom where headroom is under 20 %
    - confidence = n / (n + 5)
    - observed = success^0.4 x recency^0.25 x latency^0.2 x limits^0.15, each part at least 0.01
    - value = 100 x (confidence x observed + (1 - confidence) x 0.7)

    So little data gives a score near 70, which means "not known", and so does data that has grown old. Everything else (the
    caller's faults, a refused content, a bad key, a cancelled call) leaves the score alone. A deadline or timeout that was
    the caller's own has to be reported as "cancelled".

    **Times.** See `Latency`. An error never makes a candidate look fast; one that came after a long wait makes it look slow.
    """

    __slots__ = ("_clock", "_tracks")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracks: dict[str, _Track] = {}

    def seen(
        self,
        key: str,
        kind: str | None = None,
        *,
        duration_ms: float,
        ttft_ms: float | None = None,
        streamed: bool = True,
        at: float | None = None,
    ) -> None:
        """Note how an attempt ended.

        Args:
            key: ``provider/model``.
            kind: the error's kind, None for an answer.
            duration_ms: how long the attempt took in all.
            ttft_ms: the time to the first token, None where none came or the answer was not streamed.
            at: when it ended, in monotonic seconds, by default now; may lie in the past and in any order.
        """
        when = self._clock.monotonic() if at is None else at
        model = self._track(key)
        whole = self._track(key.partition("/")[0])
        if kind is None:
            model.timeouts = 0
            time_ms = ttft_ms if streamed else duration_ms
            ratio = None if time_ms is None else model.times(streamed).add(time_ms, when)
            model.answered(ratio, when)
            whole.answered(ratio, when)
        elif kind in FAILURES:
            if kind == "timeout":
                model.timeouts += streamed and ttft_ms is None
                model.times(streamed).waited(duration_ms if ttft_ms is None else ttft_ms, when)
            model.failed(when)
            whole.failed(when)
        elif kind in LIMITS:
            model.limited(when)
            whole.limited(when)

    def score(self, key: str, headroom: float = 1.0) -> Score:
        """The score now. ``headroom`` (0 to 1) is what is left of the tightest known limit."""
        track = self._tracks.get(key)
        return _score(_Counts(), headroom) if track is None else track.score(self._clock.monotonic(), headroom)

    def recent_success(self, key: str) -> float:
        """The share of attempts that succeeded in the last minute or so (the score's recency), 1 where unknown."""
        track = self._tracks.get(key)
        return 1.0 if track is None else track.score(self._clock.monotonic(), 1.0).recency

    def error_rate(self, key: str) -> tuple[float, float]:
        """The share of attempts of the last minute or so that failed by the provider's fault, and how many attempts that
        is said of (the older the less)."""
        track = self._tracks.get(key)
        if track is None:
            return 0.0, 0.0
        counts = track.at(self._clock.monotonic())
        weight = counts.recent_ok + counts.recent_failed
        return (counts.recent_failed / weight if weight else 0.0), weight

    def latency_ms(self, key: str, *, streamed: bool = True) -> float | None:
        """The peak EWMA of the time to the first token (of whole answers where not ``streamed``), None where unknown."""
        track = self._tracks.get(key)
        if track is None:
            return None
        return (track.ttft if streamed else track.whole).peak_ms(self._clock.monotonic())

    def latencies(self, keys: Iterable[str], *, streamed: bool) -> list[float | None]:
        """`latency_ms` of many models."""
        now, tracks = self._clock.monotonic(), self._tracks
        found: list[float | None] = []
        for key in keys:
            track = tracks.get(key)
            found.append(None if track is None else (track.ttft if streamed else track.whole).peak_ms(now))
        return found

    def scores(self, keys: Iterable[str], headroom: Iterable[float]) -> list[float]:
        """The values of `score` of many models."""
        now, tracks = self._clock.monotonic(), self._tracks
        found: list[float] = []
        for key, left in zip(keys, headroom, strict=True):
            track = tracks.get(key)
            found.append((_score(_Counts(), left) if track is None else track.score(now, left)).value)
        return found

    def browned_out(self, key: str) -> bool:
        """Whether a model has become far slower to begin than it usually is; see `Latency.browned_out`."""
        track = self._tracks.get(key)
        return track is not None and track.ttft.browned_out(self._clock.monotonic())

    def ttft(self, key: str) -> Percentiles | None:
        """Percentiles of the time to the first token, of a model or of all a provider's models; None where unknown."""
        if "/" in key:
            track = self._tracks.get(key)
            return None if track is None else track.ttft.percentiles()
        parts = [
            histogram
            for name, track in self._tracks.items()
            if name.partition("/")[0] == key
            for histogram in track.ttft.histograms
        ]
        merged = Histogram.merged(parts)
        p50, p95 = merged.quantiles((0.5, 0.95))
        return None if p50 is None or p95 is None else Percentiles(p50, p95, merged.count)

    def whole(self, key: str) -> Percentiles | None:
        """Percentiles of the time of a model's whole answers, those that were not streamed; None where unknown."""
        track = self._tracks.get(key)
        return None if track is None else track.whole.percentiles()

    def first_token_deadline(
        self, key: str, default_s: float = 10.0, *, least_s: float = 2.0, most_s: float = 60.0
    ) -> float:
        """Seconds to wait for the first token: 3 x p95 with at least 20 samples; with fewer, the default or that, whichever
        is longer; between ``least_s`` and ``most_s``.

        It doubles with each timeout in a row beyond the second (each from the first on where no answer ever came), so that
        a model that has always needed longer, or needs longer from now on, is not cut off for ever.
        """
        track = self._tracks.get(key)
        if track is None:
            return min(default_s, most_s)
        known = track.ttft.percentiles()
        if known is None:
            wait_s, doublings = default_s, track.timeouts
        else:
            wait_s, doublings = 3e-3 * known.p95_ms, track.timeouts - 2
            if known.samples < 20:
                wait_s = max(wait_s, default_s)
        return min(max(wait_s, least_s) * 2.0 ** min(max(doublings, 0), 30), most_s)

    def forget(self, key: str) -> None:
        """Forget all about a model, or about a provider and its models."""
        for name in [name for name in self._tracks if name == key or name.partition("/")[0] == key]:
            del self._tracks[name]

    def _track(self, key: str) -> _Track:
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track()
        return track


class _Counts(msgspec.Struct, gc=False):
    """Sums with their weights as of one moment; ``slowness`` sums log ratios, ``timed`` their weights."""

    ok: float = 0.0
    failed: float = 0.0
    limited: float = 0.0
    recent_ok: float = 0.0
    recent_failed: float = 0.0
    slowness: float = 0.0
    timed: float = 0.0

    def fade(self, passed_s: float) -> None:
        slow, fast = exp2(-passed_s / _HALF_LIFE_S), exp2(-passed_s / _RECENT_S)
        self.ok *= slow
        self.failed *= slow
        self.limited *= slow
        self.recent_ok *= fast
        self.recent_failed *= fast
        self.slowness *= fast
        self.timed *= fast


class _Track:
    """What is known of one key. Where attempts are told late, what they add has faded by then already."""

    __slots__ = ("_at", "_counts", "_score", "_score_at", "timeouts", "ttft", "whole")

    def __init__(self) -> None:
        self._counts = _Counts()
        self._at = float("-inf")
        self._score: Score | None = None
        self._score_at = 0.0
        self.timeouts = 0
        self.ttft = Latency()
        self.whole = Latency()

    def times(self, streamed: bool) -> Latency:
        return self.ttft if streamed else self.whole

    def answered(self, ratio: float | None, when: float) -> None:
        slow, fast = self._weights(when)
        counts = self._counts
        counts.ok += slow
        counts.recent_ok += fast
        if ratio is not None:
            counts.slowness += fast * ratio
            counts.timed += fast

    def failed(self, when: float) -> None:
        slow, fast = self._weights(when)
        self._counts.failed += slow
        self._counts.recent_failed += fast

    def limited(self, when: float) -> None:
        slow, _ = self._weights(when)
        self._counts.limited += slow

    def at(self, now: float) -> _Counts:
        """The sums as of now."""
        if now > self._at:
            self._counts.fade(now - self._at)
            self._at = now
        return self._counts

    def score(self, now: float, headroom: float) -> Score:
        """The score, at most half a second old."""
        if self._score is None or not 0.0 <= now - self._score_at < _KEPT_S:
            self._score = _score(self.at(now), 1.0)
            self._score_at = now
        return self._score if headroom >= 0.2 else _score(self.at(now), headroom)

    def _weights(self, when: float) -> tuple[float, float]:
        self._score = None
        if when >= self._at:
            self.at(when)
            return 1.0, 1.0
        late_s = self._at - when
        return exp2(-late_s / _HALF_LIFE_S), exp2(-late_s / _RECENT_S)


def _score(counts: _Counts, headroom: float) -> Score:
    """The formula, as `Reliability` gives it."""
    tried = counts.ok + counts.failed
    samples = tried + counts.limited
    success = counts.ok / tried if tried > 0.0 else 1.0
    recent = counts.recent_ok + counts.recent_failed
    recency = (counts.recent_ok + _RECENT_WEIGHT * success) / (recent + _RECENT_WEIGHT)
    latency = min(1.0, _TOLERATED * exp(-counts.slowness / (counts.timed + _RECENT_WEIGHT)))
    limits = 1.0 - counts.limited / samples if samples > 0.0 else 1.0
    if headroom < 0.2:
        limits *= 0.5 + 2.5 * max(headroom, 0.0)
    confidence = samples / (samples + _PRIOR_WEIGHT)
    observed = (
        max(success, _LEAST) ** 0.4
        * max(recency, _LEAST) ** 0.25
        * max(latency, _LEAST) ** 0.2
        * max(limits, _LEAST) ** 0.15
    )
    value = 100.0 * (confidence * observed + (1.0 - confidence) * _PRIOR)
    return Score(value, success, latency, limits, recency, confidence, samples)
