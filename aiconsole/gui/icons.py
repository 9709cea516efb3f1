"""Icons from the Phosphor font that QtAwesome brings, painted in the theme's colours, and the glyphs of the four states.

QtAwesome itself is not imported: loading all its fonts costs about 90 ms before the first paint, this one 6. An icon looks up
its colour when it is painted, so a switch of the theme needs no new icons. The font is loaded when the first icon is
painted.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import msgspec
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QIcon,
    QIconEngine,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPen,
    QPixmap,
)

from .theme import State, Theme

ICONS = {
    # panels
    "overview": "gauge",
    "chat": "chat-circle-text",
    "files": "files",
    "providers": "cloud",
    "requests": "list-bullets",
    "routing": "path",
    "bench": "flask",
    "jobs": "clock-clockwise",
    "alerts": "bell-simple",
    "reports": "chart-bar",
    "settings": "gear-six",
    # things to do
    "add": "plus",
    "attach": "paperclip",
    "back": "arrow-left",
    "branch": "git-branch",
    "clear": "x",
    "close": "x",
    "commands": "command",
    "copy": "copy-simple",
    "delete": "trash-simple",
    "down": "caret-down",
    "download": "download-simple",
    "edit": "pencil-simple",
    "filter": "funnel-simple",
    "fold": "caret-down",
    "hide": "eye-slash",
    "left": "caret-left",
    "more": "dots-three",
    "next": "caret-right",
    "open": "arrow-square-out",
    "parameters": "sliders-horizontal",
    "pause": "pause",
    "previous": "caret-left",
    "refresh": "arrow-clockwise",
    "retry": "arrow-clockwise",
    "right": "caret-right",
    "run": "play",
    "save": "floppy-disk",
    "search": "magnifying-glass",
    "send": "paper-plane-right",
    "show": "eye",
    "stop": "stop-circle",
    "sidebar": "columns",
    "to-end": "arrow-down",
    "undo": "arrow-counter-clockwise",
    "unfold": "caret-right",
    "up": "caret-up",
    "upload": "upload-simple",
    # things
    "answer": "sparkle",
    "cost": "currency-circle-dollar",
    "document": "file-text",
    "error": "warning-circle",
    "heart": "heart-straight",
    "image": "image",
    "info": "info",
    "key": "key",
    "keyboard": "keyboard",
    "link": "link-simple",
    "model": "cube",
    "ok": "check-circle",
    "done": "check",
    "person": "user",
    "pdf": "file-pdf",
    "reasoning": "brain",
    "route": "path",
    "simulated": "flask",
    "speed": "timer",
    "theme-dark": "moon",
    "theme-light": "sun",
    "theme-system": "monitor",
    "tokens": "hash",
    "tool": "wrench",
    "warning": "warning",
}
"""Our names and Phosphor's; a name missing here is a KeyError where the icon is asked for."""

_log = logging.getLogger(__name__)


class _Glyphs:
    """The font and its map of names, loaded once."""

    def __init__(self) -> None:
        self.family = ""
        self._codes: dict[str, str] = {}

    def load(self) -> None:
        if self._codes:
            return
        try:
            folder = _font_folder()
            charmap = next(folder.glob("phosphor-charmap-*.json"))
            self._codes = msgspec.json.decode(charmap.read_bytes(), type=dict[str, str])
            number = QFontDatabase.addApplicationFont(str(next(folder.glob("phosphor-*.ttf"))))
            self.family = QFontDatabase.applicationFontFamilies(number)[0]
        except (OSError, StopIteration, IndexError, msgspec.DecodeError) as error:
            _log.warning("The icon font cannot be loaded, icons stay empty: %s", error)
            self._codes = {"": ""}

    def text(self, name: str) -> str:
        code = self._codes.get(ICONS[name])
        return chr(int(code, 16)) if code else ""


def _font_folder() -> Path:
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("QtAwesome is not installed")
    return Path(spec.origin).parent / "fonts"


class _Engine(QIconEngine):
    def __init__(self, icons: Icons, name: str, color: str, on: str) -> None:
        super().__init__()
        self._icons, self._name, self._color, self._on = icons, name, color, on

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        token = "idle" if mode == QIcon.Mode.Disabled else self._on if state == QIcon.State.On else self._color
        self._icons.paint(painter, QRectF(rect), self._name, token)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        made = QPixmap(size)
        if made.isNull():
            return made
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        self.paint(painter, made.rect(), mode, state)
        painter.end()
        return made

    def clone(self) -> QIconEngine:
        return _Engine(self._icons, self._name, self._color, self._on)


class Icons:
    """Icons by our names, in the colours of ``theme``."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._glyphs = _Glyphs()

    def icon(self, name: str, color: str = "muted", on: str = "accent_text") -> QIcon:
        """The icon ``name`` in the token ``color``, in ``on`` while checked. Raises KeyError for an unknown name."""
        if name not in ICONS:
            raise KeyError(name)
        return QIcon(_Engine(self, name, color, on))

    def paint(self, painter: QPainter, rect: QRectF, name: str, token: str) -> None:
        """Paint the icon into ``rect`` (logical px), for what paints itself."""
        self._glyphs.load()
        if not self._glyphs.family:
            return
        font = QFont(self._glyphs.family)
        font.setPixelSize(max(1, round(min(rect.width(), rect.height()))))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        painter.setFont(font)
        painter.setPen(self._theme.color(token))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._glyphs.text(name))
        painter.restore()


def paint_state(painter: QPainter, rect: QRectF, state: State, color: QColor) -> None:
    """The glyph of a state in ``rect``: ok a disc, warn a half disc, crit a disc crossed out, idle a ring.

    The four differ in shape, so that they can be told apart without their colour.
    """
    side = min(rect.width(), rect.height())
    disc = QRectF(rect.center().x() - side / 2, rect.center().y() - side / 2, side, side)
    pen = QPen(color, side / 6)
    ring = disc.adjusted(side / 12, side / 12, -side / 12, -side / 12)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if state in ("warn", "idle"):
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(ring)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    if state == "ok":
        painter.drawEllipse(disc)
    elif state == "warn":
        painter.drawPie(disc, 90 * 16, 180 * 16)
    elif state == "crit":
        painter.drawPath(_crossed(disc))
    painter.restore()


def _crossed(disc: QRectF) -> QPainterPath:
    whole, cross = QPainterPath(), QPainterPath()
    whole.addEllipse(disc)
    center, reach = disc.center(), disc.width() * 0.24
    cross.moveTo(center - QPointF(reach, reach))
    cross.lineTo(center + QPointF(reach, reach))
    cross.moveTo(center + QPointF(reach, -reach))
    cross.lineTo(center + QPointF(-reach, reach))
    stroker = QPainterPathStroker()
    stroker.setWidth(disc.width() / 6)
    stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
    return whole.subtracted(stroker.createStroke(cross))
