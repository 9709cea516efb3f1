"""From an answer to what is kept of it, and from that to the answer another request gets."""

from __future__ import annotations

import msgspec

from aiconsole.cache.accounts import NO_COST, Accounts
from aiconsole.cache.entry import Entry, Meta
from aiconsole.cache.policy import CachePolicy
from aiconsole.domain.chat import Cached, ChatRequest, ChatResult, Timing
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ProviderError


class Found(msgspec.Struct, frozen=True, gc=False):
    """An entry that answers a request."""

    meta: Meta
    entry: Entry
    stale: bool = False
    similarity: float | None = None


def meta_of(key: bytes, policy: CachePolicy, request: ChatRequest, result: ChatResult, now: float) -> Meta:
    """What is known of an answer that came at ``now`` (epoch s), its size apart."""
    trace = result.trace
    provider, slash, model = ("" if trace is None else trace.answered_by or "").partition("/")
    return Meta(
        key,
        provider if slash else result.provider,
        model if slash else result.model,
        request.model,
        0,
        now,
        now + policy.kept_s,
        None if result.cost is None else result.cost.usd,
        result.timing.duration_ms if trace is None else trace.duration_ms,
        tuple(request.cache_tags),
        used_at=now,
    )


def answer(
    found: Found,
    request: ChatRequest,
    accounts: Accounts,
    clock: Clock,
    began: float,
    error: ProviderError | None = None,
) -> ChatResult:
    """An entry as the answer to a request that began at ``began`` (monotonic s); ``error`` is what it stands in for."""
    meta, kept = found.meta, found.entry.result
    took_ms = (clock.monotonic() - began) * 1000
    now = clock.now()
    timing = Timing(now - took_ms / 1000, took_ms, took_ms)
    warnings = kept.warnings
    if error is not None:
        warnings = (f"An earlier answer, as a new one could not be had ({error.kind}): {error.message}", *warnings)
    return ChatResult(
        provider=kept.provider,
        model=kept.model,
        content=kept.content,
        finish_reason=kept.finish_reason,
        raw_finish_reason=kept.raw_finish_reason,
        usage=kept.usage,
        cost=NO_COST,
        response_id=kept.response_id,
        timing=timing,
        warnings=warnings,
        simulated=kept.simulated,
        trace=accounts.given_way(request.model, meta, timing),
        raw=kept.raw,
        cached=Cached(
            meta.key.hex(),
            max(0.0, now - meta.stored_at),
            meta.usd,
            max(0.0, meta.ms - took_ms),
            found.similarity,
            found.stale,
        ),
    )
