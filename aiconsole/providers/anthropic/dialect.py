"""Anthropic's Messages API as a `Dialect`.

Source: Anthropic docs, "API overview" (headers), "Rate limits" (response headers; all limits count per minute), "List
Models", "Count tokens in a Message", "Beta headers".

What a request can say through ``extra={"anthropic": {...}}``: any body field (``top_k``, ``metadata``, ``cache_control``,
``mcp_servers``, ``context_management``, ``thinking``...), and ``betas``, a list that goes into the header ``anthropic-beta``.
Anthropic's SDKs also add ``?beta=true`` to the path of beta calls; the API does not need it and we leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from aiconsole.domain.chat import ChatRequest, LimitKind, RateLimit
from aiconsole.domain.errors import MalformedAnswer, ProviderError
from aiconsole.domain.models import Feature, ModelInfo
from aiconsole.providers.anthropic.answer import NAME, read_answer
from aiconsole.providers.anthropic.errors import refusal
from aiconsole.providers.anthropic.models import claude
from aiconsole.providers.anthropic.request import chat_body, count_body
from aiconsole.providers.anthropic.stream import AnthropicReader
from aiconsole.providers.base import Answer, Dialect, ErrorReply, Headers, ModelPage, Refuse, StreamReader, WireCall
from aiconsole.providers.wire_hints import parse_timestamp, retry_after

_VERSION: Final = "2023-06-01"
_PAGE: Final = 1000
_LIMITS: Final[tuple[tuple[str, LimitKind], ...]] = (
    ("requests", "requests"),
    ("tokens", "tokens"),
    ("input-tokens", "input tokens"),
    ("output-tokens", "output tokens"),
)
_FEATURE_BY_CAPABILITY: Final[dict[str, Feature]] = {
    "image_input": "images",
    "pdf_input": "documents",
    "structured_outputs": "json_schema",
    "thinking": "reasoning",
}


class _Count(msgspec.Struct):
    input_tokens: int


class _Model(msgspec.Struct):
    id: str
    display_name: str | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: dict[str, Any] | None = None
    deprecated_at: str | None = None
    lifecycle: str | None = None


class _ModelList(msgspec.Struct):
    data: list[_Model]
    has_more: bool | None = None
    last_id: str | None = None


_decode_count: Final = msgspec.json.Decoder(_Count).decode
_decode_models: Final = msgspec.json.Decoder(_ModelList).decode


class AnthropicDialect(Dialect):
    """Speaks to ``https://api.anthropic.com/v1``."""

    name = NAME
    label = "Anthropic"
    base_url = "https://api.anthropic.com/v1"
    key_variable = "ANTHROPIC_API_KEY"
    features = frozenset[Feature](
        (
            "images",
            "documents",
            "json_schema",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "reasoning",
            "temperature",
            "top_p",
            "max_tokens",
            "stop",
        )
    )

    def auth(self, key: str) -> dict[str, str]:
        return {"x-api-key": key}

    def headers(self) -> dict[str, str]:
        return {"anthropic-version": _VERSION}

    def chat(self, request: ChatRequest, *, stream: bool, refuse: Refuse) -> WireCall:
        """The API demands ``max_tokens``; a request without gets the model's (`Claude.default_max_tokens`)."""
        body, betas = chat_body(self, request, stream=stream, refuse=refuse)
        return WireCall("/messages", body, headers=_beta_header(betas))

    def answer(self, body: bytes) -> Answer:
        return read_answer(body)

    def reader(self) -> StreamReader:
        return AnthropicReader()

    def error(self, reply: ErrorReply) -> ProviderError:
        """``retry-after`` counts only here: it also comes with some successful answers. A 429 without it says when the
        exhausted limit resets."""
        wait = retry_after(reply.headers, reply.now)
        if wait is None and reply.status == 429:
            wait = self._until_reset(reply)
        return refusal(reply, request_id=self.request_id(reply.headers), retry_after=wait)

    def rate_limits(self, headers: Headers, now: float) -> tuple[RateLimit, ...]:
        found = []
        for name, kind in _LIMITS:
            prefix = f"anthropic-ratelimit-{name}"
            limit, remaining = _count(headers.get(f"{prefix}-limit")), _count(headers.get(f"{prefix}-remaining"))
            if limit is not None or remaining is not None:
                resets_at = parse_timestamp(headers.get(f"{prefix}-reset", ""))
                found.append(RateLimit(kind, "minute", limit, remaining, resets_at))
        return tuple(found)

    def request_id(self, headers: Headers) -> str | None:
        return headers.get("request-id")

    def models_call(self, cursor: str | None = None) -> WireCall:
        after = f"&after_id={quote(cursor, safe='')}" if cursor else ""
        return WireCall(f"/models?limit={_PAGE}{after}", method="GET")

    def models(self, body: bytes) -> ModelPage:
        try:
            page = _decode_models(body)
        except (ValueError, RecursionError) as fault:
            raise MalformedAnswer(f"Anthropic's model list is unreadable: {fault}") from fault
        return ModelPage(tuple(_model_info(model) for model in page.data), page.last_id if page.has_more else None)

    def probe_call(self) -> WireCall:
        return WireCall("/models?limit=1", method="GET")

    def count_call(self, request: ChatRequest, *, refuse: Refuse) -> WireCall:
        body, betas = count_body(self, request, refuse=refuse)
        return WireCall("/messages/count_tokens", body, headers=_beta_header(betas))

    def count(self, body: bytes) -> int:
        try:
            return _decode_count(body).input_tokens
        except (ValueError, RecursionError) as fault:
            raise MalformedAnswer(f"Anthropic's token count is unreadable: {fault}") from fault

    def _until_reset(self, reply: ErrorReply) -> float | None:
        limits = self.rate_limits(reply.headers, reply.now)
        resets = [limit.resets_at for limit in limits if limit.remaining == 0 and limit.resets_at is not None]
        return max(0.0, max(resets) - reply.now) if resets else None


def _beta_header(betas: tuple[str, ...]) -> dict[str, str]:
    return {"anthropic-beta": ",".join(betas)} if betas else {}


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _model_info(model: _Model) -> ModelInfo:
    lacks = {feature for name, feature in _FEATURE_BY_CAPABILITY.items() if _is_denied(model.capabilities, name)}
    if not claude(model.id).sampling:
        lacks |= {"temperature", "top_p"}
    return ModelInfo(
        provider=NAME,
        id=model.id,
        name=model.display_name or "",
        context_tokens=model.max_input_tokens,
        max_output_tokens=model.max_tokens,
        lacks=frozenset(lacks),
        deprecated=model.deprecated_at is not None or model.lifecycle in ("deprecated", "retired"),
    )


def _is_denied(capabilities: Mapping[str, Any] | None, name: str) -> bool:
    """Whether the list says in so many words that the model lacks it; older lists say nothing."""
    capability = (capabilities or {}).get(name)
    return isinstance(capability, dict) and capability.get("supported") is False
