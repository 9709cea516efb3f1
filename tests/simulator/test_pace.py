"""Time to the first token, tokens per second, jitter and slow-down, on a clock that only sleeping moves."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from aiconsole.simulator import Behaviour, Simulator, known_text
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.pace import Pace
from tests.simulator.asking import NAMES, ask, streamed
from tests.simulator.clocks import FakeClock


async def _took(
    name: str, behaviour: Behaviour, *, stream: bool, prompt: str = "[[tokens=100]]", seed: int = 0
) -> tuple[float, str]:
    """Seconds one request took on the fake clock, and its body."""
    clock = FakeClock()
    async with (
        Simulator.start(seed=seed, clock=clock, sleep=clock.sleep) as simulator,
        aiohttp.ClientSession() as client,
    ):
        simulator.set(name, behaviour)
        status, text, _ = await ask(client, simulator, name, prompt, stream=stream)
        assert status == 200
        return sum(clock.slept), text


@pytest.mark.parametrize("name", NAMES)
async def test_a_stream_takes_its_ttft_and_its_tokens(name: str) -> None:
    took, text = await _took(name, Behaviour(ttft_ms=500, tokens_per_s=50), stream=True)
    assert streamed(name, text)[0] == known_text(100)
    assert 0.5 + 88 / 50 <= took <= 0.5 + 100 / 50 + 0.001


async def test_a_whole_answer_takes_as_long_as_its_tokens() -> None:
    took, _ = await _took("groq", Behaviour(ttft_ms=500, tokens_per_s=50), stream=False)
    assert took == pytest.approx(2.5)


async def test_without_a_speed_only_the_first_token_waits() -> None:
    assert (await _took("groq", Behaviour(ttft_ms=250), stream=True))[0] == pytest.approx(0.25)
    assert (await _took("groq", Behaviour(ttft_ms=250, tokens_per_s=0), stream=False))[0] == pytest.approx(0.25)
    assert (await _took("groq", Behaviour(), stream=True))[0] == 0


async def test_slow_multiplies_all_waiting() -> None:
    took, _ = await _took("groq", Behaviour(ttft_ms=500, tokens_per_s=50, slow=3), stream=False)
    assert took == pytest.approx(7.5)


async def test_jitter_stays_within_its_share_and_comes_from_the_seed() -> None:
    behaviour = Behaviour(ttft_ms=1_000, jitter=0.4)
    took = [(await _took("groq", behaviour, stream=True, seed=seed))[0] for seed in (1, 1, 2, 3)]
    assert took[0] == took[1]
    assert len(set(took)) == 3
    assert all(0.6 <= seconds <= 1.4 for seconds in took)


async def test_a_model_list_takes_half_a_ttft() -> None:
    clock = FakeClock()
    async with Simulator.start(clock=clock, sleep=clock.sleep) as simulator, aiohttp.ClientSession() as client:
        simulator.set("openrouter", Behaviour(ttft_ms=300))
        async with client.get(simulator.base_url("openrouter") + "/models"):
            assert clock.slept == [0.15]


async def test_the_real_clock_paces_too() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set("groq", Behaviour(ttft_ms=30, tokens_per_s=1_000))
        began = asyncio.get_running_loop().time()
        await ask(client, simulator, "groq", "[[tokens=50]]", stream=True)
        assert asyncio.get_running_loop().time() - began >= 0.07


def test_a_heavy_tail_is_a_pareto_distribution() -> None:
    clock = FakeClock()
    behaviour = Behaviour(ttft_ms=100, tail=0.8)
    waits = sorted(Pace(behaviour, Dice(number), clock, clock.sleep).wait * 1000 for number in range(4_000))
    assert waits[0] >= 100
    for share in (0.5, 0.9, 0.95):
        assert waits[int(share * 4_000)] == pytest.approx(100 * (1 - share) ** -0.8, rel=0.15)
    assert waits[-1] <= 10_000
