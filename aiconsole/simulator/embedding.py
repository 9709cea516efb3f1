"""Texts as vectors, as the simulated providers make them: near for texts that share words and letters, always the same.

A word counts by itself and by its letters in threes; each lands by its checksum in one of the vector's places, with a sign
(the hashing trick: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009). So “capital of France” and
“France's capital” are near, and neither is near “weather tomorrow”; of synonyms it knows nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

import msgspec

from aiconsole.simulator.talk import BadBody, field

EMBEDDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "cohere": ("embed-v4.0", "embed-english-v3.0"),
    "mistral": ("mistral-embed",),
    "gemini": ("gemini-embedding-001",),
    "openrouter": ("openai/text-embedding-3-small",),
}
"""The models that make vectors, by provider (their documentation's names)."""
DIMENSIONS: Final = 256
USD_A_TOKEN: Final = 2e-8
"""What OpenRouter charges for its model."""
_WORD: Final = re.compile(r"\w+")


class Texts(msgspec.Struct, frozen=True):
    """What is to be embedded."""

    model: str
    texts: tuple[str, ...]


class Vectors(msgspec.Struct, frozen=True):
    """What comes of it; ``tokens`` of all texts together."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


def vector(text: str) -> tuple[float, ...]:
    """A text's place, of length 1."""
    places = [0.0] * DIMENSIONS
    for word in _WORD.findall(text.lower()) or ("",):
        padded = f"<{word}>"
        for piece in (word, *(padded[start : start + 3] for start in range(len(padded) - 2))):
            mark = crc32(piece.encode())
            places[mark % DIMENSIONS] += 1.0 if mark >> 16 & 1 else -1.0
    length = math.sqrt(sum(place * place for place in places))
    if length == 0:
        return (1.0, *places[1:])
    return tuple(round(place / length, 7) for place in places)


def texts_of(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts under a name of a body: one, or a list.

    Raises:
        BadBody: there are none, or one is not text.
    """
    given = field(body, name, (str, list))
    texts = (given,) if isinstance(given, str) else tuple(given or ())
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise BadBody(f"{name}: texts are required")
    return texts
