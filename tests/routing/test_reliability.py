from __future__ import annotations

from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.domain import errors
from aiconsole.domain.errors import ProviderError
from aiconsole.routing.reliability import FAILURES, LIMITS, Reliability
from tests.clocks import FakeClock

KEY = "groq/llama"
NEUTRAL = (
    "cancelled",
    "bad request",
    "content refused",
    "context too long",
    "bad key",
    "no permission",
    "unknown model",
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def known(clock: FakeClock) -> Reliability:
    return Reliability(clock)


def answer(known: Reliability, times: int = 1, ttft_ms: float = 300.0, key: str = KEY) -> None:
    for _ in range(times):
        known.seen(key, duration_ms=ttft_ms * 5, ttft_ms=ttft_ms)


def fail(known: Reliability, times: int = 1, kind: str = "server fault", waited_ms: float = 20.0) -> None:
    for _ in range(times):
        known.seen(KEY, kind, duration_ms=waited_ms)


def kinds(cls: type[ProviderError] = ProviderError) -> set[str]:
    return {cls.kind}.union(*(kinds(sub) for sub in cls.__subclasses__()))


def test_the_kinds_that_count_are_kinds_there_are() -> None:
    assert kinds() >= FAILURES | LIMITS
    assert not (FAILURES | LIMITS) & set(NEUTRAL)
    assert errors.TimedOut.kind in FAILURES


def test_little_data_gives_an_uncertain_score_and_not_an_extreme_one(known: Reliability) -> None:
    nothing = known.score(KEY)
    assert (nothing.value, nothing.confidence) == (pytest.approx(70.0), 0.0)
    answer(known)
    assert 70.0 < known.score(KEY).value < 80.0
    fail(known)
    assert 55.0 < known.score(KEY).value < 70.0
    assert known.score(KEY).confidence < 0.3


def test_much_data_gives_a_score_near_the_ends(known: Reliability, clock: FakeClock) -> None:
    answer(known, 60)
    assert known.score(KEY).value > 97.0
    fail(known, 400)
    clock.advance(1.0)
    assert known.score(KEY).value < 30.0


def test_the_score_is_the_formula_of_the_docstring(known: Reliability, clock: FakeClock) -> None:
    answer(known, 6)
    fail(known, 2)
    fail(known, 2, "rate limit")
    clock.advance(60.0)
    slow, fast = 2 ** (-60 / 600), 0.5
    ok, failed, limited = 6 * slow, 2 * slow, 2 * slow
    success = ok / (ok + failed)
    recency = (6 * fast + 2 * success) / (8 * fast + 2)
    limits = 1 - limited / (ok + failed + limited)
    confidence = (ok + failed + limited) / (ok + failed + limited + 5)
    value = 100 * (confidence * success**0.4 * recency**0.25 * limits**0.15 + (1 - confidence) * 0.7)
    score = known.score(KEY)
    assert (score.success, score.recency, score.latency, score.limits) == pytest.approx((success, recency, 1.0, limits))
    assert (score.confidence, score.value) == pytest.approx((confidence, value))


@pytest.mark.parametrize("kind", NEUTRAL)
def test_the_callers_own_faults_and_cancels_harm_nobody(known: Reliability, kind: str) -> None:
    answer(known, 3)
    before = known.score(KEY), known.score("groq"), known.latency_ms(KEY), known.first_token_deadline(KEY)
    known.seen(KEY, kind, duration_ms=60_000.0)
    assert (known.score(KEY), known.score("groq"), known.latency_ms(KEY), known.first_token_deadline(KEY)) == before


def test_a_limit_reached_presses_on_the_score_without_being_a_failure(known: Reliability) -> None:
    answer(known, 20)
    before = known.score(KEY)
    fail(known, 10, "rate limit")
    after = known.score(KEY)
    assert after.success == 1.0
    assert after.limits == pytest.approx(2 / 3, rel=0.01)
    assert after.value < before.value
    assert known.score(KEY, headroom=0.0).value < known.score(KEY, headroom=0.1).value < after.value


def test_old_news_fades_to_not_known(known: Reliability, clock: FakeClock) -> None:
    fail(known, 30)
    bad = known.score(KEY).value
    clock.advance(600.0)
    later = known.score(KEY).value
    clock.advance(7_200.0)
    assert bad < later < known.score(KEY).value
    assert known.score(KEY).value == pytest.approx(70.0, abs=0.5)


def test_what_happens_now_tells_more_than_what_was(known: Reliability, clock: FakeClock) -> None:
    fail(known, 10)
    clock.advance(300.0)
    answer(known, 10)
    recovering = known.score(KEY)
    assert recovering.recency > recovering.success
    assert known.recent_success(KEY) == recovering.recency
    rate, weight = known.error_rate(KEY)
    assert rate < 0.05
    assert weight == pytest.approx(10.3, abs=0.1)


def test_slowness_is_held_against_the_models_own_usual_time(known: Reliability, clock: FakeClock) -> None:
    for _ in range(50):
        answer(known, ttft_ms=4_000.0, key="groq/slow")
        answer(known, ttft_ms=200.0)
        clock.advance(10.0)
    assert known.score("groq/slow").latency == known.score(KEY).latency == 1.0
    for _ in range(20):
        answer(known, ttft_ms=2_000.0)
        clock.advance(2.0)
    assert known.score(KEY).latency < 0.3
    assert known.score("groq/slow").latency == 1.0


def test_a_brown_out_does_not_become_the_usual_time_within_minutes(known: Reliability, clock: FakeClock) -> None:
    for _ in range(200):
        answer(known, ttft_ms=200.0)
        clock.advance(5.0)
    for _ in range(60):
        answer(known, ttft_ms=2_000.0)
        clock.advance(5.0)
    assert known.score(KEY).latency < 0.35


def test_a_provider_is_scored_over_all_its_models(known: Reliability) -> None:
    answer(known, 10, key="groq/one")
    answer(known, 10, ttft_ms=900.0, key="groq/two")
    score = known.score("groq")
    assert score.samples == pytest.approx(20.0)
    assert score.latency == 1.0
    percentiles = known.ttft("groq")
    assert percentiles is not None
    assert (percentiles.p50_ms, percentiles.p95_ms) == pytest.approx((300.0, 900.0), rel=0.02)
    assert percentiles.samples == 20
    assert known.ttft("mistral") is None
    known.forget("groq")
    assert known.ttft("groq") is None
    assert known.score("groq/one").samples == 0.0


def test_failing_fast_does_not_look_fast(known: Reliability) -> None:
    answer(known, 5, ttft_ms=800.0)
    fail(known, 50, waited_ms=1.0)
    assert known.latency_ms(KEY) == pytest.approx(800.0)


def test_a_peak_counts_at_once_and_falls_by_time_or_by_evidence(known: Reliability, clock: FakeClock) -> None:
    answer(known, 30, ttft_ms=300.0)
    answer(known, ttft_ms=5_000.0)
    assert known.latency_ms(KEY) == pytest.approx(5_000.0)
    clock.advance(10.0)
    answer(known, ttft_ms=300.0)
    fallen = known.latency_ms(KEY)
    assert fallen is not None
    assert fallen == pytest.approx(5_000 * exp(-1) + 300 * (1 - exp(-1)), rel=0.01)
    clock.advance(300.0)
    assert known.latency_ms(KEY) == pytest.approx(300.0, rel=0.06)


def test_a_long_wait_in_vain_looks_slow_until_it_is_forgotten(known: Reliability, clock: FakeClock) -> None:
    fail(known, kind="timeout", waited_ms=10_000.0)
    assert known.latency_ms(KEY) == 10_000.0
    clock.advance(130.0)
    assert known.latency_ms(KEY) is None


def test_whole_answers_and_first_tokens_are_never_mixed(known: Reliability) -> None:
    known.seen(KEY, duration_ms=9_000.0, streamed=False)
    assert known.latency_ms(KEY) is None
    assert known.ttft(KEY) is None
    assert known.latency_ms(KEY, streamed=False) == 9_000.0
    known.seen(KEY, "timeout", duration_ms=90_000.0, streamed=False)
    assert known.latency_ms(KEY) is None
    assert known.first_token_deadline(KEY) == 10.0


def test_a_long_answer_does_not_make_its_first_token_late(known: Reliability) -> None:
    known.seen(KEY, duration_ms=400.0, ttft_ms=300.0)
    known.seen("groq/talkative", duration_ms=60_000.0, ttft_ms=300.0)
    assert known.latency_ms(KEY) == known.latency_ms("groq/talkative")


def test_the_first_token_deadline_adapts_to_the_candidates_history(known: Reliability) -> None:
    assert known.first_token_deadline(KEY) == 10.0
    answer(known, 5, ttft_ms=8_000.0)
    assert known.first_token_deadline(KEY) == pytest.approx(24.0, rel=0.03)
    answer(known, 30, ttft_ms=1_200.0, key="groq/quick")
    assert known.first_token_deadline("groq/quick") == pytest.approx(3.6, rel=0.03)
    answer(known, 30, ttft_ms=20.0, key="groq/quickest")
    assert known.first_token_deadline("groq/quickest") == 2.0


def test_a_model_that_always_needs_longer_is_not_cut_off_for_ever(known: Reliability) -> None:
    deadlines = []
    for _ in range(5):
        deadlines.append(known.first_token_deadline(KEY))
        fail(known, kind="timeout", waited_ms=deadlines[-1] * 1000)
    assert deadlines == [10.0, 20.0, 40.0, 60.0, 60.0]
    answer(known, ttft_ms=25_000.0)
    assert known.first_token_deadline(KEY) == 60.0


def test_a_shift_beyond_the_deadline_is_followed_after_two_timeouts(known: Reliability) -> None:
    answer(known, 40, ttft_ms=1_000.0)
    deadlines = []
    for _ in range(5):
        deadlines.append(round(known.first_token_deadline(KEY)))
        fail(known, kind="timeout", waited_ms=3_000.0)
    assert deadlines == [3, 3, 3, 6, 12]


def test_the_percentiles_follow_the_last_samples(known: Reliability, clock: FakeClock) -> None:
    answer(known, 500, ttft_ms=300.0)
    answer(known, 450, ttft_ms=900.0)
    percentiles = known.ttft(KEY)
    assert percentiles is not None
    assert percentiles.p50_ms == pytest.approx(900.0, rel=0.02)
    assert percentiles.samples <= 400
    clock.advance(86_400.0)
    assert known.ttft(KEY) == percentiles


events = st.tuples(
    st.sampled_from([None, "timeout", "server fault", "rate limit", "cancelled"]),
    st.floats(1.0, 60_000.0),
    st.floats(0.0, 400.0),
)


@settings(max_examples=80)
@given(story=st.lists(events, max_size=40), shuffled=st.randoms())
def test_a_story_told_late_and_out_of_order_gives_the_same_counts(
    story: list[tuple[str | None, float, float]], shuffled: object
) -> None:
    clock = FakeClock()
    live, told = Reliability(clock), Reliability(clock)
    happened = []
    for kind, ms, passed in story:
        live.seen(KEY, kind, duration_ms=ms)
        happened.append((kind, ms, clock.monotonic()))
        clock.advance(passed)
    shuffled.shuffle(happened)  # type: ignore[attr-defined]
    for kind, ms, at in happened:
        told.seen(KEY, kind, duration_ms=ms, at=at)
    first, second = live.score(KEY), told.score(KEY)
    assert (first.success, first.limits, first.samples) == pytest.approx(
        (second.success, second.limits, second.samples)
    )
    assert first.recency == pytest.approx(second.recency)
    assert first.value == pytest.approx(second.value)


@settings(max_examples=80)
@given(story=st.lists(events, max_size=40))
def test_the_score_stays_in_its_range_and_a_failure_never_raises_it(
    story: list[tuple[str | None, float, float]],
) -> None:
    clock = FakeClock()
    known = Reliability(clock)
    for kind, ms, passed in story:
        before = known.score(KEY)
        known.seen(KEY, kind, duration_ms=ms, ttft_ms=ms if kind is None else None)
        after = known.score(KEY)
        assert 0.0 <= after.value <= 100.0
        if kind == "server fault" and before.value > 0.0:
            assert after.value <= before.value + 1e-9
        clock.advance(passed)
    clock.jump_wall(-3_600.0)
    assert 0.0 <= known.score(KEY).value <= 100.0
