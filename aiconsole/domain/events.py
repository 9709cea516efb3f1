"""What happened, as immutable facts on the event bus. Nothing here holds content or a key."""

from __future__ import annotations

from typing import Literal

import msgspec

from aiconsole.domain.chat import Continued, Cost, Origin, RateLimit, Timing, Usage


class AttemptFinished(msgspec.Struct, frozen=True):
    """One attempt at one candidate ended; ``error_kind`` None means it succeeded, "cancelled" that the caller left."""

    provider: str
    model: str
    timing: Timing
    usage: Usage = Usage()
    cost: Cost | None = None
    error_kind: str | None = None
    status: int | None = None
    stream: bool = False
    attempt: int = 1
    origin: Origin = "chat"
    rate_limits: tuple[RateLimit, ...] = ()
    simulated: bool = False


class Notice(msgspec.Struct, frozen=True):
    """Something the person should see: what happened, and what they can do."""

    message: str
    advice: str = ""


class Switched(msgspec.Struct, frozen=True, gc=False):
    """A request left one candidate for another; ``before`` and ``after`` are ``provider/model``.

    ``reason`` is in words for the person, ``error_kind`` the kind of the error that led to it (None: a rule or a choice).
    ``mid_stream`` is True where part of the answer had been shown. ``at`` in epoch seconds.
    """

    before: str
    after: str
    reason: str
    at: float
    route: str = ""
    request_id: str = ""
    error_kind: str | None = None
    mid_stream: bool = False


BreakerState = Literal["closed", "open", "half-open", "forced open", "forced closed"]


class BreakerChanged(msgspec.Struct, frozen=True, gc=False):
    """A circuit breaker changed its state; ``key`` is ``provider/model``, or a provider's name for faults of the whole.

    ``at`` and ``open_until`` in epoch seconds; ``open_until`` None unless ``after`` is "open". Where ``observe_only`` is True
    the breaker only tells what it would have done and let every call pass.
    """

    key: str
    before: BreakerState
    after: BreakerState
    reason: str
    at: float
    open_until: float | None = None
    observe_only: bool = False


class LimitSeen(msgspec.Struct, frozen=True, gc=False):
    """A rate limit became known or changed, came near, eased, or was hit; ``key`` as in `BreakerChanged`.

    ``headroom`` is what is left of the tightest limit, 0 to 1; ``held_until`` in epoch seconds where no request is sent
    before; ``at`` in epoch seconds.
    """

    key: str
    reason: str
    headroom: float
    at: float
    limits: tuple[RateLimit, ...] = ()
    held_until: float | None = None


class RuleFired(msgspec.Struct, frozen=True, gc=False):
    """A fallback rule began or ceased to hold, or took an error; ``subject`` is the candidate (``provider/model``) concerned.

    ``action`` is the rule's, ``reason`` in words. ``holds`` is False where a rule with a threshold ceased to hold. ``at`` in
    epoch seconds.
    """

    rule: str
    action: str
    subject: str
    reason: str
    at: float
    route: str = ""
    holds: bool = True


class Hedged(msgspec.Struct, frozen=True, gc=False):
    """A second candidate was asked because the first stayed silent; both as ``provider/model``.

    ``after_ms`` is how long it was waited. ``winner`` gave the first token, "" where both failed or the caller left first.
    ``extra_usd`` is what the loser's call cost by estimate, None where unknown. ``at`` in epoch seconds.
    """

    first: str
    second: str
    after_ms: float
    winner: str
    at: float
    route: str = ""
    extra_usd: float | None = None


Event = AttemptFinished | Notice | Switched | BreakerChanged | LimitSeen | RuleFired | Hedged | Continued
