"""The attempts of a request under one another on one axis: when each began, how long it waited, and how long it answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...domain.trace import Attempt, Outcome
from ..figures import latency
from ..icons import paint_state
from ..theme import CAPTION_PX, SPACE_L, SPACE_M, SPACE_S, State, Theme, font
from ..titled import plain

_ROW: Final = 34
_BAR: Final = 12
_AXIS: Final = 28
_LEGEND: Final = 24
_NAMES: Final = 230
_WORDS: Final = 120
_STATES: Final[dict[Outcome, State]] = {
    "answered": "ok",
    "failed": "crit",
    "cut": "crit",
    "cancelled": "idle",
    "lost the race": "idle",
}
_STEPS: Final = (1, 2, 5)


class Span(NamedTuple):
    """One attempt in ms since the request's start: ``waited`` is the pause before it, ``first`` its first token."""

    attempt: Attempt
    waited: float
    began: float
    first: float | None
    ended: float


def spans(attempts: Sequence[Attempt]) -> list[Span]:
    """When each attempt did what. A pause is counted from the end of what ended last before it."""
    made: list[Span] = []
    free_at = 0.0
    for attempt in attempts:
        ended = attempt.began_ms + attempt.duration_ms
        first = None if attempt.ttft_ms is None else attempt.began_ms + attempt.ttft_ms
        made.append(Span(attempt, max(0.0, attempt.began_ms - free_at), attempt.began_ms, first, ended))
        free_at = max(free_at, ended)
    return made


def told(span: Span) -> str:
    """An attempt's times in words."""
    attempt = span.attempt
    words = [f"Attempt {attempt.number}, {attempt.candidate}: {attempt.outcome}"]
    if attempt.error_kind is not None:
        words.append(f"{attempt.error_kind}{'' if attempt.status is None else f', HTTP status {attempt.status}'}")
    if span.waited >= 1:
        words.append(f"waited {latency(span.waited)} before it")
    words.append(f"began at {latency(span.began)}")
    if attempt.ttft_ms is not None:
        words.append(f"first token after {latency(attempt.ttft_ms)}")
        words.append(f"answer for {latency(attempt.duration_ms - attempt.ttft_ms)}")
    words.append(f"took {latency(attempt.duration_ms)}")
    return "; ".join(words) + "."


def ticks(length_ms: float, most: int = 6) -> list[float]:
    """Round marks from 0 to ``length_ms``, at most about ``most``."""
    if length_ms <= 0:
        return [0.0]
    scale = 1.0
    while True:
        for step in _STEPS:
            if length_ms / (step * scale) <= most:
                return [at * step * scale for at in range(int(length_ms / (step * scale)) + 1)]
        scale *= 10


class Waterfall(QWidget):
    """Show it with ``show_attempts``; a hover tells an attempt's times."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._spans: list[Span] = []
        self._length = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_attempts(self, attempts: Sequence[Attempt], duration_ms: float) -> None:
        """Show these; the axis reaches over the whole request."""
        self._spans = spans(attempts)
        self._length = max([duration_ms, 1.0, *(span.ended for span in self._spans)])
        self.setAccessibleName("Timings. " + " ".join(told(span) for span in self._spans))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, max(1, len(self._spans)) * _ROW + _AXIS + _LEGEND)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = int(event.pos().y() // _ROW)
            words = told(self._spans[row]) if 0 <= row < len(self._spans) else ""
            QToolTip.showText(event.globalPos(), plain(words.replace("; ", "\n")), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        names = min(_NAMES, self.width() // 3)
        plot = QRectF(names + SPACE_M, 0, self.width() - names - SPACE_M - _WORDS, len(self._spans) * _ROW)
        self._paint_axis(painter, plot)
        for row, span in enumerate(self._spans):
            self._paint_name(painter, QRectF(0, row * _ROW, names, _ROW), span)
            self._paint_bar(painter, plot, row, span)
        self._paint_legend(painter, plot)

    def _x(self, plot: QRectF, ms: float) -> float:
        return plot.left() + plot.width() * min(1.0, ms / self._length)

    def _paint_axis(self, painter: QPainter, plot: QRectF) -> None:
        painter.setFont(font(CAPTION_PX))
        line, words = QPen(self._theme.color("line"), 1), self._theme.color("muted")
        for at in ticks(self._length):
            x = round(self._x(plot, at)) + 0.5
            painter.setPen(line)
            painter.drawLine(QPointF(x, 0), QPointF(x, plot.bottom() + 4))
            painter.setPen(words)
            text = "0" if at == 0 else f"{at:g} ms" if self._length < 10_000 else f"{at / 1000:g} s"
            box = QRectF(x - 50, plot.bottom() + 5, 100, _AXIS - 8)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)

    def _paint_name(self, painter: QPainter, box: QRectF, span: Span) -> None:
        attempt = span.attempt
        provider, _, model = attempt.candidate.partition("/")
        swatch = QRectF(box.left(), box.center().y() - 5, 10, 10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.provider_color(provider))
        painter.drawRoundedRect(swatch, 3, 3)
        painter.setFont(font())
        room = box.adjusted(10 + SPACE_S, 0, -SPACE_S, 0)
        words = f"{attempt.number}. {provider}"
        painter.setPen(self._theme.color("text"))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, words)
        taken = painter.fontMetrics().horizontalAdvance(words) + SPACE_S
        painter.setFont(font(CAPTION_PX))
        painter.setPen(self._theme.color("muted"))
        rest = room.adjusted(taken, 0, 0, 0)
        shown = painter.fontMetrics().elidedText(model, Qt.TextElideMode.ElideMiddle, int(rest.width()))
        painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_bar(self, painter: QPainter, plot: QRectF, row: int, span: Span) -> None:
        theme, state = self._theme, _STATES[span.attempt.outcome]
        middle = row * _ROW + _ROW / 2
        provider = span.attempt.candidate.partition("/")[0]
        color = theme.provider_color(provider)
        began, ended = self._x(plot, span.began), self._x(plot, span.ended)
        if span.waited >= 1:
            painter.setPen(QPen(theme.color("muted"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(self._x(plot, span.began - span.waited), middle), QPointF(began, middle))
        first = ended if span.first is None else self._x(plot, span.first)
        bar = QRectF(began, middle - _BAR / 2, max(3.0, ended - began), _BAR)
        soft = theme.provider_color(provider)
        soft.setAlphaF(0.35)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(soft)
        painter.drawRoundedRect(bar, 3, 3)
        if span.first is not None:
            painter.setBrush(color)
            painter.drawRoundedRect(QRectF(first, bar.top(), max(2.0, ended - first), _BAR), 3, 3)
        glyph = QRectF(bar.right() + SPACE_S, middle - 5, 10, 10)
        paint_state(painter, glyph, state, theme.color(state))
        painter.setFont(font(CAPTION_PX))
        painter.setPen(theme.color("muted"))
        words = QRectF(glyph.right() + 6, row * _ROW, self.width() - glyph.right() - 6, _ROW)
        said = span.attempt.error_kind or latency(span.attempt.duration_ms)
        shown = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, int(words.width()))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_legend(self, painter: QPainter, plot: QRectF) -> None:
        theme = self._theme
        painter.setFont(font(CAPTION_PX))
        top = plot.bottom() + _AXIS
        x = 0.0
        soft = theme.color("idle")
        soft.setAlphaF(0.35)
        for words, brush in (("waiting", None), ("until the first token", soft), ("answer", theme.color("idle"))):
            middle = top + _LEGEND / 2
            if brush is None:
                painter.setPen(QPen(theme.color("muted"), 1, Qt.PenStyle.DotLine))
                painter.drawLine(QPointF(x, middle), QPointF(x + 18, middle))
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(brush)
                painter.drawRoundedRect(QRectF(x, middle - 4, 18, 8), 2, 2)
            painter.setPen(theme.color("muted"))
            width = painter.fontMetrics().horizontalAdvance(words)
            painter.drawText(QRectF(x + 24, top, width + 4, _LEGEND), Qt.AlignmentFlag.AlignVCenter, words)
            x += 24 + width + SPACE_L
