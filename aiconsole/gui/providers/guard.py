"""What guards a provider: its breakers with hold and reset, the headroom of its limits, and its reliability."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ..breakers import Hold, lines, turn
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, set_role
from .guard_model import BreakersModel, Headroom, headroom, score_words
from .table import MarkedCells, Table

_ROW = 32
_MOST = 6


class Guard(QWidget):
    """For one provider at a time; ``refresh`` every second while it is in view."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._name = ""
        self._shown: tuple[Headroom, ...] = ()
        self._bars: list[tuple[QProgressBar, QLabel]] = []
        self.model = BreakersModel()
        self.table = Table(self.model, "Circuit breakers", row_px=_ROW)
        self.table.setItemDelegate(MarkedCells(shell.theme, self.table))
        self.table.stretch(0, {1: 140, 2: 150})
        self.score = QLabel()
        set_role(self.score, "strong")
        self.parts = _caption()
        self.limits = QGridLayout()
        self.limits.setHorizontalSpacing(SPACE_M)
        self.limits.setVerticalSpacing(SPACE_S)
        self.limits.setColumnStretch(1, 1)
        self._no_limits = _caption()
        self._no_limits.setText("No rate limits were told by this provider yet.")
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
        self._show_limits(headroom(engine, self._name, self._session.clock.now()))
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
        layout.addWidget(self._no_limits)
        layout.addLayout(self.limits)

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

    def _show_limits(self, found: tuple[Headroom, ...]) -> None:
        self._no_limits.setVisible(not found)
        if [one.name for one in found] != [one.name for one in self._shown]:
            for pair in self._bars:
                for widget in pair:
                    self.limits.removeWidget(widget)
                    widget.hide()
                    widget.deleteLater()
            self._bars.clear()
            for at in range(len(found)):
                self._add_limit(at)
        self._shown = found
        for at, one in enumerate(found):
            self._fill_limit(at, one)

    def _add_limit(self, at: int) -> None:
        bar, words = QProgressBar(), _caption()
        bar.setRange(0, 1000)
        bar.setFixedWidth(96)
        self.limits.addWidget(bar, at, 0, Qt.AlignmentFlag.AlignVCenter)
        self.limits.addWidget(words, at, 1)
        self._bars.append((bar, words))

    def _fill_limit(self, at: int, one: Headroom) -> None:
        bar, words = self._bars[at]
        bar.setValue(round(one.left * 1000))
        set_role(bar, None, one.state)
        bar.setAccessibleName(f"Headroom of {one.name}: {one.words}")
        words.setText(f"{one.name}: {one.words}")


def _caption() -> QLabel:
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    set_role(made, "caption")
    return made
