from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.domain import errors
from aiconsole.domain.errors import ProviderError
from aiconsole.routing.retry import MoveOn, Plan, Retry, RetryBudget, RetryBudgets, Stop, backoff, retry_plan
from tests.clocks import FakeClock

NEVER_AGAIN = (
    errors.BadKey,
    errors.MissingKey,
    errors.NoPermission,
    errors.UnknownModel,
    errors.Unsupported,
    errors.QuotaExhausted,
)
PASSING = (errors.ServerFault, errors.Overloaded, errors.ConnectionCut, errors.ConnectionFailed, errors.MalformedAnswer)


def plan(error: ProviderError, *, seed: int = 1, budget: RetryBudget | None = None, **changes: Any) -> Plan:
    arguments: dict[str, Any] = {"tries": 1, "remaining_s": 60.0, **changes}
    return retry_plan(error, budget=budget or RetryBudget(FakeClock()), random=Random(seed), **arguments)


@given(retries=st.integers(0, 5_000), seed=st.integers())
def test_backoff_is_spread_from_nothing_to_the_doubled_base_and_never_over_the_cap(retries: int, seed: int) -> None:
    assert 0.0 <= backoff(retries, Random(seed)) <= min(20.0, 0.5 * 2 ** min(retries, 20))


def test_backoff_uses_the_whole_range() -> None:
    random = Random(7)
    waits = [backoff(3, random) for _ in range(2_000)]
    assert min(waits) < 0.1
    assert max(waits) > 3.9
    assert sum(waits) / len(waits) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("kind", PASSING)
def test_a_transient_fault_is_retried_once_and_then_left(kind: type[ProviderError]) -> None:
    assert isinstance(plan(kind("boom")), Retry)
    assert isinstance(plan(kind("boom"), tries=2), MoveOn)


def test_a_gateway_timeout_is_an_answer_and_retried_silence_is_not() -> None:
    assert isinstance(plan(errors.TimedOut("gateway", status=504)), Retry)
    for phase in ("connect", "first token", "between tokens", "total"):
        silent = errors.TimedOut("nothing")
        silent.phase = phase  # type: ignore[assignment]
        for others in (True, False):
            assert isinstance(plan(silent, others=others), MoveOn)


def test_alone_a_candidate_is_asked_three_times() -> None:
    error = errors.ServerFault("boom")
    assert isinstance(plan(error, tries=2, others=False), Retry)
    assert isinstance(plan(error, tries=3, others=False), MoveOn)


def test_a_retry_is_quick_while_another_candidate_stands_ready() -> None:
    waits = [plan(errors.Overloaded("busy"), seed=seed) for seed in range(300)]
    assert all(isinstance(wait, Retry) and wait.wait_s <= 0.2 for wait in waits)


@pytest.mark.parametrize("kind", NEVER_AGAIN)
def test_what_asking_again_cannot_mend_moves_on(kind: type[ProviderError]) -> None:
    assert isinstance(plan(kind("no"), others=False), MoveOn)


def test_an_exhausted_quota_moves_on_whatever_wait_it_names() -> None:
    assert isinstance(plan(errors.QuotaExhausted("empty", retry_after=0.1), others=False), MoveOn)


def test_too_long_a_context_goes_only_to_a_candidate_with_room() -> None:
    found = plan(errors.ContextTooLong("too long"))
    assert isinstance(found, MoveOn)
    assert found.needs_room


@pytest.mark.parametrize("kind", [errors.ContentRefused, errors.BadRequest])
def test_a_refusal_or_a_bad_request_is_neither_retried_nor_shopped_around(kind: type[ProviderError]) -> None:
    assert isinstance(plan(kind("no")), Stop)


@pytest.mark.parametrize("kind", [*PASSING, *NEVER_AGAIN, errors.RateLimited, errors.TimedOut, errors.ContextTooLong])
def test_nothing_is_asked_again_after_a_token_was_shown_or_a_tool_ran(kind: type[ProviderError]) -> None:
    budget = RetryBudget(FakeClock())
    assert isinstance(plan(kind("cut"), shown=True, budget=budget), Stop)
    assert isinstance(plan(kind("cut", partial=True), budget=budget), Stop)
    assert isinstance(plan(kind("cut"), tool_ran=True, budget=budget), Stop)
    assert isinstance(plan(kind("cut"), remaining_s=0.0, budget=budget), Stop)
    assert budget.balance == 10.0


def test_a_wait_the_provider_asks_for_is_kept_where_it_fits() -> None:
    found = plan(errors.RateLimited("slow down", retry_after=1.5))
    assert isinstance(found, Retry)
    assert 1.5 <= found.wait_s <= 1.65


def test_the_next_candidate_is_asked_at_once_where_the_wait_is_long() -> None:
    error = errors.RateLimited("slow down", retry_after=30.0)
    assert isinstance(plan(error), MoveOn)
    assert isinstance(plan(error, others=False), Retry)
    assert isinstance(plan(error, others=False, remaining_s=29.0), MoveOn)


@pytest.mark.parametrize("told", [120.5, 86_400.0, 1e300])
def test_a_huge_wait_refuses_and_does_not_become_a_short_one(told: float) -> None:
    error = errors.RateLimited("come back", retry_after=told)
    assert isinstance(plan(error, others=False, remaining_s=1e9), MoveOn)


@pytest.mark.parametrize("told", [-1.0, math.nan, math.inf, -math.inf])
def test_nonsense_as_a_wait_is_ignored(told: float) -> None:
    assert isinstance(plan(errors.RateLimited("slow down", retry_after=told)), MoveOn)
    found = plan(errors.ServerFault("boom", retry_after=told))
    assert isinstance(found, Retry)
    assert found.wait_s <= 0.2


@given(seed=st.integers(), tries=st.integers(1, 2))
def test_a_rate_limit_without_a_time_is_never_hammered(seed: int, tries: int) -> None:
    assert isinstance(plan(errors.RateLimited("slow down"), seed=seed), MoveOn)
    alone = plan(errors.RateLimited("slow down"), seed=seed, others=False, tries=tries)
    assert isinstance(alone, Retry)
    assert alone.wait_s >= 1.0


@given(
    kind=st.sampled_from([*PASSING, *NEVER_AGAIN, errors.RateLimited, errors.TimedOut, errors.ContextTooLong]),
    told=st.none() | st.floats(0, 1_000),
    remaining_s=st.floats(-10, 1_000),
    tries=st.integers(1, 5),
    others=st.booleans(),
    seed=st.integers(),
)
def test_no_wait_reaches_over_the_deadline(
    kind: type[ProviderError], told: float | None, remaining_s: float, tries: int, others: bool, seed: int
) -> None:
    found = plan(kind("x", retry_after=told), remaining_s=remaining_s, tries=tries, others=others, seed=seed)
    if isinstance(found, Retry):
        assert 0.0 <= found.wait_s < remaining_s
        assert told is None or found.wait_s >= told
        assert tries < 3


def test_an_empty_budget_moves_on() -> None:
    budget = RetryBudget(FakeClock())
    outcomes = [plan(errors.ServerFault("boom"), budget=budget) for _ in range(12)]
    assert [type(outcome) for outcome in outcomes] == [Retry] * 10 + [MoveOn] * 2


def test_a_budget_allows_a_fifth_of_the_requests_and_one_a_second() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock)
    retries = 0
    for _ in range(60 * 20):
        budget.request()
        retries += budget.take()
        clock.advance(0.05)
    assert 60 * (0.2 * 20 + 1) * 0.95 <= retries <= 60 * (0.2 * 20 + 1) + 10


def test_a_quiet_console_may_retry_too_and_credits_do_not_pile_up() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock)
    for _ in range(1_000):
        budget.request()
    clock.advance(3_600.0)
    assert budget.balance == 10.0
    clock.jump_wall(-3_600.0)
    assert budget.balance == 10.0


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(st.sampled_from(["request", "take", "wait"]), st.floats(0, 14)), max_size=120))
def test_the_budget_counts_as_a_plain_list_of_what_happened_does(steps: list[tuple[str, float]]) -> None:
    clock = FakeClock()
    budget = RetryBudget(clock)
    happened: list[tuple[int, int]] = []
    for step, seconds in steps:
        second = int(clock.monotonic())
        balance = 10_000 + sum(worth for when, worth in happened if when > second - 10)
        if step == "request":
            budget.request()
            happened.append((second, 200))
        elif step == "wait":
            clock.advance(seconds)
        else:
            taken = budget.take()
            assert taken == (balance >= 1_000)
            if taken:
                happened.append((second, -1_000))


def test_each_provider_has_its_own_budget() -> None:
    budgets = RetryBudgets(FakeClock())
    assert budgets.of("groq") is budgets.of("groq")
    assert budgets.of("groq") is not budgets.of("mistral")
