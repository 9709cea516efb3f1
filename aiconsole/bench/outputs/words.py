"""What Markdown and HTML say alike: headline, verdicts, and the tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from aiconsole.bench.compare import figure, label
from aiconsole.bench.health import CHECKS
from aiconsole.bench.prediction import money
from aiconsole.bench.report import Report, TargetReport
from aiconsole.bench.statistics import Interval

_KINDS: Final = {"health": "Health check", "bench": "Benchmark", "stress": "Stress test"}
_GRAVITY: Final = {"worse": 0, "better": 1, "no difference shown": 2}
MARKS: Final = {"pass": "✓ pass", "fail": "✗ FAIL", "skipped": "– skipped"}


class Table(NamedTuple):
    """A titled table; ``numbers`` are the columns that are aligned to the right."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    note: str = ""


def title(report: Report) -> str:
    """The run's name or kind."""
    return report.plan.name or _KINDS[report.plan.kind]


def headline(report: Report) -> str:
    """The one sentence that matters."""
    if report.certificate.verdict == "invalid":
        return "Invalid run: the figures cannot be used."
    failed = [found for found in report.assertions if found.passed is False]
    bad = [check for check in report.health if check.result == "fail"]
    troubled = [target.target for target in report.targets if target.trouble]
    if troubled:
        return f"Could not be measured: {', '.join(troubled)}."
    if bad:
        return f"{len(bad)} of {len(report.health)} checks failed."
    if failed:
        return f"{len(failed)} of {len(report.assertions)} assertions failed."
    if report.assertions:
        return f"All {len(report.assertions)} assertions hold."
    if report.health:
        return "Everything that was tried works."
    worse = sum(change.verdict == "worse" for change in report.comparison)
    if report.comparison:
        return f"{worse} figures are worse than the baseline's." if worse else "Nothing is worse than the baseline."
    return "Measured; nothing was asserted."


def facts(report: Report) -> list[tuple[str, str]]:
    """What the run was, as names and values."""
    when = datetime.fromtimestamp(report.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    load = report.plan.load
    unit = "requests/s" if load.open_loop else "in flight"
    level = figure(load.level) if load.to is None else f"{figure(load.level)} to {figure(load.to)}"
    told = [("Kind", _KINDS[report.plan.kind]), ("Started", when), ("Took", f"{report.seconds:.1f} s")]
    if report.plan.kind != "health":
        told.append(("Load", f"{load.shape}, {level} {unit} for each target"))
        told.append(("Certificate", f"{report.certificate.verdict}. {report.certificate.words}"))
    if report.stopped:
        told.append(("Stopped early", report.stopped))
    if report.simulated:
        told.append(("Simulated", "Answers came from the built-in simulator."))
    told.append(("Machine", f"{report.machine}; aiconsole {report.console}"))
    return told


def tables(report: Report) -> list[Table]:
    """All tables of a report that have rows."""
    found = [
        _health(report),
        _figures(report),
        _assertions(report),
        _comparison(report),
        *(_stages(target) for target in report.targets),
        _errors(report),
        _limits(report),
    ]
    return [table for table in found if table.rows]


def interval(found: Interval | None, *, scale: float = 1.0) -> str:
    """A figure with its interval: ``812 (790 to 845)``; "–" where there is none."""
    if found is None:
        return "–"
    value, low, high = (figure(end * scale) for end in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _figures(report: Report) -> Table:
    head = (
        "Target",
        "Requests",
        "Errors %",
        "TTFT p50",
        "TTFT p95",
        "ITL p50",
        "E2E p50",
        "Latency p95",
        "Tokens/s",
        "Cost",
    )
    rows = [
        (
            target.target,
            f"{target.requests:,}",
            interval(target.error_rate, scale=100),
            *(_statistic(target, *name) for name in (("ttft", "p50"), ("ttft", "p95"), ("itl", "p50"))),
            *(_statistic(target, *name) for name in (("e2e", "p50"), ("latency", "p95"))),
            _statistic(target, "speed", "p50"),
            money(target.cost_usd) if target.priced else "unknown",
        )
        for target in report.targets
    ]
    note = "Times in ms with their 95 % interval; tokens/s of one answer; latency counts from when a request was due."
    return Table("Figures", head, rows, frozenset(range(1, 10)), note)


def _statistic(target: TargetReport, metric: str, statistic: str) -> str:
    spread = target.spreads.get(metric)
    return interval(None if spread is None else getattr(spread, statistic))


def _assertions(report: Report) -> Table:
    marks = {True: "✓ holds", False: "✗ FAILED", None: "– not judged"}
    rows = [(found.text, found.target, marks[found.passed], found.words) for found in report.assertions]
    return Table("Assertions", ("Assertion", "Target", "Result", "Why"), rows)


def _comparison(report: Report) -> Table:
    rows = [
        (change.target, label(change.metric), change.verdict, change.words.removeprefix(f"{change.verdict}: "))
        for change in sorted(report.comparison, key=lambda change: _GRAVITY[change.verdict])
    ]
    title = f"Compared with {report.compared_with}" if report.compared_with else "Compared"
    return Table(title, ("Target", "Figure", "Verdict", "Difference"), rows)


def _stages(target: TargetReport) -> Table:
    head = ("Level", "Requests", "Errors", "Achieved/s", "Good/s", "TTFT p95", "Latency p50", "Latency p95", "Kept up")
    kept = {True: "yes", False: "no", None: "–"}
    rows = [
        (
            figure(stage.level),
            f"{stage.requests:,}",
            f"{stage.errors:,}",
            figure(stage.achieved_per_s),
            figure(stage.goodput_per_s),
            *(
                "–" if ms is None else figure(ms)
                for ms in (stage.ttft_p95_ms, stage.latency_p50_ms, stage.latency_p95_ms)
            ),
            f"{kept[stage.kept_up]}: {stage.why}" if stage.why else kept[stage.kept_up],
        )
        for stage in sorted(target.stages, key=lambda found: found.stage)
    ]
    note = "" if target.knee is None else f"The knee: it keeps up with {figure(target.knee)}."
    return Table(f"Levels of load: {target.target}", head, rows, frozenset(range(8)), note)


def _errors(report: Report) -> Table:
    rows = [
        (target.target, kind, f"{count:,}", target.error_examples.get(kind, ""))
        for target in report.targets
        for kind, count in target.errors_by_kind.items()
    ]
    return Table("Errors", ("Target", "Kind", "Requests", "For example"), rows, frozenset({2}))


def _limits(report: Report) -> Table:
    rows = []
    for target in report.targets:
        met = target.rate_limit
        if met is not None:
            wait = "–" if met.retry_after_s is None else f"{figure(met.retry_after_s)} s"
            rows.append((target.target, f"{met.count:,}", f"{met.first_s:.1f} s", figure(met.level), wait))
    head = ("Target", "Refused", "First after", "At level", "Longest wait told")
    return Table("Rate limits met", head, rows, frozenset({1, 2, 3, 4}))


def _health(report: Report) -> Table:
    providers = list(dict.fromkeys(check.provider for check in report.health))
    by_name = {(check.provider, check.check): check for check in report.health}
    rows = []
    for provider in providers:
        for name in CHECKS:
            check = by_name.get((provider, name))
            if check is not None:
                took = "–" if check.ms is None else f"{check.ms:.0f} ms"
                rows.append((provider, name, MARKS[check.result], took, check.model, check.reason))
    return Table("Health", ("Provider", "Check", "Result", "Time", "Model", "Reason"), rows, frozenset({3}))
