"""What the feed says of each event: its kind, a glyph's state, whom it concerns, words, and what a click opens. No widgets."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from ...domain.chat import Continued
from ...domain.errors import CALLERS_KINDS
from ...domain.events import (
    AlertChanged,
    BreakerChanged,
    Event,
    FromPeer,
    HealthSeen,
    HeartChanged,
    Hedged,
    JobChanged,
    LimitSeen,
    LinkChanged,
    Notice,
    PeerGap,
    RequestFinished,
    RuleFired,
    Switched,
    UserActed,
)
from ...domain.history import EventKind, PastEvent
from ..breakers import ACTED, GLYPHS
from ..figures import latency, money, share
from ..theme import State

Kind = Literal[
    "failures", "breakers", "switches", "rules and hedges", "limits", "health", "alerts", "jobs", "actions", "console"
]
KINDS: Final[tuple[Kind, ...]] = (
    "failures", "breakers", "switches", "rules and hedges", "limits", "health", "alerts", "jobs", "actions", "console",
)  # fmt: skip
TOLD: Final = (
    RequestFinished, Switched, Continued, RuleFired, Hedged, BreakerChanged, LimitSeen, HealthSeen, AlertChanged,
    JobChanged, UserActed, Notice, HeartChanged, LinkChanged, PeerGap, FromPeer,
)  # fmt: skip
"""The events that have an entry."""
_PAST: Final[dict[EventKind, Kind]] = {
    "breaker": "breakers",
    "switch": "switches",
    "continued": "switches",
    "rule": "rules and hedges",
    "hedge": "rules and hedges",
    "limit": "limits",
    "health": "health",
    "cache": "console",
    "action": "actions",
    "alert": "alerts",
    "failed request": "failures",
}
_JOBS: Final[dict[str, State]] = {
    "failed": "crit",
    "timed out": "crit",
    "interrupted": "warn",
    "missed": "warn",
}

_TOLD_BY_BREAKERS: Final = frozenset(ACTED.values())
"""Actions of the person that have an entry as what they did to a breaker."""

_NOBODY: Final[dict[Kind, str]] = {"alerts": "Alert", "console": "Console"}
"""Whom a past event concerns that names nobody; an action is the person's."""
_NEAR: Final = 0.1
"""Less than this share of a limit left is told as near."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the feed. ``panel`` and ``item`` are what a click opens, "" nothing."""

    at: float
    kind: Kind
    state: State
    subject: str
    words: str
    panel: str = ""
    item: str = ""


def entry_of(event: Event | Continued, at: float) -> Entry | None:
    """The entry of an event that came at ``at`` (epoch s); None for what is not told,
    such as what goes well all the time."""
    if isinstance(event, FromPeer):
        inner = entry_of(event.event, at)
        if inner is None:
            return None
        return msgspec.structs.replace(inner, words=f"{inner.words} (another console)", panel="", item="")
    return _of_requests(event, at) or _of_providers(event, at) or _of_console(event, at)


def _of_requests(event: Event | Continued, at: float) -> Entry | None:
    if isinstance(event, RequestFinished):
        if event.error_kind is None or event.error_kind == "cancelled":
            return None
        after = f" after {event.attempts} attempts" if event.attempts > 1 else ""
        who = f"{event.provider}/{event.model}" if event.provider else event.route
        state: State = "warn" if event.error_kind in CALLERS_KINDS else "crit"
        return Entry(at, "failures", state, who, f"failed: {event.error_kind}{after}", "requests", event.request_id)
    if isinstance(event, Switched):
        why = f"{event.error_kind}: {event.reason}" if event.error_kind else event.reason
        when = "in the middle of the answer, " if event.mid_stream else ""
        return _about_request(at, "switches", f"{event.before} → {event.after}", f"{when}{why}", event.request_id)
    if isinstance(event, Continued):
        how = "began anew" if event.mode == "restart" else f"went on after {event.at_chars:,} characters"
        return Entry(at, "switches", "warn", f"{event.after} → {event.provider}/{event.model}", how)
    if isinstance(event, RuleFired):
        words = f"rule “{event.rule}”: {event.action if event.holds else 'ceased to hold'}, {event.reason}"
        return Entry(at, "rules and hedges", "warn" if event.holds else "ok", event.subject, words, "routing", "#rules")
    if isinstance(event, Hedged):
        won = f"{event.winner} was first" if event.winner else "neither answered"
        cost = f", about {money(event.extra_usd)} more" if event.extra_usd else ""
        words = f"asked as well after {latency(event.after_ms)}, {won}{cost}"
        return Entry(at, "rules and hedges", "idle", f"{event.first} + {event.second}", words)
    return None


def _of_providers(event: Event | Continued, at: float) -> Entry | None:
    if isinstance(event, BreakerChanged):
        watching = " (only watching)" if event.observe_only else ""
        words = f"breaker {event.after}{watching}" + (f": {event.reason}" if event.reason else "")
        return _about_provider(at, "breakers", GLYPHS[event.after], event.key, words)
    if isinstance(event, LimitSeen):
        hit = event.held_until is not None
        if not hit and event.headroom >= _NEAR and event.limits and event.reason.startswith("limits:"):
            return None
        words = f"{event.reason}, {share(event.headroom)} of the limit left"
        return _about_provider(at, "limits", "warn" if hit or event.headroom < _NEAR else "idle", event.key, words)
    if isinstance(event, HealthSeen) and not event.healthy:
        words = (event.error_kind or "unhealthy") + (f": {event.reason}" if event.reason else "")
        return _about_provider(at, "health", "crit", event.provider, words)
    return None


def _of_console(event: Event | Continued, at: float) -> Entry | None:
    if isinstance(event, AlertChanged) and event.state != "pending":
        gravity: State = "crit" if event.severity == "critical" else "warn"
        state = "ok" if event.state == "resolved" else gravity if event.state == "firing" else "idle"
        return Entry(at, "alerts", state, event.subject or event.rule, f"{event.state}: {event.summary}", "alerts")
    if isinstance(event, JobChanged) and event.step not in ("started", "progress", "succeeded"):
        took = f" in {latency(event.duration_ms)}" if event.duration_ms is not None else ""
        words = f"{event.step}{took}" + (f": {event.message}" if event.message else "")
        return Entry(at, "jobs", _JOBS.get(event.step, "idle"), f"Job {event.job}", words, "jobs")
    if isinstance(event, UserActed) and event.action not in _TOLD_BY_BREAKERS:
        return Entry(at, "actions", "idle", event.subject or "You", event.action)
    if isinstance(event, Notice):
        return Entry(at, "console", "warn", "Console", f"{event.message} {event.advice}".strip())
    if isinstance(event, HeartChanged):
        if event.before == "stopped" and event.after == "alive":
            return None
        words = f"event loop {event.before} → {event.after}, {latency(event.lag_ms)} late"
        return Entry(at, "console", "ok" if event.after == "alive" else "warn", "Console", words)
    if isinstance(event, LinkChanged):
        words = f"{event.before} → {event.after}" + (f": {event.reason}" if event.reason else "")
        return Entry(at, "console", "crit" if event.after == "failed" else "idle", f"Link {event.link}", words)
    if isinstance(event, PeerGap):
        missed = event.last - event.first + 1
        return Entry(at, "console", "warn", "Another console", f"{missed:,} of its events cannot be had any more")
    return None


def entry_of_past(event: PastEvent) -> Entry | None:
    """The entry of an event that an earlier run of the console kept; None for what the person stopped, for alerts that may
    come to nothing, and for what a breaker's own entry says."""
    if event.kind == "action" and event.words in _TOLD_BY_BREAKERS:
        return None
    if event.kind == "failed request" and event.words.startswith("cancelled"):
        return None
    if event.kind == "alert" and ", pending" in event.words.partition(":")[0]:
        return None
    kind = _PAST[event.kind]
    words = f"failed: {event.words}" if kind == "failures" else event.words
    if event.request_id:
        entry = _about_request(event.at, kind, event.subject, words, event.request_id)
    elif kind in ("breakers", "limits", "health"):
        entry = _about_provider(event.at, kind, "warn", event.subject, words)
    else:
        entry = Entry(event.at, kind, "warn", event.subject or _NOBODY.get(kind, "You"), words)
    return msgspec.structs.replace(entry, state=_past_state(kind, event.words))


def _past_state(kind: Kind, words: str) -> State:
    if kind == "breakers":
        after = words.partition(" → ")[2].partition(":")[0]
        return next((state for name, state in GLYPHS.items() if name == after), "warn")
    if kind == "health":
        return "ok" if words.startswith("healthy") else "crit"
    if kind == "failures":
        return "crit"
    if kind == "alerts":
        return "ok" if ", resolved" in words else "crit" if words.startswith("critical") else "warn"
    return "warn" if kind in ("switches", "limits") else "idle"


def _about_request(at: float, kind: Kind, subject: str, words: str, request_id: str) -> Entry:
    return Entry(at, kind, "warn", subject, words, "requests" if request_id else "", request_id)


def _about_provider(at: float, kind: Kind, state: State, key: str, words: str) -> Entry:
    return Entry(at, kind, state, key, words, "providers", key.partition("/")[0])
