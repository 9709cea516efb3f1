"""Backtests over a stored past give what watching would have given."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from aiconsole.alerts.declare import AlertRule
from aiconsole.domain.chat import Timing
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import AttemptFinished, BreakerChanged, HealthSeen, RequestFinished
from aiconsole.store import Recorder
from tests.alerts.console import console
from tests.alerts.rig import rule
from tests.clocks import FakeClock

DAY = 86_400.0


async def _past(folder: Path, clock: FakeClock) -> float:
    """A day of traffic with an outage of half an hour, two hours of silence and a slow hour; when the outage began."""
    random = Random(5)
    began = clock.now()
    outage = began + 8 * 3600
    async with console(folder, clock) as it:
        recorder = Recorder(clock, pause_s=0.0)
        recorder.attach(it.store)
        for minute in range(24 * 60):
            clock.advance(60)
            at = clock.now()
            if 14 <= minute / 60 < 16:
                continue
            failing = outage <= at < outage + 1800
            if at - 60 < outage <= at:
                recorder.listen(BreakerChanged("groq/m", "closed", "open", "5 failures", at))
            if at - 60 < outage + 1800 <= at:
                recorder.listen(BreakerChanged("groq/m", "open", "closed", "", at))
            for _ in range(2):
                slow = 20 <= minute / 60 < 21
                timing = Timing(at - 1, 4000.0 if slow else 300.0, 5000.0 if slow else 1000.0)
                error = "server fault" if failing and random.random() < 0.8 else None
                recorder.listen(AttemptFinished("groq", "m", timing, error_kind=error))
                recorder.listen(RequestFinished(f"r{minute}", "fast", "groq", "m", timing, error_kind=error))
        for _ in range(5):
            recorder.listen(HealthSeen("groq", clock.now(), False, None, "timeout", "silent"))
            clock.advance(120)
        await recorder.close()
    return outage


async def test_rules_fire_in_the_past_where_they_should_have(tmp_path: Path) -> None:
    clock = FakeClock()
    outage = await _past(tmp_path, clock)
    async with console(tmp_path, clock) as it:

        async def fired(text: str, days: float = 1.2) -> list[tuple[str, float, float | None]]:
            found = await it.alerts.backtest(rule(text), clock.now() - days * DAY, clock.now())
            assert found.told
            return [(each.subject, each.start - outage, each.end and each.end - outage) for each in found.fired]

        [(subject, start, end)] = await fired('[r]\nthreshold = { metric = "error rate", above = 0.3 }\nfor_s = 60')
        assert (subject, 0 < start < 600, 1800 < (end or 0) < 2700) == ("groq", True, True)
        [(subject, start, end)] = await fired('[r]\nby = "all"\nof = "requests"\nburn = {}')
        assert (subject, 0 < start < 600, 1800 < (end or 0) < 2700) == ("", True, True)
        [(subject, start, _)] = await fired("[r]\nbreaker = { open_s = 120 }")
        assert (subject, 0 <= start - 120 <= 60) == ("groq/m", True)
        [(subject, start, _)] = await fired('[r]\nthreshold = { metric = "p95", above = 3000 }')
        assert 12 * 3600 <= start <= 12 * 3600 + 700
        [(_, start, _)] = await fired('[r]\nby = "all"\nof = "requests"\nabsence = { after_s = 900 }')
        assert 6 * 3600 + 600 <= start <= 6 * 3600 + 2000
        assert len(await fired('[r]\nchange = { metric = "failures", rise = 5, least = 3 }')) <= 1
        assert len(await fired("[r]\nunhealthy = { down_s = 60, looks = 3 }")) == 1
        assert await fired('[r]\nthreshold = { metric = "error rate", above = 0.95, least = 100 }') == []
        assert await fired("[r]\njob = {}") == []
        untold = await it.alerts.backtest(rule("[r]\nbudget = {}"))
        assert (untold.told, untold.fired) == (False, ())
        with pytest.raises(ConfigError):
            await it.alerts.backtest(AlertRule(name="empty"))
