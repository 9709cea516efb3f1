"""Vectors out of the reply to ``batchEmbedContents`` (Gemini API reference, "Embeddings").

The token count, which older models do not tell, comes as ``usageMetadata.promptTokenCount``.
"""

from __future__ import annotations

from typing import Final

import msgspec

from aiconsole.domain.chat import Usage
from aiconsole.domain.embedding import Vector
from aiconsole.domain.errors import MalformedAnswer
from aiconsole.providers.base import Embedded
from aiconsole.providers.gemini.answer import UsageMetadata


class _Values(msgspec.Struct):
    values: Vector


class _Reply(msgspec.Struct, rename="camel"):
    embeddings: list[_Values]
    usage_metadata: UsageMetadata | None = None


_decode: Final = msgspec.json.Decoder(_Reply).decode


def read_vectors(body: bytes) -> Embedded:
    """Raises MalformedAnswer where the body holds no vectors."""
    try:
        found = _decode(body)
    except (ValueError, RecursionError) as fault:
        raise MalformedAnswer(f"Gemini's vectors are unreadable: {fault}") from fault
    told = found.usage_metadata
    tokens = None if told is None else told.promptTokenCount
    usage = Usage() if tokens is None else Usage(prompt=tokens, completion=0)
    return Embedded(tuple(item.values for item in found.embeddings), usage=usage)
