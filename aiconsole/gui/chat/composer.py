"""Where one writes: the text, what is attached, the model and the parameters, send or stop."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QBuffer, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.conversations import ChatParams
from ...domain.messages import ImagePart, Part
from ..icons import Icons
from ..keys import with_keys
from ..markdown.safe import visible
from ..theme import SPACE_M, SPACE_S, SPACE_XS, set_role
from .kit import label, tool
from .parts import part_title, thumbnail

_LEAST_PX, _MOST_LINES = 40, 10


class Draft(msgspec.Struct):
    """What was begun in a conversation and not sent. ``editing`` names the turn it is to stand beside. Model, system prompt
    and parameters are those of a conversation that does not exist yet."""

    text: str = ""
    files: tuple[Part, ...] = ()
    editing: str | None = None
    model: str = ""
    system: str = ""
    params: ChatParams = ChatParams()


class Entry(QPlainTextEdit):
    """A text field that grows with its text. ``sent()``; ``escaped()``; ``urls(list)`` and ``picture(bytes)`` where files or
    an image are pasted or dropped; ``up()`` from its first line while it is empty."""

    sent = Signal()
    escaped = Signal()
    urls = Signal(list)
    picture = Signal(bytes)
    up = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_role(self, "bare")
        self.send_key = "enter"
        self.setAccessibleName("Message")
        self.setPlaceholderText("Ask something")
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self._grow())
        self._grow()

    def _grow(self) -> None:
        lines = min(_MOST_LINES, max(1, round(self.document().size().height())))
        margins = round(2 * self.document().documentMargin()) + 2 * self.frameWidth()
        self.setFixedHeight(max(_LEAST_PX, lines * self.fontMetrics().lineSpacing() + margins + SPACE_XS))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if not shift and control == (self.send_key == "ctrl+enter"):
                self.sent.emit()
            else:
                self.insertPlainText("\n")
                self.ensureCursorVisible()
        elif event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.up.emit()
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasUrls() or source.hasImage() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        if not take_files(source, self):
            super().insertFromMimeData(source)


def take_files(source: QMimeData, entry: Entry) -> bool:
    """Give what is a file or an image in ``source`` to the entry's signals; False where there is none."""
    local = [url for url in source.urls() if url.isLocalFile()]
    if local:
        entry.urls.emit(local)
        return True
    if source.hasImage() and not source.hasText():
        image = source.imageData()
        if isinstance(image, QImage) and not image.isNull():
            entry.picture.emit(png(image))
            return True
    return False


def png(image: QImage) -> bytes:
    """An image as PNG."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


class Composer(QFrame):
    """Signals: ``sent()``, ``stopped()``, ``edit_left()``, ``model_wanted()``, ``parameters_wanted()``, ``files_wanted()``,
    ``urls(list)``, ``picture(bytes)``, ``changed()``."""

    sent = Signal()
    stopped = Signal()
    edit_left = Signal()
    model_wanted = Signal()
    parameters_wanted = Signal()
    files_wanted = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        set_role(self, "card")
        self.setAccessibleName("Composer")
        self.setAcceptDrops(True)
        self._icons = icons
        self._running = False
        self._editing: str | None = None
        self.files: list[Part] = []
        self.entry = Entry()
        self.entry.sent.connect(self._send)
        self.entry.escaped.connect(self._escape)
        self.entry.textChanged.connect(self._update)
        self.setFocusProxy(self.entry)
        self._note = self._make_note()
        self._shelf = QWidget()
        self._shelf_row = QHBoxLayout(self._shelf)
        self._shelf_row.setContentsMargins(0, 0, 0, 0)
        self._shelf_row.setSpacing(SPACE_S)
        self._shelf.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_S, SPACE_S)
        layout.setSpacing(SPACE_XS)
        for widget in (self._note, self._shelf, self.entry):
            layout.addWidget(widget)
        layout.addLayout(self._make_row())
        self._update()

    def _make_note(self) -> QWidget:
        note = QWidget()
        row = QHBoxLayout(note)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(
            label("Editing a message. It will be sent as another version; the first one is kept.", "caption"), 1
        )
        leave = QPushButton("Cancel")
        set_role(leave, "quiet")
        leave.clicked.connect(self.edit_left)
        row.addWidget(leave)
        note.hide()
        return note

    def _make_row(self) -> QHBoxLayout:
        self.attach = tool(self._icons, "attach", "Attach files", self.files_wanted.emit, keys="Ctrl+Shift+A")
        self.model = QToolButton()
        self.model.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.model.setIcon(self._icons.icon("down"))
        self.model.setIconSize(QSize(12, 12))
        self.model.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.model.clicked.connect(self.model_wanted)
        self.parameters = tool(
            self._icons, "parameters", "Parameters", self.parameters_wanted.emit, keys="Ctrl+Shift+P"
        )
        self._hint = label("", "caption")
        self.send = QPushButton("Send")
        self.send.clicked.connect(self._press)
        row = QHBoxLayout()
        row.setSpacing(SPACE_XS)
        row.addWidget(self.attach)
        row.addWidget(self.model)
        row.addWidget(self.parameters)
        row.addStretch(1)
        row.addWidget(self._hint)
        row.addSpacing(SPACE_S)
        row.addWidget(self.send)
        return row

    # State

    @property
    def text(self) -> str:
        return self.entry.toPlainText()

    @property
    def editing(self) -> str | None:
        """The turn that what is written will stand beside."""
        return self._editing

    def set_send_key(self, key: str) -> None:
        """``enter`` or ``ctrl+enter`` sends; the other starts a line."""
        self.entry.send_key = key
        self._update()

    def set_model(self, name: str, detail: str) -> None:
        """Say which model or route answers next."""
        self.model.setText(visible(name) or "Choose a model")
        self.model.setAccessibleName(f"Model: {name or 'none chosen'}")
        self.model.setToolTip(with_keys(f"{detail or 'Choose a model or route'} (Ctrl+M)"))

    def set_parameters(self, changed: int) -> None:
        """Say how many parameters differ from the provider's own."""
        self.parameters.setText(str(changed) if changed else "")
        style = Qt.ToolButtonStyle
        self.parameters.setToolButtonStyle(style.ToolButtonTextBesideIcon if changed else style.ToolButtonIconOnly)
        self.parameters.setAccessibleName(f"Parameters, {changed} set" if changed else "Parameters")

    def set_running(self, running: bool) -> None:
        """Whether an answer is being given here, so that the button stops it."""
        self._running = running
        self._update()

    def load(self, draft: Draft) -> None:
        """Show a draft."""
        self.files = list(draft.files)
        self._editing = draft.editing
        self.entry.setPlainText(draft.text)
        self.entry.moveCursor(self.entry.textCursor().MoveOperation.End)
        self._note.setVisible(draft.editing is not None)
        self._show_files()
        self._update()

    def add(self, parts: Sequence[Part]) -> None:
        """Attach more."""
        self.files += parts
        self._show_files()
        self._update()

    def _show_files(self) -> None:
        while (item := self._shelf_row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for part in self.files:
            self._shelf_row.addWidget(self._file_chip(part))
        self._shelf_row.addStretch(1)
        self._shelf.setVisible(bool(self.files))

    def _file_chip(self, part: Part) -> QWidget:
        made = QFrame()
        set_role(made, "well")
        row = QHBoxLayout(made)
        row.setContentsMargins(SPACE_XS, SPACE_XS, SPACE_XS, SPACE_XS)
        row.setSpacing(SPACE_S)
        picture = thumbnail(part.data, 40) if isinstance(part, ImagePart) and part.data else None
        icon = QLabel()
        icon.setPixmap(picture or self._icons.icon("document").pixmap(QSize(16, 16)))
        row.addWidget(icon)
        title = part_title(part)
        row.addWidget(label(visible(title)))
        remove = tool(self._icons, "close", f"Remove {title}", lambda: self._remove(part))
        remove.setIconSize(QSize(12, 12))
        row.addWidget(remove)
        return made

    def _remove(self, part: Part) -> None:
        self.files = [kept for kept in self.files if kept is not part]
        self._show_files()
        self._update()
        self.entry.setFocus()

    def _update(self) -> None:
        something = bool(self.text.strip() or self.files)
        self.send.setText("Stop" if self._running else "Send")
        self.send.setIcon(
            self._icons.icon("stop" if self._running else "send", "text" if self._running else "on_accent")
        )
        set_role(self.send, None if self._running else "primary")
        self.send.setEnabled(self._running or something)
        self.send.setAccessibleName("Stop the answer" if self._running else "Send the message")
        if self._running:
            self._hint.setText("Esc stops")
        else:
            enter = self.entry.send_key == "enter"
            keys = "Enter sends, Shift+Enter starts a line" if enter else "Ctrl+Enter sends"
            self._hint.setText(with_keys(keys) if something else "")

    def _press(self) -> None:
        if self._running:
            self.stopped.emit()
        else:
            self._send()

    def _send(self) -> None:
        if not self._running and (self.text.strip() or self.files):
            self.sent.emit()

    def _escape(self) -> None:
        if self._editing is not None:
            self.edit_left.emit()
        elif self._running:
            self.stopped.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if take_files(event.mimeData(), self.entry):
            event.acceptProposedAction()
