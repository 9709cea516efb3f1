"""The tables of a run: what their columns mean, and their rows from what was seen or reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from PySide6.QtCore import Qt

from ...bench.compare import figure, label
from ...bench.health import CHECKS, HealthCheck
from ...bench.measure import DEFINITIONS
from ...bench.metrics import METRICS, unit_of
from ...bench.progress import LiveTarget
from ...bench.report import Report, TargetReport
from ...bench.statistics import Difference, Interval, Spread
from ..figures import UNKNOWN, latency, money, share
from ..lines import Cell, Line, LinesModel
from ..theme import State
from ..titled import NAME_ROLE, Index, plain
from .words import number, provider_of, short_names

_SHOWN: Final = (("ttft", "p50"), ("ttft", "p95"), ("itl", "p50"), ("e2e", "p50"), ("latency", "p95"))
VERDICTS: Final[dict[str, State]] = {"better": "ok", "worse": "crit", "no difference shown": "idle"}
_RESULTS: Final[dict[str, State]] = {"pass": "ok", "fail": "crit", "skipped": "idle"}


class BenchModel(LinesModel):
    """``TIPS`` say on hover what a column means; the first column has the provider's colour where a row's key is a target."""

    TIPS: ClassVar[dict[int, str]] = {}

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return plain(self.TIPS.get(section, "")) or None
        return super().headerData(section, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == NAME_ROLE and index.column() == 0 and index.row() < len(self.lines):
            key = self.lines[index.row()].key
            return provider_of(str(key[0] if isinstance(key, tuple) else key)) or None
        return super().data(index, role)


class LiveModel(BenchModel):
    TITLES = (
        "Target", "Ended", "Failed", "Now", "Tokens/s", "TTFT p50",
        "TTFT p95", "Latency p50", "Latency p95", "Cost", "Last error",
    )  # fmt: skip
    NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 9)
    TIPS: ClassVar[dict[int, str]] = {
        1: "Requests that ended, warm-up left out",
        3: "Requests a second over the last 5 s",
        4: "Output tokens a second over the last 5 s, of all answers together",
        5: f"{DEFINITIONS['ttft']} Half of the answers began within this.",
        6: f"{DEFINITIONS['ttft']} 95 of 100 answers began within this.",
        7: DEFINITIONS["latency"],
        8: DEFINITIONS["latency"],
        9: DEFINITIONS["cost"],
    }


class FiguresModel(BenchModel):
    TITLES = (
        "Target", "Requests", "Failed", "TTFT p50", "TTFT p95", "ITL p50",
        "E2E p50", "Latency p95", "Tokens/s", "Good/s", "Cost",
    )  # fmt: skip
    NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    TIPS: ClassVar[dict[int, str]] = {
        1: "Requests that ended, warm-up left out",
        2: DEFINITIONS["error_rate"],
        3: f"{DEFINITIONS['ttft']} The median.",
        4: f"{DEFINITIONS['ttft']} 95 of 100 answers began within this.",
        5: DEFINITIONS["itl"],
        6: DEFINITIONS["e2e"],
        7: DEFINITIONS["latency"],
        8: DEFINITIONS["speed"],
        9: DEFINITIONS["goodput_per_s"],
        10: DEFINITIONS["cost"],
    }


class SpreadModel(BenchModel):
    TITLES = ("Figure", "Unit", "Answers", "Mean", "p50", "p90", "p95", "p99", "Least", "Most")
    NUMBERS = (2, 3, 4, 5, 6, 7, 8, 9)
    TIPS: ClassVar[dict[int, str]] = {
        number: f"{share_} of 100 answers were at or below this; below it the 95 % interval"
        for number, share_ in ((4, 50), (5, 90), (6, 95), (7, 99))
    }

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return None if role == NAME_ROLE else super().data(index, role)


class MatrixModel(BenchModel):
    TITLES = ("Provider", *CHECKS)


class ReasonsModel(BenchModel):
    TITLES = ("Provider", "Check", "Result", "Time", "Model", "Reason")
    NUMBERS = (3,)


class StagesModel(BenchModel):
    TITLES = (
        "Target", "Level", "Requests", "Failed", "Achieved/s", "Good/s",
        "TTFT p95", "Latency p50", "Latency p95", "Kept up",
    )  # fmt: skip
    NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8)
    TIPS: ClassVar[dict[int, str]] = {
        1: "Requests a second, or requests in flight, that were wanted",
        4: "Requests a second that ended while the level was held",
        5: DEFINITIONS["goodput_per_s"],
        9: "Whether at least 90 % of what was sent kept within the objectives",
    }


class ErrorsModel(BenchModel):
    TITLES = ("Target", "Kind", "Requests", "For example")
    NUMBERS = (2,)


class LimitsModel(BenchModel):
    TITLES = ("Target", "Refused", "First after", "Last after", "At level", "Told to wait")
    NUMBERS = (1, 2, 3, 4, 5)
    TIPS: ClassVar[dict[int, str]] = {
        1: "Requests that were refused for their rate (429)",
        4: "The level of load at the first refusal",
        5: "The longest wait that the provider asked for",
    }


class AssertionsModel(BenchModel):
    TITLES = ("Must hold", "Target", "Result", "Why")


class CertificateModel(BenchModel):
    TITLES = ("The generator of the load", "Was", "At most", "Result")
    NUMBERS = (1, 2)


class ComparisonModel(BenchModel):
    TITLES = ("Target", "Figure", "Before", "Now", "Difference", "95 % interval", "Verdict")
    sides: tuple[str, str] = ("Before", "Now")
    NUMBERS = (2, 3, 4, 5)
    TIPS: ClassVar[dict[int, str]] = {
        5: "Where the true difference lies in 95 of 100 such comparisons; where it holds 0, no difference is shown",
        6: "Better or worse only where the interval leaves out 0 and the difference is more than 2 %",
    }

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and section in (2, 3) and orientation == Qt.Orientation.Horizontal:
            return self.sides[section - 2]
        return super().headerData(section, orientation, role)


def live_lines(targets: Sequence[LiveTarget]) -> list[Line]:
    """A row a target of a run that goes on."""
    names = short_names([target.target for target in targets])
    return [
        Line(
            target.target,
            (
                Cell(names[target.target], tip=target.target),
                Cell(f"{target.ended:,}"),
                Cell(f"{target.errors:,}"),
                Cell(f"{figure(target.per_s)} /s"),
                Cell(figure(target.tokens_per_s)),
                *(
                    Cell(latency(ms))
                    for ms in (target.ttft_p50_ms, target.ttft_p95_ms, target.latency_p50_ms, target.latency_p95_ms)
                ),
                Cell(money(target.usd)),
                Cell(target.last_error, "warn" if target.last_error else None, target.last_error),
            ),
        )
        for target in targets
    ]


def figure_lines(report: Report) -> list[Line]:
    """A row a target of a finished run, each figure above its interval."""
    names = short_names([target.target for target in report.targets])
    return [
        Line(
            target.target,
            (
                Cell(names[target.target], tip=target.target),
                Cell(f"{target.requests:,}"),
                Cell(_shares(target.error_rate)),
                *(_spread_cell(target, metric, statistic) for metric, statistic in _SHOWN),
                _spread_cell(target, "speed", "p50"),
                Cell(figure(target.goodput_per_s)),
                Cell(money(target.cost_usd) if target.priced else "unknown"),
            ),
        )
        for target in report.targets
    ]


def spread_lines(target: TargetReport, prompt: str = "") -> list[Line]:
    """A row a figure of one target, of all its prompts or one."""
    spreads = target.prompts.get(prompt, {}) if prompt else target.spreads
    return [
        Line(
            name,
            (
                Cell(METRICS[name].label, tip=DEFINITIONS.get(name, "")),
                Cell(METRICS[name].unit),
                Cell(f"{found.count:,}"),
                *(Cell(_interval(each)) for each in (found.mean, found.p50, found.p90, found.p95, found.p99)),
                Cell(figure(found.least)),
                Cell(figure(found.most)),
            ),
        )
        for name, found in spreads.items()
    ]


def matrix_lines(checks: Sequence[HealthCheck], providers: Sequence[str]) -> list[Line]:
    """A row a provider, a column a check; what is not done yet is empty."""
    found = {(check.provider, check.check): check for check in checks}
    lines = []
    for provider in providers:
        cells = [Cell(provider)]
        for name in CHECKS:
            check = found.get((provider, name))
            if check is None:
                cells.append(Cell("…"))
                continue
            words = latency(check.ms) if check.result == "pass" and check.ms is not None else check.result
            tip = f"{check.result}: {check.reason}" if check.reason else check.result
            cells.append(Cell(words, _RESULTS[check.result], tip))
        lines.append(Line(provider, tuple(cells)))
    return lines


def reason_lines(checks: Sequence[HealthCheck]) -> list[Line]:
    """What failed, then what was skipped, each with its reason."""
    wanted = sorted((check for check in checks if check.result != "pass"), key=lambda check: check.result != "fail")
    return [
        Line(
            (check.provider, check.check),
            (
                Cell(check.provider),
                Cell(check.check),
                Cell(check.result, _RESULTS[check.result]),
                Cell(latency(check.ms)),
                Cell(check.model or UNKNOWN, tip=check.model),
                Cell(check.reason, tip=check.reason),
            ),
        )
        for check in wanted
    ]


def stage_lines(report: Report) -> list[Line]:
    """A row a level of load, target by target."""
    names = short_names([target.target for target in report.targets])
    lines = []
    for target in report.targets:
        for stage in sorted(target.stages, key=lambda found: found.stage):
            kept: State | None = None if stage.kept_up is None else "ok" if stage.kept_up else "crit"
            words = UNKNOWN if stage.kept_up is None else "yes" if stage.kept_up else f"no: {stage.why}"
            lines.append(
                Line(
                    (target.target, stage.stage),
                    (
                        Cell(names[target.target], tip=target.target),
                        Cell(number(stage.level)),
                        Cell(f"{stage.requests:,}"),
                        Cell(f"{stage.errors:,}"),
                        Cell(figure(stage.achieved_per_s)),
                        Cell(figure(stage.goodput_per_s)),
                        *(Cell(latency(ms)) for ms in (stage.ttft_p95_ms, stage.latency_p50_ms, stage.latency_p95_ms)),
                        Cell(words, kept, stage.why),
                    ),
                )
            )
    return lines


def error_lines(report: Report) -> list[Line]:
    """A row a kind of error, target by target."""
    names = short_names([target.target for target in report.targets])
    return [
        Line(
            (target.target, kind),
            (
                Cell(names[target.target], tip=target.target),
                Cell(kind, "crit"),
                Cell(f"{many:,}"),
                Cell(example, tip=example),
            ),
        )
        for target in report.targets
        for kind, many in target.errors_by_kind.items()
        for example in (target.error_examples.get(kind, ""),)
    ]


def limit_lines(report: Report) -> list[Line]:
    """A row a target that refused requests for their rate."""
    names = short_names([target.target for target in report.targets])
    return [
        Line(
            target.target,
            (
                Cell(names[target.target], tip=target.target),
                Cell(f"{met.count:,}"),
                Cell(f"{met.first_s:.1f} s"),
                Cell(f"{met.last_s:.1f} s"),
                Cell(number(met.level)),
                Cell(UNKNOWN if met.retry_after_s is None else f"{number(met.retry_after_s)} s"),
            ),
        )
        for target in report.targets
        if (met := target.rate_limit) is not None
    ]


def assertion_lines(report: Report) -> list[Line]:
    """A row an assertion and target."""
    states: dict[bool | None, tuple[str, State]] = {
        True: ("holds", "ok"),
        False: ("does not hold", "crit"),
        None: ("not judged", "idle"),
    }
    return [
        Line(
            ("", number),
            (Cell(found.text), Cell(found.target), Cell(*states[found.passed]), Cell(found.words, tip=found.words)),
        )
        for number, found in enumerate(report.assertions)
    ]


def certificate_lines(report: Report) -> list[Line]:
    """A row a condition of the certificate."""
    return [
        Line(
            ("", test.about),
            (
                Cell(test.about[:1].upper() + test.about[1:]),
                Cell(f"{figure(test.figure)} {test.unit}"),
                Cell(f"{figure(test.limit)} {test.unit}"),
                Cell("kept" if test.passed else "not kept", "ok" if test.passed else "crit"),
            ),
        )
        for test in report.certificate.tests
    ]


def comparison_lines(found: Sequence[Difference], names: dict[str, str]) -> list[Line]:
    """A row a figure that two sides have. ``names`` by target."""
    lines = []
    for each in found:
        scale, unit = (100.0, "%") if unit_of(each.metric) == "%" else (1.0, unit_of(each.metric))
        span = each.difference
        ends = " to ".join(f"{end * scale:+.3g}" for end in (span.low, span.high))
        lines.append(
            Line(
                (each.target, each.metric),
                (
                    Cell(names.get(each.target, each.target), tip=each.target),
                    Cell(label(each.metric)),
                    Cell(f"{figure(each.before * scale)} {unit}"),
                    Cell(f"{figure(each.after * scale)} {unit}"),
                    Cell(UNKNOWN if each.share is None else f"{100 * each.share:+.1f} %"),
                    Cell(ends),
                    Cell(each.verdict, VERDICTS[each.verdict], each.words),
                ),
            )
        )
    return lines


def _spread_cell(target: TargetReport, metric: str, statistic: str) -> Cell:
    spread: Spread | None = target.spreads.get(metric)
    if spread is None:
        return Cell(UNKNOWN)
    found: Interval = getattr(spread, statistic)
    unit = METRICS[metric].unit
    words = latency(found.value) if unit == "ms" else figure(found.value)
    tip = f"95 % interval {figure(found.low)} to {figure(found.high)} {unit}, from {spread.count:,} answers"
    return Cell(f"{words}\n{_span(found)}", tip=tip)


def _interval(found: Interval) -> str:
    return f"{figure(found.value)}\n{_span(found)}"


def _shares(found: Interval | None) -> str:
    return UNKNOWN if found is None else f"{share(found.value)}\n{100 * found.low:.2g}–{100 * found.high:.2g}"


def _span(found: Interval) -> str:
    """An interval as narrow as it can be."""
    form = "{:,.0f}–{:,.0f}" if found.high >= 10 else "{:.3g}–{:.3g}"
    return form.format(found.low, found.high)
