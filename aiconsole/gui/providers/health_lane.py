"""When looks at a provider's health found it well and when not, on the time axis of the graph above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...domain.history import HealthSpan
from ..figures import count, latency
from ..overview.plots import LEFT, RIGHT
from ..theme import CAPTION_PX, SPACE_S, Theme, font
from ..titled import plain
from .standing import clock_words

_HEIGHT: Final = 18
_WELL, _ILL = 3.0, 11.0
_LEAST: Final = 3.0


def span_words(span: HealthSpan) -> str:
    """A span as a sentence."""
    found = "healthy" if span.healthy else span.error_kind or "unhealthy"
    reason = f" ({span.reason})" if span.reason else ""
    took = "" if span.latency_ms is None else f", the last in {latency(span.latency_ms)}"
    looks = "1 look" if span.looks == 1 else f"{count(span.looks)} looks"
    return f"{clock_words(span.start)} – {clock_words(span.last_seen)}: {found}{reason}, {looks}{took}"


class HealthLane(QWidget):
    """Well is a thin line, ill a tall bar; where nobody looked there is nothing."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._start, self._end = 0.0, 1.0
        self.spans: Sequence[HealthSpan] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self.show_spans(())

    def sizeHint(self) -> QSize:
        return QSize(420, _HEIGHT)

    def show_view(self, start: float, end: float) -> None:
        """Have this stretch of time (epoch s) in view."""
        self._start, self._end = start, end
        self.update()

    def show_spans(self, spans: Sequence[HealthSpan]) -> None:
        """Draw these."""
        self.spans = spans
        newest = max(spans, key=lambda span: span.last_seen, default=None)
        self.setAccessibleName(
            f"Health checks: {span_words(newest)}" if newest else "Health checks: none in this range"
        )
        self.update()

    def span_at(self, x: float) -> HealthSpan | None:
        """The span at a place of the widget."""
        return next((span for span in self.spans if self._box(span).adjusted(-1, -9, 1, 9).contains(x, 9)), None)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            span = self.span_at(event.pos().x())
            QToolTip.showText(event.globalPos(), plain(span_words(span) if span else self.accessibleName()), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font(CAPTION_PX))
        painter.setPen(self._theme.color("muted"))
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, LEFT - SPACE_S, self.height()), side, "Health")
        right = float(self.width() - RIGHT)
        if not self.spans:
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(LEFT, 0, right - LEFT, self.height()), left, "not looked at in this range")
            return
        painter.setPen(self._theme.color("line"))
        painter.drawLine(QLineF(LEFT, self.height() / 2, right, self.height() / 2))
        for span in self.spans:
            painter.fillRect(self._box(span), self._theme.color("ok" if span.healthy else "crit"))

    def _box(self, span: HealthSpan) -> QRectF:
        wide, middle = self.width() - RIGHT - LEFT, self.height() / 2
        per_s = wide / (self._end - self._start)
        left = LEFT + max(span.start - self._start, 0.0) * per_s
        right = LEFT + min(span.last_seen - self._start, self._end - self._start) * per_s
        tall = _WELL if span.healthy else _ILL
        return QRectF(left, middle - tall / 2, max(right - left, _LEAST), tall)
