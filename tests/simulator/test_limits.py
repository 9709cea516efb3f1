"""Rate limits that count, with their headers and refusals, on a clock the test moves."""

from __future__ import annotations

import json
from datetime import datetime

import aiohttp
import pytest

from aiconsole.simulator import Behaviour, RateLimits, Simulator
from aiconsole.simulator.limits import Limiter, seconds_text
from tests.simulator.asking import NAMES, ask
from tests.simulator.clocks import FakeClock


@pytest.mark.parametrize("name", NAMES)
async def test_requests_a_minute_are_counted_and_come_back_with_time(name: str) -> None:
    clock = FakeClock()
    async with Simulator.start(clock=clock, sleep=clock.sleep) as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(rate_limit=RateLimits(requests_per_minute=3)))
        statuses = [(await ask(client, simulator, name))[0] for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        _, text, headers = await ask(client, simulator, name)
        if name == "gemini":
            assert json.loads(text)["error"]["details"][-1]["retryDelay"] == "20s"
        else:
            assert headers["retry-after"] == "20"
        clock.time += 19.9
        assert (await ask(client, simulator, name))[0] == 429
        clock.time += 0.2
        assert (await ask(client, simulator, name))[0] == 200
        assert (await ask(client, simulator, name))[0] == 429
        simulator.set(name, Behaviour())
        assert (await ask(client, simulator, name))[0] == 200


@pytest.mark.parametrize("name", NAMES)
async def test_tokens_a_minute_are_counted(name: str) -> None:
    clock = FakeClock()
    async with Simulator.start(clock=clock, sleep=clock.sleep) as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(rate_limit=RateLimits(tokens_per_minute=600)))
        assert (await ask(client, simulator, name, "[[tokens=400]]"))[0] == 200
        assert (await ask(client, simulator, name, "[[tokens=400]]"))[0] == 429
        assert (await ask(client, simulator, name, "[[tokens=90]]"))[0] == 200
        clock.time += 60
        assert (await ask(client, simulator, name, "[[tokens=400]]"))[0] == 200


async def test_each_provider_tells_its_headroom_in_its_own_form() -> None:
    clock = FakeClock()
    limits = RateLimits(requests_per_minute=60, tokens_per_minute=6_000, requests_per_day=86_400)
    async with Simulator.start(clock=clock, sleep=clock.sleep) as simulator, aiohttp.ClientSession() as client:
        told = {}
        for name in NAMES:
            simulator.set(name, Behaviour(rate_limit=limits))
            _, _, told[name] = await ask(client, simulator, name, "[[tokens=97]]")
    groq, cerebras, mistral = told["groq"], told["cerebras"], told["mistral"]
    assert groq["x-ratelimit-limit-requests"] == "86400"
    assert groq["x-ratelimit-remaining-requests"] == "86399"
    assert groq["x-ratelimit-reset-requests"] == "1s"
    used = 6_000 - int(groq["x-ratelimit-remaining-tokens"])
    assert 97 < used < 120
    assert groq["x-ratelimit-reset-tokens"] == seconds_text(used / 100)
    assert float(cerebras["x-ratelimit-reset-requests-day"]) == pytest.approx(1)
    assert float(cerebras["x-ratelimit-reset-tokens-minute"]) == pytest.approx(used / 100, abs=0.1)
    assert mistral["x-ratelimit-remaining-req-minute"] == "59"
    assert int(mistral["x-ratelimit-tokens-query-cost"]) == 6_000 - int(mistral["x-ratelimit-remaining-tokens-minute"])
    assert told["cohere"]["x-trial-endpoint-call-remaining"] == "59"
    reset = datetime.fromisoformat(told["anthropic"]["anthropic-ratelimit-requests-reset"]).timestamp()
    assert reset == pytest.approx(clock.now() + 1, abs=1)
    assert told["anthropic"]["anthropic-ratelimit-requests-remaining"] == "59"


async def test_without_limits_the_headers_never_run_low() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for _ in range(20):
            _, _, headers = await ask(client, simulator, "groq")
    assert int(headers["x-ratelimit-remaining-requests"]) == int(headers["x-ratelimit-limit-requests"]) - 1


async def test_openrouter_names_the_reset_in_the_body() -> None:
    clock = FakeClock()
    async with Simulator.start(clock=clock, sleep=clock.sleep) as simulator, aiohttp.ClientSession() as client:
        simulator.set("openrouter", Behaviour(rate_limit=RateLimits(requests_per_minute=1)))
        await ask(client, simulator, "openrouter")
        _, text, _ = await ask(client, simulator, "openrouter")
    headers = json.loads(text)["error"]["metadata"]["headers"]
    assert headers["X-RateLimit-Remaining"] == "0"
    assert int(headers["X-RateLimit-Reset"]) == pytest.approx((clock.now() + 60) * 1_000, abs=1_000)


async def test_replacing_other_parts_of_a_behaviour_keeps_the_count() -> None:
    clock = FakeClock()
    limits = RateLimits(requests_per_minute=1)
    async with Simulator.start(clock=clock, sleep=clock.sleep) as simulator, aiohttp.ClientSession() as client:
        simulator.set("groq", Behaviour(rate_limit=limits))
        assert (await ask(client, simulator, "groq"))[0] == 200
        simulator.set("groq", Behaviour(rate_limit=limits, ttft_ms=1))
        assert (await ask(client, simulator, "groq"))[0] == 429


def test_a_refused_request_uses_up_nothing() -> None:
    limiter = Limiter(RateLimits(requests_per_minute=2, tokens_per_minute=100))
    assert limiter.admit(90, 0.0) is None
    refusal = limiter.admit(50, 0.0)
    assert refusal is not None
    assert (refusal.what, refusal.used, refusal.requested) == ("tokens", 90, 50)
    assert refusal.retry_after == pytest.approx(24.0)
    assert limiter.admit(10, 0.0) is None


def test_more_tokens_than_the_bucket_holds_wait_for_a_full_one() -> None:
    limiter = Limiter(RateLimits(tokens_per_minute=100))
    assert limiter.admit(500, 0.0) is None
    refusal = limiter.admit(500, 30.0)
    assert refusal is not None
    assert refusal.retry_after == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.026, "26ms"),
        (2.0, "2s"),
        (17.5639, "17.564s"),
        (179.5, "2m59.5s"),
        (3_660.0, "1h1m0s"),
        (59.9999, "1m0s"),
    ],
)
def test_durations_are_written_as_groq_writes_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
