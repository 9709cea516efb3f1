"""From the bus to the disk: what is acknowledged can be read by any program, nothing is counted twice, and a disk that refuses
costs memory and then the oldest events, never the console."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aiconsole.domain.chat import Continued, Cost, Timing, Usage
from aiconsole.domain.events import (
    AlertChanged,
    BreakerChanged,
    CacheEvent,
    HealthSeen,
    Hedged,
    LimitSeen,
    Notice,
    RequestFinished,
    RuleFired,
    Switched,
    UserActed,
)
from aiconsole.domain.trace import Attempt
from aiconsole.store import Recorder, Store, StoreNotice
from tests.store.happened import NOON, attempt, past, request, trace
from tests.store.places import Clock, conversation, rows, words

_OTHERS = (
    BreakerChanged("groq", "closed", "open", "5 failures", NOON - 5, NOON + 10),
    Switched("groq/oss", "cerebras/oss", "groq is overloaded", NOON - 4, "fast", "run-1", "overloaded", True),
    RuleFired("no overload", "skip", "groq/oss", "3 in a minute", NOON - 4, "fast"),
    Hedged("groq/oss", "cerebras/oss", 900.0, "cerebras/oss", NOON - 4, "fast", 0.001),
    Continued("cerebras", "oss", "instruct", 120, 0, "groq/oss", "connection cut"),
    LimitSeen("groq", "requests a minute are used up", 0.0, NOON - 3, (), NOON + 20),
    UserActed("breaker held open", NOON - 2, "groq"),
    AlertChanged("a1", "slow", "firing", NOON - 1, "warning", "p95 is above 2 s", "groq"),
)


async def test_each_kind_of_event_is_a_row_that_any_program_reads(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    way = trace(
        Attempt("cerebras/oss", 1, 0.0, 40.0, "failed", error_kind="overloaded", error="busy", status=503),
        Attempt("groq/oss", 2, 41.0, 459.0, "answered", 60.0, cost_usd=0.001),
    )
    async with past(path) as (_, recorder, _, _):
        usage = Usage(100, 20, 60, 5, 7, 90, 19)
        recorder.listen(
            request(usage=usage, cost=Cost(0.5, "provider"), status=200, attempts=2, stream=True, trace=way)
        )
        for event in (*_OTHERS, Notice("not of the history")):
            recorder.listen(event)
        await recorder.flush()
        assert recorder.waiting == 0
        with closing(sqlite3.connect(path)) as other:
            other.row_factory = sqlite3.Row
            [row] = map(dict, other.execute("SELECT * FROM api_usage_logs"))
        del row["id"]
        assert row == {
            "finished_utc": "2023-11-15 11:59:59.000",
            "started_at": NOON - 1.5,
            "finished_at": NOON - 1,
            "request_id": "run-1",
            "route": "fast",
            "provider": "groq",
            "model": "oss",
            "origin": "chat",
            "simulated": 0,
            "outcome": "answered",
            "error_kind": None,
            "error": None,
            "status": 200,
            "ttft_ms": 100.0,
            "duration_ms": 500.0,
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "cached_tokens": 60,
            "cache_written_tokens": 5,
            "reasoning_tokens": 7,
            "cost_usd": 0.5,
            "cost_source": "provider",
            "cached": 0,
            "saved_usd": None,
            "saved_ms": None,
            "attempts": 2,
            "stream": 1,
        }
    assert rows(path, "SELECT number, candidate, outcome, error_kind, error, status FROM request_attempts") == [
        (1, "cerebras/oss", "failed", "overloaded", "busy", 503),
        (2, "groq/oss", "answered", None, None, None),
    ]
    assert rows(path, "SELECT breaker, state_after, open_until FROM breaker_events") == [("groq", "open", NOON + 10)]
    kinds = [kind for (kind,) in rows(path, "SELECT kind FROM fallback_events ORDER BY at, id")]
    assert kinds == ["switch", "rule", "hedge", "limit", "continued"]
    assert rows(path, "SELECT action, subject FROM user_activity") == [("breaker held open", "groq")]
    assert rows(path, "SELECT rule, state, summary FROM alerts") == [("slow", "firing", "p95 is above 2 s")]


async def test_limits_far_away_are_not_worth_a_row(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with past(path) as (_, recorder, _, _):
        recorder.listen(LimitSeen("groq", "as usual", 0.9, NOON))
        assert recorder.waiting == 0


async def test_looks_that_find_the_same_make_one_span(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    looks = [(NOON - 50, True), (NOON - 40, True), (NOON - 30, False), (NOON - 20, True)]
    for half in (looks[:1], looks[1:]):
        async with past(path) as (_, recorder, _, _):
            for at, healthy in half:
                recorder.listen(HealthSeen("groq", at, healthy, 20.0, None if healthy else "timeout"))
    found = rows(path, "SELECT started_at, last_seen_at, healthy, looks FROM provider_health_status ORDER BY id")
    assert found == [(NOON - 50, NOON - 40, 1, 2), (NOON - 30, NOON - 30, 0, 1), (NOON - 20, NOON - 20, 1, 1)]
    assert rows(path, "SELECT started_at FROM provider_health_latest") == [(NOON - 20,)]


async def test_a_look_up_is_repeated_where_the_entry_was_known_also_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with past(path) as (_, recorder, _, _):
        for step in ("miss", "store", "hit", "miss"):
            recorder.listen(CacheEvent(step, "abc", NOON - 5))
    async with past(path) as (_, recorder, _, _):
        recorder.listen(CacheEvent("miss", "abc", NOON - 4))
        recorder.listen(CacheEvent("miss", "new", NOON - 4))
    assert rows(path, "SELECT step, repeated FROM cache_events ORDER BY at, id")[-2:] == [("miss", 1), ("miss", 0)]
    assert rows(path, "SELECT hits, misses, repeated FROM cache_rollup WHERE tier = 3600") == [(1, 4, 3)]


async def test_what_came_before_the_store_was_open_is_written(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    recorder = Recorder(Clock(NOON), pause_s=0.0)
    recorder.listen(request())
    async with await Store.open(path, Clock(NOON)) as store:
        recorder.attach(store)
        await recorder.flush()
        assert rows(path, "SELECT request_id FROM api_usage_logs") == [("run-1",)]
        await recorder.close()


async def test_sums_of_every_tier_count_each_row_once_however_often_a_batch_was_tried(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    told: list[StoreNotice] = []
    async with past(path, retry_s=0.02, notify=told.append) as (store, recorder, _, _):
        recorder.listen(request(NOON - 7000))
        await recorder.flush()
        store._opened.database.execute_sql("PRAGMA query_only = 1")
        for number in range(300):
            recorder.listen(request(NOON - 7000 + number * 20, name=f"run-{number}"))
            recorder.listen(attempt(NOON - 7000 + number * 20))
        while store.trouble is None:
            await asyncio.sleep(0)
        assert recorder.waiting == 600
        assert rows(path, "SELECT count(*) FROM usage_request") == [(1,)]
        store._opened.database.execute_sql("PRAGMA query_only = 0")
        await recorder.flush()
    assert rows(path, "SELECT count(*) FROM usage_request") == [(301,)]
    sums = rows(path, "SELECT tier, counted, sum(count) FROM usage_rollups GROUP BY tier, counted")
    tiers = ("ten seconds", "minute", "five minutes", "hour", "four hours", "day")
    assert sorted(sums) == sorted(
        (tier, counted.format(what), count)
        for tier in tiers
        for what, count in (("requests", 301), ("attempts", 300))
        for counted in ("{}", "{} by provider", "all {}")
    )
    assert "cannot be written" in words(told)


async def test_sums_go_on_where_they_were_left(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    for number in range(3):
        async with past(path) as (_, recorder, _, _):
            recorder.listen(request(name=f"run-{number}"))
    assert rows(path, "SELECT tier, count, cost_usd FROM usage_rollups WHERE counted = 'all requests'") == [
        (tier, 3, 0.003) for tier in ("ten seconds", "minute", "five minutes", "hour", "four hours", "day")
    ]
    assert rows(path, "SELECT count(*) FROM usage_series") == [(3,)]


async def test_a_disk_that_refuses_too_long_costs_the_oldest_events_and_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    told: list[StoreNotice] = []
    async with past(path, retry_s=0.02, notify=told.append, most=10) as (store, recorder, _, _):
        store._opened.database.execute_sql("PRAGMA query_only = 1")
        for number in range(25):
            recorder.listen(UserActed(f"act {number}", NOON))
        while store.trouble is None:
            await asyncio.sleep(0)
        assert (recorder.waiting, recorder.dropped) == (10, 15)
        store._opened.database.execute_sql("PRAGMA query_only = 0")
        await recorder.flush()
        recorder.listen(UserActed("after", NOON))
        await recorder.flush()
    kept = [action for (action,) in rows(path, "SELECT action FROM user_activity ORDER BY id")]
    assert kept == [*(f"act {number}" for number in range(15, 25)), "after"]
    assert "15 events of the history were lost" in words(told)


async def test_one_event_that_is_refused_for_its_own_sake_is_dropped_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aiconsole.store.recorder._AGAIN_S", 0.0)
    path = tmp_path / "aiconsole.db"
    async with past(path) as (_, recorder, _, _):
        for number in range(20):
            recorder.listen(UserActed(f"act {number}", NOON))
            if number == 7:
                recorder.listen(CacheEvent(object(), "abc", NOON))  # type: ignore[arg-type]
        await recorder.flush()
        assert recorder.dropped == 1
    assert len(rows(path, "SELECT * FROM user_activity")) == 20
    assert "refused and dropped: CacheEvent" in caplog.text


async def test_who_waits_for_an_event_that_is_refused_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiconsole.store.recorder._AGAIN_S", 0.0)
    async with past(tmp_path / "aiconsole.db") as (_, recorder, _, _):
        recorder.listen(CacheEvent(object(), "abc", NOON))  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await recorder.flush()
        assert (recorder.dropped, recorder.waiting) == (1, 0)


async def test_failures_are_written_also_where_names_have_large_ids(tmp_path: Path) -> None:
    """A recovery that could not read all names used to give new ones ids over a million."""
    path = tmp_path / "aiconsole.db"
    async with past(path) as (store, recorder, history, _):
        await store.write(lambda database: database.execute_sql("INSERT INTO label VALUES (1000000, '(lost)')"))
        recorder.listen(request(error_kind="never seen"))
        await recorder.flush()
        assert recorder.dropped == 0
        (failure,) = await history.failures(NOON - 60, NOON + 60)
        assert (failure.kind, failure.count) == ("never seen", 1)


async def test_conversations_are_written_while_events_pour_in(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (store, recorder, _, _):
        for number in range(6000):
            recorder.listen(UserActed(f"act {number}", NOON))
        recorder._hand_over()
        await conversation(store)
        assert len(await store.conversations.list()) == 1
        assert await store.write(lambda database: database.pragma("synchronous")) == 2
        await recorder.flush()


@pytest.mark.parametrize(
    "odd",
    [
        request(timing=Timing(float("nan"), float("inf"), -1.0)),
        request(timing=Timing(1e300, 1.0, 1e300)),
        request(usage=Usage(2**80, -1), cost=Cost(float("nan"), "provider")),
        request(cost=Cost(1e30, "provider"), saved_usd=float("inf")),
        request(name="\ud800", route="\udfff", error_kind="\ud800"),
    ],
)
async def test_odd_values_are_made_to_fit(tmp_path: Path, odd: RequestFinished) -> None:
    path = tmp_path / "aiconsole.db"
    async with past(path) as (_, recorder, history, clock):
        recorder.listen(odd)
        await recorder.flush()
        assert (await history.tiles(clock.time - 60, clock.time + 60)).now.count == 1
    assert rows(path, "SELECT count(*) FROM api_usage_logs") == [(1,)]


async def test_secrets_are_written_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    leaky = trace(Attempt("groq/oss", 1, 0.0, 40.0, "failed", error_kind="bad key", error="key sk-123 is wrong"))
    async with past(path, redact=lambda text: text.replace("sk-123", "[redacted]")) as (_, recorder, history, _):
        recorder.listen(request(error_kind="bad key", trace=leaky))
        recorder.listen(Switched("groq/oss", "x/y", "key sk-123 is wrong", NOON))
        await recorder.flush()
        kept = await history.request_named("run-1")
    assert kept is not None and kept.trace is not None
    assert kept.row.error == kept.trace.attempts[0].error == "key [redacted] is wrong"
    assert b"sk-123" not in path.read_bytes()
