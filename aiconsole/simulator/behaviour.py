"""How a simulated provider behaves: its pace, its limits and the faults it shows. Immutable; replaced while running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

FaultKind = Literal[
    "bad_request",
    "bad_key",
    "no_permission",
    "unknown_model",
    "rate_limit",
    "quota",
    "overloaded",
    "server_fault",
    "context_too_long",
    "refused",
]
"""Errors a provider can answer with, each in its own status and shape; ``refused`` is a refusal by its safety filter."""

Outage = Literal["refuse", "hang"]
"""``refuse`` resets the connection as soon as a request came, ``hang`` accepts it and stays silent."""

StreamFaultKind = Literal["stall", "cut", "malformed", "torn", "error"]
"""``stall`` goes silent, ``cut`` drops the connection inside an event, ``malformed`` tears every event from there on, ``torn``
one event only, after which the stream goes on to its end, ``error`` sends the provider's own error inside the stream with
status 200."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class RateLimits(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Limits that really count; None is unlimited. Tokens are prompt and answer together, charged on admission."""

    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    requests_per_day: Positive | None = None


class StreamFault(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A fault in the middle of a share ``rate`` of the streams, once ``after_tokens`` tokens have been sent."""

    kind: StreamFaultKind
    rate: Share = 1.0
    after_tokens: Annotated[int, msgspec.Meta(ge=0)] = 5


class Behaviour(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One provider's behaviour; the defaults answer at once, without limits or faults.

    Args:
        ttft_ms: ms until the first token (or until a whole answer begins to be counted).
        tokens_per_s: tokens/s after that; None or 0 sends as fast as the connection takes them.
        jitter: share by which ``ttft_ms`` and each gap between tokens vary, up or down.
        slow: factor on all waiting; 3 is three times slower.
        tail: how heavy the tail of ``ttft_ms`` is: it is multiplied by u^-tail with u uniform in (0, 1], at most by 100. That
            is a Pareto distribution of shape 1/tail: at 0.8 the median is 1.7 times, p95 11 times, p99 40 times the least.
        error_rates: share of the chat requests that fail, by kind; their sum is at most 1.
        outage: nothing works at all, one way or the other.
        rate_limit: limits that really count.
        retry_after_s: what an injected ``rate_limit`` or ``overloaded`` error says, in seconds; None says nothing.
        server_statuses: statuses ``server_fault`` picks from; 502 comes as a proxy's HTML page, as behind a real gateway.
        stream_fault: a fault in the middle of streams.
    """

    ttft_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    tokens_per_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    jitter: Share = 0.0
    slow: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    tail: Annotated[float, msgspec.Meta(ge=0, le=4)] = 0.0
    error_rates: Mapping[FaultKind, Share] = {}
    outage: Outage | None = None
    rate_limit: RateLimits | None = None
    retry_after_s: Annotated[float, msgspec.Meta(ge=0)] | None = 2.0
    server_statuses: tuple[Literal[500, 502, 503, 504], ...] = (500, 502, 503)
    stream_fault: StreamFault | None = None

    @property
    def paced(self) -> bool:
        """Whether any waiting is asked for."""
        return bool(self.ttft_ms or self.tokens_per_s)


def checked(behaviour: Behaviour) -> Behaviour:
    """The same behaviour, its values checked.

    Raises:
        msgspec.ValidationError: a value is out of range, or the error rates add up to more than 1.
    """
    result = msgspec.convert(msgspec.to_builtins(behaviour), Behaviour)
    if sum(result.error_rates.values()) > 1 + 1e-9:
        raise msgspec.ValidationError("the error rates add up to more than 1 - at `$.error_rates`")
    if not result.server_statuses:
        raise msgspec.ValidationError("at least one status is needed - at `$.server_statuses`")
    return result


def lifelike() -> dict[str, Behaviour]:
    """A pace for each provider that feels like the real one, for the demo."""
    return {
        "groq": Behaviour(ttft_ms=180, tokens_per_s=320, jitter=0.3),
        "cohere": Behaviour(ttft_ms=380, tokens_per_s=70, jitter=0.3),
        "mistral": Behaviour(ttft_ms=320, tokens_per_s=95, jitter=0.3),
        "gemini": Behaviour(ttft_ms=480, tokens_per_s=160, jitter=0.3),
        "cerebras": Behaviour(ttft_ms=150, tokens_per_s=600, jitter=0.3),
        "openrouter": Behaviour(ttft_ms=650, tokens_per_s=80, jitter=0.4),
        "anthropic": Behaviour(ttft_ms=620, tokens_per_s=75, jitter=0.3),
    }
