"""Events survive being written down, and a newer console's events do an older one no harm."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from aiconsole.domain.chat import Continued, Cost, RateLimit, Timing, Usage
from aiconsole.domain.events import (
    EVENT_VERSION,
    AlertChanged,
    AttemptFinished,
    BreakerChanged,
    CacheEvent,
    Event,
    FromPeer,
    HealthSeen,
    Hedged,
    JobChanged,
    LimitSeen,
    Notice,
    OwnEvent,
    RequestFinished,
    RuleFired,
    Switched,
    UserActed,
)
from aiconsole.domain.trace import Choice, DecisionTrace
from aiconsole.realtime.links.ledger import Ledger
from aiconsole.realtime.wire import KINDS, decode, encode
from tests.clocks import FakeClock

TRACE = DecisionTrace("r1", "fast", "auto", 1.0, 3.0, ranked=(Choice("groq/m", 0.9, "fast"),))
LIMIT = RateLimit("tokens", "minute", 6000, 12, 1_750_000_000.0)
EVENTS: list[OwnEvent] = [
    AttemptFinished("groq", "m", Timing(1.0, 2.0, 3.0), Usage(5, 6), Cost(0.25, "provider"), rate_limits=(LIMIT,)),
    RequestFinished("r1", "fast", "groq", "m", Timing(1.0, None, 3.0), error_kind="timeout", trace=TRACE),
    HealthSeen("groq", 1.0, False, error_kind="timeout", reason="It did not answer."),
    CacheEvent("hit", "ab12", 1.0, similarity=0.97, saved_usd=0.001),
    JobChanged("backup", "failed", 1.0, run=3, duration_ms=12.5, next_at=60.0, message="disk full"),
    UserActed("breaker held open", 1.0, "groq"),
    AlertChanged("a1", "Error rate", "firing", 1.0, "critical", "5 % of requests fail", "groq"),
    Notice("The disk is full.", "Make room."),
    Switched("a/x", "b/y", "it is busy", 1.0, "fast", "r1", "overloaded", True),
    BreakerChanged("groq", "closed", "open", "it fails", 1.0, open_until=31.0),
    LimitSeen("groq", "near", 0.02, 1.0, (LIMIT,), held_until=2.0),
    RuleFired("Slow", "next candidate", "a/x", "p95 over 2 s", 3.0, "fast", holds=False),
    Hedged("a/x", "b/y", 812.4, "b/y", 5.0, "fast", 0.0002),
    Continued("b", "y", "prefill", 1200, 12, "a/x", "connection cut"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_each_event_comes_back_as_it_was(event: OwnEvent) -> None:
    assert decode(encode(event)) == event


def test_no_kind_is_forgotten() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(OwnEvent))
    assert len(KINDS) == len(EVENTS), "each tag is its own"


def test_a_field_that_is_not_known_is_left_out() -> None:
    newer = encode(Notice("one"))[:-1] + b',"shade":"blue"}'
    assert decode(newer) == Notice("one")


def test_a_kind_that_is_not_known_is_told_apart_from_damage() -> None:
    assert decode(b'{"type":"teleport","to":[1,2]}') is None
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"type":"notice","message":7}')
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"no":"type"}')
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"type":')


def test_a_word_of_a_newer_console_is_not_known_either() -> None:
    data = encode(EVENTS[9]).replace(b'"after":"open"', b'"after":"ajar"')
    assert decode(data, version=EVENT_VERSION + 1) is None
    with pytest.raises(msgspec.DecodeError):
        decode(data)


def test_what_an_older_console_wrote_gets_defaults() -> None:
    assert decode(
        b'{"type":"breaker","key":"g","before":"closed","after":"open","reason":"","at":1}'
    ) == BreakerChanged("g", "closed", "open", "", 1.0)


def test_what_utf_8_cannot_hold_harms_no_other_event() -> None:
    assert decode(encode(UserActed("to\ud800day", 1.0))) == UserActed("to?day", 1.0)
    heard: list[Event] = []
    ledger = Ledger("console/1", 100, FakeClock(), heard.append)
    for action in ("one", "tw\ud800o", "three"):
        ledger.tell(UserActed(action, 1.0))
    ledger.write()
    ledger.write()
    other = Ledger("console/2", 100, FakeClock(), heard.append)
    other.take("console/1", ledger.log.after(0, 100), "here")
    assert [event.event.action for event in heard if isinstance(event, FromPeer)] == ["one", "tw?o", "three"]  # type: ignore[union-attr]
