"""When two requests are the same: a digest of all that can change the answer, and of nothing else.

The digest is SHA-256 over msgpack, which keeps types and lengths, so that different requests give different bytes: first a
head (who may answer and the parameters), then the digest of each message. A message's digest is kept as long as the message
itself lives, so a conversation that grows by a turn costs one message's hashing. Messages that hold a mapping are hashed
each time, as a mapping could be changed in place.

Left as given, on purpose: the order of a JSON Schema's properties (most providers write the answer's fields in that order),
of stop sequences and of tools.
"""

from __future__ import annotations

import weakref
from hashlib import sha256
from typing import Final

import msgspec

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import DocumentPart, ImagePart, Message, ReasoningPart, TextPart, ToolCallPart

MATTERS: Final = (
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning",
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "on_unsupported",
    "keep_raw",
    "extra",
)
"""The fields of a request that are in its key; ``model`` as what it stands for."""

IGNORED: Final = ("timeouts", "origin", "cache", "cache_tags")
"""The fields that change how an answer is fetched or kept, not what it says."""

_VERSION: Final = 1
_KEPT: Final = 4096
_PLAIN: Final = frozenset({TextPart, ImagePart, DocumentPart, ReasoningPart, ToolCallPart})


class Keys:
    """Makes keys; for one thread. ``hashed`` counts the messages that had to be hashed."""

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._known: dict[int, tuple[weakref.ref[Message], bytes]] = {}
        self.hashed = 0

    def of(self, request: ChatRequest, standing: bytes, *, stream: bool = False) -> bytes | None:
        """The key of a request, 32 bytes; None where something in it cannot be told apart by its bytes.

        Args:
            standing: a digest of who may answer: what the request's model or route stands for.
            stream: whether the answer is streamed; it matters only where the raw body is wanted.
        """
        try:
            whole = sha256(self._head(request, standing, stream))
            for message in request.messages:
                whole.update(self._message(message))
        except (TypeError, ValueError, RecursionError, OverflowError):
            return None
        return whole.digest()

    def surroundings(self, request: ChatRequest, standing: bytes) -> bytes | None:
        """As `of`, without the last message: what must be equal for two last messages to be compared by meaning."""
        return self.of(msgspec.structs.replace(request, messages=request.messages[:-1]), standing)

    def _head(self, request: ChatRequest, standing: bytes, stream: bool) -> bytes:
        temperature, top_p = request.temperature, request.top_p
        return self._encode(
            (
                _VERSION,
                standing,
                request.tools,
                request.tool_choice,
                request.parallel_tool_calls,
                request.response_format,
                request.reasoning,
                None if temperature is None else float(temperature) + 0.0,
                None if top_p is None else float(top_p) + 0.0,
                request.max_tokens,
                request.stop,
                request.seed,
                request.on_unsupported,
                (2 if stream else 1) if request.keep_raw else 0,
                request.extra,
            )
        )

    def _message(self, message: Message) -> bytes:
        known = self._known.get(id(message))
        if known is not None and known[0]() is message:
            return known[1]
        self.hashed += 1
        digest = sha256(self._encode(_canonical(message))).digest()
        if _unchangeable(message):
            self._remember(message, digest)
        return digest

    def _remember(self, message: Message, digest: bytes) -> None:
        name, known = id(message), self._known
        if len(known) >= _KEPT:
            known.clear()

        def forget(gone: weakref.ref[Message]) -> None:
            kept = known.get(name)
            if kept is not None and kept[0] is gone:
                del known[name]

        known[name] = (weakref.ref(message, forget), digest)


def _canonical(message: Message) -> Message:
    """The same message in one way of writing: a lone plain text part as its text, no parts as no text."""
    content = message.content
    if isinstance(content, str):
        return message
    if not content:
        return Message(message.role, "", message.extra)
    only = content[0]
    if len(content) == 1 and type(only) is TextPart and only.extra is None:
        return Message(message.role, only.text, message.extra)
    return message


def _unchangeable(message: Message) -> bool:
    if message.extra is not None:
        return False
    content = message.content
    if isinstance(content, str):
        return True
    return type(content) is tuple and all(
        type(part) in _PLAIN and getattr(part, "extra", None) is None for part in content
    )
