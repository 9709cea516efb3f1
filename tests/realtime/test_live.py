"""How everything stands, event by event: figures, time that runs, and callbacks only when something changed."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from aiconsole.domain.chat import Cost, Timing
from aiconsole.domain.events import (
    AlertChanged,
    AttemptFinished,
    BreakerChanged,
    CacheEvent,
    FromPeer,
    HealthSeen,
    JobChanged,
    Notice,
    PeerGap,
    RequestFinished,
    Switched,
    UserActed,
)
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.live import FEED, Live
from aiconsole.realtime.state import LiveState, Load
from tests.clocks import FakeClock
from tests.timers import FakeTimers

NOON = 20_000 * 86_400.0 + 43_200.0


class Place(NamedTuple):
    bus: Bus
    live: Live
    clock: FakeClock
    timers: FakeTimers


@pytest.fixture
def place() -> Place:
    clock = FakeClock(now=NOON)
    timers = FakeTimers(clock)
    bus = Bus(clock, timers)
    load = {"groq": Load(3, 0.25)}
    return Place(bus, Live(bus, clock, timers, load=lambda name: load.get(name, Load())), clock, timers)


def attempt(kind: str | None = None, usd: float = 0.25, *, simulated: bool = False) -> AttemptFinished:
    return AttemptFinished(
        "groq", "m", Timing(NOON, 10.0, 20.0), cost=Cost(usd, "provider"), error_kind=kind, simulated=simulated
    )


def request(kind: str | None = None, *, simulated: bool = False, saved: float | None = None) -> RequestFinished:
    return RequestFinished(
        "r",
        "fast",
        "groq",
        "m",
        Timing(),
        error_kind=kind,
        simulated=simulated,
        cached=saved is not None,
        saved_usd=saved,
    )


def test_requests_a_minute_and_the_error_rate_run_out_with_time(place: Place) -> None:
    for kind in (None, None, "server fault", "cancelled", "bad request", None):
        place.bus.publish(request(kind))
    state = place.live.state()
    assert (state.real.requests_per_min, state.real.requests, state.real.failures) == (6, 6, 1)
    assert state.real.error_rate == pytest.approx(1 / 4)
    place.clock.advance(61)
    place.bus.publish(request())
    state = place.live.state()
    assert state.real.requests_per_min == 1
    assert state.real.error_rate == pytest.approx(1 / 5)
    place.clock.advance(301)
    state = place.live.state()
    assert (state.real.requests_per_min, state.real.error_rate, state.real.requests) == (0, None, 7)


def test_simulated_traffic_is_kept_apart(place: Place) -> None:
    place.bus.publish(request())
    place.bus.publish(attempt())
    for _ in range(2):
        place.bus.publish(request(simulated=True, saved=0.5))
        place.bus.publish(attempt(simulated=True))
    state = place.live.state()
    assert (state.real.requests, state.real.spend_usd, state.real.cached) == (1, 0.25, 0)
    assert (state.simulated.requests, state.simulated.spend_usd) == (2, 0.5)
    assert (state.simulated.cached, state.simulated.saved_usd) == (2, 1.0)
    assert (state.provider("groq").spend_usd, state.provider("groq").simulated_usd) == (0.25, 0.5)


def test_spend_begins_anew_at_midnight_and_takes_up_what_an_earlier_run_spent(place: Place) -> None:
    place.bus.publish(attempt())
    assert place.live.state().today_since == NOON
    place.live.tell_spent("groq", 1.0, simulated=False, since=NOON - 43_200)
    assert place.live.state().real.spend_usd == 1.25
    assert place.live.state().today_since == NOON - 43_200
    place.clock.advance(43_201)
    state = place.live.state()
    assert (state.real.spend_usd, state.provider("groq").spend_usd) == (0.0, 0.0)
    assert state.today_since == NOON + 43_200


def test_a_provider_fails_after_two_failures_in_a_row_until_it_answers(place: Place) -> None:
    assert place.live.provider("groq").health == "unknown"
    place.bus.publish(attempt())
    assert place.live.provider("groq").health == "healthy"
    for kind in ("timeout", "cancelled", "overloaded"):
        place.bus.publish(attempt(kind))
        place.clock.advance(1)
    groq = place.live.provider("groq")
    assert (groq.health, groq.failures_in_a_row, groq.last_error_kind) == ("failing", 2, "overloaded")
    assert (groq.last_success_at, groq.last_error_at) == (NOON, NOON + 2)
    assert (groq.in_flight, groq.headroom, groq.attempts_per_min) == (3, 0.25, 4)
    place.live.forget("groq")
    assert place.live.provider("groq").health == "unknown"
    place.bus.publish(HealthSeen("groq", NOON, False, error_kind="bad key"))
    assert place.live.provider("groq").health == "failing"
    place.bus.publish(HealthSeen("groq", NOON + 5, True, latency_ms=40.0))
    groq = place.live.provider("groq")
    assert (groq.health, groq.health_seen_at, groq.health_latency_ms) == ("healthy", NOON + 5, 40.0)


def test_the_gravest_breaker_is_the_providers_and_one_whose_time_is_over_is_half_open(place: Place) -> None:
    place.bus.publish(BreakerChanged("groq/m", "closed", "open", "it fails", NOON, open_until=NOON + 30))
    place.bus.publish(BreakerChanged("groq/n", "open", "half-open", "a trial", NOON))
    place.bus.publish(BreakerChanged("cohere", "closed", "open", "only told", NOON, observe_only=True))
    groq = place.live.provider("groq")
    assert (groq.breaker, [change.key for change in groq.breakers]) == ("open", ["groq/m", "groq/n"])
    assert place.live.provider("cohere").breaker == "closed"
    place.clock.advance(30)
    assert place.live.provider("groq").breaker == "half-open"
    for key in ("groq/m", "groq/n"):
        place.bus.publish(BreakerChanged(key, "half-open", "closed", "trials succeeded", NOON + 30))
    assert place.live.state().breakers == ()


def test_cache_jobs_alerts_and_the_person_are_counted(place: Place) -> None:
    for step in ("miss", "store", "hit", "hit", "hit"):
        place.bus.publish(CacheEvent(step, "ab", NOON, saved_usd=0.5 if step == "hit" else None))
    for job_step in ("started", "progress", "succeeded"):
        place.bus.publish(JobChanged("backup", job_step, NOON))
    place.bus.publish(AlertChanged("a1", "Errors", "firing", NOON))
    place.bus.publish(AlertChanged("a2", "Spend", "firing", NOON))
    place.bus.publish(AlertChanged("a1", "Errors", "resolved", NOON))
    place.bus.publish(UserActed("session started", NOON))
    place.bus.publish(UserActed("breaker held open", NOON, "groq"))
    state = place.live.state()
    assert (state.cache.hits, state.cache.hit_rate, state.cache.saved_usd) == (3, 0.75, 1.5)
    assert state.jobs["backup"].step == "succeeded"
    assert [alert.alert for alert in state.alerts] == ["a2"]
    assert (state.user.actions, state.user.newest[0].action) == (2, "breaker held open")


def test_events_of_others_count_for_their_peer_alone(place: Place) -> None:
    place.bus.publish(FromPeer("desk/1", 1, attempt()))
    place.bus.publish(FromPeer("desk/1", 2, BreakerChanged("groq", "closed", "open", "", NOON)))
    place.bus.publish(PeerGap("desk/1", 3, 12, NOON))
    state = place.live.state()
    assert (state.real.spend_usd, state.providers, state.breakers) == (0.0, {}, ())
    assert [(peer.origin, peer.events, peer.missed) for peer in state.peers] == [("desk/1", 2, 10)]
    assert [type(told.event) for told in place.live.newest()] == [PeerGap, FromPeer]


def test_the_feed_tells_what_is_worth_it_the_newest_first_and_is_bounded(place: Place) -> None:
    place.bus.publish(request())
    place.bus.publish(HealthSeen("groq", NOON, True))
    for number in range(FEED + 3):
        place.bus.publish(Notice(str(number)))
    place.bus.publish(Switched("a/x", "b/y", "busy", NOON))
    assert len(place.live.newest()) == FEED
    assert [told.event for told in place.live.newest(1)] == [Switched("a/x", "b/y", "busy", NOON)]
    assert [told.event for told in place.live.newest(2, Notice)] == [Notice(str(FEED + 2)), Notice(str(FEED + 1))]


def test_followers_are_told_ten_times_a_second_at_most_and_never_while_nothing_changes(place: Place) -> None:
    told: list[LiveState] = []
    end = place.live.watch(told.append, hz=10)
    place.timers.advance(600)
    assert told == []
    for _ in range(200):
        place.bus.publish(request())
        place.timers.advance(0.005)
    assert 10 <= len(told) <= 12
    assert place.live.state().real.requests_per_min == 200

    place.timers.advance(400)
    assert told[-1].real.requests_per_min == 0
    assert told[-1].real.error_rate is None
    calm = len(told)
    place.timers.advance(600)
    assert len(told) == calm, "nothing runs down any more"
    end()
    place.bus.publish(request())
    place.timers.advance(1)
    assert len(told) == calm
    assert place.timers.waiting == 0


def test_followers_hear_of_midnight_and_of_a_breaker_whose_time_is_over(place: Place) -> None:
    told: list[LiveState] = []
    place.live.watch(told.append)
    place.bus.publish(BreakerChanged("groq", "closed", "open", "", NOON, open_until=NOON + 30))
    place.timers.advance(32)
    assert told[-1].provider("groq").breaker == "half-open"
    place.timers.advance(43_200)
    assert told[-1].today_since == NOON + 43_200


def test_a_state_is_made_once_while_nothing_changes(place: Place) -> None:
    place.bus.publish(request())
    assert place.live.state() is place.live.state()
    before = place.live.state()
    place.bus.publish(request())
    assert place.live.state() is not before
    place.live.close()
    place.bus.publish(request())
    assert place.live.state().real.requests == 2


def test_the_last_look_of_an_earlier_run_is_told_and_judges_nothing() -> None:
    clock = FakeClock(now=NOON)
    timers = FakeTimers(clock)
    bus = Bus(clock, timers)
    live = Live(bus, clock, timers, names=lambda: iter(("groq", "cohere")))
    live.tell_look(HealthSeen("groq", NOON - 60, True, 12.0))
    live.tell_look(HealthSeen("cohere", NOON - 60, False, None, "overloaded"))
    live.tell_look(HealthSeen("gone", NOON - 60, True))
    groq, cohere = live.provider("groq"), live.provider("cohere")
    assert (groq.health, groq.looked, groq.health_seen_at, groq.health_latency_ms) == (
        "unknown",
        "healthy",
        NOON - 60,
        12.0,
    )
    assert (cohere.looked, cohere.last_error_at, cohere.last_error_kind) == ("failing", NOON - 60, "overloaded")
    assert "gone" not in live.state().providers

    bus.publish(HealthSeen("groq", NOON, False, None, "timeout"))
    live.tell_look(HealthSeen("groq", NOON - 60, True, 12.0))
    groq = live.provider("groq")
    assert (groq.health, groq.looked, groq.health_seen_at) == ("failing", "failing", NOON)
