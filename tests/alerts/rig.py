"""Rules, states and alerts on a clock that a test moves, fed with calls at a given pace."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.incidents import Incidents
from aiconsole.alerts.reading import default_rules, read_rules
from aiconsole.alerts.watch import Watch
from aiconsole.alerts.world import World
from aiconsole.domain.alerts import Alert
from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.events import AttemptFinished, RequestFinished
from aiconsole.domain.trace import Attempt, DecisionTrace
from tests.clocks import FakeClock
from tests.timers import FakeTimers

START = 1_750_000_000.0


def rule(text: str) -> AlertRule:
    rules, problems = read_rules(text)
    assert not problems, problems
    return rules[0]


class Budget:
    def __init__(self, words: str, limit: float, spent: float, resets_at: float) -> None:
        self.words, self.limit, self.spent, self.resets_at = words, limit, spent, resets_at


class Rig:
    def __init__(self, rules: Sequence[AlertRule] | None = None) -> None:
        self.clock = FakeClock(START)
        self.timers = FakeTimers(self.clock)
        self.budgets: list[Budget] = []
        self.world = World(self.clock, budgets=lambda: tuple(self.budgets))
        self.changes: list[tuple[str, Alert]] = []
        self.incidents = Incidents(self.world, lambda alert, what: self.changes.append((what, alert)))
        self.watch = Watch(self.world, self.timers, self.incidents)
        self.incidents.end_part = self.watch.end
        self.watch.set_rules(default_rules() if rules is None else rules)
        self.random = Random(7)
        self.number = 0

    @property
    def fired(self) -> list[Alert]:
        """Each alert as it was when it fired."""
        return [alert for what, alert in self.changes if what == "firing"]

    @property
    def resolved(self) -> list[Alert]:
        return [alert for what, alert in self.changes if alert.state == "resolved" and what == "resolved"]

    @property
    def open(self) -> list[Alert]:
        return [alert for alert in self.incidents.alerts.values() if alert.open]

    def minutes(self, minutes: float) -> None:
        self.timers.advance(minutes * 60)

    def call(
        self,
        provider: str = "groq",
        error: str | None = None,
        *,
        words: str = "",
        ttft_ms: float = 200.0,
        saved: bool = False,
        **fields: Any,
    ) -> None:
        """One request that made one attempt; ``saved``: another provider answered it after this one had failed."""
        self.number += 1
        name = f"r{self.number}"
        timing = Timing(self.clock.now() - 1.0, ttft_ms if error is None else None, 1000.0)
        given: dict[str, Any] = {"usage": Usage(100, 20), "cost": Cost(0.001, "price list"), **fields}
        self.watch.notice(AttemptFinished(provider, "m", timing, error_kind=error, **given))
        outcome = "answered" if error is None else "failed"
        attempt = Attempt(f"{provider}/m", 1, 0.0, 1000.0, outcome, error_kind=error, error=words)
        trace = DecisionTrace(name, "fast", "priority", timing.started_at, 1000.0, attempts=(attempt,))
        ended = None if saved else error
        self.watch.notice(RequestFinished(name, "fast", provider, "m", timing, error_kind=ended, trace=trace, **given))

    def traffic(
        self,
        minutes: float,
        *,
        a_minute: float = 10.0,
        failing: float = 0.0,
        providers: Sequence[str] = ("groq",),
        error: str = "server fault",
        ttft_ms: float = 200.0,
        saved: bool = False,
    ) -> None:
        """Calls at an even pace, a share of which fails by chance."""
        for number in range(int(minutes * a_minute)):
            self.timers.advance(60 / a_minute)
            failed = self.random.random() < failing
            ttft = ttft_ms * self.random.uniform(0.7, 1.5)
            self.call(providers[number % len(providers)], error if failed else None, ttft_ms=ttft, saved=saved)
