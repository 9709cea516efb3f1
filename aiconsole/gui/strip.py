"""The status strip: a chip a provider, the figures of the moment, the spend and the heart, the same over every panel.

Chips give way gracefully where the window is narrow: first the healthy ones lose their word (the glyph's shape and the
tooltip still say it), then the idle ones, then all, and what still does not fit waits behind a "+3" with those in trouble
kept in view.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import msgspec
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QWidget

from .figures import money, rate, share
from .icons import Icons, paint_state
from .theme import RADIUS, SPACE_M, SPACE_S, SPACE_XS, State, Theme, set_role

_HEIGHT = 40
_LABEL_MAX = 120
_PADDING, _GAP, _CHIP_GAP = 6, 5, 2
_WORDED: tuple[tuple[State, ...], ...] = (
    ("ok", "warn", "crit", "idle"),
    ("warn", "crit", "idle"),
    ("warn", "crit"),
    (),
)
_ORDER: dict[State, int] = {"crit": 0, "warn": 1, "ok": 2, "idle": 3}


class ChipState(msgspec.Struct, frozen=True):
    """What a provider's chip says: ``word`` is the state in a word, such as "closed"; ``color`` None takes the
    provider's own; ``tip`` says more on hover."""

    name: str
    label: str
    state: State
    word: str
    color: str | None = None
    tip: str = ""


class Part(msgspec.Struct, frozen=True):
    """One piece of an item: ``kind`` text, icon (its name), state (its name) or swatch (its colour), in the colour
    ``tint`` (a token)."""

    kind: str
    value: str
    tint: str = "text"


class StripItem(QAbstractButton):
    """A row of parts painted as one; where ``live``, it can be clicked and focused."""

    def __init__(self, theme: Theme, icons: Icons, *, live: bool = True) -> None:
        super().__init__()
        self._theme, self._icons, self._live = theme, icons, live
        self._parts: tuple[Part, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if live else Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover, live)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: Sequence[Part], name: str, tip: str = "") -> None:
        """Say ``parts``; ``name`` is what a screen reader says."""
        if (plain := _plain(tip or name)) != self.toolTip():
            self.setToolTip(plain)
        if tuple(parts) == self._parts and name == self.accessibleName():
            return
        self._parts = tuple(parts)
        self.setAccessibleName(name)
        self.updateGeometry()
        self.update()

    def width_of(self, parts: Sequence[Part]) -> int:
        """The width in px the item would have with these parts."""
        metrics = self.fontMetrics()
        return 2 * _PADDING + sum(self._width(part, metrics) for part in parts) + _GAP * max(0, len(parts) - 1)

    def sizeHint(self) -> QSize:
        return QSize(self.width_of(self._parts), 28)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        metrics = self.fontMetrics()
        at = float(_PADDING)
        for part in self._parts:
            width = self._width(part, metrics)
            self._paint_part(painter, part, QRectF(at, 0, width, self.height()), metrics)
            at += width + _GAP

    def _paint_ground(self, painter: QPainter) -> None:
        if not self._live:
            return
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isDown() or self.underMouse():
            painter.setBrush(self._theme.color("pressed" if self.isDown() else "hover"))
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(box, RADIUS, RADIUS)

    def _paint_part(self, painter: QPainter, part: Part, box: QRectF, metrics: QFontMetrics) -> None:
        center = box.center()
        if part.kind == "swatch":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(part.value))
            painter.drawRoundedRect(QRectF(center - QPointF(4, 4), center + QPointF(4, 4)), 2, 2)
        elif part.kind == "state":
            state: State = part.value  # type: ignore[assignment]
            rect = QRectF(center - QPointF(5, 5), center + QPointF(5, 5))
            paint_state(painter, rect, state, self._theme.color(state))
        elif part.kind == "icon":
            self._icons.paint(painter, QRectF(center - QPointF(8, 8), center + QPointF(8, 8)), part.value, part.tint)
        else:
            painter.setPen(self._theme.color(part.tint))
            text = metrics.elidedText(part.value, Qt.TextElideMode.ElideRight, round(box.width()))
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    @staticmethod
    def _width(part: Part, metrics: QFontMetrics) -> int:
        if part.kind == "text":
            return min(metrics.horizontalAdvance(part.value) + 1, _LABEL_MAX)
        return {"swatch": 8, "state": 10, "icon": 16}[part.kind]


class ChipRow(QWidget):
    """The providers' chips in the room there is. ``clicked(name)``."""

    clicked = Signal(str)

    def __init__(self, theme: Theme, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self._states: tuple[ChipState, ...] = ()
        self._chips: dict[str, StripItem] = {}
        self._more = StripItem(theme, icons)
        self._more.setParent(self)
        self._more.setAccessibleName("More providers")
        self._more.clicked.connect(self._list_hidden)
        self._hidden: list[ChipState] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(80)
        theme.changed.connect(self._arrange)

    def set_states(self, states: Sequence[ChipState]) -> None:
        """Show these providers, in this order."""
        if tuple(states) == self._states:
            return
        self._states = tuple(states)
        names = {state.name for state in self._states}
        for name in [name for name in self._chips if name not in names]:
            gone = self._chips.pop(name)
            gone.hide()
            gone.deleteLater()
        before = self._more
        for state in self._states:
            if state.name not in self._chips:
                chip = StripItem(self._theme, self._icons)
                chip.setParent(self)
                chip.clicked.connect(partial(self.clicked.emit, state.name))
                self._chips[state.name] = chip
            self.setTabOrder(before, self._chips[state.name])
            before = self._chips[state.name]
        self.setTabOrder(before, self._more)
        self._arrange()

    def sizeHint(self) -> QSize:
        return QSize(600, 28)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _parts(self, state: ChipState, level: int) -> tuple[Part, ...]:
        color = state.color or self._theme.provider_color(state.name).name()
        parts = [Part("swatch", color), Part("text", state.label), Part("state", state.state)]
        if state.state in _WORDED[level]:
            parts.append(Part("text", state.word, "muted"))
        return tuple(parts)

    def _arrange(self) -> None:
        room = self.width()
        for level in range(len(_WORDED)):
            parts = {state.name: self._parts(state, level) for state in self._states}
            widths = {name: self._chips[name].width_of(of_chip) for name, of_chip in parts.items()}
            if sum(widths.values()) + _CHIP_GAP * max(0, len(widths) - 1) <= room:
                break
        kept = self._fitting(widths, room)
        self._hidden = [state for state in self._states if state.name not in kept]
        at = 0
        for state in self._states:
            chip = self._chips[state.name]
            chip.setVisible(state.name in kept)
            if state.name not in kept:
                continue
            said = f"{state.label}: {state.word}"
            chip.show_parts(parts[state.name], said, f"{said}. Open it." + (f"\n{state.tip}" if state.tip else ""))
            chip.setGeometry(at, (self.height() - 28) // 2, widths[state.name], 28)
            at += widths[state.name] + _CHIP_GAP
        self._more.setVisible(bool(self._hidden))
        if self._hidden:
            words = ", ".join(f"{state.label} {state.word}" for state in self._hidden)
            self._more.show_parts([Part("text", f"+{len(self._hidden)}", "muted")], f"More providers: {words}")
            self._more.setGeometry(at, (self.height() - 28) // 2, self._more.sizeHint().width(), 28)

    def _fitting(self, widths: dict[str, int], room: int) -> set[str]:
        if sum(widths.values()) + _CHIP_GAP * max(0, len(widths) - 1) <= room:
            return set(widths)
        room -= self._more.width_of([Part("text", "+99")]) + _CHIP_GAP
        kept: set[str] = set()
        for state in sorted(self._states, key=lambda state: _ORDER[state.state]):
            if widths[state.name] <= room:
                kept.add(state.name)
                room -= widths[state.name] + _CHIP_GAP
            else:
                break
        return kept

    def _list_hidden(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for state in self._hidden:
            menu.addAction(f"{state.label}: {state.word}", partial(self.clicked.emit, state.name))
        menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))


class Strip(QFrame):
    """Signals: ``provider_clicked(name)``, ``alerts_clicked()``, ``cost_clicked()``, ``heart_clicked()``.

    ``heart`` is where the heart's card opens.
    """

    provider_clicked = Signal(str)
    alerts_clicked = Signal()
    cost_clicked = Signal()
    heart_clicked = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("strip")
        self.setAccessibleName("Status")
        self.setFixedHeight(_HEIGHT)
        self._chips = ChipRow(theme, icons)
        self._chips.clicked.connect(self.provider_clicked)
        self._simulated = QLabel("simulated")
        self._simulated.setToolTip("Answers come from simulated providers on this machine. No request leaves it.")
        set_role(self._simulated, "pill", "warn")
        self._simulated.hide()
        self._unsaved = StripItem(theme, icons, live=False)
        self._unsaved.hide()
        self.alerts = StripItem(theme, icons)
        self.alerts.setAccessibleName("Alerts firing")
        self.alerts.clicked.connect(self.alerts_clicked)
        self.alerts.hide()
        self._requests = StripItem(theme, icons, live=False)
        self._errors = StripItem(theme, icons, live=False)
        self._cost = StripItem(theme, icons)
        self._cost.clicked.connect(self.cost_clicked)
        self.heart = StripItem(theme, icons)
        self.heart.clicked.connect(self.heart_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_S, 0, SPACE_S, 0)
        layout.setSpacing(SPACE_XS)
        layout.addWidget(self._chips, 1)
        layout.addSpacing(SPACE_M)
        layout.addWidget(self.alerts)
        layout.addWidget(self._simulated, 0, Qt.AlignmentFlag.AlignVCenter)
        for item in (self._unsaved, self._requests, self._errors, self._cost, self.heart):
            layout.addWidget(item)
        self.set_figures(None, None, None)
        self.set_heart("idle", "starting")

    def set_providers(self, states: Sequence[ChipState]) -> None:
        """Show a chip for each, in this order."""
        self._chips.set_states(states)

    def set_figures(self, req_per_min: float | None, error_rate: float | None, cost_usd: float | None) -> None:
        """Requests a minute, errors as a share of 0 to 1, spend in USD; None is unknown."""
        requests, errors, cost = rate(req_per_min), share(error_rate), money(cost_usd)
        self._requests.show_parts(
            [Part("text", requests), Part("text", "req/min", "muted")], f"{requests} requests a minute"
        )
        self._errors.show_parts([Part("text", errors), Part("text", "err", "muted")], f"{errors} errors")
        self._cost.show_parts([Part("text", cost)], f"Spend {cost}", f"Spend: {cost}. Open it.")

    def set_heart(self, state: State, word: str, more: str = "") -> None:
        """The realtime connection's state and its word; ``more`` is said on hover."""
        self.heart.show_parts(
            [Part("icon", "heart", state), Part("text", word, "muted")],
            f"Realtime connection: {word}",
            f"Realtime connection: {word}. {more}".rstrip() + "\nClick for more.",
        )

    def set_unsaved(self, why: str) -> None:
        """Keep in view that nothing can be written to the disk, and on hover ``why``; "" takes it away again."""
        self._unsaved.setVisible(bool(why))
        if why:
            self._unsaved.show_parts([Part("state", "crit"), Part("text", "not saved")], f"Not saved. {why}", why)

    def set_alerts(self, firing: int, worst: State = "warn", more: str = "") -> None:
        """Say how many alerts fire and how bad the worst is; nothing is shown while none does. ``more`` is said on hover."""
        self.alerts.setVisible(firing > 0)
        if firing:
            words = f"{firing} {'alert' if firing == 1 else 'alerts'}"
            parts = [Part("icon", "alerts", worst), Part("state", worst), Part("text", words)]
            self.alerts.show_parts(parts, f"{words} firing", f"{words} firing. {more}".rstrip() + "\nOpen them.")

    def set_simulated(self, on: bool) -> None:
        """Keep "simulated" in view while the providers are."""
        self._simulated.setVisible(on)


def _plain(text: str) -> str:
    """A tooltip that shows ``text`` letter by letter, whatever a provider put into a reason."""
    return f"<p style='white-space:pre-wrap'>{escape(text)}</p>"
