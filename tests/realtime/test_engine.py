"""Live state, heartbeat and links of a whole console, with simulated providers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.events import AttemptFinished, FromPeer, RequestFinished
from aiconsole.domain.messages import Message
from aiconsole.engine import Engine
from aiconsole.realtime.links.hub import Hub
from aiconsole.realtime.timers import LoopTimers
from aiconsole.simulator import Simulator
from tests.clocks import FakeClock

ASK = ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),))
NO_KEYS = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


async def test_a_request_shows_in_the_live_state_while_it_runs_and_afterwards(tmp_path: Path) -> None:
    clock = FakeClock()
    async with Engine.open(home=tmp_path, demo=True, environ=NO_KEYS, clock=clock) as engine:
        assert engine.live.state().simulated.requests == 0
        running: list[int] = []
        async for _ in engine.stream(ASK):
            clock.advance(1.1)
            running.append(engine.live.provider("groq").in_flight)
        assert max(running) == 1
        state = engine.live.state()
        groq = state.provider("groq")
        assert (state.simulated.requests, state.simulated.error_rate, state.real.requests) == (1, 0.0, 0)
        assert (groq.health, groq.breaker, groq.in_flight) == ("healthy", "closed", 0)
        assert groq.simulated_usd == state.simulated.spend_usd > 0.0
        assert state.real.spend_usd == 0.0

        await engine.set_demo(False)
        assert engine.live.provider("groq").health == "unknown", "the real one is somebody else"
    assert engine.heartbeat.state == "stopped"
    assert engine.bus.stats().listeners <= 2


async def test_two_consoles_share_what_happens_and_count_only_their_own(tmp_path: Path) -> None:
    hub = Hub(SystemClock(), LoopTimers())
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator.start())
        desk, lab = [
            await stack.enter_async_context(
                Engine.open(home=tmp_path / name, environ=NO_KEYS, simulator=simulator, clock=SystemClock())
            )
            for name in ("desk", "lab")
        ]
        with lab.bus.queue(FromPeer) as heard:
            for engine in (desk, lab):
                engine.links.add(hub)
            await desk.complete(ASK)
            events = []
            async with asyncio.timeout(10):
                while not any(isinstance(event, RequestFinished) for event in events):
                    events += [told.event for told in await anext(heard) if isinstance(told, FromPeer)]
        assert any(isinstance(event, AttemptFinished) for event in events)
        assert [peer.origin for peer in lab.live.state().peers] == [desk.links.origin]
        assert lab.live.state().simulated.requests == 0
        assert {provider.health for provider in lab.live.state().providers.values()} == {"unknown"}
        assert lab.gate.budgets.spent("day") == 0.0
        assert desk.live.state().simulated.requests == 1
        assert desk.live.state().peers == ()
        assert desk.heartbeat.state == "alive"
        assert (desk.links.state, lab.links.state) == ("connected", "connected")
    assert desk.links.state == "off"
    await asyncio.sleep(0.01)
    assert hub.members == 0
