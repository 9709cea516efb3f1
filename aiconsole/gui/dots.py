"""Each answer's first token as a dot over time, on a logarithmic axis. Kept as a picture that only grows: thousands of dots
drawn anew at each answer took 57 ms, the new ones alone take none to speak of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap

from .theme import Theme

_DOT: Final = 5.0
_HEADROOM: Final = 12.0


class FirstTokens(Protocol):
    """What is drawn, and grows: ``first_tokens`` are (s from the beginning, ms, provider), ``duration_s`` is the length of
    the axis, ``first_token_ms`` a percentile by its share, where 0 is the least and 1 the most."""

    first_tokens: list[tuple[float, float, str]]

    @property
    def duration_s(self) -> float: ...

    def first_token_ms(self, share: float) -> float | None: ...


def decades(seen: FirstTokens) -> Sequence[float]:
    """Powers of ten, in ms, that hold all first tokens; at least 10 ms to 1 s."""
    least, most = seen.first_token_ms(0.0) or 10.0, seen.first_token_ms(1.0) or 1000.0
    low, high = min(1, math.floor(math.log10(max(least, 0.1)))), max(3, math.ceil(math.log10(max(most, 1.0))))
    return [10.0**exponent for exponent in range(low, high + 1)]


def height(ms: float, ticks: Sequence[float], graph: QRectF) -> float:
    """Where ``ms`` stands in ``graph``, as y."""
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return graph.bottom() - (math.log10(max(ms, ticks[0])) - low) / (high - low) * (graph.height() - _HEADROOM)


class Dots:
    """The picture."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._key: tuple[object, ...] = ()
        self._of: list[tuple[float, float, str]] = []
        self._drawn = 0
        self._picture = QPixmap()
        self._stamps: dict[str, QPixmap] = {}

    def paint(self, painter: QPainter, graph: QRectF, seen: FirstTokens, ticks: Sequence[float]) -> None:
        """Draw all of ``seen`` into ``graph``."""
        ratio = painter.device().devicePixelRatioF()
        key = (seen.duration_s, graph.getRect(), tuple(ticks), self._theme.tokens.name, ratio)
        if key != self._key or seen.first_tokens is not self._of:
            self._key, self._of, self._drawn = key, seen.first_tokens, 0
            self._stamps.clear()
            self._picture = _clear(graph.width(), graph.height(), ratio)
        if self._drawn < len(seen.first_tokens):
            self._add(seen, graph, ticks, ratio)
        painter.drawPixmap(graph.topLeft(), self._picture)

    def _add(self, seen: FirstTokens, graph: QRectF, ticks: Sequence[float], ratio: float) -> None:
        painter = QPainter(self._picture)
        whole = seen.duration_s or 1.0
        for at_s, ms, provider in seen.first_tokens[self._drawn :]:
            stamp = self._stamps.get(provider)
            if stamp is None:
                stamp = self._stamps[provider] = _stamp(self._theme.provider_color(provider), ratio)
            x, y = graph.width() * at_s / whole, height(ms, ticks, graph) - graph.top()
            painter.drawPixmap(QPointF(x - _DOT / 2, y - _DOT / 2), stamp)
        painter.end()
        self._drawn = len(seen.first_tokens)


def _clear(width: float, height: float, ratio: float) -> QPixmap:
    made = QPixmap(math.ceil(width * ratio), math.ceil(height * ratio))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    return made


def _stamp(color: QColor, ratio: float) -> QPixmap:
    made = _clear(_DOT, _DOT, ratio)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(QRectF(0.5, 0.5, _DOT - 1, _DOT - 1))
    painter.end()
    return made
