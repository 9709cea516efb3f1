"""Everything that can go wrong with a provider, as one small hierarchy.

Each class says whose fault it is, whether the same candidate is worth another try, whether another provider may succeed,
and what the person can do. Messages never contain a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

if TYPE_CHECKING:
    from aiconsole.domain.trace import DecisionTrace

Fault = Literal["caller", "credentials", "quota", "provider", "network"]
Phase = Literal["connect", "first token", "between tokens", "total"]


class ConsoleError(Exception):
    """Base of all errors the console raises on purpose; ``advice`` says what the person can do."""

    advice: str = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if advice is not None:
            self.advice = advice


class ConfigError(ConsoleError):
    """A setting, a name or a file given by the person cannot be used."""


class ProviderError(ConsoleError):
    """A call to a provider failed.

    Args:
        message: what happened, in the provider's words where it gave any.
        provider, model: to whom.
        status: HTTP status, or None where no answer came.
        code: the provider's own error code or type.
        request_id: the provider's id of the failed request.
        retry_after: seconds to wait before another try, where the provider said.
        raw: the error body as received.
        partial: True when part of the answer had already arrived.

    ``trace`` is set by the router on the error that the person gets to see: why the request went where it went. ``headers``
    are those of the HTTP answer by lower-case name, without cookies; None where there was no answer.
    """

    kind: ClassVar[str] = "error"
    fault: ClassVar[Fault] = "provider"
    retryable: ClassVar[bool] = False
    failover: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        raw: bytes | None = None,
        partial: bool = False,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.raw = raw
        self.partial = partial
        self.trace: DecisionTrace | None = None
        self.headers: Mapping[str, str] | None = None


class BadRequest(ProviderError):
    kind = "bad request"
    fault = "caller"
    failover = False
    advice = "Check the parameters named in the message and send again."


class Unsupported(BadRequest):
    """Refused before the call: the provider or model cannot do what was asked."""

    kind = "unsupported"
    failover = True
    advice = "Choose a model that can do this, or set “unsupported parameters” to drop with a warning."


class ContextTooLong(BadRequest):
    kind = "context too long"
    failover = True
    advice = "Shorten the conversation or choose a model with a larger context."


class ContentRefused(ProviderError):
    kind = "content refused"
    fault = "caller"
    failover = False
    advice = "The provider's safety filter refused this; rephrase it."


class BadKey(ProviderError):
    kind = "bad key"
    fault = "credentials"
    advice = "Enter a valid key for this provider under Providers."


class MissingKey(BadKey):
    """No key is set for this provider; nothing was sent."""

    kind = "missing key"


class NoPermission(ProviderError):
    kind = "no permission"
    fault = "credentials"
    advice = "The key is valid but may not do this; check the key's rights at the provider."


class UnknownModel(ProviderError):
    kind = "unknown model"
    fault = "caller"
    advice = "Choose a model from the provider's list; this one is unknown or was withdrawn."


class RateLimited(ProviderError):
    kind = "rate limit"
    fault = "quota"
    retryable = True
    advice = "Wait until the limit resets, or use another provider."


class QuotaExhausted(ProviderError):
    kind = "quota exhausted"
    fault = "quota"
    advice = "Add credit or raise the quota at the provider."


class Overloaded(ProviderError):
    kind = "overloaded"
    retryable = True
    advice = "The provider is overloaded; try again shortly or use another provider."


class ServerFault(ProviderError):
    kind = "server fault"
    retryable = True
    advice = "The provider had an internal fault; try again or use another provider."


class TimedOut(ProviderError):
    """Nothing came within a limit; ``phase`` says which limit."""

    kind = "timeout"
    fault = "network"
    advice = "The provider stayed silent; try another provider or raise the timeout in its settings."

    phase: Phase = "total"


class ConnectionFailed(ProviderError):
    """No connection was made, so nothing was sent (refused, DNS, TLS, proxy)."""

    kind = "connection failed"
    fault = "network"
    retryable = True
    advice = "Check the network, the base URL and the proxy."


class ConnectionCut(ProviderError):
    """The connection broke after the request may have been received; it may have been billed."""

    kind = "connection cut"
    fault = "network"
    retryable = True
    advice = "The connection broke; try again."


class MalformedAnswer(ProviderError):
    """The answer, or the model's own output inside it, was not what the dialect promises."""

    kind = "malformed answer"
    retryable = True
    advice = "The provider answered with something unreadable; try again or use another provider."


class HeldBack(ProviderError):
    """The console itself did not ask this candidate: an open circuit breaker, a limit known to be used up, or a budget."""

    kind = "held back"
    retryable = True
    advice = "Wait, or reset the breaker, limit or budget that is named."


class AllFailed(ProviderError):
    """Every candidate of a route failed; ``attempts`` holds each one's error in order."""

    kind = "all candidates failed"
    failover = False
    advice = "See the attempts; check keys, network and the providers' state."

    attempts: tuple[ProviderError, ...] = ()

    @classmethod
    def of(cls, errors: Sequence[ProviderError]) -> AllFailed:
        """One error that lists them all, in the order they were tried."""
        told = "; ".join(f"{error.provider}/{error.model}: {error.message} ({error.kind})" for error in errors)
        whole = cls(f"All {len(errors)} candidates failed. {told}")
        whole.attempts = tuple(errors)
        return whole


class StoreError(ConsoleError):
    """What should be kept could not be written or read.

    ``passing`` is True where it may work later without anyone touching the file (disk full, locked, no permission), so
    that what was to be written is held in memory and tried again; False where the file itself is damaged.
    """

    advice = "Make room on the disk and check that the folder can be written to; the console tries again by itself."

    def __init__(self, message: str, *, advice: str | None = None, passing: bool = True) -> None:
        super().__init__(message, advice=advice)
        self.passing = passing


def _callers_kinds() -> frozenset[str]:
    kinds = {"cancelled"}
    classes: list[type[ProviderError]] = [ProviderError]
    while classes:
        found = classes.pop()
        classes.extend(found.__subclasses__())
        if found.fault == "caller":
            kinds.add(found.kind)
    return frozenset(kinds)


CALLERS_KINDS: Final = _callers_kinds()
"""Kinds of errors that say nothing about the provider's health: the caller's own, and "cancelled"."""
