"""How long one attempt may take: connect, first token, between tokens, and in all."""

from __future__ import annotations

from typing import Final, TypeGuard

import msgspec

from aiconsole.domain.chat import Timeouts
from aiconsole.domain.errors import ProviderError, TimedOut
from aiconsole.routing.candidates import Candidate
from aiconsole.routing.gate import Gate
from aiconsole.routing.policy import Policy

_SLACK_S: Final = 0.05
_LEAST_S: Final = 2.0
_TRIAL_S: Final = 0.2
_OVERDUE: Final = 3.0
"""So many times what is usual (p95), and a whole answer is overdue."""


def limits_of(
    candidate: Candidate,
    asked: Timeouts | None,
    policy: Policy,
    gate: Gate,
    remaining_s: float,
    others: bool,
    stream: bool,
) -> Timeouts:
    """The limits of one attempt: the caller's or the provider's own, and short ones while somebody else stands ready.

    Args:
        asked: the caller's own, None where there are none.
        remaining_s: seconds until the request's deadline.
        others: whether another candidate stands ready.
    """
    own = asked or candidate.provider.timeouts
    total = remaining_s if own.total is None else min(own.total, remaining_s)
    if not others or asked is not None:
        if own.total is not None and own.total - total < _SLACK_S:
            return own
        return msgspec.structs.replace(own, total=total)
    if not stream:
        return msgspec.structs.replace(own, total=min(total, policy.whole_answer_s))
    first = _first_token_s(candidate, policy.first_token_s, gate)
    return Timeouts(
        connect=own.connect,
        first_token=first if own.first_token is None else min(own.first_token, first),
        between=policy.stall_s if own.between is None else min(own.between, policy.stall_s),
        total=total,
    )


def overdue(
    error: ProviderError, limits: Timeouts | None, candidate: Candidate, policy: Policy, gate: Gate
) -> TypeGuard[TimedOut]:
    """Whether a whole answer was given up, by `limits_of` and not by its caller, because another candidate stood ready, and had
    taken far longer than is usual there: that is silence before the first token, not an answer of any length."""
    if not isinstance(error, TimedOut) or error.phase != "total" or error.status is not None:
        return False
    if limits is None or limits.total != policy.whole_answer_s:
        return False
    usual = gate.reliability.whole(candidate.name)
    return usual is None or 1000 * limits.total > _OVERDUE * usual.p95_ms


def _first_token_s(candidate: Candidate, default_s: float, gate: Gate) -> float:
    """How long to wait for a first token while somebody else stands ready: three times what is usual there, at most the
    default where nothing is known or silence has become usual; hardly longer than usual for a trial call."""
    reliability = gate.reliability
    usual = reliability.ttft(candidate.name)
    known_s = default_s if usual is None else max(default_s, 3e-3 * usual.p95_ms)
    on_trial = "half-open" in (
        gate.breakers.get(candidate.name).state,
        gate.breakers.get(candidate.provider.name).state,
    )
    least_s = _TRIAL_S if on_trial else _LEAST_S
    wait_s = reliability.first_token_deadline(candidate.name, default_s, least_s=least_s, most_s=known_s)
    return min(wait_s, max(least_s, 1.5e-3 * usual.p95_ms)) if on_trial and usual is not None else wait_s
