"""Scheduled runs of the test bench are judged by rules: each target by itself, over restarts, and over the kept past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiconsole.alerts.reading import write_rules
from aiconsole.bench.history import History, KeptPlan
from aiconsole.bench.plan import Plan
from aiconsole.bench.report import Report, TargetReport
from aiconsole.bench.statistics import share_interval
from aiconsole.domain.events import BenchFinished, BenchTarget
from aiconsole.engine import Engine
from tests.alerts.console import console
from tests.alerts.rig import START, Rig, rule
from tests.clocks import FakeClock

DAY = 86_400.0
ERRORS = rule('[errors]\nbench = { metric = "error rate", above = 0.05, clear = 0.02, least = 20 }\nresolve_s = 0')
SLOW = rule('[slow]\nbench = { metric = "first token p95", above = 800, runs = 2 }\nresolve_s = 0')
WORSE = rule('[worse]\nproviders = ["mistral"]\nbench = { metric = "worse figures", above = 0 }\nresolve_s = 0')


def ran(at: float, *found: BenchTarget, run: str = "run", **fields: Any) -> BenchFinished:
    given: dict[str, Any] = {"scheduled": True, "name": "Nightly", **fields}
    return BenchFinished(run=run, kind="bench", at=at, found=found, **given)


def target(errors: float = 0.0, first_ms: float = 100.0, *, name: str = "groq/m", **fields: Any) -> BenchTarget:
    return BenchTarget(name, fields.pop("requests", 100), errors, first_ms, **fields)


def told(rig: Rig, *runs: BenchFinished) -> list[str]:
    for run in runs:
        rig.watch.notice(run)
        rig.minutes(1)
    return [alert.subject for alert in rig.open]


def test_a_run_with_too_many_errors_is_an_alert_of_its_target_until_a_run_without() -> None:
    rig = Rig([ERRORS])
    bad, good = target(0.12), target(0.01, name="mistral/m")
    assert told(rig, ran(START, bad, good, run="r1")) == ["groq/m"]
    [alert] = rig.open
    assert alert.summary == "The error rate of groq/m was 12 % in the scheduled run Nightly (100 requests)."
    assert (alert.links.provider, alert.links.bench) == ("groq", "r1")
    assert told(rig, ran(START, target(0.04), run="r2")) == ["groq/m"]
    assert told(rig, ran(START, target(0.02), run="r3")) == []


def test_a_run_of_a_person_an_invalid_and_a_stopped_one_and_one_of_few_requests_are_not_judged() -> None:
    rig = Rig([ERRORS])
    bad = target(0.5)
    left_out = [ran(START, bad, **why) for why in ({"scheduled": False}, {"valid": False}, {"partial": True})]
    assert told(rig, *left_out, ran(START, bad, simulated=True), ran(START, target(0.5, requests=19))) == []
    assert told(rig, ran(START, bad)) == ["groq/m"]


def test_a_figure_must_be_over_its_limit_in_so_many_runs_in_a_row() -> None:
    rig = Rig([SLOW])
    slow, quick = target(first_ms=900.0), target(first_ms=300.0)
    assert told(rig, *(ran(START, each) for each in (slow, quick, slow))) == []
    assert told(rig, ran(START, slow)) == ["groq/m"]
    assert rig.open[0].summary.endswith(
        "was 900 ms in the scheduled run Nightly (100 requests), too high for 2 runs in a row."
    )
    assert told(rig, ran(START, target(first_ms=700.0))) == ["groq/m"]
    assert told(rig, ran(START, quick)) == []


def test_figures_worse_than_the_baseline_concern_the_providers_of_the_rule() -> None:
    rig = Rig([WORSE])
    assert told(rig, ran(START, target(worse=2), target(worse=1, name="mistral/m"))) == ["mistral/m"]
    assert told(rig, ran(START, target(name="mistral/m"))) == []


async def test_an_alert_of_a_run_goes_on_after_a_restart_until_the_next_run(tmp_path: Path) -> None:
    clock = FakeClock(START)
    (tmp_path / "alerts.toml").write_text(write_rules("", [ERRORS]), encoding="utf-8")
    bad = ran(START, target(0.12))
    async with console(tmp_path, clock) as it:
        it.alerts.listen(bad)
        await it.minutes(1)
        [before] = it.alerts.current()
    async with console(tmp_path, clock, bench_runs=[bad]) as it:
        await it.minutes(600)
        assert [(alert.id, alert.state) for alert in it.alerts.current()] == [(before.id, "firing")]
        it.alerts.listen(ran(clock.now(), target(0.0)))
        await it.minutes(1)
        assert it.alerts.current() == ()


def keep(history: History, day: int, errors: int, *, scheduled: bool = True) -> None:
    """A run of 100 requests to groq, ``day`` days after the start."""
    at = START + day * DAY
    plan = Plan(name="Nightly", targets=("groq/m",))
    run = history.new_id(at)
    history.begin(KeptPlan(run, plan, at, simulated=True, scheduled=scheduled)).close()
    found = TargetReport("groq/m", 100, errors, share_interval(errors, 100), 10.0, 10.0, 100.0, 10.0, 100 - errors)
    history.finish(
        Report(id=run, plan=plan, started_at=at, seconds=10.0, simulated=True, scheduled=scheduled, targets=(found,))
    )


async def test_the_backtest_goes_over_the_kept_runs_of_the_console(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, demo=True, clock=FakeClock(START + 10 * DAY)) as engine:
        for day, errors in enumerate((0, 12, 12, 0, 0, 9, 1)):
            keep(engine.bench.history, day, errors)
        keep(engine.bench.history, 8, 50, scheduled=False)
        alerts = await engine.open_alerts()
        found = await alerts.backtest(ERRORS)
    assert [(each.subject, each.start - START, (each.end or 0) - START) for each in found.fired] == [
        ("groq/m", DAY + 10, 3 * DAY + 10),
        ("groq/m", 5 * DAY + 10, 6 * DAY + 10),
    ]
    assert found.words == "It would have fired 2 times in the last 30 d."
