"""What is asked and what comes back: requests, results, usage and the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from aiconsole.domain.errors import ProviderError
from aiconsole.domain.messages import (
    Extra,
    Message,
    NativeTool,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
)
from aiconsole.domain.trace import DecisionTrace

OnUnsupported = Literal["refuse", "drop"]
Origin = Literal["chat", "bench", "job", "probe", "file"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FinishReason = Literal["stop", "length", "tool_calls", "refused", "error", "other"]
CacheUse = Literal["default", "on", "fresh", "off"]
"""What a request wants of the response cache: what the settings say, an answer from it at any temperature, a new answer
that replaces the kept one, or nothing of it at all."""


class JsonFormat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask for JSON: any object where ``schema`` is None, otherwise one that fits the JSON Schema."""

    schema: Mapping[str, Any] | None = None
    name: str = "response"
    description: str | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much a model should think (None leaves it to the provider).

    ``budget_tokens`` caps thinking tokens where the provider counts them; ``effort`` is the coarse scale of the others;
    ``effort="none"`` turns thinking off. ``show`` asks for the thoughts (or their summary) in the answer.
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    show: bool | None = None


class Timeouts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limits of one attempt, in seconds; None means no limit. ``between`` bounds the silence between two reads."""

    connect: float | None = 10.0
    first_token: float | None = 60.0
    between: float | None = 30.0
    total: float | None = 600.0


class ChatRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request in our own terms, for any provider.

    ``model`` is ``provider/model``, a bare model name, or the name of a route; a provider gets it already resolved to its
    own model name. ``extra`` holds wire fields for one dialect or provider, merged into the body last.
    ``on_unsupported`` None follows the setting. ``timeouts`` None follows the provider's settings. ``cache_tags`` are kept
    with the answer, to remove it by them.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool | NativeTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonFormat | None = None
    reasoning: Reasoning | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    on_unsupported: OnUnsupported | None = None
    timeouts: Timeouts | None = None
    origin: Origin = "chat"
    keep_raw: bool = False
    extra: Extra | None = None
    cache: CacheUse = "default"
    cache_tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.messages, list):
            msgspec.structs.force_setattr(self, "messages", tuple(self.messages))


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as counted by the provider; None is unknown.

    ``prompt`` includes cached and cache-written tokens, ``completion`` includes reasoning, whatever the provider's own
    way of counting. ``billed_*`` are set only where the provider bills other numbers than it counts (Cohere).
    """

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    cache_written: int | None = None
    reasoning: int | None = None
    billed_prompt: int | None = None
    billed_completion: int | None = None

    @property
    def total(self) -> int | None:
        if self.prompt is None and self.completion is None:
            return None
        return (self.prompt or 0) + (self.completion or 0)

    def plus(self, other: Usage) -> Usage:
        """Both together; what one does not know is taken from the other."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Usage(*(a if b is None else b if a is None else a + b for a, b in pairs))


class Cost(msgspec.Struct, frozen=True):
    """What a call cost in USD, and who says so: the provider's own figure or the bundled price list."""

    usd: float
    source: Literal["provider", "price list"]


LimitKind = Literal["requests", "tokens", "input tokens", "output tokens"]
LimitWindow = Literal["10 seconds", "minute", "day", "month"]


class RateLimit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Headroom as one provider's headers told it; ``resets_at`` in epoch seconds, None where the provider gives no time."""

    kind: LimitKind
    window: LimitWindow | None = None
    limit: int | None = None
    remaining: int | None = None
    resets_at: float | None = None


class Timing(msgspec.Struct, frozen=True, omit_defaults=True):
    """``started_at`` in epoch seconds; durations in ms. ``ttft_ms`` is the time to the first token, None if there was none."""

    started_at: float = 0.0
    ttft_ms: float | None = None
    duration_ms: float = 0.0


class Cached(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer that no call was made for.

    ``key`` is the entry's digest in hex, ``age_s`` the seconds since its call was answered. ``saved_usd`` (None: unknown) and
    ``saved_ms`` are what that call had cost. ``similarity`` (0 to 1) is set where the answer is that of another request of like
    meaning. ``stale``: past its time, given because a new one could not be had or is being fetched. ``shared``: the answer
    of an equal request that was already under way.
    """

    key: str
    age_s: float = 0.0
    saved_usd: float | None = None
    saved_ms: float = 0.0
    similarity: float | None = None
    stale: bool = False
    shared: bool = False


class ChatResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole answer, the same shape for each provider.

    ``provider``/``model`` name who really answered (the model as the provider reports it). ``cost`` None is unknown.
    ``trace`` tells why the request went where it went, ``simulated`` is True where the built-in simulator answered.
    ``headers`` are those of the HTTP answer by lower-case name, without cookies. ``raw`` is the body as received; of a stream,
    its events' data joined by newlines; kept only where the request asks for it (``keep_raw``).
    """

    provider: str
    model: str
    content: tuple[Part, ...] = ()
    finish_reason: FinishReason = "other"
    raw_finish_reason: str | None = None
    usage: Usage = Usage()
    cost: Cost | None = None
    request_id: str | None = None
    response_id: str | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    timing: Timing = Timing()
    warnings: tuple[str, ...] = ()
    simulated: bool = False
    trace: DecisionTrace | None = None
    headers: Mapping[str, str] | None = None
    raw: bytes | None = None
    cached: Cached | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        return tuple(part for part in self.content if isinstance(part, ToolCallPart))

    @property
    def message(self) -> Message:
        """The answer as the next turn's assistant message, signatures and native blocks included."""
        return Message("assistant", self.content)


class Started(msgspec.Struct, frozen=True, tag="started"):
    """A candidate accepted the request; ``attempt`` counts from 1."""

    provider: str
    model: str
    attempt: int = 1
    simulated: bool = False


class TextDelta(msgspec.Struct, frozen=True, tag="text", gc=False):
    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning", gc=False):
    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call", gc=False):
    """A piece of a tool call: the first of an ``index`` carries id and name, ``arguments`` is a fragment of JSON text."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Warned(msgspec.Struct, frozen=True, tag="warned", gc=False):
    """Something was dropped or skipped; the person should see it."""

    text: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """An attempt failed before its first token and the next candidate is asked."""

    provider: str
    model: str
    error: ProviderError


Seam = Literal["prefill", "instruct", "restart"]
"""How an answer that broke off went on: the next model took the text so far as its own beginning, was told to go on from it,
or began anew."""


class Continued(msgspec.Struct, frozen=True, tag="continued"):
    """The answer broke off after part of it was shown, and another candidate goes on. Comes before the first of its text.

    Up to ``at_chars`` (characters of visible text) the answer is the earlier candidate's, ``after`` as ``provider/model``.
    ``overlap_chars`` is how much of what was there was said again and left out. Where ``mode`` is "restart", all that was
    shown before is void.
    """

    provider: str
    model: str
    mode: Seam
    at_chars: int
    overlap_chars: int = 0
    after: str = ""
    error_kind: str = ""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """Always the last event of a stream that ended well."""

    result: ChatResult


StreamEvent = Started | TextDelta | ReasoningDelta | ToolCallDelta | Warned | Failed | Continued | Finished
