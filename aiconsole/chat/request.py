"""What of a conversation is sent: a request from its active path."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aiconsole.domain.chat import CacheUse, ChatRequest
from aiconsole.domain.conversations import Conversation, Turn
from aiconsole.domain.messages import DocumentPart, Message, Part, TextPart, ToolResultPart

_TITLE_LENGTH = 60


def chat_request(
    conversation: Conversation, turns: Iterable[Turn], default_model: str, *, cache: CacheUse = "default"
) -> ChatRequest:
    """The request that asks for the next answer after ``turns``.

    Complete answers go back whole, thoughts, signatures and native blocks included: each dialect knows what it can take. An
    answer that was stopped or interrupted goes back as the text that came of it, as half a thought or half a tool call is
    worth nothing. One that failed, or that is empty, is left out.
    """
    system = (Message.system(conversation.system),) if conversation.system else ()
    said = tuple(message for turn in turns if (message := _sendable(turn)) is not None)
    params = msgspec.structs.asdict(conversation.params)
    return ChatRequest(conversation.model or default_model, system + said, cache=cache, **params)


def message_of(content: str | tuple[Part, ...]) -> Message:
    """What the person sends, as a message: a tool's answer where it consists of tool results."""
    if isinstance(content, str):
        return Message("user", content)
    if content and all(isinstance(part, ToolResultPart) for part in content):
        return Message("tool", content)
    return Message("user", content)


def title_of(message: Message) -> str:
    """A title for a conversation that begins with ``message``: its first line, at most 60 characters, or a file's name."""
    line = next((" ".join(line.split()) for line in message.text.splitlines() if line.strip()), "")
    if not line:
        names = (part.name for part in message.parts if isinstance(part, DocumentPart))
        line = next((name for name in names if name), "")
    if len(line) <= _TITLE_LENGTH:
        return line
    cut = line[: _TITLE_LENGTH - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[_TITLE_LENGTH // 2 :] else cut) + "…"


def _sendable(turn: Turn) -> Message | None:
    message = turn.message
    if message.role != "assistant":
        return message
    if turn.state in {"failed", "streaming"}:
        return None
    if turn.state != "complete":
        return Message("assistant", message.text) if message.text.strip() else None
    if not message.content or all(isinstance(part, TextPart) and not part.text for part in message.parts):
        return None
    return message
