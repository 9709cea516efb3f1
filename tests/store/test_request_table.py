"""The requests table: what is found, in which order, at any offset, agrees with a plain list of the same requests."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from aiconsole.domain.chat import Cost, Usage
from aiconsole.domain.events import RequestFinished
from aiconsole.domain.history import RequestFilter, Sort
from aiconsole.domain.trace import Attempt
from aiconsole.store import Retention
from tests.store.happened import NOON, past, request, trace

_COUNT = 400
_SPAN = 30_000.0


def _requests() -> list[RequestFinished]:
    """Over more than eight hours, in order of time."""
    chance = random.Random(4)
    made = []
    for number in range(_COUNT):
        provider = chance.choice(("groq", "cohere", "gemini"))
        model, route = f"{provider}-{chance.randrange(2)}", chance.choice(("fast", "slow"))
        failed = chance.random() < 0.2
        error = f"{provider} said no, number {number % 7}" if failed else ""
        tried = Attempt("mistral/small", 1, 0.0, 3.0, "failed", error_kind="timeout", error="late")
        last = Attempt(
            f"{provider}/{model}",
            2,
            3.0,
            10.0,
            "failed" if failed else "answered",
            error_kind="overloaded" if failed else None,
            error=error,
        )
        made.append(
            request(
                NOON - _SPAN + number * _SPAN / _COUNT,
                float(chance.randrange(1, 3000)),
                f"run{number % 4}-{number:x}",
                provider=provider,
                model=model,
                route=route,
                origin=chance.choice(("chat", "bench")),
                error_kind="overloaded" if failed else None,
                usage=Usage(chance.randrange(1000), chance.randrange(1000)),
                cost=None if failed else Cost(chance.random(), "price list"),
                cached=chance.random() < 0.3,
                attempts=chance.randrange(1, 5),
                trace=trace(tried, last) if number % 3 else trace(last),
            )
        )
    return made


def _ended(one: RequestFinished) -> float:
    return one.timing.started_at + one.timing.duration_ms / 1000


def _asks(one: RequestFinished, wanted: str) -> bool:
    assert one.trace is not None
    return any(f"{each.candidate}/".startswith(f"{wanted}/") for each in one.trace.attempts)


def _says(one: RequestFinished, text: str) -> bool:
    assert one.trace is not None
    error = one.trace.attempts[-1].error if one.error_kind else ""
    words = (one.provider, one.model, one.route, one.error_kind or "", error)
    return any(text in word for word in words) or one.request_id.startswith(text)


_FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda one: True),
    ({"provider": "groq"}, lambda one: one.provider == "groq"),
    ({"model": "cohere-1", "route": "fast"}, lambda one: one.model == "cohere-1" and one.route == "fast"),
    ({"origin": "bench"}, lambda one: one.origin == "bench"),
    ({"failed": True}, lambda one: one.error_kind is not None),
    ({"failed": False, "provider": "groq"}, lambda one: one.error_kind is None and one.provider == "groq"),
    ({"error_kind": "overloaded", "route": "slow"}, lambda one: one.error_kind is not None and one.route == "slow"),
    ({"error_kind": "unheard of"}, lambda one: False),
    ({"cached": True}, lambda one: one.cached),
    ({"cached": False, "failed": True}, lambda one: not one.cached and one.error_kind is not None),
    ({"asked": "mistral"}, lambda one: _asks(one, "mistral")),
    ({"asked": "gemini/gemini-0"}, lambda one: _asks(one, "gemini/gemini-0")),
    ({"text": "groq"}, lambda one: _says(one, "groq")),
    ({"text": "number 3"}, lambda one: _says(one, "number 3")),
    ({"text": "overload"}, lambda one: _says(one, "overload")),
    ({"text": "run2-"}, lambda one: _says(one, "run2-")),
    ({"text": "100%_"}, lambda one: False),
    ({"text": "number 3", "provider": "gemini"}, lambda one: one.provider == "gemini" and _says(one, "number 3")),
    ({"start": NOON - 9000, "end": NOON - 100}, lambda one: NOON - 9000 <= _ended(one) < NOON - 100),
    ({"simulated": True}, lambda one: False),
]
_KEYS: dict[Sort, Any] = {
    "time": _ended,
    "duration": lambda one: one.timing.duration_ms,
    "ttft": lambda one: one.timing.ttft_ms,
    "cost": lambda one: one.cost.usd if one.cost else None,
    "tokens": lambda one: one.usage.total,
    "attempts": lambda one: one.attempts,
}


async def test_filters_sorts_and_pages_agree_with_a_plain_list(tmp_path: Path) -> None:
    made = _requests()
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for one in made:
            recorder.listen(one)
        await recorder.flush()
        for fields, lets_through in _FILTERS:
            wanted = RequestFilter(**{"start": NOON - 2 * _SPAN, "end": NOON, **fields})
            expected = [one for one in made if lets_through(one)]
            for sort, key in _KEYS.items():
                for descending in (True, False):
                    found = await history.requests(wanted, sort, descending=descending)
                    assert (found.count, found.capped) == (len(expected), False), fields
                    rows = [row for at in range(0, found.count, 97) for row in await found.page(at, 97)]
                    assert {row.request_id for row in rows} == {one.request_id for one in expected}, (fields, sort)
                    by_id = {one.request_id: key(one) for one in expected}
                    told = [by_id[row.request_id] for row in rows]
                    known = [value for value in told if value is not None]
                    assert known == sorted(known, reverse=descending), (fields, sort)
                    assert told[len(known) :] == [None] * (len(told) - len(known))


@pytest.mark.parametrize("retention", [Retention(), Retention(rollups=(0.01,) * 6)])
async def test_any_offset_is_exact_and_later_arrivals_shift_nothing(tmp_path: Path, retention: Retention) -> None:
    made = _requests()
    async with past(tmp_path / "aiconsole.db", retention=retention) as (_, recorder, history, _):
        for one in made:
            recorder.listen(one)
        await recorder.flush()
        found = await history.requests(RequestFilter(0, NOON + 10))
        recorder.listen(request(NOON + 1, name="later"))
        await recorder.flush()
        names = [one.request_id for one in reversed(made)]
        for offset in (0, 1, 57, 333, _COUNT - 1, _COUNT, _COUNT + 50):
            page = await found.page(offset, 30)
            assert [row.request_id for row in page] == names[offset : offset + 30]
        assert (await history.requests(RequestFilter(0, NOON + 10))).count == _COUNT + 1


async def test_sorted_pages_go_on_beyond_what_was_sorted_at_first(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("aiconsole.store.request_table.FIRST", 15)
    made = _requests()
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        for one in made:
            recorder.listen(one)
        await recorder.flush()
        found = await history.requests(RequestFilter(0, NOON), "duration")
        slowest = sorted((one.timing.duration_ms for one in made), reverse=True)
        for offset in (0, 10, 100, 380, 20):
            assert [row.duration_ms for row in await found.page(offset, 10)] == slowest[offset : offset + 10]


async def test_a_search_that_is_no_longer_wanted_makes_room_for_the_next(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as (_, recorder, history, _):
        recorder.listen(request())
        await recorder.flush()
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def search(database: Any) -> None:
            loop.call_soon_threadsafe(began.set)
            database.execute_sql(endless).fetchone()

        searching = asyncio.ensure_future(history.ask(search, tables=True))
        await began.wait()
        assert (await history.tiles(NOON - 60, NOON)).now.count == 1
        searching.cancel()
        assert (await history.requests(RequestFilter(0, NOON))).count == 1


async def test_a_requests_page_has_attempts_even_when_its_trace_is_gone(tmp_path: Path) -> None:
    way = trace(
        Attempt("cerebras/oss", 1, 0.0, 40.0, "failed", error_kind="overloaded", error="busy", status=503),
        Attempt("groq/oss", 2, 41.0, 459.0, "answered", 60.0, cost_usd=0.001),
    )
    async with past(tmp_path / "aiconsole.db", retention=Retention(traces=1)) as (store, recorder, history, clock):
        recorder.listen(request(NOON - 2 * 86_400, trace=way))
        await recorder.flush()
        [row] = await (await history.requests(RequestFilter(0, NOON))).page(0)
        kept = await history.request(row.id)
        assert kept is not None
        assert (kept.row, kept.attempts, kept.trace) == (row, way.attempts, way)
        assert await history.request_named("run-1") == kept
        await store.prune(clock.time)
        later = await history.request(row.id)
        assert later is not None
        assert (later.row, later.attempts, later.trace) == (row, way.attempts, None)
        assert await history.request(5) is None
        assert await history.request_named("nobody") is None
