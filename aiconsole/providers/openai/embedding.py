"""Vectors out of the reply to ``/embeddings`` (OpenAI API reference; OpenRouter adds the cost to the usage)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from aiconsole.domain.chat import Usage
from aiconsole.domain.embedding import Vector
from aiconsole.domain.errors import MalformedAnswer
from aiconsole.providers.base import Embedded

if TYPE_CHECKING:
    from aiconsole.providers.openai.dialect import OpenAIDialect


class _Item(msgspec.Struct):
    embedding: Vector
    index: int | None = None


class _List(msgspec.Struct):
    data: list[_Item]
    model: str | None = None
    usage: Any = None


_decode: Final = msgspec.json.Decoder(_List).decode


def read_vectors(dialect: OpenAIDialect, body: bytes) -> Embedded:
    """Raises MalformedAnswer where the body is not such a list."""
    try:
        found = _decode(body.strip())
    except (ValueError, RecursionError) as fault:
        raise MalformedAnswer(f"{dialect.label}'s vectors are unreadable: {fault}") from fault
    items = found.data
    if all(item.index is not None for item in items):
        items = sorted(items, key=lambda item: item.index or 0)
    told: Mapping[str, Any] = found.usage if isinstance(found.usage, dict) else {}
    tokens = told.get("prompt_tokens")
    counted = isinstance(tokens, int) and not isinstance(tokens, bool)
    usage = Usage(prompt=tokens, completion=0) if counted else Usage()
    return Embedded(tuple(item.embedding for item in items), found.model or "", usage, dialect.cost(told))
