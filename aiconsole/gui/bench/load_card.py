"""With what load: its shape, its levels and its length, a sentence that says what that does, and a drawing of it."""

from __future__ import annotations

from typing import cast

import msgspec
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from ...bench.plan import By, Kind, Load, Shape
from ...bench.shapes import Segment, segments
from ..theme import Theme
from .fields import Card, Fields, choice, decimal, whole
from .words import SHAPES, load_words

_TO = {"ramp", "step", "spike", "sweep"}
_STEPS = {"step", "sweep"}
_EITHER = {"ramp", "step", "spike", "soak", "sweep"}


class ShapeLine(QWidget):
    """A load's level over time, small."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._parts: tuple[Segment, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(200, 40)

    def show_parts(self, parts: tuple[Segment, ...]) -> None:
        """Draw these."""
        self._parts = parts
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        whole_s = sum(part.seconds for part in self._parts)
        top = max((max(part.begin, part.end) for part in self._parts), default=0.0)
        if not whole_s or not top:
            return
        painter = QPainter(self)
        floor, across, up = self.height() - 2.0, self.width() - 4.0, self.height() - 8.0
        line, at_s = [QPointF(2, floor)], 0.0
        for part in self._parts:
            line.append(QPointF(2 + across * at_s / whole_s, floor - up * part.begin / top))
            at_s += part.seconds
            line.append(QPointF(2 + across * at_s / whole_s, floor - up * part.end / top))
        line.append(QPointF(2 + across, floor))
        painter.setPen(QPen(self._theme.color("accent"), 1))
        painter.setBrush(self._theme.color("accent_soft"))
        painter.drawPolygon(QPolygonF(line))


class LoadCard(Card):
    """The load on each target."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("With what load")
        self.shape, self.by = choice(), choice()
        for shape, words in SHAPES.items():
            self.shape.addItem(words, shape)
        self.by.addItem("requests/s (open loop)", "rate")
        self.by.addItem("in flight (closed loop)", "concurrency")
        self.level, self.to = decimal(1, 0.1, 2000, decimals=1), decimal(8, 0.1, 2000, decimals=1)
        self.steps = whole(5, 1, 50)
        self.seconds = decimal(30, 1, 86_400, " s")
        self.repeats, self.warmup = whole(20, 1, 1000), whole(2, 0, 50)
        self.fields = Fields()
        for title, control, tip, span in (
            ("Shape", self.shape, "How the load goes over time.", 3),
            ("Counted in", self.by, "Rates come whatever the provider does; a number in flight waits for answers.", 2),
            ("Level", self.level, "Requests per second, or requests in flight, to each target.", 1),
            ("Up to", self.to, "The level it ends with, rises to, or at most goes to.", 1),
            ("Levels", self.steps, "How many levels there are from the first to the last.", 1),
            ("Lasts", self.seconds, "How long in all; of steps and sweeps how long each level.", 1),
            (
                "Repeats",
                self.repeats,
                "How often each prompt is asked of each target. More make intervals narrower.",
                1,
            ),
            ("Warm-up", self.warmup, "Requests before it that are not counted: connections, TLS, caches.", 1),
        ):
            self.fields.add(title, control, tip, span)
        self.line = ShapeLine(theme)
        self.rows.addWidget(self.fields)
        self.rows.addWidget(self.line)
        self._kind: Kind = "bench"
        self.shape.activated.connect(self._follow)
        self.by.activated.connect(self._follow)
        for box in (self.level, self.to, self.steps, self.seconds, self.repeats, self.warmup):
            box.valueChanged.connect(self._tell)

    def show_plan(self, kind: Kind, load: Load, repeats: int, warmup: int) -> None:
        """Be this load."""
        self._kind = kind
        self.shape.setCurrentIndex(self.shape.findData(load.shape))
        self.by.setCurrentIndex(0 if load.open_loop else 1)
        self.level.setValue(load.level)
        self.to.setValue(load.to or load.level * 8)
        self.steps.setValue(load.steps)
        self.seconds.setValue(load.seconds)
        self.repeats.setValue(repeats)
        self.warmup.setValue(warmup)
        self._follow()

    def load(self, base: Load) -> Load:
        """What is chosen, on what the suite says beyond it."""
        shape = cast(Shape, self.shape.currentData())
        by = cast(By, self.by.currentData()) if shape in _EITHER else None
        level = max(1.0, float(round(self.level.value()))) if self._counted(shape, by) else round(self.level.value(), 1)
        made = msgspec.structs.replace(
            base,
            shape=shape,
            by=by,
            level=level,
            to=round(self.to.value(), 1) if shape in _TO else None,
            seconds=self.seconds.value(),
            steps=self.steps.value(),
            requests=base.requests if shape == base.shape else None,
        )
        return made if shape == base.shape else msgspec.structs.replace(made, arrivals=None)

    @staticmethod
    def _counted(shape: Shape, by: By | None) -> bool:
        return shape == "closed" or by == "concurrency"

    def _follow(self) -> None:
        """Show what belongs to the kind and the shape."""
        shape = self.shape.currentData()
        by_repeats = self._kind == "bench" and shape == "closed"
        wanted: set[QWidget] = {self.shape, self.level, self.warmup}
        wanted |= {self.repeats} if by_repeats else {self.seconds}
        wanted |= {self.to} if shape in _TO else set()
        wanted |= {self.steps} if shape in _STEPS else set()
        wanted |= {self.by} if shape in _EITHER else set()
        self.fields.show_only(wanted)
        self.line.setVisible(not by_repeats)
        self._tell()

    def _tell(self) -> None:
        load = self.load(Load())
        by_repeats = self._kind == "bench" and self.shape.currentData() == "closed"
        many = f" Each prompt {self.repeats.value()} times." if by_repeats else ""
        self.about.setText(load_words(load) + many)
        self.line.show_parts(segments(load))
        self.changed.emit()
