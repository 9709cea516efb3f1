"""The end of a run as others hear of it: the event of one that ended just now, and those of scheduled runs that are kept."""

from __future__ import annotations

import contextlib

from aiconsole.bench.history import History
from aiconsole.bench.report import Report, TargetReport
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import BenchFinished, BenchTarget


def finished(report: Report, at: float) -> BenchFinished:
    """The event of a run that ended at ``at`` (epoch s)."""
    found = tuple(_found(report, target) for target in report.targets)
    requests = sum(target.requests for target in found)
    errors = sum(target.errors for target in report.targets)
    firsts = [target.ttft_p95_ms for target in found if target.ttft_p95_ms is not None]
    return BenchFinished(
        run=report.id,
        kind=report.plan.kind,
        at=at,
        name=report.plan.name,
        targets=report.plan.targets,
        requests=requests,
        error_share=errors / requests if requests else None,
        ttft_p95_ms=max(firsts, default=None),
        valid=report.certificate.verdict != "invalid",
        passed=report.passed,
        worse=sum(change.verdict == "worse" for change in report.comparison),
        partial=report.partial,
        simulated=report.simulated,
        scheduled=report.scheduled,
        found=found,
    )


def scheduled_since(history: History, since: float) -> tuple[BenchFinished, ...]:
    """The scheduled runs that began at ``since`` (epoch s) or later and came to their end, oldest first. Reads the disk."""
    ends = []
    for entry in history.newest():
        if entry.started_at < since:
            break
        if not (entry.scheduled and entry.finished):
            continue
        with contextlib.suppress(ConfigError):
            report = history.load(entry.id)
            ends.append(finished(report, report.started_at + report.seconds))
    return tuple(reversed(ends))


def _found(report: Report, target: TargetReport) -> BenchTarget:
    first = target.spreads.get("ttft")
    return BenchTarget(
        target.target,
        target.requests,
        target.errors / target.requests if target.requests else None,
        None if first is None else first.p95.value,
        sum(change.verdict == "worse" and change.target == target.target for change in report.comparison),
    )
