"""Provider health against the simulator, over real sockets."""

from __future__ import annotations

from pathlib import Path

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Timing
from aiconsole.domain.events import AttemptFinished, HealthSeen
from aiconsole.domain.models import ProbeResult, ProviderState
from aiconsole.jobs.health import DOUBT_S, LONG_WELL_S, WELL_S, HealthWatch
from aiconsole.simulator import NAMES, Behaviour, Simulator
from tests.clocks import FakeClock
from tests.jobs.places import Rig


class Friends:
    """Providers that are well unless told otherwise, and count how often they were asked."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.unwell: set[str] = set()
        self.asked: dict[str, int] = dict.fromkeys(names, 0)
        self.costly = False

    def providers(self) -> tuple[ProviderState, ...]:
        return tuple(ProviderState(name, name, "", key_source="session") for name in self.names)

    async def probe(self, provider: str) -> ProbeResult:
        self.asked[provider] += 1
        return ProbeResult(provider, provider not in self.unwell, 3.0, spent_tokens=self.costly)


def attempt(provider: str, error_kind: str | None = None) -> AttemptFinished:
    return AttemptFinished(provider, "m", Timing(0.0, 80.0, 400.0), error_kind=error_kind)


async def test_real_probes_tell_who_is_well_and_who_is_not(tmp_path: Path) -> None:
    seen: list[HealthSeen] = []
    async with Simulator.start() as simulator, Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine:
        clock = FakeClock()
        watch = HealthWatch(engine, clock, seen.append)
        engine.bus.subscribe(watch.listen)
        simulator.set("groq", Behaviour(outage="refuse"))
        async with Rig(watch.job(), clock=clock) as rig:
            await rig.scheduler.run_now("health")
            run = await rig.scheduler.finished("health")
            assert {event.provider: event.healthy for event in seen} == {name: name != "groq" for name in NAMES}
            assert all(event.simulated for event in seen)
            assert run is not None
            assert "not well: groq" in run.message
            assert run.found
            assert rig.scheduler.view("health").countdown_s(clock.now()) is not None
            seen.clear()
            request = ChatRequest("mistral/mistral-small-latest", (Message.user("[[tokens=3]]"),))
            await engine.complete(request)
            await engine.complete(request)
            assert [(event.provider, event.healthy) for event in seen] == [("mistral", True)]


async def test_who_is_well_is_asked_ever_more_rarely_and_who_is_not_soon() -> None:
    friends = Friends("calm", "ill")
    friends.unwell = {"ill"}
    clock = FakeClock()
    watch = HealthWatch(friends, clock, lambda event: None)
    async with Rig(watch.job(), clock=clock) as rig:
        await rig.pass_time(3 * 3600)
        calm, ill = friends.asked["calm"], friends.asked["ill"]
        assert calm <= 3 + 3 * 3600 / LONG_WELL_S
        assert 3 * 3600 / (WELL_S + 20) <= ill <= 6 + 3 * 3600 / WELL_S
        friends.unwell = set()
        await rig.pass_time(WELL_S + 20)
        await rig.pass_time(6 * 3600)
        assert friends.asked["ill"] - ill <= 16


async def test_a_live_request_counts_and_a_failed_one_brings_the_next_look_near() -> None:
    friends = Friends("busy")
    clock = FakeClock()
    seen: list[HealthSeen] = []
    rigs: list[Rig] = []
    watch = HealthWatch(friends, clock, seen.append, lambda in_s: rigs[0].scheduler.sooner("health", in_s))
    async with Rig(watch.job(), clock=clock) as rig:
        rigs.append(rig)
        for _ in range(100):
            watch.listen(attempt("busy"))
            await rig.pass_time(60)
        assert friends.asked["busy"] == 0
        assert len(seen) == 100
        for kind in ("bad request", "cancelled", "rate limit", "held back"):
            watch.listen(attempt("busy", kind))
        await rig.pass_time(60)
        assert friends.asked["busy"] == 0, "what the caller did says nothing of the provider"
        watch.listen(attempt("busy", "server fault"))
        await rig.pass_time(DOUBT_S + 10)
        assert friends.asked["busy"] == 1
    assert [event.healthy for event in seen[-2:]] == [False, True]


async def test_probes_that_cost_tokens_are_rare() -> None:
    friends = Friends("dear")
    friends.costly = True
    clock = FakeClock()
    async with Rig(HealthWatch(friends, clock, lambda event: None).job(), clock=clock) as rig:
        friends.unwell = {"dear"}
        await rig.pass_time(4 * 3600)
    assert friends.asked["dear"] <= 5
