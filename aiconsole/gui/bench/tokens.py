"""Each answer's first token as a dot over the time of the run, and requests that failed as crosses."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ..dots import Dots, decades, height
from ..figures import latency
from ..theme import CAPTION_PX, SPACE_M, SPACE_S, SPACE_XS, Theme, font
from .axes import linear
from .seen import Seen

_LEFT: Final = 64
_BOTTOM: Final = 24
_CROSS: Final = 3.0


class FirstTokenDots(QWidget):
    """Draws a `Seen` while it grows."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._seen = Seen()
        self._dots = Dots(theme)
        self._font = font(CAPTION_PX)
        self.setMinimumSize(260, 150)
        self.setAccessibleName("Time to first token over the run")
        theme.changed.connect(self.update)

    def show_seen(self, seen: Seen) -> None:
        """Draw this from now on."""
        self._seen = seen
        low, high = seen.first_token_ms(0.0), seen.first_token_ms(1.0)
        failed = f", {len(seen.failed_at)} requests failed" if seen.failed_at else ""
        self.setAccessibleDescription(
            "no answer yet" if low is None else f"from {latency(low)} to {latency(high)}{failed}"
        )
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        seen, whole = self._seen, QRectF(self.rect())
        graph = whole.adjusted(_LEFT, SPACE_S, -SPACE_M, -_BOTTOM)
        if graph.height() < 40 or graph.width() < 80:
            return
        painter = QPainter(self)
        painter.setFont(self._font)
        ticks = decades(seen)
        line, muted = self._theme.color("line"), self._theme.color("muted")
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        for tick in ticks:
            y = height(tick, ticks, graph)
            painter.setPen(line)
            painter.drawLine(QLineF(graph.left(), y, graph.right(), y))
            painter.setPen(muted)
            painter.drawText(QRectF(0, y - 9, _LEFT - SPACE_S, 18), right, latency(tick))
        length = seen.duration_s or 5.0
        for tick in linear([length], max(2, int(graph.width() / 90))).ticks:
            if tick <= length * 1.001:
                x = graph.left() + graph.width() * tick / length
                painter.setPen(line)
                painter.drawLine(QLineF(x, graph.top(), x, graph.bottom()))
                painter.setPen(muted)
                box = QRectF(x - 40, graph.bottom() + SPACE_XS, 80 if x + 40 < whole.right() else 52, 18)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{tick:g} s")
        if seen.first_tokens:
            self._dots.paint(painter, graph, seen, ticks)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("crit"), 1.5))
        places = {math.floor(graph.left() + graph.width() * min(at_s, length) / length) for at_s in seen.failed_at}
        y = graph.bottom() - 5
        for place in places:
            painter.drawLine(QLineF(place - _CROSS, y - _CROSS, place + _CROSS, y + _CROSS))
            painter.drawLine(QLineF(place - _CROSS, y + _CROSS, place + _CROSS, y - _CROSS))
