"""Vectors out of the reply to ``/v2/embed`` (Cohere docs, "Embed"): by type, of which ``float`` was asked for."""

from __future__ import annotations

from typing import Final

import msgspec

from aiconsole.domain.chat import Usage
from aiconsole.domain.embedding import Vector
from aiconsole.domain.errors import MalformedAnswer
from aiconsole.providers.base import Embedded


class _Types(msgspec.Struct, rename={"floats": "float"}):
    floats: tuple[Vector, ...]


class _Billed(msgspec.Struct):
    input_tokens: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Billed | None = None


class _Reply(msgspec.Struct):
    embeddings: _Types
    meta: _Meta | None = None


_decode: Final = msgspec.json.Decoder(_Reply).decode


def read_vectors(body: bytes) -> Embedded:
    """Raises MalformedAnswer where the body holds no vectors."""
    try:
        found = _decode(body)
    except (ValueError, RecursionError) as fault:
        raise MalformedAnswer(f"Cohere's vectors are unreadable: {fault}") from fault
    billed = None if found.meta is None or found.meta.billed_units is None else found.meta.billed_units.input_tokens
    usage = Usage() if billed is None else Usage(prompt=int(billed), completion=0)
    return Embedded(found.embeddings.floats, usage=usage)
