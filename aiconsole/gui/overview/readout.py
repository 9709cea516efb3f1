"""What the cursor is at: the figures of all plots in one bucket, as rows, in words, and painted beside the cursor."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from ..breakers import GLYPHS
from ..figures import UNKNOWN, latency, money, rate, share
from ..icons import paint_state
from ..theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_S, State, Theme, font
from .graph import Graph, Metric, latency_of

_ROW: Final = 19
_TITLES: Final = ("", "p50", "p95", "longest", "errors", "req/min", "cost")
_WIDE: Final = (96, 62, 62, 62, 56, 56, 64)


class Row(msgspec.Struct, frozen=True):
    """One provider: the cells behind its name, and its breakers that are not closed, with the gravest one's state."""

    provider: str
    label: str
    cells: tuple[str, ...]
    breaker: str = ""
    state: State = "ok"


class Readout(msgspec.Struct, frozen=True):
    """A bucket: when, and a row a provider that did something or whose breaker was not closed."""

    when: str
    rows: tuple[Row, ...]

    @property
    def words(self) -> str:
        """All of it as a sentence, for who cannot see it."""
        if not self.rows:
            return f"{self.when}: nothing was asked."
        return f"{self.when}: " + "; ".join(
            f"{row.label} "
            + ", ".join(
                f"{title} {cell}" for title, cell in zip(_TITLES[1:], row.cells, strict=True) if cell != UNKNOWN
            )
            + (f", breaker {row.breaker}" if row.breaker else "")
            for row in self.rows
        )


def read(graph: Graph, number: int, providers: Sequence[str], labels: Mapping[str, str], metric: Metric) -> Readout:
    """What bucket ``number`` tells of these providers."""
    begins = graph.begins(number)
    rows = []
    for name in providers:
        part = graph.at(name, number)
        spans = [span for span in graph.states(name, begins, begins + graph.step) if span.state != "closed"]
        gravest = max(spans, key=lambda span: list(GLYPHS).index(span.state), default=None)
        if part is None and gravest is None:
            continue
        cells = (UNKNOWN,) * 6
        if part is not None:
            p50, p95 = latency_of(part, metric)
            unknown = "+" if part.uncosted else ""
            cells = (
                latency(p50),
                latency(p95),
                latency(part.high_ms),
                share(part.error_rate),
                rate(part.count * 60 / graph.step),
                money(part.cost_usd) + unknown,
            )
        breaker = f"{gravest.state}" + (f", {gravest.reason}" if gravest.reason else "") if gravest else ""
        rows.append(Row(name, labels.get(name, name), cells, breaker, GLYPHS[gravest.state] if gravest else "ok"))
    return Readout(_when(begins, graph.step), tuple(rows))


def _when(begins: float, step: int) -> str:
    start, end = time.localtime(begins), time.localtime(begins + step)
    day = time.strftime("%a %d %b ", start)
    if step >= 86_400:
        return day.strip()
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    return f"{day}{time.strftime(form, start)} – {time.strftime(form, end)}"


def paint(painter: QPainter, theme: Theme, told: Readout, x: float, room: QRectF, *, low: bool) -> None:
    """Paint ``told`` beside the cursor at ``x``, inside ``room``, at its bottom where ``low``."""
    extra = sum(bool(row.breaker) for row in told.rows)
    width = sum(_WIDE) + 2 * SPACE_M if told.rows else 260
    height = (len(told.rows) + extra + (2 if told.rows else 1)) * _ROW + 2 * SPACE_S
    left = x + SPACE_M if x + SPACE_M + width <= room.right() else x - SPACE_M - width
    box = QRectF(max(left, room.left()), room.bottom() - height if low else room.top(), width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.color("edge"), 1))
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
    line = QRectF(box.left() + SPACE_M, box.top() + SPACE_S, width - 2 * SPACE_M, _ROW)
    left_middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    painter.setFont(font(CAPTION_PX, bold=True))
    painter.setPen(theme.color("text"))
    painter.drawText(line, left_middle, told.when + ("" if told.rows else ": nothing was asked"))
    painter.setFont(font(CAPTION_PX))
    if told.rows:
        line.translate(0, _ROW)
        _cells(painter, line, _TITLES, theme, "muted")
    for row in told.rows:
        line.translate(0, _ROW)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.provider_color(row.provider))
        painter.drawRoundedRect(QRectF(line.left(), line.center().y() - 4, 9, 9), 2, 2)
        _cells(painter, line, (row.label, *row.cells), theme, "text")
        if row.breaker:
            line.translate(0, _ROW)
            paint_state(
                painter, QRectF(line.left() + 15, line.center().y() - 4, 9, 9), row.state, theme.color(row.state)
            )
            painter.setPen(theme.color(f"{row.state}_text"))
            room_px = line.width() - 30
            words = QFontMetricsF(painter.font()).elidedText(
                f"breaker {row.breaker}", Qt.TextElideMode.ElideRight, room_px
            )
            painter.drawText(QRectF(line.left() + 30, line.top(), room_px, _ROW), left_middle, words)


def _cells(painter: QPainter, line: QRectF, words: Sequence[str], theme: Theme, token: str) -> None:
    painter.setPen(theme.color(token))
    x = line.left()
    for at, (word, wide) in enumerate(zip(words, _WIDE, strict=True)):
        side = Qt.AlignmentFlag.AlignRight if at else Qt.AlignmentFlag.AlignLeft
        inset = 0 if at else 15
        painter.drawText(QRectF(x + inset, line.top(), wide - inset, _ROW), side | Qt.AlignmentFlag.AlignVCenter, word)
        x += wide
