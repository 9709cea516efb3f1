"""What graphs, tiles and objectives are told: right figures, gaps where nothing was, simulated things apart."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from aiconsole.domain.chat import Cost
from aiconsole.domain.events import BreakerChanged, CacheEvent, HealthSeen, Switched, UserActed
from aiconsole.domain.history import BreakerSpan, Figures, Targets
from aiconsole.store import Retention
from tests.store.happened import NOON, attempt, past, request

DAY = 86_400


def _near(told: float | None, exact: float) -> bool:
    return told is not None and abs(told - exact) <= 0.0101 * exact


async def test_lines_are_right_bucket_by_bucket_and_gaps_are_none(tmp_path: Path) -> None:
    chance = random.Random(1)
    took = {at: [chance.lognormvariate(6, 1) for _ in range(40)] for at in (0, 1, 3)}
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for at, times in took.items():
            for ms in times:
                recorder.listen(attempt(NOON - 600 + at * 60 + 30, ms))
        recorder.listen(attempt(NOON - 600 + 30, 9.0, error_kind="overloaded", cost=None))
        recorder.listen(attempt(NOON - 600 + 30, 9.0, error_kind="cancelled", cost=None))
        recorder.listen(attempt(NOON - 600 + 30, 9.0, error_kind="bad request", cost=None))
        await recorder.flush()
        series = await history.series(NOON - 600, NOON - 300, 60)
    assert (series.start, series.step, len(series.times)) == (NOON - 600, 60, 5)
    [line] = series.lines
    assert (line.provider, line.model) == ("groq", "")
    assert [bucket is None for bucket in line.buckets] == [False, False, True, False, True]
    for at, times in took.items():
        bucket, exact = line.buckets[at], sorted(times)
        assert bucket is not None
        assert bucket.answered == 40
        assert _near(bucket.p50_ms, exact[19])
        assert _near(bucket.p95_ms, exact[37])
        assert _near(bucket.low_ms, exact[0])
        assert _near(bucket.high_ms, exact[-1])
        assert bucket.mean_ms == pytest.approx(sum(times) / 40, rel=1e-4)
        assert bucket.cost_usd == pytest.approx(0.04)
    first = line.buckets[0]
    assert first is not None
    assert (first.count, first.failures, first.refusals, first.cancelled) == (43, 1, 1, 1)
    assert first.error_rate == 1 / 41


async def test_an_empty_past_is_no_line_and_no_figure(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, _, history, _):
        assert (await history.series(NOON - 600, NOON)).lines == ()
        assert (await history.tiles(NOON - 600, NOON)).now == Figures()
        [*objectives] = await history.objectives(NOON - 600, NOON, Targets())
        assert [(one.value, one.budget_left) for one in objectives] == [(None, None)] * 4


async def test_lines_by_model_by_provider_and_of_all_and_what_is_simulated(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for provider, model, simulated in (("groq", "a", False), ("groq", "b", False), ("cohere", "c", True)):
            recorder.listen(request(provider=provider, model=model, simulated=simulated, route=model))
        await recorder.flush()

        async def names(**options: object) -> list[tuple[str, str]]:
            series = await history.series(NOON - 60, NOON, of="requests", **options)  # type: ignore[arg-type]
            return [(line.provider, line.model) for line in series.lines]

        assert await names() == [("groq", "")]
        assert await names(by="model") == [("groq", "a"), ("groq", "b")]
        assert await names(by="all") == [("", "")]
        assert await names(by="model", route="b") == [("groq", "b")]
        assert await names(simulated=True) == [("cohere", "")]
        assert (await history.series(NOON - 60, NOON)).lines == ()
        assert await history.routes() == ("a", "b", "c")


@pytest.mark.parametrize("length", [900, 3600, DAY, 7 * DAY, 30 * DAY, 90 * DAY])
async def test_every_range_counts_the_same_whichever_tier_it_is_read_from(tmp_path: Path, length: int) -> None:
    moments = [NOON - 5 - age for age in (0, 40, 800, 3000, 80_000, 500_000, 2_000_000, 7_000_000)]
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for moment in moments:
            recorder.listen(request(moment))
        await recorder.flush()
        inside = sum(moment >= NOON - length for moment in moments)
        series = await history.series(NOON - length, NOON, of="requests")
        assert sum(bucket.count for bucket in series.lines[0].buckets if bucket) == inside
        assert len(series.times) <= 181
        tiles = await history.tiles(NOON - length, NOON)
        assert tiles.now.count == inside
        assert tiles.before.count == sum(NOON - 2 * length <= moment < NOON - length for moment in moments)
        assert tiles.now.cost_usd == pytest.approx(0.001 * inside)


async def test_a_tier_that_does_not_reach_back_so_far_is_passed_over(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db", retention=Retention(rollups=(1, 1, 1, 30, 30, 0))) as (
        store,
        recorder,
        history,
        clock,
    ):
        recorder.listen(request(NOON - 10 * DAY - 1))
        await recorder.flush()
        await store.prune(clock.time)
        series = await history.series(NOON - 10 * DAY - 60, NOON - 10 * DAY + 60, 10, of="requests")
        assert series.step == 3600
        assert [bucket and bucket.count for bucket in series.lines[0].buckets] == [1, None]
        assert (await history.tiles(NOON - 10 * DAY - 60, NOON - 10 * DAY)).now.count == 1


async def test_cached_answers_cost_nothing_and_what_they_saved_is_net_of_the_search_for_them(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        recorder.listen(request())
        recorder.listen(request(cached=True, cost=None, saved_usd=0.3125, saved_ms=480.0, took_ms=2.0))
        recorder.listen(request(cost=Cost(0.0625, "price list"), saved_usd=-0.0625, origin="job"))
        await recorder.flush()
        now = (await history.tiles(NOON - 60, NOON)).now
    assert (now.count, now.cached, now.uncosted, now.saved_usd, now.saved_ms) == (3, 1, 0, 0.25, 480.0)
    assert now.cost_usd == pytest.approx(0.0635)


async def test_objectives_tell_what_is_left_of_each_budget(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for number in range(200):
            failed = number == 0
            recorder.listen(request(took_ms=3000.0 if number < 5 else 100.0, error_kind="timeout" if failed else None))
            recorder.listen(attempt(error_kind="timeout" if number < 4 else None))
        for step, key in (("miss", "a"), ("store", "a"), ("hit", "a"), ("hit", "a"), ("miss", "a"), ("miss", "b")):
            recorder.listen(CacheEvent(step, key, NOON - 1))  # type: ignore[arg-type]
        await recorder.flush()
        found = await history.objectives(NOON - 3600, NOON, Targets(0.99, 2000.0, 0.01, 0.5))
    told = {one.name: (one.value, one.budget_left, one.over) for one in found}
    assert told["availability"] == (pytest.approx(0.995), pytest.approx(0.5), 200)
    assert told["error rate"] == (pytest.approx(0.02), pytest.approx(-1.0), 200)
    assert told["cache hits"] == (pytest.approx(2 / 3), pytest.approx(1 / 3), 3)
    p95, left, over = told["p95"]
    assert _near(p95, 100.0)
    assert (left, over) == (pytest.approx(1 - 4 / 199 / 0.05), 199)


async def test_breaker_lanes_begin_with_the_state_before_the_range(tmp_path: Path) -> None:
    changes = (
        BreakerChanged("groq", "closed", "open", "5 failures", NOON - 500, NOON - 400),
        BreakerChanged("groq", "open", "half-open", "time is up", NOON - 200),
        BreakerChanged("groq", "half-open", "closed", "3 successes", NOON - 100),
        BreakerChanged("cohere/x", "closed", "open", "slow", NOON - 50),
    )
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for change in changes:
            recorder.listen(change)
        await recorder.flush()
        spans = await history.breaker_spans(NOON - 300, NOON)
        assert await history.breaker_spans(NOON - 300, NOON, simulated=True) == ()
    assert spans == (
        BreakerSpan("cohere/x", "closed", NOON - 300, NOON - 50, ""),
        BreakerSpan("cohere/x", "open", NOON - 50, None, "slow"),
        BreakerSpan("groq", "open", NOON - 300, NOON - 200, "5 failures"),
        BreakerSpan("groq", "half-open", NOON - 200, NOON - 100, "time is up"),
        BreakerSpan("groq", "closed", NOON - 100, None, "3 successes"),
    )


async def test_the_feed_has_what_happened_newest_first_and_only_what_is_wanted(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db", simulated=lambda: False) as (_, recorder, history, _):
        recorder.listen(BreakerChanged("groq", "closed", "open", "5 failures", NOON - 5))
        recorder.listen(Switched("groq/oss", "x/y", "overloaded", NOON - 4, "fast", "run-1"))
        recorder.listen(HealthSeen("groq", NOON - 3, False, None, "timeout", "no answer"))
        recorder.listen(request(NOON - 2, error_kind="timeout"))
        recorder.listen(UserActed("breaker reset", NOON - 1, "groq"))
        recorder.listen(CacheEvent("miss", "abc", NOON - 1))
        await recorder.flush()
        feed = await history.events(NOON - 60, NOON)
        assert [event.kind for event in feed] == ["action", "failed request", "health", "switch", "breaker"]
        assert (feed[3].subject, feed[3].words, feed[3].request_id) == ("groq/oss → x/y", "overloaded", "run-1")
        assert feed[2].words == "timeout: no answer"
        assert [event.kind for event in await history.events(NOON - 60, NOON, limit=2)] == ["action", "failed request"]
        assert [one.kind for one in await history.events(NOON - 60, NOON, kinds=frozenset({"cache"}))] == ["cache"]
        [span] = await history.health_spans(NOON - 60, NOON)
        assert (span.provider, span.healthy, span.error_kind) == ("groq", False, "timeout")


async def test_spend_is_told_by_day_provider_and_route(tmp_path: Path) -> None:
    midnight = NOON - DAY / 2
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for moment, route in ((midnight - 1, "fast"), (midnight + 1, "fast"), (midnight + 2, "slow")):
            recorder.listen(request(moment, route=route, cost=Cost(0.1, "price list")))
        recorder.listen(request(midnight + 3, route="slow", cost=Cost(0.2, "price list"), error_kind="timeout"))
        recorder.listen(request(midnight + 3, route="slow", cost=Cost(9.0, "price list"), simulated=True))
        await recorder.flush()
        spent = await history.spend(midnight - DAY, NOON)
        assert [(day.day - midnight, day.route, day.requests) for day in spent] == [
            (-DAY, "fast", 1),
            (0, "fast", 1),
            (0, "slow", 2),
        ]
        assert math.isclose(sum(day.usd for day in spent), 0.5)
        assert len(await history.spend(midnight, NOON)) == 2


async def test_totals_of_a_range_are_told_by_provider_and_by_model(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for number in range(1, 101):
            recorder.listen(attempt(NOON - 30, number * 10.0))
        recorder.listen(attempt(NOON - 30, model="small", error_kind="timeout", cost=None))
        recorder.listen(attempt(NOON - 30, provider="mistral", simulated=True))
        recorder.listen(attempt(NOON - 4000))
        await recorder.flush()
        whole = await history.totals(NOON - 3600, NOON)
        models = await history.totals(NOON - 3600, NOON, by="model", provider="groq")
        assert await history.totals(NOON - 3600, NOON, provider="mistral") == {}
    assert list(whole) == [("groq", "")]
    assert (whole["groq", ""].count, whole["groq", ""].error_rate) == (101, 1 / 101)
    assert _near(whole["groq", ""].p95_ms, 950.0)
    assert {name: figures.count for name, figures in models.items()} == {("groq", "oss"): 100, ("groq", "small"): 1}
    assert models["groq", "small"].p50_ms is None


async def test_failures_are_counted_by_kind_with_the_newest_ones_words(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        recorder.listen(request(NOON - 40, error_kind="timeout", name="run-1"))
        recorder.listen(request(NOON - 20, error_kind="timeout", name="run-2"))
        recorder.listen(request(NOON - 30, error_kind="rate limit", name="run-3"))
        recorder.listen(request(NOON - 30, error_kind="timeout", name="run-4", provider="mistral"))
        recorder.listen(request(NOON - 10, name="run-5"))
        recorder.listen(request(NOON - 4000, error_kind="timeout", name="run-6"))
        await recorder.flush()
        found = await history.failures(NOON - 3600, NOON, provider="groq")
        everyone = await history.failures(NOON - 3600, NOON)
    assert [(one.kind, one.count) for one in found] == [("timeout", 2), ("rate limit", 1)]
    assert found[0].last_at == pytest.approx(NOON - 20, abs=0.01)
    assert everyone[0].count == 3
