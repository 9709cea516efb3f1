"""One request, measured: the raw record that every figure is made of, and the definitions of the figures.

All times come from one monotonic clock. A token, here, is one piece of a stream (text, reasoning or a tool call) as it came
over the wire; several that came in one read have gaps of nearly 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

import msgspec

from aiconsole.domain.chat import ChatRequest, ChatResult, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from aiconsole.domain.errors import ProviderError
from aiconsole.providers.base import Provider

_TOKENS: Final = frozenset({TextDelta, ReasoningDelta, ToolCallDelta})

DEFINITIONS: Final[dict[str, str]] = {
    "sent": "The moment the request was handed to the transport. A new connection (DNS, TCP, TLS) counts from there on.",
    "scheduled": "The moment the load shape wanted the request to be sent; for a fixed number in flight, when its place "
    "became free.",
    "ttft": "Time to first token: from sent to the first piece of text, reasoning or tool call, ms.",
    "visible": "Time to first visible token: from sent to the first piece of text that is no reasoning, ms.",
    "itl": "Inter-token latency: the mean of the gaps between pieces, the wait for the first left out, ms. Raw gaps are kept.",
    "tpot": "Time per output token: (E2E - TTFT) / (output tokens - 1), output tokens as the provider counts them, ms.",
    "e2e": "From sent to the end of the answer, ms.",
    "latency": "From scheduled to the end of the answer, ms: E2E and whatever the request waited before it was sent, so that "
    "a provider that stalls is not flattered (coordinated omission).",
    "speed": "Output tokens / (E2E - TTFT), tokens/s: how fast one answer comes once it has begun.",
    "requests_per_s": "Good and failed requests that ended, divided by the time from the first sent to the last ended.",
    "tokens_per_s": "Output tokens of all requests, divided by the same time.",
    "goodput_per_s": "Requests that succeeded within all objectives, divided by the same time.",
    "error_rate": "Failed requests / all requests that ended, warm-up and requests stopped by the bench left out.",
    "cost": "USD of all requests, warm-up included, as far as known.",
}


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request as it went. ``scheduled_s`` and ``sent_s`` count from the start of the run, durations in ms are from
    ``sent_s``; None where it did not come so far.

    Attributes:
        target: ``provider/model`` as asked.
        stage: which segment of the load it belongs to, from 0.
        level: the level of load at that moment (requests/s, or requests in flight).
        gaps_ms: between the pieces of the stream, in order.
        output_tokens: as the provider counts them, reasoning included.
        headroom: what was left of the tightest rate limit told with the answer, 0 to 1.
        warm: belongs to the warm-up.
        error_kind: None where it was answered, "stopped" where the bench ended it.
    """

    target: str
    prompt: str
    serial: int
    scheduled_s: float
    sent_s: float
    stage: int = 0
    level: float = 0.0
    warm: bool = False
    ttft_ms: float | None = None
    visible_ms: float | None = None
    e2e_ms: float | None = None
    gaps_ms: list[float] = []
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    finish: str = ""
    headroom: float | None = None
    request_id: str | None = None
    error_kind: str | None = None
    error_fault: str | None = None
    error_status: int | None = None
    error: str = ""
    retry_after_s: float | None = None

    @property
    def counted(self) -> bool:
        """Whether it belongs into figures."""
        return not self.warm and self.error_kind != "stopped"

    @property
    def ok(self) -> bool:
        return self.error_kind is None

    @property
    def ended_s(self) -> float:
        """When it ended, in s from the start of the run."""
        return self.sent_s + (self.e2e_ms or 0.0) / 1000

    @property
    def latency_ms(self) -> float | None:
        """From when it was due to its end, in ms."""
        return None if self.e2e_ms is None else self.e2e_ms + (self.sent_s - self.scheduled_s) * 1000

    @property
    def itl_ms(self) -> float | None:
        return sum(self.gaps_ms) / len(self.gaps_ms) if self.gaps_ms else None

    @property
    def tpot_ms(self) -> float | None:
        if self.ttft_ms is None or self.e2e_ms is None or (self.output_tokens or 0) < 2:
            return None
        return (self.e2e_ms - self.ttft_ms) / ((self.output_tokens or 0) - 1)

    @property
    def speed(self) -> float | None:
        """Output tokens/s after the first token; None where the answer came in one piece."""
        if self.ttft_ms is None or self.e2e_ms is None or not self.output_tokens or not self.gaps_ms:
            return None
        spent_ms = self.e2e_ms - self.ttft_ms
        return self.output_tokens / spent_ms * 1000 if spent_ms > 0 else None


class Place(msgspec.Struct, frozen=True):
    """Where a request stands in its run; ``began`` is the start of the run on the monotonic clock, ``due`` in s from there."""

    target: str
    serial: int
    began: float
    due: float
    stage: int = 0
    level: float = 0.0
    warm: bool = False


class Stopwatch:
    """The times of one request; usable at any moment, also after it was cancelled. ``first`` and ``ended`` are on the clock,
    for the calibration."""

    __slots__ = ("_gaps", "_last", "_now", "_visible", "ended", "first", "sent")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._gaps: list[float] = []
        self._last = 0.0
        self._visible: float | None = None
        self.first: float | None = None
        self.ended: float | None = None
        self.sent = now()

    async def stream(self, provider: Provider, request: ChatRequest) -> ChatResult:
        """Ask for a stream and read it to its end. Raises as `Provider.stream`."""
        now, gaps = self._now, self._gaps
        result: ChatResult | None = None
        self.sent = now()
        try:
            async with aclosing(provider.stream(request)) as events:
                async for event in events:
                    kind = type(event)
                    if kind in _TOKENS:
                        at = now()
                        if self.first is None:
                            self.first = at
                        else:
                            gaps.append(at - self._last)
                        self._last = at
                        if self._visible is None and kind is TextDelta:
                            self._visible = at
                    elif isinstance(event, Finished):
                        self.ended = now()
                        result = event.result
        finally:
            self.ended = self.ended or now()
        if result is None:
            raise AssertionError("a stream that ends well ends with Finished")
        return result

    async def whole(self, provider: Provider, request: ChatRequest) -> ChatResult:
        """Ask for a whole answer. Raises as `Provider.complete`."""
        self.sent = self._now()
        try:
            return await provider.complete(request)
        finally:
            self.ended = self._now()

    def sample(
        self,
        place: Place,
        prompt: str,
        result: ChatResult | None,
        error: ProviderError | None,
        *,
        stopped: bool = False,
    ) -> Sample:
        """The record of the request as far as it came."""
        usage = result.usage if result is not None else None
        sent = self.sent
        return Sample(
            target=place.target,
            prompt=prompt,
            serial=place.serial,
            scheduled_s=round(place.due, 6),
            sent_s=round(sent - place.began, 6),
            stage=place.stage,
            level=round(place.level, 3),
            warm=place.warm,
            ttft_ms=_ms(self.first, sent),
            visible_ms=_ms(self._visible, sent),
            e2e_ms=_ms(self.ended, sent),
            gaps_ms=[round(gap * 1000, 3) for gap in self._gaps],
            prompt_tokens=usage.prompt if usage else None,
            output_tokens=usage.completion if usage else None,
            reasoning_tokens=usage.reasoning if usage else None,
            cached_tokens=usage.cached if usage else None,
            cost_usd=result.cost.usd if result is not None and result.cost is not None else None,
            finish=result.finish_reason if result is not None else "",
            headroom=_headroom(result),
            request_id=result.request_id if result is not None else error.request_id if error is not None else None,
            error_kind="stopped" if stopped else None if error is None else error.kind,
            error_fault=None if error is None else error.fault,
            error_status=None if error is None else error.status,
            error="" if error is None else error.message[:300],
            retry_after_s=None if error is None else error.retry_after,
        )


def read_samples(path: Path) -> Iterator[Sample]:
    """The samples kept in a file, a line of JSON each; a torn line is left out, and nothing comes where there is no file."""
    decode = msgspec.json.Decoder(Sample).decode
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for line in lines:
            with suppress(msgspec.DecodeError):
                yield decode(line)


def _ms(at: float | None, since: float) -> float | None:
    return None if at is None else round((at - since) * 1000, 4)


def _headroom(result: ChatResult | None) -> float | None:
    if result is None:
        return None
    shares = [
        limit.remaining / limit.limit for limit in result.rate_limits if limit.limit and limit.remaining is not None
    ]
    return round(min(shares), 4) if shares else None
