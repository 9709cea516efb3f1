"""The parts of a message in the transcript, each able to say how tall it is at a width before anything is painted."""

from __future__ import annotations

import json
from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ...domain.conversations import Turn, TurnError
from ...domain.messages import DocumentPart, ImagePart, NativePart, Part, TextPart, ToolResultPart
from ..markdown.safe import visible
from ..markdown.view import MarkdownView
from ..notices import StateGlyph
from ..theme import RADIUS, SPACE_M, SPACE_S, SPACE_XS, Theme, set_role
from . import words
from .kit import Kit, label

_THUMB = 96


class Swatch(QWidget):
    """A provider's colour as a small square."""

    def __init__(self, theme: Theme, provider: str) -> None:
        super().__init__()
        self._theme, self.provider = theme, provider
        self.setFixedSize(10, 10)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        color = self._theme.provider_color(self.provider) if self.provider else self._theme.color("idle")
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)


class Head(QWidget):
    """Who speaks, and when."""

    def __init__(self, kit: Kit, turn: Turn) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        self._swatch = Swatch(kit.theme, "")
        self._name = label("", "strong")
        self._model = label("", "caption")
        self._simulated = label("simulated", "pill", "warn")
        self._simulated.setToolTip("This answer comes from a simulated provider on this machine.")
        time = label(words.clock_time(turn.created_at), "caption")
        time.setToolTip(words.full_time(turn.created_at))
        for widget in (self._swatch, self._name, self._model, self._simulated):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addStretch(1)
        layout.addWidget(time)
        self._actions: QWidget | None = None
        self._is_answer = turn.message.role == "assistant"
        meta = turn.meta
        self.name(meta.provider if meta else "", meta.model if meta else "", bool(meta and meta.simulated))
        if not self._is_answer:
            self._name.setText("Tool" if turn.message.role == "tool" else "You")

    def set_actions(self, actions: QWidget) -> None:
        """Put a message's actions beside the time."""
        layout = self.layout()
        assert layout is not None
        if self._actions is not None:
            layout.removeWidget(self._actions)
            self._actions.hide()
            self._actions.deleteLater()
        self._actions = actions
        layout.addWidget(actions)
        actions.show()

    def name(self, provider: str, model: str, simulated: bool) -> None:
        """Say who answers."""
        if not self._is_answer:
            self._swatch.hide()
        self._swatch.provider = provider
        self._swatch.update()
        self._name.setText(visible(provider) or "Answer")
        self._model.setText(visible(model))
        self._simulated.setVisible(simulated)


class Foot(QWidget):
    """An answer's facts and what can be done with the message. ``wanted(what)``."""

    wanted = Signal(str)

    def __init__(self, kit: Kit, turn: Turn, *, busy: bool) -> None:
        super().__init__()
        answer = turn.message.role == "assistant"
        self._facts = label(words.unbroken(visible(words.footer(turn))) if answer else "", "caption")
        self._facts.setToolTip(words.footer_details(turn))
        self._facts.setWordWrap(True)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_XS)
        layout.addWidget(self._facts, 1)
        self._facts.setVisible(answer)
        if len(turn.siblings) > 1 and turn.id in turn.siblings:
            self._add_branches(kit, layout, turn, busy)
        if turn.meta is not None and turn.meta.trace is not None:
            why = kit.tool("route", "Why this answer", lambda: self.wanted.emit("why"), keys="W", text="why")
            why.setObjectName("why")
            layout.addWidget(why, 0, Qt.AlignmentFlag.AlignTop)
        kept = turn.meta is not None and turn.meta.cached is not None and not turn.meta.cached.shared
        for icon, name, what, keys, text in self._actions(turn.message.role, kept):
            button = kit.tool(icon, name, lambda what=what: self.wanted.emit(what), keys=keys, text=text)  # type: ignore[misc]
            button.setObjectName(what)
            button.setEnabled(what == "copy" or not busy)
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)

    @staticmethod
    def _actions(role: str, kept: bool) -> list[tuple[str, str, str, str, str]]:
        if role == "assistant":
            again = ("retry", "Ask for a fresh answer", "refresh") if kept else ("retry", "Answer again", "")
            return [("copy", "Copy the answer", "copy", "C", ""), (*again[:2], "regenerate", "R", again[2])]
        copy = ("copy", "Copy the message", "copy", "C", "")
        return [copy, ("edit", "Edit and send again", "edit", "E", "")] if role == "user" else [copy]

    def _add_branches(self, kit: Kit, layout: QHBoxLayout, turn: Turn, busy: bool) -> None:
        place, many = turn.siblings.index(turn.id) + 1, len(turn.siblings)
        before = kit.tool("previous", "Earlier version", lambda: self.wanted.emit("previous"), keys="Left")
        after = kit.tool("next", "Later version", lambda: self.wanted.emit("next"), keys="Right")
        before.setObjectName("previous")
        after.setObjectName("next")
        before.setEnabled(place > 1 and not busy)
        after.setEnabled(place < many and not busy)
        which = label(f"{place}/{many}", "caption")
        which.setAccessibleName(f"Version {place} of {many}")
        for widget in (before, which, after):
            layout.addWidget(
                widget, 0, Qt.AlignmentFlag.AlignTop if widget is not which else Qt.AlignmentFlag.AlignVCenter
            )
        layout.addSpacing(SPACE_S)


class Fold(QFrame):
    """A head that opens what is under it. ``changed()``: its height is another; ``body()`` is made when first opened."""

    changed = Signal()

    def __init__(self, kit: Kit, title: str, fill: Callable[[MarkdownView], object], *, plain: bool = False) -> None:
        super().__init__()
        set_role(self, "well")
        self._kit, self._fill, self._plain = kit, fill, plain
        self.body: MarkdownView | None = None
        self.head = QToolButton(self)
        self.head.setCheckable(True)
        self.head.setIcon(kit.icons.icon("unfold"))
        self.head.setIconSize(QSize(12, 12))
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.head.toggled.connect(self._toggle)
        self.rename(title)

    def rename(self, title: str) -> None:
        """Say something else in the head."""
        self.head.setText(visible(title))
        self.head.setAccessibleName(f"{title}, unfold" if not self.head.isChecked() else f"{title}, fold")
        self.head.adjustSize()

    @property
    def body_y(self) -> int:
        """Where what is folded out begins."""
        return self.head.sizeHint().height() + 2 * SPACE_XS

    def measure(self, width: int) -> int:
        """Its height at a width."""
        if self.body is None or not self.head.isChecked():
            return self.body_y
        self.body.set_content_width(width - 2 * SPACE_M)
        return self.body_y + self.body.content_height + SPACE_M

    def settle(self, width: int) -> None:
        """Place what is inside."""
        hint = self.head.sizeHint()
        self.head.setGeometry(SPACE_XS, SPACE_XS, min(hint.width(), width - 2 * SPACE_XS), hint.height())
        if self.body is not None and self.head.isChecked():
            self.body.setGeometry(SPACE_M, self.body_y, width - 2 * SPACE_M, self.body.content_height)

    def _toggle(self, on: bool) -> None:
        self.head.setIcon(self._kit.icons.icon("fold" if on else "unfold"))
        self.rename(self.head.text())
        if on and self.body is None:
            self.body = self._kit.markdown(plain=self._plain)
            self.body.setParent(self)
            self._fill(self.body)
        if self.body is not None:
            self.body.setVisible(on)
        self.changed.emit()


class ErrorCard(QFrame):
    """Why there is no answer, what can be done, and a way to try again. ``wanted(what)``, ``changed()``."""

    wanted = Signal(str)
    changed = Signal()

    def __init__(self, kit: Kit, error: TurnError, *, busy: bool) -> None:
        super().__init__()
        set_role(self, "banner", "crit")
        self._error = error
        title = label(visible(words.error_title(error)), "strong")
        said = label(visible(words.error_message(error)))
        advice = label(visible(self._advice(error)), "caption")
        self._details = label(visible(words.error_details(error)), "mono")
        for line in (title, said, advice, self._details):
            line.setWordWrap(True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.hide()
        self.retry = QPushButton("Try again")
        self.retry.setEnabled(not busy)
        self.retry.clicked.connect(lambda: self.wanted.emit("regenerate"))
        self.more = QPushButton("Details")
        self.more.setCheckable(True)
        set_role(self.more, "quiet")
        self.more.toggled.connect(self._show_details)
        self.copy = QPushButton("Copy details")
        set_role(self.copy, "quiet")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(words.error_details(error)))
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for button in (self.retry, self.more, self.copy):
            row.addWidget(button)
        row.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(StateGlyph(kit.theme, "crit"))
        head.addWidget(title, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addLayout(head)
        for widget in (said, advice):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addWidget(self._details)
        advice.setVisible(bool(advice.text()))
        self.setAccessibleName(f"{words.error_title(error)}. {error.message} {error.advice}")

    @staticmethod
    def _advice(error: TurnError) -> str:
        wait = f"The provider asks to wait {error.retry_after:.0f} s. " if error.retry_after else ""
        return f"{wait}{error.advice}"

    def _show_details(self, on: bool) -> None:
        self._details.setVisible(on)
        self.changed.emit()


class Attached(QFrame):
    """Files that came with a message: pictures small, others by name."""

    def __init__(self, kit: Kit, parts: list[Part]) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        for part in parts:
            layout.addWidget(_chip(kit, part), 0, Qt.AlignmentFlag.AlignTop)
        layout.addStretch(1)


def _chip(kit: Kit, part: Part) -> QWidget:
    if isinstance(part, ImagePart) and part.data:
        picture = thumbnail(part.data, _THUMB)
        if picture is not None:
            shown = QLabel()
            shown.setPixmap(picture)
            shown.setAccessibleName(f"Image, {words.size(len(part.data))}")
            shown.setToolTip(f"{part.media_type}, {words.size(len(part.data))}")
            return shown
    made = QFrame()
    set_role(made, "well")
    layout = QHBoxLayout(made)
    layout.setContentsMargins(SPACE_S, SPACE_XS, SPACE_S, SPACE_XS)
    icon = QLabel()
    icon.setPixmap(kit.icons.icon("image" if isinstance(part, ImagePart) else "document").pixmap(QSize(16, 16)))
    layout.addWidget(icon)
    layout.addWidget(label(visible(part_title(part))))
    return made


def part_title(part: Part) -> str:
    """An attachment in a few words."""
    if isinstance(part, ImagePart):
        return f"Image, {words.size(len(part.data))}" if part.data else f"Image at {part.url}"
    if isinstance(part, DocumentPart):
        return f"{part.name or 'Document'}" + (f", {words.size(len(part.data))}" if part.data else "")
    if isinstance(part, TextPart):
        return f"{words.attached_name(part) or 'Text'}, {words.size(len(part.text.encode()))}"
    return type(part).__name__


def thumbnail(data: bytes, side: int) -> QPixmap | None:
    """An attached picture at most ``side`` px wide and high, None where it cannot be read.

    Qt's reader refuses pictures whose pixels would take more than 256 MB (Qt docs, ``QImageReader::setAllocationLimit``).
    """
    from PySide6.QtCore import QBuffer, QByteArray
    from PySide6.QtGui import QImageReader

    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    reader = QImageReader(buffer)
    reader.setAutoTransform(True)
    wanted = reader.size()
    if wanted.isValid():
        reader.setScaledSize(wanted.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    return None if image.isNull() else _rounded(QPixmap.fromImage(image))


def _rounded(picture: QPixmap) -> QPixmap:
    from PySide6.QtGui import QPainterPath

    made = QPixmap(picture.size())
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    path.addRoundedRect(QRectF(made.rect()), RADIUS, RADIUS)
    painter.setClipPath(path)
    painter.drawPixmap(0, 0, picture)
    painter.end()
    return made


def pretty_json(text: str) -> str:
    """JSON laid out for reading; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def fenced(text: str, language: str) -> str:
    """``text`` as a fence of Markdown that its own backticks cannot close."""
    longest = max((len(run) for run in _backticks(text)), default=0)
    mark = "`" * max(3, longest + 1)
    return f"{mark}{language}\n{text}\n{mark}"


def _backticks(text: str) -> list[str]:
    import re

    return re.findall("`+", text)


def result_text(part: ToolResultPart) -> str:
    """A tool's answer as text."""
    if isinstance(part.content, str):
        return part.content
    return "\n".join(item.text if isinstance(item, TextPart) else f"[{part_title(item)}]" for item in part.content)


def native_text(part: NativePart) -> str:
    """A block only its own provider understands, as JSON."""
    return json.dumps(part.data, indent=2, ensure_ascii=False, default=str)
