"""Conversations as they are kept: a tree of turns, of which one path at a time is active.

Regenerating an answer or editing a question adds a sibling instead of overwriting, so nothing said is lost. A
conversation's ``leaf_id`` names the last turn of its active path.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from aiconsole.domain.chat import (
    Cached,
    Continued,
    Cost,
    FinishReason,
    OnUnsupported,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)
from aiconsole.domain.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.domain.trace import DecisionTrace

TurnState = Literal["complete", "streaming", "stopped", "failed", "interrupted"]
"""``stopped``: by the person; ``failed``: by the provider; ``interrupted``: the console closed or died meanwhile."""

Delta = TextDelta | ReasoningDelta | ToolCallDelta | Continued
"""What an answer is put together from. A `Continued` says nothing itself, but a restart voids all before it."""


class ChatParams(msgspec.Struct, frozen=True, omit_defaults=True):
    """A conversation's own parameters, as in ``ChatRequest``; None leaves each to the provider or the setting."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning: Reasoning | None = None
    on_unsupported: OnUnsupported | None = None


class Conversation(msgspec.Struct, frozen=True):
    """The head of a conversation. Times in epoch seconds; ``updated_at`` is when something was last said.

    ``model`` "" means the default model, ``leaf_id`` None that nothing was said yet.
    """

    id: str
    title: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    model: str = ""
    system: str = ""
    params: ChatParams = ChatParams()
    leaf_id: str | None = None


class AnswerMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer took, without its content. Of an answer that did not end well only what is known is set; where nobody
    answered, ``provider`` and ``model`` are "". ``trace`` tells why it came from where it came from; ``cached`` is set where no
    call was made for it."""

    provider: str
    model: str
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: Usage = Usage()
    cost: Cost | None = None
    timing: Timing = Timing()
    warnings: tuple[str, ...] = ()
    request_id: str | None = None
    simulated: bool = False
    trace: DecisionTrace | None = None
    cached: Cached | None = None


class TurnError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an answer failed, as kept: a ``ProviderError`` without its body. ``retry_after`` in seconds."""

    kind: str
    message: str
    advice: str = ""
    provider: str = ""
    model: str = ""
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    attempts: tuple[TurnError, ...] = ()


class Turn(msgspec.Struct, frozen=True):
    """One message in its place. ``siblings`` are the ids of all turns with the same parent, its own included, oldest first."""

    id: str
    conversation_id: str
    parent_id: str | None
    message: Message
    created_at: float
    state: TurnState = "complete"
    meta: AnswerMeta | None = None
    error: TurnError | None = None
    siblings: tuple[str, ...] = ()


class Transcript(msgspec.Struct, frozen=True):
    """A conversation with its active path, first turn to last."""

    conversation: Conversation
    turns: tuple[Turn, ...] = ()


class SearchHit(msgspec.Struct, frozen=True):
    """A conversation found; ``marks`` are the (start, end) places of the words found in ``snippet``, plain text both.

    Without a search the snippet is empty.
    """

    conversation: Conversation
    snippet: str = ""
    marks: tuple[tuple[int, int], ...] = ()


class TurnAdded(msgspec.Struct, frozen=True, tag="turn_added"):
    """A turn was put at the end of the active path; an answer starts in state ``streaming``."""

    turn: Turn


class TurnEnded(msgspec.Struct, frozen=True, tag="turn_ended"):
    """An answer is over, however it went: see its state. Always the last event."""

    turn: Turn


ChatEvent = StreamEvent | TurnAdded | TurnEnded


def assemble(deltas: Iterable[Delta]) -> tuple[Part, ...]:
    """The parts that the deltas of an unfinished answer amount to, in the order they began."""
    parts: list[list[Delta]] = []
    calls: dict[int, list[Delta]] = {}
    for delta in deltas:
        if isinstance(delta, Continued):
            if delta.mode == "restart":
                parts.clear()
                calls.clear()
        elif isinstance(delta, ToolCallDelta):
            if delta.index not in calls:
                calls[delta.index] = []
                parts.append(calls[delta.index])
            calls[delta.index].append(delta)
        elif parts and type(parts[-1][0]) is type(delta):
            parts[-1].append(delta)
        else:
            parts.append([delta])
    return tuple(_part(pieces) for pieces in parts)


def _part(pieces: list[Delta]) -> Part:
    calls = [piece for piece in pieces if isinstance(piece, ToolCallDelta)]
    if calls:
        return ToolCallPart(
            id=next((call.id for call in calls if call.id), ""),
            name=next((call.name for call in calls if call.name), ""),
            arguments="".join(call.arguments for call in calls),
        )
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta | ReasoningDelta))
    return TextPart(text) if isinstance(pieces[0], TextDelta) else ReasoningPart(text)
