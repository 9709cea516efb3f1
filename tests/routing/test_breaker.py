"""One circuit breaker: thresholds at their edges, permits that cannot leak, clocks that jump, states kept over a restart."""

from __future__ import annotations

import asyncio
import logging
import math
from random import Random

import msgspec
import pytest

from aiconsole.domain.events import BreakerChanged
from aiconsole.routing.breaker import Breaker, BreakerSettings, BreakerSnapshot, Permit, Refused
from tests.clocks import FakeClock

ONLY_RATES = BreakerSettings(consecutive=0)


class Rig:
    def __init__(self, settings: BreakerSettings | None = None, seed: int = 1) -> None:
        self.clock = FakeClock()
        self.events: list[BreakerChanged] = []
        self.breaker = Breaker("groq/m", self.clock, Random(seed), self.events.append, settings)

    def admitted(self, deadline_s: float = 60.0) -> Permit:
        permit = self.breaker.permit(deadline_s)
        assert isinstance(permit, Permit)
        return permit

    def refused(self, deadline_s: float = 60.0) -> Refused:
        refused = self.breaker.permit(deadline_s)
        assert isinstance(refused, Refused)
        return refused

    def fail(self, times: int = 1, ms: float = 0.0) -> None:
        for _ in range(times):
            self.admitted().failure(ms)

    def succeed(self, times: int = 1, ms: float = 0.0) -> None:
        for _ in range(times):
            self.admitted().success(ms)

    def open(self) -> None:
        self.fail(5)
        assert self.breaker.state == "open"

    def half_open(self) -> None:
        self.open()
        self.clock.advance(self.breaker.left_s)
        assert self.breaker.state == "half-open"

    @property
    def states(self) -> list[str]:
        return [event.after for event in self.events]


# Opening


def test_opens_at_five_failures_in_a_row_and_says_so() -> None:
    rig = Rig()
    rig.fail(4)
    rig.succeed()
    rig.fail(4)
    assert rig.breaker.state == "closed"
    rig.fail()
    (event,) = rig.events
    assert rig.breaker.state == "open"
    assert (event.key, event.before, event.after, event.reason) == ("groq/m", "closed", "open", "5 failures in a row")
    assert event.at == rig.clock.now()
    assert event.open_until == pytest.approx(rig.clock.now() + rig.breaker.left_s)
    refused = rig.refused()
    assert refused.reason == "open: 5 failures in a row"
    assert refused.until_s == rig.breaker.left_s


@pytest.mark.parametrize(("calls", "failures", "opens"), [(9, 5, False), (10, 5, True), (10, 4, False), (11, 5, False)])
def test_failure_rate_at_its_edges(calls: int, failures: int, opens: bool) -> None:
    rig = Rig(ONLY_RATES)
    rig.succeed(calls - failures)
    rig.fail(failures)
    assert (rig.breaker.state == "open") is opens


@pytest.mark.parametrize(("failures", "opens"), [(49, False), (50, True)])
def test_49_and_50_percent_of_a_hundred(failures: int, opens: bool) -> None:
    rig = Rig(msgspec.structs.replace(ONLY_RATES, minimum_calls=100))
    rig.succeed(100 - failures)
    rig.fail(failures)
    assert (rig.breaker.state == "open") is opens


def test_slow_rate_counts_slow_failures_and_successes_only_where_a_limit_is_set() -> None:
    without = Rig(ONLY_RATES)
    without.succeed(50, ms=1e9)
    assert without.breaker.state == "closed"
    rig = Rig(msgspec.structs.replace(ONLY_RATES, slow_ms=1_000.0))
    rig.succeed(2, ms=1_000.0)
    rig.succeed(6, ms=1_001.0)
    rig.fail(1, ms=5_000.0)
    assert rig.breaker.state == "closed"
    rig.succeed(1, ms=1_001.0)
    assert rig.breaker.state == "open"
    assert rig.events[0].reason == "8 of 10 calls took over 1000 ms"


def test_time_window_forgets_after_its_length() -> None:
    rig = Rig(ONLY_RATES)
    rig.fail(5)
    rig.clock.advance(54.9)
    assert rig.breaker.figures.calls == 5
    rig.clock.advance(5.2)
    assert (rig.breaker.figures.calls, rig.breaker.figures.failed) == (0, 0)
    rig.succeed(5)
    assert rig.breaker.state == "closed"


def test_count_window_looks_at_the_last_calls_however_old() -> None:
    rig = Rig(BreakerSettings(consecutive=0, window_calls=6, minimum_calls=10))
    rig.fail(2)
    rig.succeed(3)
    assert rig.breaker.state == "closed"
    rig.clock.advance(86_400)
    rig.fail()
    assert rig.breaker.state == "open"
    assert rig.events[0].reason == "3 of 6 calls failed"


def test_neutral_results_count_nowhere() -> None:
    rig = Rig()
    for _ in range(100):
        rig.admitted().neutral()
    assert rig.breaker.figures.calls == 0
    rig.fail(4)
    rig.admitted().neutral()
    rig.fail()
    assert rig.breaker.state == "open"


# Open


def test_open_time_doubles_with_equal_jitter_up_to_the_most_and_begins_anew_after_closing() -> None:
    rig = Rig()
    rig.fail(5)
    spans = [rig.breaker.left_s]
    for _ in range(7):
        rig.clock.advance(rig.breaker.left_s)
        rig.fail()
        spans.append(rig.breaker.left_s)
    for span, longest in zip(spans, (15, 30, 60, 120, 240, 300, 300, 300), strict=True):
        assert longest / 2 <= span <= longest
    assert len(set(spans)) == len(spans)
    rig.clock.advance(rig.breaker.left_s)
    rig.succeed(3)
    rig.open()
    assert 7.5 <= rig.breaker.left_s <= 15


def test_state_is_computed_when_read() -> None:
    rig = Rig()
    rig.open()
    rig.clock.advance(rig.breaker.left_s - 0.001)
    assert rig.breaker.state == "open"
    rig.clock.advance(0.001)
    assert rig.breaker.state == "half-open"
    assert rig.breaker.left_s == 0.0
    rig.admitted()
    assert rig.states == ["open", "half-open"]


@pytest.mark.parametrize("jump_s", [3_600.0, -3_600.0])
def test_a_wall_clock_that_jumps_changes_nothing(jump_s: float) -> None:
    rig = Rig(ONLY_RATES)
    rig.fail(4)
    rig.clock.jump_wall(jump_s)
    assert rig.breaker.figures.calls == 4
    rig.succeed(5)
    rig.fail()
    left_s = rig.breaker.left_s
    assert rig.breaker.state == "open"
    rig.clock.jump_wall(-2 * jump_s)
    assert rig.breaker.left_s == left_s
    rig.clock.advance(left_s)
    assert rig.breaker.state == "half-open"


def test_a_sleep_during_which_the_monotonic_clock_ran_on_only_ends_the_open_time() -> None:
    rig = Rig()
    rig.open()
    rig.clock.advance(8 * 3_600)
    rig.succeed(3)
    assert rig.states == ["open", "half-open", "closed"]


# Half-open


def test_a_herd_of_fifty_gets_three_permits() -> None:
    rig = Rig()
    rig.half_open()

    async def one() -> bool:
        permit = rig.breaker.permit(30.0)
        if isinstance(permit, Refused):
            return False
        await asyncio.sleep(0)
        permit.success()
        return True

    async def herd() -> list[bool]:
        return await asyncio.gather(*(one() for _ in range(50)))

    assert sum(asyncio.run(herd())) == 3
    assert rig.breaker.state == "closed"


def test_successes_and_those_in_flight_are_together_never_more_than_the_permits() -> None:
    rig = Rig()
    rig.half_open()
    first, _second = rig.admitted(), rig.admitted()
    first.success()
    rig.admitted()
    refused = rig.refused()
    assert refused.reason == "half-open, and its trial calls are under way"
    assert refused.until_s == pytest.approx(60.0)


def test_one_failed_trial_opens_again_and_the_others_count_no_more() -> None:
    rig = Rig()
    rig.half_open()
    first, second, third = rig.admitted(), rig.admitted(), rig.admitted()
    first.success()
    second.failure()
    assert rig.breaker.state == "open"
    third.success()
    assert rig.states == ["open", "half-open", "open"]
    assert rig.events[-1].reason == "a trial call failed"


async def test_cancelled_trials_give_their_permits_back() -> None:
    rig = Rig()
    rig.half_open()

    async def call() -> None:
        permit = rig.admitted()
        try:
            await asyncio.sleep(60)
            permit.success()
        finally:
            permit.neutral()

    for _ in range(20):
        tasks = [asyncio.ensure_future(call()) for _ in range(3)]
        await asyncio.sleep(0)
        rig.refused()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    rig.succeed(3)
    assert rig.breaker.state == "closed"


def test_a_lost_permit_is_free_again_at_its_deadline() -> None:
    rig = Rig()
    rig.half_open()
    for deadline_s in (5.0, 10.0, 10.0):
        rig.admitted(deadline_s)
    assert rig.refused().until_s == 5.0
    rig.clock.advance(5.0)
    rig.succeed()
    rig.refused()
    rig.clock.advance(5.0)
    rig.succeed(2)
    assert rig.breaker.state == "closed"


def test_a_lost_permit_of_a_call_without_deadline_is_free_after_the_longest_lease() -> None:
    rig = Rig(BreakerSettings(half_open_permits=1))
    rig.half_open()
    rig.admitted(math.inf)
    rig.clock.advance(599)
    rig.refused()
    rig.clock.advance(1)
    rig.succeed()
    assert rig.breaker.state == "closed"


def test_a_trial_that_fails_just_after_its_deadline_still_counts() -> None:
    rig = Rig()
    rig.half_open()
    permit = rig.admitted(5.0)
    rig.clock.advance(5.01)
    permit.failure()
    assert rig.breaker.state == "open"


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, math.nan])
def test_no_trial_without_time_left(deadline_s: float) -> None:
    rig = Rig()
    rig.half_open()
    assert "no time is left" in rig.refused(deadline_s).reason
    rig.succeed(3)
    assert rig.breaker.state == "closed"


def test_trials_that_are_still_slow_open_again() -> None:
    rig = Rig(BreakerSettings(slow_ms=1_000.0))
    rig.half_open()
    rig.succeed(3, ms=9_000.0)
    assert rig.breaker.state == "open"
    assert rig.events[-1].reason == "3 of 3 trial calls took over 1000 ms"
    rig.clock.advance(rig.breaker.left_s)
    rig.succeed(2, ms=9_000.0)
    rig.succeed(1, ms=10.0)
    assert rig.breaker.state == "closed"


# Outcomes of another time


@pytest.mark.parametrize("outcome", ["success", "failure", "neutral"])
@pytest.mark.parametrize("later", ["open", "half-open", "closed again", "forced open", "forced closed"])
def test_late_outcomes_of_an_earlier_state_change_nothing(outcome: str, later: str) -> None:
    rig = Rig()
    late = [rig.admitted() for _ in range(6)]
    if later == "open":
        rig.open()
    elif later == "half-open":
        rig.half_open()
        for _ in range(3):
            rig.admitted()
    elif later == "closed again":
        rig.half_open()
        rig.succeed(3)
    elif later == "forced open":
        rig.breaker.force_open()
    else:
        rig.breaker.force_closed()
    before = (rig.breaker.state, list(rig.events), rig.breaker.left_s, rig.breaker.figures.calls)
    for permit in late:
        getattr(permit, outcome)()
    assert (rig.breaker.state, rig.events, rig.breaker.left_s, rig.breaker.figures.calls) == before
    if later == "half-open":
        rig.refused()


def test_a_trial_of_an_earlier_half_open_time_releases_nothing_in_this_one() -> None:
    rig = Rig()
    rig.half_open()
    old = [rig.admitted() for _ in range(3)]
    old[0].failure()
    rig.clock.advance(rig.breaker.left_s)
    for _ in range(3):
        rig.admitted()
    old[1].success()
    old[2].neutral()
    rig.refused()


def test_only_the_first_word_of_a_permit_counts() -> None:
    rig = Rig()
    permit = rig.admitted()
    permit.success()
    for _ in range(9):
        permit.failure()
    assert (rig.breaker.figures.calls, rig.breaker.figures.failed) == (1, 0)
    assert rig.breaker.state == "closed"


# By hand and by rule


def test_forced_states_never_leave_by_themselves() -> None:
    rig = Rig()
    rig.breaker.force_closed()
    rig.fail(100)
    assert rig.breaker.state == "forced closed"
    rig.breaker.force_open()
    rig.clock.advance(1e6)
    assert rig.refused() == Refused("held open by hand", math.inf)
    assert not rig.breaker.trip("a rule")
    assert not rig.breaker.hint_recovery()
    rig.breaker.reset()
    rig.succeed()
    assert rig.states == ["forced closed", "forced open", "closed"]


def test_a_reset_can_be_undone() -> None:
    rig = Rig()
    rig.open()
    kept, left_s = rig.breaker.snapshot(), rig.breaker.left_s
    rig.breaker.reset()
    rig.clock.advance(2.0)
    rig.breaker.restore(kept)
    assert rig.breaker.state == "open"
    assert rig.breaker.left_s == pytest.approx(left_s - 2.0)
    assert rig.breaker.reason == "5 failures in a row"


def test_observing_lets_every_call_pass_and_tells_the_same_changes() -> None:
    acting, watching = Rig(), Rig()
    watching.breaker.observe(True)
    acting.open()
    watching.open()
    watching.succeed(20)
    assert watching.breaker.state == "open"
    for rig in (acting, watching):
        rig.clock.advance(rig.breaker.left_s)
    trials = [watching.admitted() for _ in range(50)]
    for permit in trials[3:]:
        permit.failure()
    for permit in trials[:3]:
        permit.success()
    acting.succeed(3)
    assert watching.states == acting.states == ["open", "half-open", "closed"]
    assert all(event.observe_only for event in watching.events)
    assert not any(event.observe_only for event in acting.events)


def test_a_rule_can_open_it() -> None:
    rig = Rig()
    assert rig.breaker.trip("cost rule")
    assert rig.refused().reason == "open: cost rule"
    assert not rig.breaker.trip("cost rule")
    assert len(rig.events) == 1


def test_a_health_check_ends_the_open_time_once() -> None:
    rig = Rig()
    rig.open()
    assert rig.breaker.hint_recovery()
    rig.fail()
    assert rig.breaker.state == "open"
    assert not rig.breaker.hint_recovery(), "it was wrong, so it is not believed again"
    rig.clock.advance(rig.breaker.left_s)
    rig.succeed(3)
    rig.open()
    assert rig.breaker.hint_recovery(), "it has closed since"
    rig.succeed(3)
    assert rig.breaker.state == "closed"


def test_a_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def listener(event: BreakerChanged) -> None:
        raise RuntimeError("listener")

    breaker = Breaker("groq/m", FakeClock(), Random(1), listener)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            permit = breaker.permit(1.0)
            assert isinstance(permit, Permit)
            permit.failure()
    assert breaker.state == "open"
    assert "a listener failed" in caplog.text


def test_settings_can_change_in_any_state() -> None:
    rig = Rig()
    rig.fail(4)
    rig.breaker.configure(BreakerSettings(consecutive=3))
    rig.fail()
    assert rig.breaker.state == "open"
    rig.clock.advance(rig.breaker.left_s)
    rig.succeed()
    rig.breaker.configure(BreakerSettings(half_open_permits=1))
    assert rig.breaker.state == "closed"
    rig.fail(4)
    rig.breaker.configure(BreakerSettings(window_calls=20))
    assert rig.breaker.figures.calls == 0


@pytest.mark.parametrize(
    "wrong",
    [{"buckets": 0}, {"half_open_permits": 0}, {"window_calls": 0}, {"window_s": 0.0}, {"open_s": math.nan}],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|above 0"):
        BreakerSettings(**wrong)


# Over a restart


def restarted(kept: BreakerSnapshot, clock: FakeClock) -> Breaker:
    stored = msgspec.json.decode(msgspec.json.encode(kept), type=BreakerSnapshot)
    breaker = Breaker("groq/m", FakeClock(now=clock.now(), monotonic=5.0), Random(2), lambda event: None)
    breaker.restore(stored)
    return breaker


@pytest.mark.parametrize("hand", ["force_open", "force_closed"])
def test_forced_states_and_observing_survive_a_restart_of_any_length(hand: str) -> None:
    rig = Rig()
    getattr(rig.breaker, hand)()
    rig.breaker.observe(True)
    kept, state = rig.breaker.snapshot(), rig.breaker.state
    rig.clock.jump_wall(365 * 86_400)
    breaker = restarted(kept, rig.clock)
    assert (breaker.state, breaker.observe_only, breaker.reason) == (
        state,
        True,
        "held open by hand".replace("open", state.removeprefix("forced ")),
    )


@pytest.mark.parametrize(
    ("away_s", "state"), [(2.0, "open"), (60.0, "half-open"), (3_600.0, "closed"), (-3_600.0, "open")]
)
def test_an_open_state_survives_only_while_it_means_something(away_s: float, state: str) -> None:
    rig = Rig()
    rig.open()
    kept, left_s = rig.breaker.snapshot(), rig.breaker.left_s
    rig.clock.jump_wall(away_s)
    breaker = restarted(kept, rig.clock)
    assert breaker.state == state
    assert breaker.left_s <= left_s


def test_a_restart_does_not_shorten_the_next_open_time() -> None:
    rig = Rig()
    rig.half_open()
    rig.fail()
    rig.clock.advance(rig.breaker.left_s)
    rig.admitted()
    breaker = restarted(rig.breaker.snapshot(), rig.clock)
    permit = breaker.permit(5.0)
    assert isinstance(permit, Permit)
    permit.failure()
    assert 30.0 <= breaker.left_s <= 60.0


def test_a_damaged_snapshot_does_no_harm() -> None:
    breaker = Breaker("groq/m", FakeClock(), Random(1), lambda event: None)
    breaker.restore(BreakerSnapshot("open", math.nan, left_s=math.nan, trips=-5))
    assert breaker.state == "closed"
    breaker.restore(BreakerSnapshot("open", 1e300, left_s=1e300, trips=10**9))
    assert breaker.left_s <= 300.0
