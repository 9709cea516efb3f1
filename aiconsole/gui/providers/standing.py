"""How a provider stands, in words with a glyph: its health, breakers, rate limits, spending limits and reliability."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ...cache.words import age_words
from ...domain.chat import RateLimit
from ...domain.models import ProviderState
from ..breakers import Line, wait, whole
from ..figures import count, latency, money, share
from ..session import Session, Standing
from ..theme import State

if TYPE_CHECKING:
    from ...engine import Engine
    from ...realtime.state import ProviderLive
    from ...routing.budgets import Standing as BudgetStanding
    from ...routing.limits import LimitView
    from ...routing.reliability import Score


def clock_words(at: float) -> str:
    """A local time today, or with its date."""
    local = time.localtime(at)
    return time.strftime("%X" if local[:3] == time.localtime()[:3] else "%d %b %X", local)


def health(session: Session, state: ProviderState, live: ProviderLive) -> Standing:
    """What keeps a provider from being asked, else what its last requests, looks at its health and test came to."""
    general = session.standing(state)
    if general.state != "ok":
        return general
    said = []
    if live.last_success_at is not None:
        said.append(f"Last answer at {clock_words(live.last_success_at)}.")
    if live.health_seen_at is not None:
        took = "" if live.health_latency_ms is None else f", in {latency(live.health_latency_ms)}"
        said.append(f"Last health check at {clock_words(live.health_seen_at)}{took}.")
    if live.last_error_at is not None:
        said.append(f"Last failure at {clock_words(live.last_error_at)}: {live.last_error_kind}.")
    test = session.tests.get(state.name)
    if test is not None:
        said.append(f"Tested at {clock_words(test.at)}.")
    if live.health == "failing":
        return Standing("crit", "failing", " ".join(said))
    if live.health == "healthy" or (test is not None and test.result.ok):
        return Standing("ok", "healthy", " ".join(said))
    if live.looked != "unknown" and live.health_seen_at is not None:
        age_s = max(0.0, session.clock.now() - live.health_seen_at)
        said.append("That was before this start; a test or a request will tell how it is now.")
        return Standing("idle", f"{live.looked} {age_words(age_s)} ago", " ".join(said))
    return Standing("idle", "not seen", " ".join(said) or "Nothing was asked of it yet. A test or a request will tell.")


def breaker(lines: Sequence[Line]) -> Standing:
    """How a provider's breakers stand together, with the time the longest of those that are open stays so."""
    together = whole(lines)
    left = max((line.left_s for line in lines), default=0.0)
    return msgspec.structs.replace(together, word=f"{together.word}, {wait(left)}") if left > 0 else together


class Headroom(msgspec.Struct, frozen=True):
    """One limit: its name, what is left in words, and as a share of 0 to 1 with its state. ``resets_at`` (epoch s) None where
    that is not known, or nothing was taken."""

    name: str
    words: str
    left: float
    state: State
    resets_at: float | None = None


def headroom(engine: Engine, provider: str, now: float) -> tuple[Headroom, ...]:
    """The limits known of a provider and its models; ``now`` in epoch seconds."""
    found: list[Headroom] = []
    for view in engine.gate.limits.snapshot():
        if view.key.partition("/")[0] == provider:
            found += _of_key(view, now)
    return tuple(found)


def _of_key(view: LimitView, now: float) -> list[Headroom]:
    whose = view.key.partition("/")[2] or "whole provider"
    found = [_of_limit(whose, limit, now) for limit in view.limits if limit.limit and limit.remaining is not None]
    if view.held_until is not None and view.held_until > now:
        words = f"{view.held_reason}, asked again in {wait(view.held_until - now)}"
        found.append(Headroom(whose, words, 0.0, "crit", view.held_until))
    return found


def _of_limit(whose: str, limit: RateLimit, now: float) -> Headroom:
    left = min(1.0, max(0.0, (limit.remaining or 0) / (limit.limit or 1)))
    words = f"{count(limit.remaining)} of {count(limit.limit)} {limit.kind}"
    words += f" left this {limit.window}" if limit.window else " left"
    resets_at = None
    if left < 1 and limit.resets_at is not None and limit.resets_at > now:
        words += f", resets in {wait(limit.resets_at - now)}"
        resets_at = limit.resets_at
    return Headroom(whose, words, left, _left_state(left), resets_at)


def _left_state(left: float) -> State:
    return "ok" if left >= 0.3 else "warn" if left >= 0.1 else "crit"


def spending(engine: Engine, provider: str | None, now: float) -> tuple[Headroom, ...]:
    """The spending limits that concern a provider (None: all there are), tightest first."""
    found = [
        _of_budget(standing, now)
        for standing in engine.gate.budgets.standings()
        if provider is None or standing.budget.provider in (None, provider)
    ]
    return tuple(sorted(found, key=lambda one: one.left))


def _of_budget(standing: BudgetStanding, now: float) -> Headroom:
    budget = standing.budget
    left = standing.left / budget.usd
    words = (
        f"{money(budget.usd - standing.left)} of {money(budget.usd)} used, resets in {_long(standing.resets_at - now)}"
    )
    name = "Day" if budget.period == "day" else "Month"
    name += f", {budget.provider}" if budget.provider else ""
    name += f", route {budget.route}" if budget.route else ""
    return Headroom(name, words, left, _left_state(left), standing.resets_at)


def _long(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h" if hours >= 2 else wait(seconds)


def seen(score: Score) -> bool:
    """Whether a reliability score rests on anything that was seen."""
    return score.samples >= 0.5


def score_words(score: Score) -> str:
    """The parts that a reliability score is made of."""
    if not seen(score):
        return "nothing was seen of it yet, and it counts as 70"
    parts = (
        ("success", score.success),
        ("last minute", score.recency),
        ("speed against its own usual", score.latency),
        ("limits", score.limits),
        ("confidence", score.confidence),
    )
    return " · ".join(f"{name} {share(part)}" for name, part in parts)
