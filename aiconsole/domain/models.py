"""What a model is and can do, and what a probe of a provider found."""

from __future__ import annotations

from typing import Final, Literal

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

FEATURE_WORDS: Final[dict[Feature, str]] = {
    "images": "images",
    "documents": "documents",
    "json": "JSON output",
    "json_schema": "JSON-schema output",
    "tools": "tools",
    "tool_choice": "a tool choice",
    "parallel_tool_calls": "a setting for parallel tool calls",
    "reasoning": "a reasoning setting",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "a limit of tokens",
    "stop": "stop sequences",
    "seed": "a seed",
}
"""Each feature in words, to follow “does not take”."""

PARAMETERS: Final[tuple[Feature, ...]] = (
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
)
"""The features that are fields of a `ChatRequest` of the same name, None where they are not asked for."""


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


KeySource = Literal["keyring", "environment", "session"]


class ProviderState(msgspec.Struct, frozen=True):
    """A provider as the person sees it in a list: what it is and how it is set up, without its key.

    ``key_source`` None means that no key is known. ``trouble`` says in words why it cannot be used, "" where it can.
    """

    name: str
    label: str
    base_url: str
    enabled: bool = True
    key_source: KeySource | None = None
    key_needed: bool = True
    key_variable: str | None = None
    simulated: bool = False
    custom: bool = False
    features: frozenset[Feature] = frozenset()
    trouble: str = ""

    @property
    def usable(self) -> bool:
        """Whether a request may be sent: switched on, and with a key where one is needed."""
        return (
            self.enabled and not self.trouble and (not self.key_needed or self.key_source is not None or self.simulated)
        )
