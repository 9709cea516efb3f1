"""What is too old is deleted, table by table, in steps; what is not stays, and 0 days keep for ever."""

from __future__ import annotations

from pathlib import Path

from aiconsole.domain.events import BreakerChanged, CacheEvent, HealthSeen, UserActed
from aiconsole.domain.trace import Attempt
from aiconsole.store import Retention
from tests.store.happened import NOON, past, request, trace
from tests.store.places import rows

_DAY = 86_400.0
_TABLES = (
    "usage_request",
    "usage_attempt",
    "usage_trace",
    "breaker_events",
    "provider_health_status",
    "cache_events",
    "user_activity",
)


async def _left(
    path: Path, retention: Retention, ages: tuple[float, ...]
) -> tuple[dict[str, int], dict[int, int], int]:
    async with past(path, retention=retention) as (store, recorder, _, clock):
        for number, age in enumerate(ages):
            at = NOON - age * _DAY
            recorder.listen(request(at, trace=trace(Attempt("groq/oss", 1, 0.0, 5.0, "answered"))))
            recorder.listen(BreakerChanged("groq", "closed", "open", "x", at))
            recorder.listen(HealthSeen(f"p{number}", at, True))
            recorder.listen(CacheEvent("miss", "k", at))
            recorder.listen(UserActed("x", at))
        await recorder.flush()
        steps = await store.prune(clock.time)
        assert await store.prune(clock.time) == 0
    kept = {table: rows(path, f"SELECT count(*) FROM {table}")[0][0] for table in _TABLES}
    tiers = dict(rows(path, "SELECT tier, count(*) / 3 FROM usage_rollup GROUP BY tier"))
    return kept, tiers, steps


async def test_each_table_and_tier_keeps_its_days(tmp_path: Path) -> None:
    retention = Retention(10, 5, (1, 2, 3, 20, 0, 0), events=15, cache_events=4, activity=30)
    kept, tiers, _ = await _left(tmp_path / "aiconsole.db", retention, (0.1, 1.5, 4.5, 8, 12, 25, 40))
    assert kept == {
        "usage_request": 4,
        "usage_attempt": 4,
        "usage_trace": 3,
        "breaker_events": 5,
        "provider_health_status": 5,
        "cache_events": 2,
        "user_activity": 6,
    }
    assert tiers == {10: 1, 60: 2, 300: 2, 3600: 5, 14_400: 7, 86_400: 7}


async def test_nothing_is_deleted_where_all_is_kept_for_ever(tmp_path: Path) -> None:
    forever = Retention(0, 0, (0,) * 6, events=0, cache_events=0, activity=0)
    kept, tiers, steps = await _left(tmp_path / "aiconsole.db", forever, (0.1, 9_000))
    assert steps == 0
    assert set(kept.values()) == {2}
    assert set(tiers.values()) == {2}


async def test_much_is_deleted_in_many_small_steps(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db", retention=Retention(activity=1)) as (store, recorder, _, clock):
        for _ in range(5000):
            recorder.listen(UserActed("x", NOON - 2 * _DAY))
        await recorder.flush()
        assert await store.prune(clock.time) == 3
    assert rows(tmp_path / "aiconsole.db", "SELECT count(*) FROM user_activity") == [(0,)]


async def test_a_span_of_health_that_goes_on_is_kept_however_long_ago_it_began(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with past(path, retention=Retention(events=2)) as (store, recorder, _, clock):
        recorder.listen(HealthSeen("gone", NOON, True))
        for day in range(5):
            recorder.listen(HealthSeen("groq", NOON + day * _DAY, True))
            await recorder.flush()
            clock.time = NOON + day * _DAY
            await store.prune(clock.time)
    assert rows(path, "SELECT provider, looks, last_seen_at FROM provider_health_status") == [
        ("groq", 5, NOON + 4 * _DAY)
    ]
