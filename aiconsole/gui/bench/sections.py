"""The parts of a report: health, figures, distributions, levels of load, errors and limits, the certificate."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from ...bench.certificate import Calibration
from ...bench.metrics import METRICS, TOTALS
from ...bench.report import Report
from ..lines import LinesModel, LinesTable
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from . import drawing
from .charted import Plot
from .fields import choice
from .tables import (
    AssertionsModel,
    CertificateModel,
    ErrorsModel,
    FiguresModel,
    LimitsModel,
    MatrixModel,
    ReasonsModel,
    SpreadModel,
    StagesModel,
    assertion_lines,
    certificate_lines,
    error_lines,
    figure_lines,
    limit_lines,
    matrix_lines,
    reason_lines,
    spread_lines,
    stage_lines,
)
from .words import number, provider_of

_ROW: Final = 28
_TALL: Final = 44
_HEAD: Final = 34


class _Tab(QWidget):
    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.theme = shell.theme
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, SPACE_S, 0, 0)
        self.column.setSpacing(SPACE_M)

    def table(
        self, model: LinesModel, name: str, stretched: int, widths: dict[int, int], row: int = _ROW
    ) -> LinesTable:
        made = LinesTable(model, name, self.theme, row_px=row)
        made.stretch(stretched, widths)
        return made


def _fit(table: LinesTable, rows: int, row: int, most: int = 8) -> None:
    """As high as its rows, up to ``most``."""
    table.setFixedHeight(_HEAD + row * min(max(rows, 1), most) + 6)


def _caption(words: str = "") -> QLabel:
    label = QLabel(words)
    label.setWordWrap(True)
    set_role(label, "caption")
    return label


class HealthTab(_Tab):
    """The matrix, and below it why something failed or was skipped."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.matrix = self.table(
            MatrixModel(), "Health by provider and check", 7, {0: 124, **dict.fromkeys(range(1, 7), 108)}
        )
        self.reasons = self.table(
            ReasonsModel(), "What failed and what was skipped", 5, {0: 124, 1: 116, 2: 90, 3: 80, 4: 190}
        )
        self.said = _caption("What failed and what was skipped, with the reason")
        for widget in (self.matrix, self.said, self.reasons):
            self.column.addWidget(widget)
        self.column.setStretch(2, 1)
        self.column.addStretch(0)
        self.setFocusProxy(self.matrix)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        asked = [provider_of(target) for target in report.plan.targets]
        providers = list(dict.fromkeys(asked or [check.provider for check in report.health]))
        self.matrix.show_lines(matrix_lines(report.health, providers))
        _fit(self.matrix, len(providers), _ROW, 12)
        reasons = reason_lines(report.health)
        self.reasons.show_lines(reasons)
        self.reasons.setVisible(bool(reasons))
        self.said.setText(
            "What failed and what was skipped, with the reason" if reasons else "Nothing failed, nothing was skipped."
        )
        self.column.setStretch(3, 0 if reasons else 1)


class FiguresTab(_Tab):
    """Figures by target with their intervals, and first tokens over the run."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        widths = {1: 82, 2: 72, 3: 84, 4: 84, 5: 88, 6: 80, 7: 102, 8: 80, 9: 68, 10: 100}
        self.figures = self.table(FiguresModel(), "Figures by target", 0, widths, _TALL)
        self.over_time = Plot(
            self.theme, "Time to first token over the run", "Medians; the whole answer where nothing streams"
        )
        self.note = _caption(
            "Below a figure its 95 % interval. What a column means is told when the mouse is on its head."
        )
        for widget in (self.figures, self.note, self.over_time):
            self.column.addWidget(widget)
        self.column.setStretch(2, 1)
        self.setFocusProxy(self.figures)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        self.figures.show_lines(figure_lines(report))
        _fit(self.figures, len(report.targets), _TALL, 6)
        self.over_time.curves.draw(drawing.over_time(report.targets))


class AssertsTab(_Tab):
    """What had to hold, and whether it does."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.asserts = self.table(AssertionsModel(), "What must hold", 3, {0: 200, 1: 280, 2: 130})
        self.column.addWidget(self.asserts)
        self.setFocusProxy(self.asserts)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        self.asserts.show_lines(assertion_lines(report))


class SpreadTab(_Tab):
    """One target's figures in full, and the distribution of one figure over all targets."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._report: Report | None = None
        self.target, self.prompt, self.plotted = choice(), choice(), choice()
        widths = {1: 66, 2: 74, **dict.fromkeys(range(3, 8), 90), 8: 66, 9: 70}
        self.spreads = self.table(SpreadModel(), "Spread of the figures of a target", 0, widths, _TALL)
        self.plot = Plot(self.theme, "Distribution", "Share of answers at or below each value")
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for title, control in (("Target", self.target), ("Prompt", self.prompt), ("Plotted", self.plotted)):
            label = QLabel(title)
            set_role(label, "caption")
            label.setBuddy(control)
            control.setAccessibleName(title)
            row.addWidget(label)
            row.addWidget(control, 1)
            control.activated.connect(self._show)
        for metric in METRICS.values():
            if metric.unit == "ms":
                self.plotted.addItem(metric.label, metric.name)
        self.column.addLayout(row)
        self.column.addWidget(self.spreads, 3)
        self.column.addWidget(self.plot, 2)
        self.setFocusProxy(self.target)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        self._report = report
        self.target.clear()
        for each in report.targets:
            self.target.addItem(each.target, each.target)
        names = sorted({name for each in report.targets for name in each.prompts})
        self.prompt.clear()
        self.prompt.addItem("All", "")
        for name in names:
            self.prompt.addItem(name, name)
        self.prompt.setEnabled(bool(names))
        self._show()

    def _show(self, *_: object) -> None:
        if self._report is None:
            return
        found = self._report.target(str(self.target.currentData()))
        self.spreads.show_lines([] if found is None else spread_lines(found, str(self.prompt.currentData() or "")))
        self.plot.curves.draw(drawing.spread(self._report.targets, str(self.plotted.currentData())))


class LevelsTab(_Tab):
    """Each level of the load, and what was achieved."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.said = QLabel()
        self.said.setWordWrap(True)
        set_role(self.said, "strong")
        self.stages = self.table(
            StagesModel(), "Levels of the load", 9, {0: 104, 1: 60, 2: 86, 3: 66, 4: 94, 5: 72, 6: 86, 7: 106, 8: 106}
        )
        self.plot = Plot(self.theme, "Good requests by level", "Where the curve bends away, it no longer keeps up")
        self.column.addWidget(self.said)
        self.column.addWidget(self.stages)
        self.column.addWidget(self.plot, 1)
        self.setFocusProxy(self.stages)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        words = knee_words(report)
        self.said.setVisible(bool(words))
        self.said.setText(words)
        lines = stage_lines(report)
        self.stages.show_lines(lines)
        _fit(self.stages, len(lines), _ROW, 10)
        self.plot.curves.draw(drawing.levels(report.targets))


class TroubleTab(_Tab):
    """Errors by kind, and rate limits met."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.errors = self.table(ErrorsModel(), "Errors by kind", 3, {0: 120, 1: 170, 2: 80})
        self.limits = self.table(LimitsModel(), "Rate limits met", 0, dict.fromkeys(range(1, 6), 110))
        self._limits_said = QLabel("Rate limits met")
        set_role(self._limits_said, "head")
        for widget in (self.errors, self._limits_said, self.limits):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.setFocusProxy(self.errors)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        errors, limits = error_lines(report), limit_lines(report)
        self.errors.show_lines(errors)
        _fit(self.errors, len(errors), _ROW, 12)
        self.limits.show_lines(limits)
        _fit(self.limits, len(limits), _ROW, 7)
        for widget in (self._limits_said, self.limits):
            widget.setVisible(bool(limits))


class MeaningsTab(_Tab):
    """Why the run can be believed or not, and what the figures mean."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.tests = self.table(CertificateModel(), "Certificate", 0, {1: 150, 2: 150, 3: 150})
        self.calibration = _caption()
        self._words = QVBoxLayout()
        self._words.setSpacing(SPACE_S)
        card = QFrame()
        set_role(card, "card")
        card.setLayout(self._words)
        self._words.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setAccessibleName("What the figures mean")
        area.setWidget(card)
        for widget in (self.tests, self.calibration, area):
            self.column.addWidget(widget)
        self.column.setStretch(2, 1)
        self._shown: dict[str, str] = {}
        self.setFocusProxy(self.tests)

    def show_report(self, report: Report) -> None:
        """Show this run."""
        lines = certificate_lines(report)
        self.tests.show_lines(lines)
        self.tests.setVisible(bool(lines))
        _fit(self.tests, len(lines), _ROW)
        found = report.certificate.calibration
        self.calibration.setText("Not calibrated." if found is None else calibration_words(found))
        if report.definitions == self._shown:
            return
        self._shown = report.definitions
        while (item := self._words.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for name, meaning in report.definitions.items():
            title = METRICS[name].label if name in METRICS else TOTALS[name][0] if name in TOTALS else name
            said = meaning if meaning.startswith(title) else f"{title[:1].upper()}{title[1:]}: {meaning}"
            label = QLabel(said)
            label.setWordWrap(True)
            self._words.addWidget(label)


def calibration_words(found: Calibration) -> str:
    """How the generator did against the simulator."""
    return (
        f"Calibrated just before against the built-in simulator, whose send times are known: {found.requests:,} requests at a "
        f"level of {number(found.level)}, {number(found.tokens_per_s)} tokens/s each; first token noted "
        f"{found.ttft_p50_ms:.2g} ms late at p50, {found.ttft_p99_ms:.2g} ms at p99; E2E off by {100 * found.e2e_mean:.2g} %."
    )


def knee_words(report: Report) -> str:
    """Up to where each target kept up, "" where that was not looked for."""
    if report.plan.load.shape != "sweep":
        return ""
    unit = "requests/s" if report.plan.load.open_loop else "in flight"
    told = []
    for target in report.targets:
        top = max((stage.level for stage in target.stages), default=0.0)
        if target.knee is None:
            told.append(f"{target.target} does not keep up with the lowest level")
        elif target.knee >= top * 0.999:
            told.append(f"{target.target} keeps up with all levels, to {number(top)} {unit}")
        else:
            told.append(f"{target.target} keeps up with {number(target.knee)} {unit}")
    return f"{'; '.join(told)}."
