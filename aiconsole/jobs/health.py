"""Job 1, provider health: asks each provider for the cheapest sign of health, no more often than there is reason to.

A request of the person's own counts as a look, so a busy provider is never probed. One that keeps well is looked at more and
more rarely, from `WELL_S` up to `LONG_WELL_S`; one whose request failed is looked at after `DOUBT_S`, and while it stays unwell
after waits that double up to `WELL_S`. Probes that spend tokens are made once an hour at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError, ProviderError
from aiconsole.domain.events import AttemptFinished, Event, HealthSeen
from aiconsole.domain.models import ProbeResult, ProviderState
from aiconsole.jobs.job import Job, Outcome, Run

WELL_S: Final = 300.0
LONG_WELL_S: Final = 1800.0
DOUBT_S: Final = 10.0
COSTLY_S: Final = 3600.0
TOLD_EVERY_S: Final = 30.0
"""A live request is told as a look at most so often while nothing changes."""

PROBE_S: Final = 10.0


class Providers(Protocol):
    """Who is asked; the engine is one."""

    def providers(self) -> tuple[ProviderState, ...]: ...

    async def probe(self, provider: str) -> ProbeResult: ...


class _Seen:
    """What is known of one provider: when it was last looked at, what was found, and how many times in a row."""

    __slots__ = ("at", "healthy", "in_a_row", "next_at", "told_at")

    def __init__(self) -> None:
        self.at = self.next_at = 0.0
        self.told_at: float | None = None
        self.healthy: bool | None = None
        self.in_a_row = 0

    def look(self, now: float, healthy: bool, least_s: float = 0.0) -> None:
        self.in_a_row = self.in_a_row + 1 if healthy == self.healthy else 1
        self.at, self.healthy = now, healthy
        doubled = 2.0 ** min(self.in_a_row - 1, 20)
        wait = min(LONG_WELL_S, WELL_S * doubled) if healthy else min(WELL_S, DOUBT_S * doubled)
        self.next_at = now + max(wait, least_s)


class HealthWatch:
    """Looks after the providers' health; `listen` is for the event bus.

    Args:
        publish: takes a `HealthSeen` for each look.
        hasten: called when a provider should be looked at in so many seconds.
    """

    def __init__(
        self,
        providers: Providers,
        clock: Clock,
        publish: Callable[[HealthSeen], object],
        hasten: Callable[[float], object] = lambda in_s: None,
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._publish = publish
        self._hasten = hasten
        self._seen: dict[tuple[str, bool], _Seen] = {}

    def job(self) -> Job:
        return Job(
            "health",
            "Provider health",
            "Looks whether each provider answers, rarely while all is well and soon after a fault.",
            "every 5m",
            self.work,
            timeout_s=120,
            jitter_s=5,
        )

    def listen(self, event: Event) -> None:
        """Take a live request as a look at its provider."""
        if not isinstance(event, AttemptFinished):
            return
        healthy = event.error_kind is None
        if not healthy and event.error_kind not in _FAULTS:
            return
        now = self._clock.now()
        seen = self._seen.setdefault((event.provider, event.simulated), _Seen())
        changed = seen.healthy != healthy
        seen.look(now, healthy)
        if changed or seen.told_at is None or now - seen.told_at >= TOLD_EVERY_S or now < seen.told_at:
            seen.told_at = now
            latency = event.timing.ttft_ms if event.timing.ttft_ms is not None else event.timing.duration_ms
            self._publish(
                HealthSeen(
                    event.provider,
                    now,
                    healthy,
                    latency if healthy else None,
                    event.error_kind,
                    "a request was answered" if healthy else "a request failed",
                    event.simulated,
                )
            )
        if not healthy and changed:
            self._hasten(DOUBT_S)

    async def work(self, run: Run) -> Outcome:
        """Probe whoever is due, all of them where it was asked for by hand."""
        now = self._clock.now()
        usable = [state for state in self._providers.providers() if state.usable]
        due = [state for state in usable if run.cause == "by hand" or self._due(state, now)]
        await asyncio.gather(*(self._probe(state, run) for state in due))
        waits = [self._of(state).next_at - self._clock.now() for state in usable]
        unwell = sorted(state.name for state in usable if self._of(state).healthy is False)
        asked = f"{len(due)} of {len(usable)} providers asked"
        words = f"{asked}; not well: {', '.join(unwell)}." if unwell else f"{asked}; none is unwell."
        if not usable:
            words = "No provider can be asked yet: none has a key."
        return Outcome(words, again_in_s=max(DOUBT_S, min(waits)) if waits else None, found=bool(unwell))

    async def _probe(self, state: ProviderState, run: Run) -> None:
        try:
            async with asyncio.timeout(PROBE_S):
                result = await self._providers.probe(state.name)
        except TimeoutError:
            result = ProbeResult(state.name, False, PROBE_S * 1000, "it stayed silent", "timeout")
        except ConsoleError as error:
            run.say(f"{state.name}: not asked, {error.message}")
            return
        now = self._clock.now()
        self._of(state).look(now, result.ok, COSTLY_S if result.spent_tokens else 0.0)
        run.say(
            f"{state.name}: {'well' if result.ok else 'NOT WELL'}, {result.latency_ms:.0f} ms. {result.detail}".rstrip()
        )
        self._publish(
            HealthSeen(
                state.name,
                now,
                result.ok,
                result.latency_ms if result.ok else None,
                result.error_kind,
                result.detail,
                state.simulated,
            )
        )

    def _of(self, state: ProviderState) -> _Seen:
        return self._seen.setdefault((state.name, state.simulated), _Seen())

    def _due(self, state: ProviderState, now: float) -> bool:
        seen = self._of(state)
        return now >= seen.next_at or now < seen.at  # the clock may have been set back


def _faults() -> frozenset[str]:
    """The kinds of errors that speak against a provider: its own, the network's, and a key or quota that stops everything. A
    rate limit passes, and what the caller did says nothing."""
    kinds: set[str] = set()
    classes = list(ProviderError.__subclasses__())
    while classes:
        kind = classes.pop()
        classes += kind.__subclasses__()
        if kind.fault in ("provider", "network", "credentials") or kind.kind == "quota exhausted":
            kinds.add(kind.kind)
    return frozenset(kinds - {"held back", "all candidates failed"})


_FAULTS: Final = _faults()
