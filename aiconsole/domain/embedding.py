"""Texts as vectors: what a provider's embedding endpoint gives back."""

from __future__ import annotations

import msgspec

from aiconsole.domain.chat import Cost, Timing, Usage

Vector = tuple[float, ...]


class EmbeddingResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One vector a text, in the texts' order and all of one length; in any scale.

    ``usage`` has prompt tokens alone, with 0 of completion where they are told. ``cost`` None where price or tokens are
    unknown.
    """

    provider: str
    model: str
    vectors: tuple[Vector, ...]
    usage: Usage = Usage()
    cost: Cost | None = None
    timing: Timing = Timing()
    warnings: tuple[str, ...] = ()
    simulated: bool = False
