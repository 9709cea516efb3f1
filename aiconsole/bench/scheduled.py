"""A suite run without anybody watching, as the background job does: chosen by name, summed up in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from aiconsole.bench.command import suite_path, told
from aiconsole.bench.outputs.words import headline
from aiconsole.bench.plan import read_suite
from aiconsole.bench.report import Report
from aiconsole.bench.service import Bench


async def run_suite(
    bench: Bench, suite: str, targets: Sequence[str], baseline: str, say: Callable[[str], None]
) -> tuple[bool, str]:
    """Run a suite to its end; cancelled, what there is is kept.

    Args:
        suite: as `suite_path` takes it.
        targets: on whom, instead of what the suite says.
        baseline: a pinned baseline's name, "" for none.
        say: takes the tables of the result, line by line.

    Returns: whether it is valid, passed, and no figure is worse than the baseline's; and the sentence that matters.

    Raises:
        ConfigError: the suite, a target or the baseline cannot be used.
        ProviderError: a provider's model list is needed and cannot be had.
    """
    if not suite:
        return True, "Nothing was run: no suite is chosen. Set bench.suite, such as health."
    plan = await asyncio.to_thread(read_suite, suite_path(suite))
    if targets:
        plan = msgspec.structs.replace(plan, targets=tuple(targets))
    earlier = await asyncio.to_thread(bench.history.baseline, baseline) if baseline else None
    run = await bench.start(plan, baseline=earlier, scheduled=True)
    try:
        report = await run.report()
    except asyncio.CancelledError:
        run.stop()
        raise
    for line in told(report):
        say(line)
    return well(report), f"{plan.name or plan.kind}: {headline(report)} Kept as {report.id}."


def well(report: Report) -> bool:
    """Whether there is nothing to look at."""
    troubled = any(target.trouble for target in report.targets)
    worse = any(change.verdict == "worse" for change in report.comparison)
    return (
        report.passed and report.certificate.verdict != "invalid" and not troubled and not worse and not report.broken
    )
