from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.routing.budgets import Budget, Budgets, OverBudget, Reservation
from tests.clocks import FakeClock

NOON = datetime(2025, 6, 15, 12, tzinfo=UTC).timestamp()


def taken(found: Reservation | OverBudget) -> Reservation:
    assert isinstance(found, Reservation)
    return found


def refused(found: Reservation | OverBudget) -> OverBudget:
    assert isinstance(found, OverBudget)
    return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=NOON)


def test_what_is_reserved_counts_until_it_is_settled(clock: FakeClock) -> None:
    budgets = Budgets(clock, [Budget(1.0)])
    first = taken(budgets.reserve(0.6))
    assert refused(budgets.reserve(0.5)).standing.reserved == 0.6
    first.settle(0.2)
    assert budgets.spent("day") == 0.2
    taken(budgets.reserve(0.8)).release()
    assert budgets.standings()[0].left == pytest.approx(0.8)


def test_tenths_add_up_exactly(clock: FakeClock) -> None:
    budgets = Budgets(clock, [Budget(1.0)])
    for _ in range(10):
        taken(budgets.reserve(0.1)).settle(0.1)
    assert budgets.spent("day") == 1.0
    assert "$0 left" in refused(budgets.reserve(None)).reason


def test_a_call_that_ends_any_way_ends_its_reservation_once(clock: FakeClock) -> None:
    budgets = Budgets(clock, [Budget(1.0)])
    with pytest.raises(RuntimeError), taken(budgets.reserve(0.5)):
        raise RuntimeError("cancelled, say")
    assert budgets.standings()[0].reserved == 0.0
    with taken(budgets.reserve(0.5)) as reservation:
        reservation.settle(0.3)
        reservation.settle(0.3)
    assert budgets.standings()[0].spent == 0.3
    taken(budgets.reserve(0.5)).settle(None)
    assert budgets.standings()[0].spent == 0.8


def test_budgets_hold_for_the_route_and_provider_they_name(clock: FakeClock) -> None:
    limits = [
        Budget(10.0),
        Budget(1.0, route="fast"),
        Budget(2.0, provider="groq"),
        Budget(0.5, "month", "fast", "groq"),
    ]
    budgets = Budgets(clock, limits)
    assert isinstance(budgets.reserve(0.6, route="fast", provider="mistral"), Reservation)
    over = refused(budgets.reserve(0.6, route="fast", provider="groq"))
    assert over.standing.budget == limits[3]
    assert over.reason.startswith("the monthly budget of $0.5 for groq on the route fast is used up")
    assert isinstance(budgets.reserve(1.5, route="slow", provider="groq"), Reservation)
    assert refused(budgets.reserve(1.0, route="slow", provider="groq")).standing.budget == limits[2]
    assert [standing.reserved for standing in budgets.standings()] == [2.1, 0.6, 1.5, 0.0]


def test_a_budget_set_at_noon_knows_what_the_morning_cost(clock: FakeClock) -> None:
    budgets = Budgets(clock)
    taken(budgets.reserve(None, provider="groq")).settle(3.0)
    budgets.add(1.0, route="fast", provider="groq", at=NOON - 3_600.0)
    budgets.add(5.0, provider="groq", at=NOON - 86_400.0)
    budgets.set_limits([Budget(4.5, provider="groq"), Budget(9.0, "month")])
    assert [standing.spent for standing in budgets.standings()] == [4.0, 9.0]
    assert refused(budgets.reserve(0.0, provider="groq")).standing.budget.period == "month"
    assert budgets.spent("day", route="fast", provider="groq") == 1.0


def test_days_and_months_begin_anew_and_a_call_belongs_to_the_day_it_began(clock: FakeClock) -> None:
    budgets = Budgets(clock, [Budget(1.0), Budget(1.5, "month")])
    late = taken(budgets.reserve(1.0))
    clock.advance(12 * 3_600.0)
    late.settle(1.0)
    assert budgets.spent("day") == 0.0
    assert budgets.spent("month") == 1.0
    assert isinstance(budgets.reserve(0.5), Reservation)
    assert refused(budgets.reserve(0.1)).standing.resets_at == datetime(2025, 7, 1, tzinfo=UTC).timestamp()
    clock.advance(16 * 86_400.0)
    assert isinstance(budgets.reserve(1.0), Reservation)


def test_a_clock_set_back_and_forth_neither_forgives_nor_forgets(clock: FakeClock) -> None:
    budgets = Budgets(clock, [Budget(1.0)])
    taken(budgets.reserve(1.0)).settle(1.0)
    clock.jump_wall(-86_400.0)
    assert isinstance(budgets.reserve(0.1), Reservation)
    clock.jump_wall(86_400.0)
    assert isinstance(budgets.reserve(0.1), OverBudget)


def test_days_follow_the_zone_over_a_change_of_the_clocks() -> None:
    try:
        berlin = ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        pytest.skip("this system has no time zones")
    clock = FakeClock(now=datetime(2025, 10, 26, 12, tzinfo=berlin).timestamp())
    budgets = Budgets(clock, [Budget(1.0)], zone=berlin)
    resets_at = budgets.standings()[0].resets_at
    assert resets_at == datetime(2025, 10, 27, tzinfo=berlin).timestamp()
    assert resets_at - datetime(2025, 10, 26, tzinfo=berlin).timestamp() == 25 * 3_600.0


def test_old_periods_are_forgotten(clock: FakeClock) -> None:
    budgets = Budgets(clock)
    for _ in range(400):
        budgets.add(0.01, route="fast", provider="groq")
        clock.advance(86_400.0)
    assert len(budgets._accounts) <= 4 * 5


@pytest.mark.parametrize("usd", [-0.01, float("nan"), float("inf")])
def test_what_is_no_amount_of_money_is_refused(clock: FakeClock, usd: float) -> None:
    budgets = Budgets(clock, [Budget(1.0)])
    with pytest.raises(ValueError, match="not an amount"):
        budgets.reserve(usd)
    with pytest.raises(ValueError, match="not an amount"):
        budgets.add(usd)


async def test_64_at_once_overshoot_only_by_what_was_in_flight(clock: FakeClock) -> None:
    budgets = Budgets(clock, [Budget(1.0), Budget(0.7, provider="groq")])
    random = Random(4)
    costs = {"groq": 0.0, "mistral": 0.0}
    above = {"groq": 0.0, "mistral": 0.0}
    turned_away = 0

    async def calls(provider: str) -> None:
        nonlocal turned_away
        for _ in range(40):
            found = budgets.reserve(0.004, provider=provider)
            if isinstance(found, OverBudget):
                turned_away += 1
                await asyncio.sleep(0)
                continue
            with found:
                for _ in range(random.randrange(4)):
                    await asyncio.sleep(0)
                actual = random.uniform(0.0, 0.012)
                costs[provider] += actual
                above[provider] = max(above[provider], actual - 0.004)
                found.settle(actual)

    await asyncio.gather(*(calls(("groq", "mistral")[number % 2]) for number in range(64)))
    whole, groq = budgets.standings()
    assert turned_away > 100
    assert (whole.reserved, groq.reserved) == (0.0, 0.0)
    assert whole.spent == pytest.approx(sum(costs.values()))
    assert groq.spent == pytest.approx(costs["groq"])
    assert 1.0 - 0.004 <= whole.spent <= 1.0 + 64 * 0.008
    assert groq.spent <= 0.7 + 32 * 0.008


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["reserve", "settle", "release", "add"]), st.integers(0, 40), st.integers(0, 60)),
        max_size=80,
    )
)
def test_nothing_is_lost_and_exact_estimates_never_overshoot(steps: list[tuple[str, int, int]]) -> None:
    budgets = Budgets(FakeClock(), [Budget(1.0)])
    open_ones: list[tuple[Reservation, int]] = []
    spent = added = 0
    for step, which, cents in steps:
        if step == "reserve":
            found = budgets.reserve(cents / 100)
            taken_now = spent + sum(amount for _, amount in open_ones)
            assert isinstance(found, Reservation) == (taken_now < 100 and taken_now + cents <= 100)
            if isinstance(found, Reservation):
                open_ones.append((found, cents))
        elif step == "add":
            budgets.add(cents / 100)
            spent += cents
            added += cents
        elif open_ones:
            reservation, amount = open_ones.pop(which % len(open_ones))
            if step == "settle":
                reservation.settle(amount / 100)
                spent += amount
            else:
                reservation.release()
        standing = budgets.standings()[0]
        assert standing.spent == spent / 100
        assert standing.reserved == sum(amount for _, amount in open_ones) / 100
        assert spent <= 100 + added


def test_pretended_money_is_counted_apart() -> None:
    clock = FakeClock()
    budgets = Budgets(clock, [Budget(1.0)])
    budgets.simulate(True)
    under_way = budgets.reserve(0.75)
    budgets.add(0.25, at=clock.now())  # what an earlier run really spent
    assert isinstance(under_way, Reservation)
    assert isinstance(budgets.reserve(0.5), OverBudget)

    budgets.simulate(False)
    assert budgets.spent("day") == 0.25
    assert isinstance(budgets.reserve(0.5), Reservation)
    under_way.settle(0.75)
    assert budgets.spent("day") == 0.25

    budgets.simulate(True)
    assert budgets.spent("day") == 0.75
    clock.advance(86_400)
    assert budgets.spent("day") == 0.0
