"""Each event that is told has words, a glyph and something to open; past ones are told alike."""

from __future__ import annotations

from aiconsole.domain.chat import Continued, RateLimit, Timing
from aiconsole.domain.events import (
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
from aiconsole.domain.history import PastEvent
from aiconsole.gui.overview.entries import KINDS, TOLD, entry_of, entry_of_past

EVENTS: tuple[tuple[Event | Continued, str, str, str, str], ...] = (
    (
        RequestFinished("r-1", "fast", "groq", "m", Timing(), error_kind="overloaded", attempts=2),
        "failures",
        "crit",
        "failed: overloaded after 2 attempts",
        "requests",
    ),
    (
        RequestFinished("r-1", "fast", "groq", "m", Timing(), error_kind="bad request"),
        "failures",
        "warn",
        "failed: bad request",
        "requests",
    ),
    (
        Switched("groq/m", "cohere/m", "it is down", 1.0, "fast", "r-1", "overloaded"),
        "switches",
        "warn",
        "overloaded: it is down",
        "requests",
    ),
    (Continued("groq", "m", "instruct", 1200, 0, "cohere/m"), "switches", "warn", "went on after 1,200 characters", ""),
    (
        RuleFired("spare", "prefer", "groq/m", "5 failures", 1.0),
        "rules and hedges",
        "warn",
        "rule “spare”: prefer, 5 failures",
        "routing",
    ),
    (
        Hedged("groq/m", "cohere/m", 400.0, "cohere/m", 1.0),
        "rules and hedges",
        "idle",
        "asked as well after 400 ms, cohere/m was first",
        "",
    ),
    (
        BreakerChanged("groq/m", "closed", "open", "5 in a row", 1.0),
        "breakers",
        "crit",
        "breaker open: 5 in a row",
        "providers",
    ),
    (LimitSeen("groq/m", "near", 0.05, 1.0), "limits", "warn", "near, 5.0 % of the limit left", "providers"),
    (HealthSeen("groq", 1.0, False, error_kind="timeout"), "health", "crit", "timeout", "providers"),
    (
        AlertChanged("a", "errors", "firing", 1.0, "critical", "too many"),
        "alerts",
        "crit",
        "firing: too many",
        "alerts",
    ),
    (JobChanged("backup", "failed", 1.0, duration_ms=20.0), "jobs", "crit", "failed in 20 ms", "jobs"),
    (UserActed("provider tested", 1.0, "groq"), "actions", "idle", "provider tested", ""),
    (Notice("The disk is full.", "Make room."), "console", "warn", "The disk is full. Make room.", ""),
    (HeartChanged("alive", "late", 300.0, 1.0), "console", "warn", "event loop alive → late, 300 ms late", ""),
    (LinkChanged("hub", "connected", "failed", "refused", 1.0), "console", "crit", "connected → failed: refused", ""),
    (PeerGap("x", 3, 7, 1.0), "console", "warn", "5 of its events cannot be had any more", ""),
    (
        FromPeer("x", 1, BreakerChanged("groq/m", "open", "closed", "", 1.0)),
        "breakers",
        "ok",
        "breaker closed (another console)",
        "",
    ),
)


def test_what_goes_well_by_itself_is_not_told() -> None:
    limits = (RateLimit("requests", "day", 1000, 999),)
    for event in (
        JobChanged("backup", "succeeded", 1.0, duration_ms=20.0),
        AlertChanged("a", "errors", "pending", 1.0, "critical", "maybe too many"),
        LimitSeen("groq/m", "limits: limit of 1,000 requests per day", 1.0, 1.0, limits),
    ):
        assert entry_of(event, 5.0) is None
    assert entry_of_past(PastEvent(1.0, "alert", "", "warning, pending: maybe too many")) is None
    told = entry_of_past(PastEvent(1.0, "alert", "", "warning, firing: too many"))
    assert told is not None
    assert told.subject == "Alert"


def test_each_event_that_is_told_has_its_entry() -> None:
    for event, kind, state, words, panel in EVENTS:
        entry = entry_of(event, 5.0)
        assert entry is not None
        assert (entry.kind, entry.state, entry.words, entry.panel) == (kind, state, words, panel)
    assert {type(event) for event, *_ in EVENTS} == set(TOLD)
    assert {kind for _, kind, *_ in EVENTS} == set(KINDS)


def test_what_the_person_stopped_and_what_went_well_is_not_told() -> None:
    assert entry_of(RequestFinished("r", "fast", "groq", "m", Timing()), 1.0) is None
    assert entry_of(RequestFinished("r", "fast", "groq", "m", Timing(), error_kind="cancelled"), 1.0) is None
    assert entry_of(HeartChanged("stopped", "alive", 0.0, 1.0), 1.0) is None
    assert entry_of_past(PastEvent(1.0, "failed request", "groq/m", "cancelled")) is None


def test_a_breaker_held_by_hand_is_told_once() -> None:
    held = BreakerChanged("groq", "closed", "forced open", "held open by hand", 1.0)
    told = [entry_of(event, 1.0) for event in (held, UserActed("breaker held open", 1.0, "groq"))]
    assert [entry.words for entry in told if entry is not None] == ["breaker forced open: held open by hand"]
    assert entry_of_past(PastEvent(1.0, "action", "groq", "breaker held open")) is None
    assert entry_of_past(PastEvent(1.0, "action", "groq", "provider tested")) is not None


def test_past_events_open_the_same() -> None:
    failed = entry_of_past(PastEvent(1.0, "failed request", "groq/m", "overloaded: busy", "fast", "r-1"))
    opened = entry_of_past(PastEvent(1.0, "breaker", "groq/m", "closed → open: 5 in a row"))
    healthy = entry_of_past(PastEvent(1.0, "health", "groq", "healthy"))
    assert failed is not None and opened is not None and healthy is not None
    assert (failed.state, failed.words, failed.panel, failed.item) == (
        "crit",
        "failed: overloaded: busy",
        "requests",
        "r-1",
    )
    assert (opened.state, opened.kind, opened.panel, opened.item) == ("crit", "breakers", "providers", "groq")
    assert healthy.state == "ok"
