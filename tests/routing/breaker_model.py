"""A plain, slow model of the circuit breaker, from the words of its module: it keeps every call and recounts each time."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiconsole.routing.breaker import BreakerSettings


@dataclass(eq=False)
class Call:
    period: int
    lease_ends: float
    told: bool = False


@dataclass
class Model:
    """``period`` grows with each change of state. ``half`` is the share of jitter that the test's random source gives."""

    settings: BreakerSettings
    jitter: float
    time: float
    state: str = "closed"
    opened_at: float = 0.0
    open_for: float = 0.0
    trips: int = 0
    period: int = 0
    hinted: bool = False
    believed: bool = True
    outcomes: list[tuple[float, bool, bool]] = field(default_factory=list)
    trials: list[Call] = field(default_factory=list)

    def seen_state(self) -> str:
        if self.state == "open" and self.time >= self.opened_at + self.open_for:
            return "half-open"
        return self.state

    def enter(self, state: str) -> None:
        self.state = state
        self.period += 1
        self.outcomes = []
        self.trials = []
        self.hinted = False
        if state == "closed":
            self.believed = True

    def open(self) -> None:
        base = min(self.settings.max_open_s, self.settings.open_s * 2**self.trips)
        self.open_for = base / 2 + base / 2 * self.jitter
        self.opened_at = self.time
        self.trips += 1
        if self.hinted:
            self.believed = False
        self.enter("open")

    def ask(self, deadline_s: float) -> Call | None:
        if self.state in ("closed", "forced closed"):
            return Call(self.period, 0.0)
        if self.seen_state() != "half-open":
            return None
        if self.state == "open":
            self.enter("half-open")
        in_flight = [call for call in self.trials if not call.told and call.lease_ends > self.time]
        if deadline_s <= 0 or len(in_flight) + len(self.outcomes) >= self.settings.half_open_permits:
            return None
        call = Call(self.period, self.time + min(deadline_s, self.settings.max_lease_s))
        self.trials.append(call)
        return call

    def tell(self, call: Call, failed: bool | None, ms: float) -> None:
        if call.told:
            return
        call.told = True
        if failed is None or call.period != self.period:
            return
        slow = self.settings.slow_ms is not None and ms > self.settings.slow_ms
        if self.state == "half-open":
            if failed:
                self.open()
                return
            self.outcomes.append((self.time, False, slow))
            if len(self.outcomes) >= self.settings.half_open_permits:
                if sum(slow for _, _, slow in self.outcomes) / len(self.outcomes) >= self.settings.slow_rate:
                    self.open()
                else:
                    self.trips = 0
                    self.enter("closed")
        elif self.state == "closed":
            self.outcomes.append((self.time, failed, slow))
            if self.trips_now():
                self.open()

    def window(self) -> list[tuple[float, bool, bool]]:
        if self.settings.window_calls is not None:
            return self.outcomes[-self.settings.window_calls :]
        step = self.settings.window_s / self.settings.buckets
        oldest = self.time // step - self.settings.buckets
        return [outcome for outcome in self.outcomes if outcome[0] // step > oldest]

    def trips_now(self) -> bool:
        last = [failed for _, failed, _ in self.outcomes[-self.settings.consecutive :]]
        if self.settings.consecutive and len(last) == self.settings.consecutive and all(last):
            return True
        window = self.window()
        enough = self.settings.minimum_calls
        if self.settings.window_calls is not None:
            enough = min(enough, self.settings.window_calls)
        if len(window) < enough:
            return False
        failed = sum(failed for _, failed, _ in window) / len(window)
        slow = sum(slow for _, _, slow in window) / len(window)
        return failed >= self.settings.failure_rate or (
            self.settings.slow_ms is not None and slow >= self.settings.slow_rate
        )
