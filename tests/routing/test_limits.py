"""The rate-limit tracker: against plain models, against servers that count, and against what headers can say wrongly."""

from __future__ import annotations

import logging
import math
from collections import deque
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.domain.chat import RateLimit
from aiconsole.domain.events import LimitSeen
from aiconsole.routing.gauge import Gauge
from aiconsole.routing.limits import NOW, Admission, RateLimits
from tests.clocks import FakeClock

KEY = "groq/m"


class Rig:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events: list[LimitSeen] = []
        self.limits = RateLimits(self.clock, self.events.append)

    def requests(
        self,
        limit: int | None,
        remaining: int | None = None,
        reset_s: float | None = None,
        window: str | None = "minute",
    ) -> RateLimit:
        resets_at = None if reset_s is None else self.clock.now() + reset_s
        return RateLimit("requests", window, limit, remaining, resets_at)  # type: ignore[arg-type]

    def wait_s(self, prompt: int = 0, output: int = 0) -> float:
        return self.limits.admit(KEY, prompt, output).wait_s

    def send(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.limits.admit(KEY) == NOW
            self.limits.begin(KEY).done()


# Our own estimate


class Bucket:
    """A bucket of ``limit`` units that refills evenly over ``window_s``, in exact numbers."""

    def __init__(self, limit: int, window_s: int) -> None:
        self.limit = limit
        self.rate = Fraction(limit, window_s)
        self.level = Fraction(limit)

    def advance(self, seconds: Fraction) -> None:
        self.level = min(Fraction(self.limit), self.level + seconds * self.rate)

    def wait_s(self, units: int) -> Fraction:
        return max(Fraction(0), (min(units, self.limit) - self.level) / self.rate)


@settings(max_examples=80, deadline=None)
@given(
    limit=st.sampled_from((1, 7, 60, 100_000)),
    steps=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 200)), max_size=60),
)
def test_estimate_is_that_of_a_bucket_that_refills_evenly(limit: int, steps: list[tuple[int, int]]) -> None:
    gauge, bucket, now = Gauge("tokens", "minute"), Bucket(limit, 60), Fraction(0)
    gauge.told(RateLimit("tokens", "minute", limit), 0.0, 0.0, 0, 0)
    for turn, (percent, eighths) in enumerate(steps):
        units = max(1, limit * percent // 100)
        assert gauge.wait_s(float(now), units) == pytest.approx(float(bucket.wait_s(units)), abs=1e-5)
        if bucket.wait_s(units) == 0:
            gauge.charge(float(now), units, turn)
            bucket.level -= units
        assert gauge.remaining(float(now)) == pytest.approx(float(bucket.level), abs=1e-5 * limit)
        now += Fraction(eighths, 8)
        bucket.advance(Fraction(eighths, 8))


def test_requests_are_counted_and_the_wait_is_exact() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(60)])
    rig.send(60)
    assert rig.limits.admit(KEY) == Admission(pytest.approx(1.0), "limit of 60 requests per minute used up")
    rig.clock.advance(1.0)
    rig.send()
    assert rig.wait_s() > 0


def test_each_kind_of_token_is_charged_for_what_it_is() -> None:
    rig = Rig()
    kinds = ("tokens", "input tokens", "output tokens")
    rig.limits.seen(KEY, [RateLimit(kind, "minute", 1_000) for kind in kinds])
    rig.limits.begin(KEY, 300, 200)
    (view, _) = rig.limits.snapshot()
    assert [limit.remaining for limit in view.limits] == [500, 700, 800]
    assert (view.requests_in_flight, view.tokens_in_flight) == (1, 500)


def test_in_flight_calls_count_before_they_answer() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10, 2, 60.0)])
    leases = [rig.limits.begin(KEY) for _ in range(2)]
    assert rig.wait_s() == pytest.approx(60.0)
    leases[0].failed(sent=False)
    assert rig.wait_s() == 0.0


def test_actual_tokens_replace_the_estimate() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 10_000)])
    lease = rig.limits.begin(KEY, 1_000, 8_000)
    assert rig.wait_s(5_000) > 0
    lease.done(900, 100)
    assert rig.limits.headroom(KEY) == pytest.approx(0.9)
    rig.limits.begin(KEY, 100, 100).done(1_000, 4_000)
    assert rig.limits.headroom(KEY) == pytest.approx(0.4)


def test_a_refund_gives_nothing_back_that_has_refilled_since() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 10_000)])
    old = rig.limits.begin(KEY, 9_000)
    rig.clock.advance(60.0)
    rig.limits.begin(KEY, 8_000)
    old.done(0, 0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.2)


def test_only_the_first_end_of_a_lease_counts_and_a_lost_one_wears_off() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 1_000)])
    lease = rig.limits.begin(KEY, 500)
    lease.done(400)
    lease.failed(sent=False)
    lease.done(0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.6)
    assert rig.limits.snapshot()[0].requests_in_flight == 0
    rig.limits.begin(KEY, 600)
    assert rig.limits.headroom(KEY) == 0.0
    rig.clock.advance(60.0)
    assert rig.limits.headroom(KEY) == 1.0


def test_the_providers_own_limits_hold_for_all_its_models() -> None:
    rig = Rig()
    rig.limits.seen("groq", [rig.requests(2)])
    rig.limits.begin("groq/a")
    rig.limits.begin("groq/b")
    assert rig.limits.admit("groq/c").wait_s == pytest.approx(30.0)
    assert rig.limits.headroom("groq/c") == 0.0
    assert rig.limits.admit("mistral/c") == NOW


def test_a_prompt_far_over_the_limit_is_never_sent_and_a_doubtful_one_waits_for_all_of_it() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 6_000)])
    assert rig.limits.admit(KEY, 10_000) == Admission(
        math.inf, "about 10,000 tokens, over the limit of 6,000 tokens per minute"
    )
    assert rig.wait_s(8_000) == 0.0
    rig.limits.begin(KEY, 3_000)
    assert rig.wait_s(8_000) == pytest.approx(30.0)
    assert rig.wait_s(1_000, 50_000) == pytest.approx(30.0), "an answer's length is a guess"


# Headers


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("begin"), st.integers(1, 30)),
            st.tuples(st.just("header"), st.integers(0, 120)),
            st.tuples(st.just("wait"), st.integers(0, 40)),
        ),
        max_size=50,
    )
)
def test_headers_only_ever_lower_our_own_estimate(steps: list[tuple[str, int]]) -> None:
    told, deaf = Rig(), Rig()
    for rig in (told, deaf):
        rig.limits.seen(KEY, [RateLimit("tokens", "minute", 100)])
    for step, number in steps:
        if step == "begin":
            told.limits.begin(KEY, number)
            deaf.limits.begin(KEY, number)
        elif step == "header":
            told.limits.seen(KEY, [RateLimit("tokens", "minute", 100, number)])
            assert told.limits.headroom(KEY) * 100 <= number + 1e-6
        else:
            told.clock.advance(number)
            deaf.clock.advance(number)
        assert told.limits.headroom(KEY) <= deaf.limits.headroom(KEY) + 1e-9
        assert told.wait_s(10) >= deaf.wait_s(10) - 1e-6


def test_a_reset_time_holds_back_just_that_long() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(30, 0, 42.0)])
    assert rig.wait_s() == pytest.approx(42.0)
    rig.clock.advance(41.99)
    assert rig.wait_s() > 0
    rig.clock.advance(0.01)
    rig.send(30)


@pytest.mark.parametrize("asked", [True, False])
def test_a_fixed_windows_reset_voids_what_was_used_before_it(asked: bool) -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10)])
    rig.send(10)
    rig.limits.seen(KEY, [rig.requests(10, 0, 5.0)])
    if asked:
        assert rig.wait_s() == pytest.approx(5.0)
    rig.clock.advance(5.0)
    if not asked:
        rig.limits.seen(KEY, [rig.requests(10, 10, 60.0)])
    rig.send(10)
    assert rig.wait_s() > 0


def test_a_reset_does_not_void_what_was_charged_after_the_header_that_told_it() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10)])
    first = rig.limits.begin(KEY)
    rig.send(9)
    rig.limits.seen(KEY, [rig.requests(10, 9, 5.0)], first)
    rig.clock.advance(5.0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.1)


def test_the_wait_beyond_a_reset_is_for_what_was_charged_since() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 100)])
    first = rig.limits.begin(KEY, 20)
    rig.limits.begin(KEY, 80)
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 100, 80, rig.clock.now() + 5.0)], first)
    assert rig.wait_s(20) == pytest.approx(5.0)
    assert rig.wait_s(30) == pytest.approx(5.0 + 6.0), "10 tokens more than are back at the reset, at 0.6 s each"


def test_a_refund_gives_nothing_back_that_a_reset_has_voided() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 1_000)])
    old = rig.limits.begin(KEY, 500)
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 1_000, 500, rig.clock.now() + 5.0)])
    rig.limits.begin(KEY, 300)
    rig.clock.advance(5.0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.7)
    old.done(0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.7)


def test_a_refund_gives_nothing_back_of_what_a_header_has_counted() -> None:
    rig = Rig()
    lease = rig.limits.begin(KEY, 500)
    rig.limits.seen(KEY, [RateLimit("tokens", "minute", 1_000, 100)], lease)
    lease.done(0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.1)


def test_without_reset_times_what_was_told_refills_evenly_and_is_charged_too() -> None:
    rig = Rig()
    first = rig.limits.begin(KEY)
    rig.limits.begin(KEY)
    rig.limits.seen(KEY, [rig.requests(10, 4)], first)
    assert rig.limits.headroom(KEY) == pytest.approx(0.3)
    rig.send(3)
    assert rig.wait_s() == pytest.approx(6.0)
    rig.clock.advance(30.0)
    assert rig.limits.headroom(KEY) == pytest.approx(0.5)


def test_calls_that_began_after_the_one_answered_are_not_in_its_header_yet() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10, 4, 60.0)])
    first = rig.limits.begin(KEY)
    for _ in range(2):
        rig.limits.begin(KEY)
    rig.limits.seen(KEY, [rig.requests(10, 3, 60.0)], first)
    rig.send()
    assert rig.wait_s() == pytest.approx(60.0)


def test_a_header_that_comes_late_does_not_undo_a_later_one() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(100)])
    early = rig.limits.begin(KEY)
    late = rig.limits.begin(KEY)
    rig.limits.seen(KEY, [rig.requests(100, 0, 60.0)], late)
    rig.limits.seen(KEY, [rig.requests(100, 50, 60.0)], early)
    assert rig.wait_s() == pytest.approx(60.0)


def test_an_even_refill_is_recognised_so_a_day_is_not_waited_for() -> None:
    """Groq's documented example: 14,400 requests a day, 14,370 left, all back in 2m59.56s."""
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(14_400, 14_370, 179.56, "day")])
    for used in (31, 32):
        rig.limits.seen(KEY, [rig.requests(14_400, 14_400 - used, used * 6.0, "day")])
    rig.limits.seen(KEY, [rig.requests(14_400, 0, 86_400.0, "day")])
    assert rig.wait_s() == pytest.approx(6.0)


def test_a_fixed_window_is_not_taken_for_an_even_refill() -> None:
    rig = Rig()
    for used in (5, 10, 15):
        rig.limits.seen(KEY, [rig.requests(60, 60 - used, 60.0 - used * 0.1)])
    rig.limits.seen(KEY, [rig.requests(60, 0, 50.0)])
    assert rig.wait_s() == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("limit", "wait_s"),
    [
        (RateLimit("requests", "minute", 0, 0, None), 60.0),
        (RateLimit("requests", "minute", -5, 10, None), 0.0),
        (RateLimit("requests", "minute", 10, -3, math.nan), 6.0),
        (RateLimit("requests", "minute", 10, 0, 5.0), 6.0),
        (RateLimit("requests", "minute", 10, 0, math.inf), 60.0),
        (RateLimit("requests", None, None, 0, None), 60.0),
        (RateLimit("requests", "minute", 10, 10**18, None), 0.0),
        (RateLimit("requests", "month", 1_000, None, None), 0.0),
    ],
)
def test_headers_that_say_little_or_nonsense(limit: RateLimit, wait_s: float) -> None:
    rig = Rig()
    rig.limits.seen(KEY, [limit])
    assert rig.wait_s() == pytest.approx(wait_s)
    assert 0.0 <= rig.limits.headroom(KEY) <= 1.0


def test_a_provider_whose_clock_is_an_hour_ahead_holds_back_a_window_at_most() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10, 0, 3_600.0)])
    assert rig.wait_s() == pytest.approx(60.0)


def test_a_raised_limit_keeps_what_was_used() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10)])
    rig.send(8)
    rig.limits.seen(KEY, [rig.requests(100)])
    assert rig.limits.headroom(KEY) == pytest.approx(0.92)


@pytest.mark.parametrize("jump_s", [3_600.0, -3_600.0])
def test_a_wall_clock_that_jumps_changes_no_wait(jump_s: float) -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10, 0, 30.0)])
    rig.limits.hold("groq", 45.0, "told so")
    rig.clock.jump_wall(jump_s)
    assert rig.wait_s() == pytest.approx(45.0)
    rig.clock.advance(45.0)
    assert rig.wait_s() == 0.0


# Servers that count


class Server:
    """Counts requests as a provider does, in a fixed window or with an even refill, and tells it in headers."""

    def __init__(self, limit: int, fixed: bool) -> None:
        self.limit = limit
        self.fixed = fixed
        self.used = 0.0
        self.at = 0.0

    def _pass(self, now: float) -> None:
        if not self.fixed:
            self.used = max(0.0, self.used - (now - self.at) * self.limit / 60.0)
        elif now // 60.0 > self.at // 60.0:
            self.used = 0.0
        self.at = now

    def ask(self, now: float, wall: float) -> RateLimit | None:
        self._pass(now)
        if self.used + 1 > self.limit + 1e-6:
            return None
        self.used += 1
        reset_s = 60.0 - now % 60.0 if self.fixed else self.used * 60.0 / self.limit
        return RateLimit("requests", "minute", self.limit, int(self.limit - self.used + 1e-6), wall + reset_s)


@settings(max_examples=60, deadline=None)
@given(
    fixed=st.booleans(),
    foreign=st.booleans(),
    limit=st.integers(3, 30),
    steps=st.lists(st.sampled_from((0.0, 0.0, 0.0, 0.05, 0.5, 3.0, 20.0)), min_size=20, max_size=150),
)
def test_a_known_limit_is_not_run_into(fixed: bool, foreign: bool, limit: int, steps: list[float]) -> None:
    """Answers come 0.3 s later. Alone with its key the tracker is never refused; somebody else who uses the same key can
    cost one refusal a call, since the next answer tells of it."""
    rig = Rig()
    server = Server(limit, fixed)
    rig.limits.seen(KEY, [rig.requests(limit)])
    answers: deque[tuple[float, RateLimit, object]] = deque()
    refused = sent = others = 0
    for number, pause_s in enumerate(steps):
        rig.clock.advance(pause_s)
        now = rig.clock.monotonic()
        while answers and answers[0][0] <= now:
            _, told, lease = answers.popleft()
            rig.limits.seen(KEY, [told], lease)  # type: ignore[arg-type]
            lease.done()  # type: ignore[attr-defined]
        if foreign and number % 3 == 0:
            others += server.ask(now, rig.clock.now()) is not None
        if rig.wait_s() > 0:
            continue
        lease = rig.limits.begin(KEY)
        sent += 1
        reply = server.ask(now, rig.clock.now())
        if reply is None:
            refused += 1
            lease.failed()
            rig.limits.refused(KEY, 5.0)
        else:
            answers.append((now + 0.3, reply, lease))
    assert sent >= min(limit, len(steps)) // 2
    assert refused <= others


# Being held back


def test_of_two_holds_the_later_end_counts() -> None:
    rig = Rig()
    rig.limits.hold(KEY, 30.0, "first")
    rig.limits.hold(KEY, 5.0, "second")
    assert rig.limits.admit(KEY) == Admission(pytest.approx(30.0), "first")
    rig.limits.hold(KEY, 40.0, "third")
    assert rig.limits.admit(KEY) == Admission(pytest.approx(40.0), "third")
    assert rig.limits.held_s(KEY) == pytest.approx(40.0)
    assert rig.limits.headroom(KEY) == 0.0


@pytest.mark.parametrize("nonsense", [-1.0, 0.0, math.nan, math.inf, -math.inf])
def test_a_retry_after_that_makes_no_sense_is_ignored(nonsense: float) -> None:
    rig = Rig()
    rig.limits.hold(KEY, nonsense, "nonsense")
    assert rig.limits.admit(KEY) == NOW
    assert rig.limits.refused(KEY, nonsense) == pytest.approx(1.0)


def test_a_huge_retry_after_is_not_made_a_short_wait() -> None:
    rig = Rig()
    assert rig.limits.refused(KEY, 1e300) == pytest.approx(30 * 86_400.0)


def test_refusals_without_a_time_hold_back_twice_as_long_each_time_until_a_success() -> None:
    rig = Rig()
    waits = []
    for _ in range(8):
        waits.append(rig.limits.refused(KEY))
        rig.clock.advance(waits[-1])
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    rig.limits.begin(KEY).done()
    assert rig.limits.refused(KEY) == pytest.approx(1.0)


def test_a_burst_of_refusals_is_one() -> None:
    rig = Rig()
    for _ in range(50):
        rig.limits.refused(KEY)
    assert rig.limits.held_s(KEY) == pytest.approx(1.0)


def test_a_refusal_without_a_time_waits_for_a_known_reset() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(10, 0, 17.0)])
    assert rig.limits.refused(KEY) == pytest.approx(17.0)


def test_a_provider_set_up_anew_begins_afresh() -> None:
    rig = Rig()
    rig.limits.hold("groq", 60.0, "x")
    rig.limits.hold(KEY, 60.0, "x")
    rig.limits.hold("groqish/m", 60.0, "x")
    rig.limits.forget("groq")
    assert rig.limits.admit(KEY) == NOW
    assert rig.limits.admit("groqish/m").wait_s > 0


# What is told


def test_events_tell_what_is_new_and_not_every_header() -> None:
    rig = Rig()
    for remaining in (90, 80, 15, 10, 25, 40, 50):
        rig.limits.seen(KEY, [rig.requests(100, remaining)])
    rig.limits.refused(KEY, 12.0)
    assert [event.reason for event in rig.events] == [
        "limits: limit of 100 requests per minute",
        "15 % left",
        "eased, 40 % left",
        "rate limit reached",
    ]
    assert rig.events[1].headroom == pytest.approx(0.15)
    assert rig.events[-1].held_until == pytest.approx(rig.clock.now() + 12.0)
    assert {event.key for event in rig.events} == {KEY}


def test_a_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def listener(event: LimitSeen) -> None:
        raise RuntimeError("listener")

    limits = RateLimits(FakeClock(), listener)
    with caplog.at_level(logging.ERROR):
        limits.refused(KEY, 5.0)
    assert limits.held_s(KEY) == pytest.approx(5.0)
    assert "a listener failed" in caplog.text


def test_the_window_gets_estimates_and_times() -> None:
    rig = Rig()
    rig.limits.seen(KEY, [rig.requests(60, 60, 30.0)])
    rig.limits.begin(KEY, 100)
    rig.limits.hold("groq", 9.0, "told so")
    own, provider = rig.limits.snapshot()
    assert own.limits == (RateLimit("requests", "minute", 60, 59, pytest.approx(rig.clock.now() + 30.0)),)
    assert own.headroom == pytest.approx(59 / 60)
    assert (provider.key, provider.held_reason, provider.headroom) == ("groq", "told so", 0.0)
    assert provider.held_until == pytest.approx(rig.clock.now() + 9.0)
    assert msgspec.json.encode(own)
