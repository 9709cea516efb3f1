"""The report as CSV (RFC 4180), one row a figure: target, prompt, figure, unit, value, 95 % interval, requests.

``prompt`` is empty where the figure covers all prompts. Rows of health checks have the check as figure and its time in ms.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from aiconsole.bench.compare import totals
from aiconsole.bench.metrics import METRICS, STATISTICS, TOTALS
from aiconsole.bench.report import Report, TargetReport
from aiconsole.bench.statistics import Spread

HEAD = ("run", "target", "prompt", "figure", "unit", "value", "low", "high", "count", "note")


def render(report: Report) -> str:
    """All figures of all targets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    for target in report.targets:
        writer.writerows((report.id, *_safe(row)) for row in _rows(target))
    for check in report.health:
        note = f"{check.result}: {check.reason}" if check.reason else check.result
        writer.writerow((report.id, *_safe((check.provider, "", check.check, "ms", check.ms, "", "", "", note))))
    return text.getvalue()


def _rows(target: TargetReport) -> Iterator[tuple[object, ...]]:
    for name, value in totals(target).items():
        unit = TOTALS[name][1]
        scale = 100 if unit == "%" else 1
        interval = target.error_rate if name == "error_rate" else None
        ends = ("", "") if interval is None else (interval.low * scale, interval.high * scale)
        shown = "" if value is None else value * scale
        yield (target.target, "", name, unit, shown, *ends, target.requests, "")
    yield from _spreads(target.target, "", target.spreads)
    for prompt, spreads in target.prompts.items():
        yield from _spreads(target.target, prompt, spreads)


def _spreads(target: str, prompt: str, spreads: dict[str, Spread]) -> Iterator[tuple[object, ...]]:
    for name, spread in spreads.items():
        for statistic in STATISTICS:
            found = getattr(spread, statistic)
            unit = METRICS[name].unit
            yield (target, prompt, f"{name}_{statistic}", unit, found.value, found.low, found.high, spread.count, "")


def _safe(row: tuple[object, ...]) -> Iterator[object]:
    """Texts that a spreadsheet would take for a formula get a leading apostrophe."""
    for cell in row:
        if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@"):
            yield "'" + cell
        else:
            yield "" if cell is None else cell
