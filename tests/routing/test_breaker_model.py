"""The breaker against its plain model, through any order of calls, outcomes, time and hands."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiconsole.domain.events import BreakerChanged
from aiconsole.routing.breaker import Breaker, BreakerSettings, Permit, Refused
from tests.clocks import FakeClock
from tests.routing.breaker_model import Call, Model

_SETTINGS = st.builds(
    BreakerSettings,
    consecutive=st.sampled_from((0, 2, 5)),
    window_calls=st.sampled_from((None, None, 4, 12)),
    minimum_calls=st.sampled_from((4, 10)),
    failure_rate=st.sampled_from((0.5, 0.3)),
    slow_ms=st.sampled_from((None, 1_000.0)),
    max_open_s=st.sampled_from((300.0, 40.0)),
    half_open_permits=st.sampled_from((1, 3)),
)
_OUTCOMES = st.sampled_from((False, False, True, True, True, None))


class _Fixed(Random):
    def random(self) -> float:
        return 0.25


class BreakerAgainstModel(RuleBasedStateMachine):
    @initialize(chosen=_SETTINGS)
    def begin(self, chosen: BreakerSettings) -> None:
        self.clock = FakeClock(monotonic=1_024.0)
        self.events: list[BreakerChanged] = []
        self.breaker = Breaker("a/m", self.clock, _Fixed(), self.events.append, chosen)
        self.model = Model(chosen, 0.25, 1_024.0)
        self.calls: list[tuple[Permit, Call]] = []

    def _ask(self, deadline_s: float) -> tuple[Permit, Call] | None:
        answer, expected = self.breaker.permit(deadline_s), self.model.ask(deadline_s)
        if expected is None:
            assert isinstance(answer, Refused)
            return None
        assert isinstance(answer, Permit)
        self.calls.append((answer, expected))
        return answer, expected

    def _tell(self, pair: tuple[Permit, Call], failed: bool | None, ms: float) -> None:
        if failed is None:
            pair[0].neutral()
        elif failed:
            pair[0].failure(ms)
        else:
            pair[0].success(ms)
        self.model.tell(pair[1], failed, ms)

    @rule(deadline_s=st.sampled_from((0.0, 2.0, 30.0, float("inf"))))
    def ask(self, deadline_s: float) -> None:
        self._ask(deadline_s)

    @rule(deadline_s=st.sampled_from((2.0, 30.0)), before=st.integers(0, 3), trials=st.integers(0, 4))
    def becomes_half_open(self, deadline_s: float, before: int, trials: int) -> None:
        for _ in range(before):
            self._ask(deadline_s)
        if self.breaker.trip("a rule"):
            self.model.open()
        self.time_passes(self.breaker.left_s + 0.5)
        for _ in range(trials):
            self._ask(deadline_s)

    @rule(outcomes=st.lists(_OUTCOMES, min_size=1, max_size=12), ms=st.sampled_from((10.0, 5_000.0)))
    def calls_one_after_another(self, outcomes: list[bool | None], ms: float) -> None:
        for failed in outcomes:
            pair = self._ask(30.0)
            if pair is not None:
                self._tell(pair, failed, ms)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 100), failed=_OUTCOMES, ms=st.sampled_from((10.0, 5_000.0)))
    def outcome_of_some_call(self, which: int, failed: bool | None, ms: float) -> None:
        self._tell(self.calls[which % len(self.calls)], failed, ms)

    @rule(seconds=st.sampled_from((0.5, 4.5, 5.0, 10.0, 30.0, 61.0, 400.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.model.time += seconds

    @rule(seconds=st.sampled_from((-3_600.0, 3_600.0)))
    def wall_clock_jumps(self, seconds: float) -> None:
        self.clock.jump_wall(seconds)

    @rule(what=st.sampled_from(("force_open", "force_closed", "reset", "trip", "hint")))
    def hand(self, what: str) -> None:
        model, breaker = self.model, self.breaker
        if what == "force_open":
            breaker.force_open()
            model.enter("forced open")
        elif what == "force_closed":
            breaker.force_closed()
            model.enter("forced closed")
        elif what == "reset":
            breaker.reset()
            model.trips = 0
            model.enter("closed")
        elif what == "trip":
            can = model.seen_state() in ("closed", "half-open")
            assert breaker.trip("a rule") is can
            if can:
                model.open()
        else:
            can = model.seen_state() == "open" and model.believed
            assert breaker.hint_recovery() is can
            if can:
                model.enter("half-open")
                model.hinted = True

    @rule()
    def restart(self) -> None:
        """At once, so that nothing grows too old: only what was counted, and what is in flight, is lost."""
        kept = self.breaker.snapshot()
        self.breaker = Breaker("a/m", self.clock, _Fixed(), self.events.append, self.model.settings)
        self.breaker.restore(kept)
        model = self.model
        model.believed, model.hinted = True, False
        model.period += 1
        model.trials, model.outcomes = [], []
        over = model.opened_at + model.open_for - model.time
        if model.state == "half-open":
            model.state, model.opened_at, model.open_for = "open", model.time, 0.0
        elif model.state == "open":
            model.opened_at, model.open_for = model.time, max(0.0, over)
        self.calls.clear()
        self.events.clear()

    @invariant()
    def same_state(self) -> None:
        assert self.breaker.state == self.model.seen_state()
        left_s = self.model.opened_at + self.model.open_for - self.model.time
        expected = max(0.0, left_s) if self.model.state == "open" else 0.0
        assert abs(self.breaker.left_s - expected) < 1e-6

    @invariant()
    def events_make_a_chain(self) -> None:
        for earlier, later in zip(self.events, self.events[1:], strict=False):
            assert earlier.after == later.before


BreakerAgainstModel.TestCase.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBreakerAgainstModel = BreakerAgainstModel.TestCase
