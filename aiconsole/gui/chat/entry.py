"""A turn in the transcript, with or without a widget, and what has come of it that is not shown yet."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ...domain.chat import Continued, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from ...domain.conversations import Delta, Turn, assemble
from ...domain.messages import Message, TextPart
from .progress import Progress

if TYPE_CHECKING:
    from .message import MessageView


class Entry:
    """A turn in the transcript, and its widget while it is in view."""

    __slots__ = ("deltas", "ended", "height", "pending", "progress", "turn", "view", "y")

    def __init__(self, turn: Turn, progress: Progress | None = None) -> None:
        self.turn = turn
        self.progress = progress or Progress()
        self.view: MessageView | None = None
        self.y = 0
        self.height = 0
        self.deltas: list[Delta] = []
        self.pending: deque[StreamEvent] = deque()
        self.ended: Turn | None = None

    def estimate(self, width: int) -> int:
        """Its height in px at a width, by the length of its text."""
        letters = max(20.0, width / 6.8)
        rows = 0
        for part in self.turn.message.parts:
            if isinstance(part, TextPart):
                rows += part.text.count("\n") + math.ceil(len(part.text) / letters)
        return 72 + 21 * max(1, rows)

    def whole(self) -> Turn:
        """The turn with what was shown of it until now."""
        if self.turn.state != "streaming" or not self.deltas:
            return self.turn
        anew = any(isinstance(delta, Continued) and delta.mode == "restart" for delta in self.deltas)
        parts = (*(() if anew else self.turn.message.parts), *assemble(self.deltas))
        texts = [part for part in parts if isinstance(part, TextPart)]
        if len(texts) == len(parts):
            parts = (TextPart("".join(part.text for part in texts)),)
        self.turn = msgspec.structs.replace(self.turn, message=Message("assistant", parts))
        self.deltas.clear()
        return self.turn

    def take(self, most: int) -> list[StreamEvent]:
        """At most ``most`` characters of what is pending, pieces of text in a row joined."""
        taken: list[StreamEvent] = []
        pieces: list[str] = []
        kind: type[TextDelta] | type[ReasoningDelta] = TextDelta
        room, pending = most, self.pending
        while pending and room > 0:
            event = pending.popleft()
            if isinstance(event, TextDelta | ReasoningDelta):
                if pieces and type(event) is not kind:
                    taken.append(kind("".join(pieces)))
                    pieces = []
                kind = type(event)
                text = event.text
                if len(text) > room:
                    pending.appendleft(kind(text[room:]))
                    text = text[:room]
                room -= len(text)
                pieces.append(text)
                continue
            if pieces:
                taken.append(kind("".join(pieces)))
                pieces = []
            taken.append(event)
            room -= len(event.arguments) if isinstance(event, ToolCallDelta) else 0
        if pieces:
            taken.append(kind("".join(pieces)))
        self.deltas += [event for event in taken if isinstance(event, Delta)]
        return taken
