"""One message in the transcript: who, what was thought, said and called, how it ended, and what can be done with it."""

from __future__ import annotations

from functools import partial

import msgspec
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QWidget

from ...domain.chat import Continued, ReasoningDelta, Started, StreamEvent, TextDelta, ToolCallDelta
from ...domain.conversations import Turn
from ...domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NativePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ..markdown.safe import visible
from ..markdown.view import MarkdownView
from ..theme import CARD_RADIUS, SPACE_L, SPACE_S
from . import words
from .kit import Kit, label
from .parts import Attached, ErrorCard, Fold, Foot, Head, fenced, native_text, pretty_json, result_text
from .progress import Progress
from .stack import Stack
from .why import WhyFold

_KEYS = {
    Qt.Key.Key_C: "copy",
    Qt.Key.Key_R: "regenerate",
    Qt.Key.Key_E: "edit",
    Qt.Key.Key_W: "why",
    Qt.Key.Key_Left: "previous",
    Qt.Key.Key_Right: "next",
}


class MessageView(Stack):
    """Shows a turn. ``wanted(what, turn id)``."""

    wanted = Signal(str, str)

    def __init__(self, kit: Kit, turn: Turn, progress: Progress, *, busy: bool) -> None:
        self._card = turn.message.role != "assistant"
        super().__init__(kit, SPACE_L if self._card else SPACE_S)
        self._progress, self._busy = progress, busy
        self.turn = turn
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._calls: dict[int, tuple[Fold, list[str]]] = {}
        self._thoughts: tuple[Fold, list[str]] | None = None
        self._thought_fold: Fold | None = None
        self._answer: MarkdownView | None = None
        self._waiting: QLabel | None = None
        self._failures: QLabel | None = None
        self._foot: Foot | None = None
        self._why: WhyFold | None = None
        self._head = Head(kit, turn)
        self._add(self._head)
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
            elif isinstance(event, Continued):
                self._go_on(event)
            self._show_failures()
        self._show_waiting()

    def _go_on(self, event: Continued) -> None:
        """Another candidate goes on; where it starts anew, what was shown is void."""
        started = self._progress.started
        self._head.name(event.provider, event.model, bool(started and started.simulated))
        if event.mode == "restart":
            self.rebuild(msgspec.structs.replace(self.turn, message=Message("assistant", ())))

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
        self._waiting = self._failures = self._foot = self._why = None
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

    def _add_fold(self, fold: Fold) -> Fold:
        self._follow_fold(fold)
        before = [widget for widget in (self._waiting, self._failures, self._foot) if widget in self._stack]
        self._add(fold, before=before[0] if before else None)
        return fold

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
        error = self.turn.error
        closing: list[QWidget] = []
        for warning in words.warnings(self.turn, failures_shown=bool(self._progress.failed)):
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
        self._put_why()
        self._show_failures()
        self.changed.emit()

    def _put_why(self) -> None:
        """The way of the request at the very end, folded until it is asked for."""
        trace = self.turn.meta.trace if self.turn.meta is not None else None
        if self._why is not None:
            self._stack.remove(self._why)
            self._stack.append(self._why)
        elif trace is not None:
            self._why = WhyFold(self._kit, trace)
            self._follow_fold(self._why)
            self._add(self._why)
            self._why.hide()

    def _want(self, what: str) -> None:
        if what != "why":
            self.wanted.emit(what, self.turn.id)
        elif self._why is not None:
            self._why.toggle()

    def open_why(self) -> None:
        """Show why the answer came from where it came from, if that is known."""
        if self._why is not None and self._why.isHidden():
            self._why.toggle()

    def _title(self) -> str:
        provider = self.turn.meta.provider if self.turn.meta else ""
        who = "You" if self._card else f"Answer from {provider}" if provider else "Answer"
        self.setAccessibleDescription(words.spoken(self.turn))
        return f"{who}, {words.clock_time(self.turn.created_at)}"

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
