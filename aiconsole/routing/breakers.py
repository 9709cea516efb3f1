"""All circuit breakers of a console: one for each candidate, one for each provider as a whole, and which error counts where.

A candidate's breaker (``provider/model``) judges how that model answers. A provider's (its bare name) judges what all its
models share: the key, the quota, whether a connection comes about. One call asks both, and tells both how it ended:

    candidate: success | failure or neutral as `counts_as` says
    provider:  success | failure where `concerns_provider` says so, else neutral
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Final, Literal

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import (
    BadKey,
    ConnectionCut,
    ConnectionFailed,
    MalformedAnswer,
    MissingKey,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    ServerFault,
    TimedOut,
)
from aiconsole.domain.events import BreakerChanged
from aiconsole.routing.breaker import Breaker, BreakerSettings, BreakerSnapshot

_FAILURES: Final = (ConnectionFailed, ConnectionCut, Overloaded, ServerFault, MalformedAnswer)
_LASTING: Final = ("forced open", "forced closed")


def counts_as(error: ProviderError, *, own_limit: bool = False) -> Literal["failure", "neutral"]:
    """How an error weighs with the candidate's breaker.

    Connect, TLS, timeout, 500, 502, 503, 504, 529, a malformed body and a cut stream are failures. Neutral are errors of the
    caller (400, 404, 413, 422, refused content), of key and rights (401, 403), limits (429: they set a not-before time
    instead), and the limit on the whole call, which says how long an answer was, not that its provider was silent (where it
    does, `deadlines.overdue` tells).

    Args:
        own_limit: the time limit that was passed is one the caller set for this call, not the console's.
    """
    if isinstance(error, TimedOut):
        ours = error.status is None and (own_limit or error.phase == "total")
        return "neutral" if ours else "failure"
    return "failure" if isinstance(error, _FAILURES) else "neutral"


def concerns_provider(error: ProviderError) -> bool:
    """Whether an error is a fault of the provider as a whole: a key it does not take, a quota used up, no connection."""
    if isinstance(error, TimedOut):
        return error.phase == "connect" and error.status is None
    return isinstance(error, BadKey | QuotaExhausted | ConnectionFailed) and not isinstance(error, MissingKey)


class Breakers:
    """The breakers by key, made when first asked for.

    Args:
        publish: takes every change; what it raises is logged.
        settings: a key's settings; asked when its breaker is made, and for all again by `configure`.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        publish: Callable[[BreakerChanged], None],
        settings: Callable[[str], BreakerSettings] | None = None,
    ) -> None:
        self._clock = clock
        self._random = random
        self._publish = publish
        default = BreakerSettings()
        self._settings = settings or (lambda _: default)
        self._known: dict[str, Breaker] = {}

    def get(self, key: str) -> Breaker:
        breaker = self._known.get(key)
        if breaker is None:
            breaker = Breaker(key, self._clock, self._random, self._publish, self._settings(key))
            self._known[key] = breaker
        return breaker

    def __iter__(self) -> Iterator[Breaker]:
        return iter(tuple(self._known.values()))

    def configure(self) -> None:
        """Let changed settings take effect; states stay."""
        for breaker in self:
            breaker.configure(self._settings(breaker.key))

    def forget(self, provider: str) -> None:
        """Reset what was measured of a provider and its models, since it is not the same any more (another key or base
        URL). States forced by hand stay."""
        for breaker in self:
            if breaker.key.partition("/")[0] == provider and breaker.state not in _LASTING:
                breaker.reset("the provider was set up anew")

    def snapshot(self) -> dict[str, BreakerSnapshot]:
        """What is worth keeping over a restart, by key; breakers that are just closed are left out."""
        return {
            breaker.key: breaker.snapshot() for breaker in self if breaker.state != "closed" or breaker.observe_only
        }

    def restore(self, kept: Mapping[str, BreakerSnapshot]) -> None:
        """Take up the states kept; see `Breaker.restore`."""
        for key, snapshot in kept.items():
            self.get(key).restore(snapshot)
