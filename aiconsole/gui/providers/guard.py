"""What guards a provider: its breakers with hold and reset, what is left of rate and spending limits, its reliability."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ..breakers import Hold, lines, turn
from ..session import Session
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_M, SPACE_S, set_role
from .guard_model import BreakersModel
from .standing import Headroom, clock_words, headroom, score_words, spending

_ROW = 32
_MOST = 6


class Guard(QWidget):
    """For one provider at a time; ``refresh`` when anything changed while it is in view."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._name = ""
        self.model = BreakersModel()
        self.table = Table(self.model, "Circuit breakers", row_px=_ROW)
        self.table.setItemDelegate(MarkedCells(shell.theme, self.table))
        self.table.stretch(2, {0: 176, 1: 136})
        self.score = QLabel()
        set_role(self.score, "strong")
        self.parts = _caption()
        self.limits = Bars("No rate limits were told by this provider yet.")
        self.spending = Bars("No spending limit concerns it; one is set under Connection or in the settings.")
        self.holds: dict[Hold, QPushButton] = {}
        self._build()
        self.table.selectionModel().currentChanged.connect(lambda *_: self._follow())
        self.model.modelReset.connect(lambda: self.table.selectRow(0))
        session.changed.connect(self.refresh)

    def show_provider(self, name: str) -> None:
        """Be for this provider from now on."""
        self._name = name
        self.refresh()
        self.table.selectRow(0)

    def refresh(self) -> None:
        """Say how things stand now."""
        if not self._name:
            return
        engine = self._session.engine
        self.model.show(lines(engine, self._name))
        rows = min(_MOST, max(1, self.model.rowCount()))
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + rows * _ROW + 4)
        score = engine.gate.reliability.score(self._name, engine.gate.limits.headroom(self._name))
        self.score.setText(f"Reliability {score.value:.0f} of 100")
        self.parts.setText(score_words(score))
        now = self._session.clock.now()
        self.limits.show_limits(headroom(engine, self._name, now))
        self.spending.show_limits(spending(engine, self._name, now))
        self._follow()

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        told: tuple[tuple[Hold, str, str], ...] = (
            ("open", "Hold open", "Send nothing there until it is reset"),
            ("closed", "Hold closed", "Let every call pass, whatever fails, until it is reset"),
            ("reset", "Reset", "Close it and forget what was counted"),
        )
        for how, title, tip in told:
            button = self.holds[how] = QPushButton(title)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, how=how: self.turn(how))
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        for widget in (self.score, self.parts, self.table):
            layout.addWidget(widget)
        layout.addLayout(row)
        for title, bars in (("Rate limits", self.limits), ("Spending limits", self.spending)):
            head = QLabel(title)
            set_role(head, "strong")
            layout.addSpacing(SPACE_S)
            layout.addWidget(head)
            layout.addWidget(bars)

    def turn(self, how: Hold) -> None:
        """Hold or reset the breaker that is chosen."""
        at = self.table.currentIndex().row()
        if 0 <= at < len(self.model.lines):
            turn(self._session, self._shell, self.model.lines[at].key, how)

    def _follow(self) -> None:
        at = self.table.currentIndex().row()
        line = self.model.lines[at] if 0 <= at < len(self.model.lines) else None
        for how, button in self.holds.items():
            button.setAccessibleName(f"{button.text()}: {line.key}" if line else button.text())
            button.setEnabled(line is not None and line.state != f"forced {how}")


class Bars(QWidget):
    """A small bar and words for each limit, or ``nothing`` where there is none."""

    def __init__(self, nothing: str) -> None:
        super().__init__()
        self._shown: tuple[str, ...] = ()
        self.bars: list[tuple[QProgressBar, QLabel]] = []
        self._nothing = _caption()
        self._nothing.setText(nothing)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE_M)
        self._grid.setVerticalSpacing(SPACE_S)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self._nothing, 0, 0, 1, 2)

    def show_limits(self, found: tuple[Headroom, ...]) -> None:
        """Show these."""
        names = tuple(one.name for one in found)
        if names != self._shown:
            self._shown = names
            for widget in (widget for pair in self.bars for widget in pair):
                self._grid.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
            self.bars = [self._add(at) for at in range(1, len(found) + 1)]
            self._nothing.setVisible(not found)
        for (bar, words), one in zip(self.bars, found, strict=True):
            bar.setValue(round(one.left * 1000))
            set_role(bar, None, one.state)
            bar.setAccessibleName(f"What is left of {one.name}: {one.words}")
            words.setText(f"{one.name}: {one.words}")
            words.setToolTip("" if one.resets_at is None else f"Whole again at {clock_words(one.resets_at)}")

    def _add(self, at: int) -> tuple[QProgressBar, QLabel]:
        bar, words = QProgressBar(), _caption()
        bar.setRange(0, 1000)
        bar.setFixedWidth(72)
        self._grid.addWidget(bar, at, 0, Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(words, at, 1)
        return bar, words


def _caption() -> QLabel:
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    set_role(made, "caption")
    return made
