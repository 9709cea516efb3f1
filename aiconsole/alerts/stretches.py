"""Of a backtest, the stretches of the past in which something was wrong, and what of them would have fired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aiconsole.alerts import declare
from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.judging import concerns, hold_runs
from aiconsole.alerts.world import RUNS_KEPT, Run, counts
from aiconsole.domain.alerts import WouldFire

if TYPE_CHECKING:
    from aiconsole.domain.events import BenchFinished
    from aiconsole.domain.jobs import JobRun

Stretch = tuple[str, float, float | None, str]
"""Whom it concerns, from when until when (epoch s, None where it still goes on), and what it was in words."""


def failed_jobs(it: declare.JobFailed, runs: Sequence[JobRun], start: float) -> list[Stretch]:
    """Stretches in which a job had failed often enough, from its runs, newest first."""
    by_job: dict[str, list[JobRun]] = defaultdict(list)
    for run in reversed(runs):
        if run.ended_at is not None and (not it.jobs or run.job in it.jobs):
            by_job[run.job].append(run)
    spans: list[Stretch] = []
    for job, past in by_job.items():
        times, began, words = 0, None, ""
        for run in past:
            ended = run.ended_at or run.started_at
            if run.result in ("failed", "timed out"):
                times += 1
                if times == it.times:
                    began, words = ended, f"The job {job} failed: {run.message}"
            elif run.result == "succeeded":
                if began is not None and ended >= start:
                    spans.append((job, began, ended, words))
                times, began = 0, None
        if began is not None:
            spans.append((job, began, None, words))
    return spans


def bad_runs(it: declare.BenchFigure, ends: Iterable[BenchFinished]) -> list[Stretch]:
    """Stretches in which scheduled runs of the test bench found a target's figure over its limit, from runs, oldest first."""
    by_target: dict[str, list[tuple[float, Run]]] = defaultdict(list)
    for end in filter(counts, ends):
        for found in end.found:
            by_target[found.target].append((end.at, Run(end.run, end.name, found)))
    spans: list[Stretch] = []
    for target, past in by_target.items():
        began, words = None, ""
        for number, (at, _) in enumerate(past):
            judged = hold_runs(it, (run for _, run in past[max(0, number + 1 - RUNS_KEPT) : number + 1]))
            if judged.holds and began is None:
                began, words = at, judged.words
            elif judged.ceased and began is not None:
                spans.append((target, began, at, words))
                began = None
        if began is not None:
            spans.append((target, began, None, words))
    return spans


def fired_in(rule: AlertRule, end: float, spans: Iterable[Stretch], least_s: float) -> list[WouldFire]:
    """Stretches that touch or are parted by less than the time to resolve are one; those that last long enough fire."""
    by_subject: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for subject, began, until, words in sorted(spans, key=lambda each: (each[0], each[1])):
        if not concerns(rule, subject):
            continue
        kept = by_subject[subject]
        ended = end if until is None else until
        if kept and began - kept[-1][1] <= rule.resolve_s:
            kept[-1] = (kept[-1][0], max(ended, kept[-1][1]), kept[-1][2])
        else:
            kept.append((began, ended, words))
    waits = least_s + rule.for_s
    return [
        WouldFire(subject, began + waits, None if ended >= end else ended + rule.resolve_s, words)
        for subject, kept in by_subject.items()
        for began, ended, words in kept
        if ended - began >= waits
    ]
