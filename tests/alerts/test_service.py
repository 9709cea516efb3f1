"""Alerts that are kept: over restarts, on the bus, with timelines and messages; and what a person does with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from aiconsole.domain.analysis import Burn, Performance
from aiconsole.domain.chat import Timing
from aiconsole.domain.error_groups import ErrorFinding, ErrorGroup
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import AlertChanged, AttemptFinished, JobChanged
from tests.alerts.console import Console, console
from tests.clocks import FakeClock


def states(it: Console) -> list[str]:
    return [event.state for event in it.published if isinstance(event, AlertChanged)]


async def test_alerts_and_what_was_done_about_them_survive_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, clock) as it:
        it.alerts.listen(JobChanged("backup", "failed", clock.now(), message="The disk is full."))
        await it.minutes(1)
        await it.outage("groq/m")
        job, breaker = sorted(it.alerts.current(), key=lambda alert: alert.rule, reverse=True)
        assert (job.rule, breaker.rule) == ("job-failed", "breaker-open")
        it.alerts.acknowledge(job.id[:8], "making room")
        it.alerts.silence(breaker.id, 3600, "known")
        assert states(it) == ["firing", "firing", "acknowledged", "silenced"]
    clock.advance(60)
    async with console(tmp_path, clock) as it:
        assert states(it) == ["acknowledged", "silenced"]
        kept = {alert.id: alert for alert in it.alerts.current()}
        assert kept[job.id].note == "making room"
        await it.minutes(5)
        assert kept[job.id].parts == (await it.alerts.get(job.id) or job).parts
        it.alerts.listen(JobChanged("backup", "succeeded", clock.now()))
        await it.minutes(3)
        assert [alert.id for alert in it.alerts.current()] == [breaker.id]
        found = await it.alerts.get(job.id)
        assert found is not None
        assert [step.what for step in found.timeline] == ["firing", "acknowledged", "resolved"]
        assert [alert.state for alert in await it.alerts.recent()] == ["silenced", "resolved"]


async def test_windows_are_full_again_after_a_restart(tmp_path: Path) -> None:
    from aiconsole.store import Recorder

    clock = FakeClock()
    async with console(tmp_path, clock) as it:
        recorder = Recorder(clock, pause_s=0.0)
        recorder.attach(it.store)
        for number in range(40):
            clock.advance(5)
            timing = Timing(clock.now() - 1, 100.0, 1000.0)
            recorder.listen(AttemptFinished("groq", "m", timing, error_kind="server fault" if number % 2 else None))
        await recorder.close()
    async with console(tmp_path, clock) as it:
        await it.minutes(2)
        assert [alert.rule for alert in it.alerts.current()] == ["provider-failing"]


async def test_rules_are_changed_tested_and_gone_back_from(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        await it.outage("groq/m")
        rules = it.alerts.rules
        assert not rules.own
        await it.alerts.set_rules([replace(rule, enabled=False) for rule in rules.rules])
        await it.minutes(1)
        assert it.alerts.current() == ()
        assert it.alerts.rules.own
        with pytest.raises(ConfigError, match="cannot be used"):
            await it.alerts.set_rules([replace(rules.rules[0], name="")])
        await it.alerts.reset_rules()
        await it.minutes(3)
        assert [alert.rule for alert in it.alerts.current()] == ["breaker-open"]
        rules.path.write_text("[x]\nbreaker = { open_s = 1 }\n", encoding="utf-8")
        assert [rule.name for rule in (await it.alerts.reload_rules()).rules] == ["x"]
        it.settings = replace(it.settings, enabled=False)
        it.alerts.configure()
        await it.minutes(1)
        assert it.alerts.current() == ()


async def test_findings_of_jobs_raise_alerts(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        group = ErrorGroup("abc", "provider", "timeout", "groq", "m", None, "silent", "r7", 3, 0.0, it.clock.now())
        it.alerts.found(ErrorFinding("new", group, 1))
        it.alerts.found(ErrorFinding("regression", group, 1))
        it.alerts.measured(Performance(it.clock.now(), (Burn("p95", 3600, 300, 15.0, 16.0, 14.4),)))
        it.alerts.measured(Performance(it.clock.now(), (Burn("availability", 3600, 300, 15.0, 16.0, 14.4),)))
        await it.minutes(1)
        found = {alert.rule: alert for alert in it.alerts.current()}
        assert set(found) == {"error-back", "slow-answers"}
        assert found["error-back"].links.fingerprint == "abc"
        assert "is back" in found["error-back"].summary
        it.alerts.forget()
        assert it.alerts.current() == ()


async def test_going_over_to_the_simulator_closes_alerts_and_tells_nobody_that_all_is_well(tmp_path: Path) -> None:
    clock = FakeClock()
    shown: list[str] = []
    async with console(tmp_path, clock) as it:
        it.alerts.on_desktop(lambda message: shown.append(message.kind))
        await it.outage("groq/m")
        it.alerts.forget()
        assert (it.alerts.current(), states(it)) == ((), ["firing", "resolved"])
        await it.outage("groq/m")
        assert shown == ["firing", "firing"]
        it.simulated = True
        await it.alerts.aclose()
        assert len(await it.keeping.recent(0.0)) == 2
    async with console(tmp_path, clock) as it:
        assert len(it.alerts.current()) == 1
        it.simulated = True
        await it.alerts.start()
        assert it.alerts.current() == ()
        assert {alert.state for alert in await it.alerts.recent()} == {"resolved"}


async def test_a_person_calls_an_alert_done(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        await it.outage("groq/m")
        [alert] = it.alerts.current()
        assert it.alerts.resolve(alert.id, "a drill").state == "resolved"
        with pytest.raises(ConfigError):
            it.alerts.silence(alert.id, 60)
        await it.minutes(30)
        assert it.alerts.current() == ()
        kept = await it.alerts.get(alert.id)
        assert kept is not None
        assert kept.timeline[-1].words == "a drill"
