"""A figure with its range, its course, what stands behind it, and how it changed against the range before."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from ..notices import StateGlyph
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, State, Theme, set_role


class Told(msgspec.Struct, frozen=True):
    """What a tile says. ``state`` None: nothing to judge. ``better`` says whether the change is for the better, None neither.
    ``course`` is for the sparkline, None a gap."""

    range: str
    figure: str
    note: str = ""
    change: str = ""
    better: bool | None = None
    state: State | None = None
    course: tuple[float | None, ...] = ()
    tip: str = ""


class Spark(QWidget):
    """A small line of how a figure went; a gap where it is unknown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._course: Sequence[float | None] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(120, 30)

    def show_course(self, course: Sequence[float | None]) -> None:
        """Draw this."""
        if course != self._course:
            self._course = course
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        known = [value for value in self._course if value is not None]
        if not known:
            return
        low, high = min(known), max(known)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._theme.color("accent")
        across, up = (self.width() - 6) / max(len(self._course) - 1, 1), self.height() - 6
        run: list[QPointF] = []
        for at, value in enumerate((*self._course, None)):
            if value is not None:
                share = (value - low) / (high - low) if high > low else 0.5
                run.append(QPointF(3 + at * across, 3 + up * (1 - share)))
                continue
            painter.setPen(QPen(color, 1.4))
            if len(run) > 1:
                painter.drawPolyline(QPolygonF(run))
            elif run:
                painter.setBrush(color)
                painter.drawEllipse(run[0], 1.2, 1.2)
            run = []


class Tile(QFrame):
    """One figure."""

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        set_role(self, "tile")
        self._title, self._range, self._figure, self._note, self._change = (QLabel() for _ in range(5))
        self._title.setText(title)
        for label in (self._title, self._range, self._note, self._change):
            set_role(label, "caption")
        self._note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._told = Told("", "no data")
        set_role(self._figure, "figure")
        self._glyph = StateGlyph(theme, "idle")
        self._spark = Spark(theme)
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(self._glyph)
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._range)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE_S)
        foot.addWidget(self._note, 1)
        foot.addWidget(self._change)
        layout = QGridLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setHorizontalSpacing(SPACE_M)
        layout.setVerticalSpacing(SPACE_XS)
        layout.setRowMinimumHeight(1, self._spark.sizeHint().height() + SPACE_S)
        layout.addLayout(head, 0, 0, 1, 2)
        layout.addWidget(self._figure, 1, 0)
        layout.addWidget(self._spark, 1, 1)
        layout.addLayout(foot, 2, 0, 1, 2)
        layout.setColumnStretch(1, 1)
        self.show_told(self._told)

    @property
    def text(self) -> str:
        """What it says."""
        told = self._told
        return ", ".join(filter(None, (self._title.text(), told.range, told.figure, told.note, told.change)))

    def show_told(self, told: Told) -> None:
        """Say this."""
        self._told = told
        self._range.setText(told.range)
        self._figure.setText(told.figure)
        set_role(
            self._figure,
            "figure" if told.figure != "no data" else "title",
            told.state if told.state == "crit" else None,
        )
        self._change.setText(told.change)
        self._fit()
        set_role(self._change, "caption", None if told.better is None else "ok" if told.better else "warn")
        self._glyph.setVisible(told.state is not None)
        self._glyph.set_state(told.state or "idle")
        self._spark.show_course(told.course)
        self.setToolTip(told.tip)
        self.setAccessibleName(self.text)
        self.setAccessibleDescription(told.tip)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Shorten the note to the room there is; the tooltip says it all."""
        metrics = self._note.fontMetrics()
        taken = metrics.horizontalAdvance(self._told.change) + SPACE_S if self._told.change else 0
        room = self.contentsRect().width() - 2 * SPACE_L - taken
        self._note.setText(metrics.elidedText(self._told.note, Qt.TextElideMode.ElideRight, room) or " ")
