"""Colours of code, found a few milliseconds at a time so that nothing waits for them.

Pygments and the lexer of a language are imported in a thread; the lexer then runs in the window's thread for at most
``BUDGET_S`` a frame. Code beyond ``MOST`` characters, or with a very long line, stays plain.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QTextCharFormat, QTextLayout

from ..theme import Theme
from .blocks import Fence
from .safe import visible

BUDGET_S = 0.002
MOST, LONGEST_LINE = 60_000, 2_000
_EVERY_MS = 16
_KEPT = 400

_TOKENS = {
    "Keyword": "accent_text",
    "Keyword.Type": "warn_text",
    "Name.Builtin": "accent_text",
    "Name.Tag": "accent_text",
    "Name.Attribute": "warn_text",
    "Name.Decorator": "warn_text",
    "Name.Exception": "warn_text",
    "Name.Variable": "warn_text",
    "Literal.String": "ok_text",
    "Literal.Number": "warn_text",
    "Literal": "ok_text",
    "Comment": "muted",
    "Comment.Preproc": "accent_text",
    "Generic.Deleted": "crit_text",
    "Generic.Inserted": "ok_text",
    "Generic.Heading": "accent_text",
    "Generic.Subheading": "accent_text",
    "Generic.Prompt": "muted",
    "Generic.Output": "muted",
    "Generic.Error": "crit_text",
}
"""Kinds of Pygments and the theme's token for each; a kind not named takes that of the one above it."""

Spans = list[tuple[int, int, str]]
"""Of one line: start, length, token."""


Pieces = list[tuple[Any, int]]
"""Of one line: kinds of Pygments and how many characters each has."""


class Highlighter(QObject):
    """Finds the spans of closed fences. ``ready(fence)``: ``spans(fence)`` has them from now on."""

    ready = Signal(object)
    _lexer_found = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._spans: dict[int, tuple[Fence, list[Spans]]] = {}
        self._asked: dict[int, Fence] = {}
        self._lexers: dict[str, Any] = {}
        self._waiting: dict[str, list[Fence]] = {}
        self._work: deque[tuple[Fence, Iterator[Any], list[Pieces]]] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._pump)
        self._lexer_found.connect(self._on_lexer)

    def spans(self, fence: Fence) -> list[Spans] | None:
        """The spans of each line, None while there are none."""
        found = self._spans.get(id(fence))
        return found[1] if found is not None else None

    def ask(self, fence: Fence) -> None:
        """Find its spans, if it can have any; asking again costs nothing."""
        if id(fence) in self._asked or not fence.closed or not fence.language:
            return
        self._asked[id(fence)] = fence
        if len(self._asked) > _KEPT:
            oldest = next(iter(self._asked))
            del self._asked[oldest]
            self._spans.pop(oldest, None)
        if sum(map(len, fence.lines)) > MOST or any(len(line) > LONGEST_LINE for line in fence.lines):
            return
        language = fence.language.lower()
        if language in self._lexers:
            self._begin(fence, self._lexers[language])
        elif language in self._waiting:
            self._waiting[language].append(fence)
        else:
            self._waiting[language] = [fence]
            threading.Thread(target=self._find_lexer, args=(language,), name="lexer", daemon=True).start()

    def _find_lexer(self, language: str) -> None:
        from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
        from pygments.util import ClassNotFound  # type: ignore[import-untyped]

        try:
            lexer = get_lexer_by_name(language, stripnl=False, ensurenl=True)
        except ClassNotFound:
            lexer = None
        with suppress(RuntimeError):  # the window has gone meanwhile
            self._lexer_found.emit(language, lexer)

    def _on_lexer(self, language: str, lexer: Any) -> None:
        self._lexers[language] = lexer
        for fence in self._waiting.pop(language, []):
            self._begin(fence, lexer)

    def _begin(self, fence: Fence, lexer: Any) -> None:
        if lexer is not None:
            text = "\n".join(visible(line) for line in fence.lines)
            self._work.append((fence, lexer.get_tokens(text), [[]]))
            self._timer.start()

    def _pump(self) -> None:
        end = time.perf_counter() + BUDGET_S
        while self._work:
            fence, tokens, lines = self._work[0]
            for kind, text in tokens:
                _place(lines, kind, text)
                if time.perf_counter() > end:
                    return
            self._work.popleft()
            if id(fence) in self._asked:
                self._spans[id(fence)] = (fence, [_spans(line) for line in lines])
                self.ready.emit(fence)
        self._timer.stop()


def _place(lines: list[Pieces], kind: Any, text: str) -> None:
    for at, piece in enumerate(text.split("\n")):
        if at:
            lines.append([])
        if piece:
            lines[-1].append((kind, len(piece)))


def _spans(pieces: Pieces) -> Spans:
    spans: Spans = []
    at = 0
    for kind, length in pieces:
        token = _token(kind)
        if token:
            spans.append((at, length, token))
        at += length
    return spans


def _token(kind: Any) -> str:
    parts = list(kind)
    while parts:
        found = _TOKENS.get(".".join(parts))
        if found:
            return found
        parts.pop()
    return ""


def formats(spans: Spans, theme: Theme) -> list[QTextLayout.FormatRange]:
    """The spans of a line as Qt paints them."""
    made = []
    for start, length, token in spans:
        one = QTextLayout.FormatRange()
        one.start, one.length = start, length
        format_ = QTextCharFormat()
        format_.setForeground(theme.color(token))
        if token == "muted":  # noqa: S105
            format_.setFontItalic(True)
        one.format = format_
        made.append(one)
    return made
