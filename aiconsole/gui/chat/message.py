"""One message in the transcript: who, what was thought, said and called, how it ended, and what can be done with it."""

from __future__ import annotations

import time
from functools import partial

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from ...domain.chat import Failed, ReasoningDelta, Started, StreamEvent, TextDelta, ToolCallDelta
from ...domain.conversations import Turn
from ...domain.messages import (
    DocumentPart,
    ImagePart,
    NativePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ..markdown.safe import visible
from ..markdown.view import MarkdownView
from ..theme import CARD_RADIUS, SPACE_L, SPACE_M, SPACE_S
from . import words
from .kit import Kit, label
from .parts import Attached, ErrorCard, Fold, Foot, Head, fenced, native_text, pretty_json, result_text

_KEYS = {
    Qt.Key.Key_C: "copy",
    Qt.Key.Key_R: "regenerate",
    Qt.Key.Key_E: "edit",
    Qt.Key.Key_Left: "previous",
    Qt.Key.Key_Right: "next",
}


class Progress:
    """What is known of an answer only from having seen it come: who failed before, and how long it thought."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []
        self.started: Started | None = None
        self.thinking_since: float | None = None
        self.thought_s: float | None = None

    def take(self, event: StreamEvent) -> None:
        if isinstance(event, ReasoningDelta):
            if self.thinking_since is None:
                self.thinking_since = time.monotonic()
        elif isinstance(event, TextDelta | ToolCallDelta):
            if self.thinking_since is not None and self.thought_s is None:
                self.thought_s = time.monotonic() - self.thinking_since
        elif isinstance(event, Started):
            self.started = event
        elif isinstance(event, Failed):
            self.failed.append((event.provider, event.error.kind))


class MessageView(QFrame):
    """Shows a turn. ``wanted(what, turn id)``; ``changed()``: its height may be another; ``link_wanted(href, text, place)``;
    ``dragged(y)`` while a selection is drawn, in its own coordinates."""

    wanted = Signal(str, str)
    changed = Signal()
    link_wanted = Signal(str, str, QPoint)
    dragged = Signal(int)

    def __init__(self, kit: Kit, turn: Turn, progress: Progress, *, busy: bool) -> None:
        super().__init__()
        self._kit, self._progress, self._busy = kit, progress, busy
        self.turn = turn
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._stack: list[QWidget] = []
        self._views: list[tuple[MarkdownView, Fold | None]] = []
        self._calls: dict[int, tuple[Fold, list[str]]] = {}
        self._thoughts: tuple[Fold, list[str]] | None = None
        self._thought_fold: Fold | None = None
        self._answer: MarkdownView | None = None
        self._waiting: QLabel | None = None
        self._failures: QLabel | None = None
        self._foot: Foot | None = None
        self._head = Head(kit, turn)
        self._add(self._head)
        self._card = turn.message.role != "assistant"
        self._build()

    # Content

    @property
    def streaming(self) -> bool:
        return self.turn.state == "streaming"

    @property
    def busy_with_person(self) -> bool:
        """True where something would be lost if it were made anew: the keyboard, a selection, something unfolded."""
        focused = QGuiApplication.focusObject()
        inside = isinstance(focused, QWidget) and (focused is self or self.isAncestorOf(focused))
        return inside or any(view.has_selection for view, _ in self._views)

    def take(self, events: list[StreamEvent]) -> None:
        """Go on with what came of a running answer, in order; text in a row should come as one piece."""
        for event in events:
            if isinstance(event, TextDelta):
                self._thoughts = None
                if self._answer is None:
                    self._answer = self._add_markdown()
                self._answer.append(event.text)
            elif isinstance(event, ReasoningDelta):
                self._think(event.text)
            elif isinstance(event, ToolCallDelta):
                self._call(event)
            elif isinstance(event, Started):
                self._head.name(event.provider, event.model, event.simulated)
            self._show_failures()
        self._show_waiting()

    def end(self, turn: Turn) -> None:
        """Show how it ended."""
        streamed, self.turn = self._answer.text if self._answer is not None else "", turn
        parts = [part for part in turn.message.parts if isinstance(part, TextPart)]
        if self._answer is not None and len(parts) == 1 and parts[0].text == streamed:
            self._answer.finish()
            if turn.meta is not None:
                self._head.name(turn.meta.provider, turn.meta.model, turn.meta.simulated)
            self._show_waiting()
            self._rename_thoughts()
            self._close_build()
        else:
            self.rebuild(turn)

    def rebuild(self, turn: Turn, *, busy: bool | None = None) -> None:
        """Show a turn from the start."""
        self.turn = turn
        self._busy = self._busy if busy is None else busy
        for widget in self._stack[1:]:
            widget.hide()
            widget.deleteLater()
        del self._stack[1:]
        self._views, self._calls = [], {}
        self._thoughts = self._thought_fold = self._answer = None
        self._waiting = self._failures = self._foot = None
        if turn.meta is not None:
            self._head.name(turn.meta.provider, turn.meta.model, turn.meta.simulated)
        self._build()
        self.changed.emit()

    def set_busy(self, busy: bool) -> None:
        """Whether something is being answered, so that only copying is possible."""
        if busy != self._busy:
            self._busy = busy
            self._close_build()

    def _build(self) -> None:
        self.setAccessibleName(self._title())
        files: list[Part] = []
        for at, part in enumerate(self.turn.message.parts):
            if self._is_file(part, at):
                files.append(part)
            else:
                self._add_part(part)
        if files:
            self._add(Attached(self._kit, files))
        if self.streaming and self._progress.started is not None:
            started = self._progress.started
            self._head.name(started.provider, started.model, started.simulated)
        self._show_failures()
        self._show_waiting()
        self._close_build()

    def _is_file(self, part: Part, at: int) -> bool:
        if isinstance(part, ImagePart | DocumentPart):
            return True
        return self._card and isinstance(part, TextPart) and words.attached_name(part) is not None

    def _add_part(self, part: Part) -> None:
        if isinstance(part, TextPart):
            if part.text:
                view = self._add_markdown(plain=self._card)
                if self.streaming and not self._card:
                    self._answer = view
                    view.append(part.text)
                else:
                    view.set_text(part.text)
        elif isinstance(part, ReasoningPart):
            if part.text:
                self._think(part.text)
        elif isinstance(part, ToolCallPart):
            text = fenced(pretty_json(part.arguments), "json")
            self._add_fold(Fold(self._kit, f"Calls {part.name}", partial(_set, text)))
        elif isinstance(part, ToolResultPart):
            name = f"Result of {part.name or part.call_id}" + (", an error" if part.is_error else "")
            self._add_fold(Fold(self._kit, name, partial(_set, fenced(result_text(part), ""))))
        elif isinstance(part, NativePart):
            self._add_fold(
                Fold(self._kit, f"A block of {part.dialect}", partial(_set, fenced(native_text(part), "json")))
            )

    def _add_markdown(self, *, plain: bool = False) -> MarkdownView:
        view = self._kit.markdown(plain=plain)
        self._connect(view, None)
        before = [widget for widget in (self._waiting, self._failures, self._foot) if widget in self._stack]
        self._add(view, before=before[0] if before else None)
        return view

    def _connect(self, view: MarkdownView, fold: Fold | None) -> None:
        self._views.append((view, fold))
        view.link_wanted.connect(self.link_wanted)
        view.stale.connect(self.changed)
        view.dragged.connect(lambda y: self.dragged.emit(view.mapTo(self, QPoint(0, y)).y()))

    def _add_fold(self, fold: Fold) -> Fold:
        fold.changed.connect(lambda: self._unfolded(fold))
        before = [widget for widget in (self._waiting, self._failures, self._foot) if widget in self._stack]
        self._add(fold, before=before[0] if before else None)
        return fold

    def _unfolded(self, fold: Fold) -> None:
        if fold.body is not None and all(view is not fold.body for view, _ in self._views):
            self._connect(fold.body, fold)
        self.changed.emit()

    def _think(self, text: str) -> None:
        if self._thoughts is None:
            pieces: list[str] = []
            made = Fold(self._kit, "Thinking…", lambda view: view.append("".join(pieces)))
            self._thoughts = (self._add_fold(made), pieces)
        fold, pieces = self._thoughts
        pieces.append(text)
        if fold.body is not None:
            fold.body.append(text)
        self._thought_fold = fold
        self._rename_thoughts()

    def _rename_thoughts(self) -> None:
        fold = self._thought_fold
        if fold is None:
            return
        going_on = self.streaming and self._progress.thought_s is None
        title = "Thinking…" if going_on else words.thought(self._progress.thought_s)
        if fold.head.text() != title:
            fold.rename(title)

    def _call(self, event: ToolCallDelta) -> None:
        self._answer = self._thoughts = None
        if event.index not in self._calls:
            pieces: list[str] = []
            fold = Fold(
                self._kit,
                f"Calls {event.name or 'a tool'}",
                lambda view: view.set_text(fenced(pretty_json("".join(pieces)), "json")),
            )
            self._calls[event.index] = (self._add_fold(fold), pieces)
        fold, pieces = self._calls[event.index]
        pieces.append(event.arguments)
        if event.name:
            fold.rename(f"Calls {event.name}")
        if fold.body is not None:
            fold.body.set_text(fenced("".join(pieces), "json"))

    def _show_failures(self) -> None:
        failed = self._progress.failed
        if not failed:
            return
        started = self._progress.started
        meta = self.turn.meta
        answered = meta.provider if meta else started.provider if started else ""
        if self.turn.state == "failed":
            answered = ""
        text = words.failover(failed, answered) if answered or self.streaming else ""
        if self._failures is None:
            self._failures = label("", "caption", "warn")
            self._failures.setWordWrap(True)
            self._add(self._failures, before=self._stack[1] if len(self._stack) > 1 else None)
        self._failures.setText(visible(text))
        self._failures.setVisible(bool(text))

    def _show_waiting(self) -> None:
        """A quiet word while an answer is running."""
        if not self.streaming:
            if self._waiting is not None:
                self._waiting.hide()
            return
        if self._waiting is None:
            self._waiting = label("", "caption")
            self._add(self._waiting)
        started = self._progress.started
        nothing = self._answer is None and not self._calls and self._thoughts is None
        who = f" from {started.provider}" if started else ""
        text = f"Waiting for the first token{who}…" if nothing else "Answering…  Esc stops"
        if self._waiting.text() != text:
            self._waiting.setText(text)

    def _close_build(self) -> None:
        """The lower end: warnings, the error, the footer."""
        for widget in [widget for widget in self._stack if widget.property("closing")]:
            self._stack.remove(widget)
            widget.hide()
            widget.deleteLater()
        if self.streaming:
            return
        meta, error = self.turn.meta, self.turn.error
        closing: list[QWidget] = []
        for warning in meta.warnings if meta is not None else ():
            line = label(visible(f"Note: {warning}"), "caption", "warn")
            line.setWordWrap(True)
            closing.append(line)
        if error is not None:
            card = ErrorCard(self._kit, error, busy=self._busy)
            card.wanted.connect(self._want)
            card.changed.connect(self.changed)
            closing.append(card)
        self._foot = Foot(self._kit, self.turn, busy=self._busy)
        self._foot.wanted.connect(self._want)
        if self._card:
            self._head.set_actions(self._foot)
        else:
            closing.append(self._foot)
        for widget in closing:
            widget.setProperty("closing", True)
            self._add(widget)
        self._show_failures()
        self.changed.emit()

    def _want(self, what: str) -> None:
        self.wanted.emit(what, self.turn.id)

    def _title(self) -> str:
        who = "You" if self._card else f"Answer from {self.turn.meta.provider}" if self.turn.meta else "Answer"
        self.setAccessibleDescription(words.spoken(self.turn))
        return f"{who}, {words.clock_time(self.turn.created_at)}"

    def _add(self, widget: QWidget, *, before: QWidget | None = None) -> QWidget:
        widget.setParent(self)
        at = self._stack.index(before) if before is not None else len(self._stack)
        self._stack.insert(at, widget)
        widget.show()
        return widget

    # Geometry

    def arrange(self, width: int) -> int:
        """Place everything at a width; gives the height in px."""
        side = SPACE_L if self._card else SPACE_S
        inner, y = width - 2 * side, SPACE_M
        for widget in self._stack:
            if widget.isHidden():
                continue
            if isinstance(widget, MarkdownView):
                widget.set_content_width(inner)
                height = widget.content_height
            elif isinstance(widget, Fold):
                height = widget.arrange(inner)
            else:
                height = widget.heightForWidth(inner) if widget.hasHeightForWidth() else widget.sizeHint().height()
            widget.setGeometry(side, y, inner, height)
            y += height + SPACE_S
        return y + SPACE_M - SPACE_S

    def realise(self, top: int, bottom: int) -> bool:
        """Make what stands between two heights; True where the height of anything changed."""
        changed = False
        for view, fold in self._views:
            if view.isHidden() or (fold is not None and not fold.head.isChecked()):
                continue
            y = view.mapTo(self, QPoint(0, 0)).y()
            if y <= bottom and y + view.content_height >= top:
                changed |= view.realise(max(0, top - y), bottom - y)
        return changed

    def anchor(self, y: int) -> tuple[MarkdownView | None, tuple[int, int]]:
        """What stands at a height, to be found again by `place`."""
        for view, _ in self._views:
            at = view.mapTo(self, QPoint(0, 0)).y()
            if not view.isHidden() and at <= y < at + view.height():
                return (view, view.anchor(y - at))
        return (None, (0, y))

    def place(self, anchor: tuple[MarkdownView | None, tuple[int, int]]) -> int:
        view, inner = anchor
        return inner[1] if view is None else view.mapTo(self, QPoint(0, view.place(inner))).y()

    def restyle(self) -> None:
        """The theme has changed."""
        for view, _ in self._views:
            view.use_style(self._kit.style_)
        self.update()

    def bodies(self) -> list[MarkdownView]:
        """The views of what was said, in order, without what is folded."""
        return [view for view, fold in self._views if fold is None]

    # Painting and keys

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._kit.theme
        if self._card:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(QRectF(self.rect()), CARD_RADIUS, CARD_RADIUS)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), CARD_RADIUS, CARD_RADIUS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        what = _KEYS.get(Qt.Key(event.key()))
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        copy = event.key() == Qt.Key.Key_C and event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if what is not None and (plain or copy):
            self._want(what)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and plain:
            self._want("up" if event.key() == Qt.Key.Key_Up else "down")
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()


def _set(text: str, view: MarkdownView) -> None:
    view.set_text(text)
