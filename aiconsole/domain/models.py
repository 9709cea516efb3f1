"""What a model is and can do, and what a probe of a provider found."""

from __future__ import annotations

from typing import Literal

import msgspec

Feature = Literal[
    "images",
    "documents",
    "json",
    "json_schema",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
]
"""What a request may use beyond plain text; a provider names those it takes."""


class Prices(msgspec.Struct, frozen=True, omit_defaults=True):
    """USD per million tokens; None is unknown."""

    prompt: float | None = None
    completion: float | None = None
    cached: float | None = None


class ModelInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model as its provider lists it. Token counts None where unknown; ``lacks`` are features this model is known not
    to take though its provider does."""

    provider: str
    id: str
    name: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    prices: Prices | None = None
    lacks: frozenset[Feature] = frozenset()
    chat: bool = True
    deprecated: bool = False


class ProbeResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of a health probe; ``detail`` in words, ``spent_tokens`` True where the probe had to use a completion."""

    provider: str
    ok: bool
    latency_ms: float
    detail: str = ""
    error_kind: str | None = None
    spent_tokens: bool = False
