"""``aiconsole drill``: runs scenarios one after another, each on an engine and a simulator of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from difflib import get_close_matches
from typing import Final

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.drill.alone import alone
from aiconsole.drill.run import Done
from aiconsole.drill.scenarios import SCENARIOS, Scenario
from aiconsole.drill.summary import Check, Spread, Summary

PASSED: Final = 0
FAILED: Final = 1

Say = Callable[[str], object]

_COLUMNS: Final = (
    ("SCENARIO", 16),
    ("RESULT", 6),
    ("AVAIL", 8),
    ("TTFT ms 50/95/99", 17),
    ("TOTAL ms 50/95/99", 17),
    ("TRIES", 5),
    ("CALLS", 5),
    ("AVOIDED", 7),
    ("OPEN/CLOSE", 10),
    ("TO OPEN", 7),
    ("EXTRA", 9),
)


async def drill(options: argparse.Namespace, say: Say) -> int:
    """Run the scenarios asked for, all where none is named.

    Args:
        options: ``scenario`` (names), ``seed``, ``json``, ``list``.
        say: takes each line of output: with ``json`` one JSON array of `Summary`, else a table on a terminal and plain lines
            elsewhere.

    Returns: 0 where all passed, 1 where one did not keep within its limits.

    Raises:
        ConfigError: there is no such scenario.
    """
    chosen = [_named(name) for name in options.scenario] or list(SCENARIOS)
    if options.list:
        _list(chosen, options.json, say)
        return PASSED
    table = sys.stdout.isatty() and not options.json
    if table:
        say(_row([name for name, _ in _COLUMNS]))
    summaries = []
    for scenario in chosen:
        summary = await summary_of(scenario, options.seed)
        summaries.append(summary)
        if not options.json:
            for line in told_in_table(summary) if table else told(summary):
                say(line)
    if options.json:
        say(msgspec.json.format(msgspec.json.encode(summaries)).decode())
    passed = sum(summary.passed for summary in summaries)
    if table:
        say(f"{passed} of {len(summaries)} scenarios passed, seed {options.seed}.")
    return PASSED if passed == len(summaries) else FAILED


async def summary_of(scenario: Scenario, seed: int) -> Summary:
    """One scenario from beginning to end on an engine of its own."""
    async with aclosing(alone(scenario, seed=seed)) as steps:
        async for step in steps:
            if isinstance(step, Done):
                return step.summary
    raise AssertionError("a drill ends with Done")


def told_in_table(summary: Summary) -> list[str]:
    """One row, and under it a line for each check that did not pass, and for the ideal where there is one."""
    cells = (
        summary.scenario,
        _result(summary),
        _share(summary.availability),
        _spread(summary.ttft),
        _spread(summary.total),
        f"{summary.attempts:.2f}",
        str(summary.calls),
        _seconds(summary.avoided_after_s),
        f"{sum(summary.openings.values())}/{sum(summary.closings.values())}",
        str(summary.to_open),
        _usd(summary),
    )
    return [_row(cells), *(f"    {line}" for line in _remarks(summary))]


def told(summary: Summary) -> list[str]:
    """The same, and all else, as plain lines for a log."""
    name = summary.scenario
    failed = ", ".join(f"{count} x {kind}" for kind, count in sorted(summary.failed.items())) or "none"
    return [
        f"{name}: {_result(summary)}. {summary.about}",
        f"{name}: {summary.requests} requests, availability {_share(summary.availability)}, failed: {failed}, "
        f"truncated as success {summary.truncated}, repeated or missing text {summary.garbled}, "
        f"one event skipped and said so {summary.noted}",
        f"{name}: ms at p50/p95/p99: first token {_spread(summary.ttft)}, total {_spread(summary.total)}; "
        f"failover p95 {_ms(summary.failover_ms)}, skip p95 {_ms(summary.skip_ms)}, longest silence {_ms(summary.gap_ms)}",
        f"{name}: attempts a request {summary.attempts:.2f} (most {summary.most_attempts}), switches {summary.switches}, "
        f"seams {summary.seams}, extra cost {_usd(summary)} ({summary.unpriced} attempts of unknown price)",
        f"{name}: to an open breaker {summary.to_open}, half-open trials {summary.trials}, openings "
        f"{sum(summary.openings.values())}, closings {sum(summary.closings.values())}, trials that failed "
        f"{sum(summary.reopenings.values())}",
        f"{name}: faulty provider first avoided after {_seconds(summary.avoided_after_s)}, calls to it {summary.calls}, "
        f"health checks {summary.health_checks}, later requests that waited {summary.late_waits}, "
        f"serves again after {_seconds(summary.serves_again_s)}",
        *(f"{name}: {line}" for line in _remarks(summary)),
    ]


def _named(name: str) -> Scenario:
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    found = by_name.get(name)
    if found is None:
        near = get_close_matches(name, by_name, 3, 0.4) or list(by_name)
        raise ConfigError(f"There is no scenario called “{name}”.", advice=f"Try {', '.join(near)}; --list shows all.")
    return found


def _list(scenarios: Sequence[Scenario], as_json: bool, say: Say) -> None:
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(scenarios)).decode())
        return
    for scenario in scenarios:
        load = f"{scenario.rate_per_s:g} requests/s for {scenario.duration_s:g} s"
        say(f"{scenario.name:<16}  {load:<26}  {scenario.about}")


def _remarks(summary: Summary) -> list[str]:
    lines = [f"not within its limit: {_check(check)}" for check in summary.checks if not check.passed]
    if summary.ideal is not None:
        ideal = f"ideal for as many attempts as were made: {_share(summary.ideal)}"
        lines.append(f"{ideal}; reached: {_share(summary.availability)}")
    if summary.noted:
        lines.append(f"answers that lack one unreadable event, and say so: {summary.noted}")
    if summary.unhedged is not None:
        share = _share(summary.hedges / summary.requests)
        first = f"first token ms without hedging {_spread(summary.unhedged)}, with it {_spread(summary.ttft)}"
        lines.append(f"{first}; asked twice {share}, extra cost {_usd(summary)}")
    if summary.passed and not summary.availability:
        lines.append("as it should: every request failed at once, with one error that names all candidates")
    return lines


def _check(check: Check) -> str:
    figure = "nothing seen" if check.figure is None else f"{check.figure:.5g}"
    return f"{check.about}: {figure} (limit {check.limit:g}{' ' if check.unit else ''}{check.unit})"


def _row(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)).rstrip()


def _result(summary: Summary) -> str:
    return "ok" if summary.passed else "FAILED"


def _share(share: float) -> str:
    return f"{100 * share:.2f} %"


def _ms(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:.0f}" if ms >= 10 else f"{ms:.1f}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _spread(spread: Spread) -> str:
    return "/".join(_ms(ms) for ms in (spread.p50, spread.p95, spread.p99))


def _usd(summary: Summary) -> str:
    return f"${summary.extra_usd:.2g}" if summary.extra_usd < 0.01 else f"${summary.extra_usd:.2f}"
