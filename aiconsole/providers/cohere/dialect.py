"""Cohere's v2 chat as a `Dialect`.

Source: Cohere docs, "Chat" (v2), "Embed" (v2), "List Models", "Errors" and "Different Types of API Keys and Rate Limits"; the
trial keys' headers are only known from recorded traffic. The v1 chat (``/v1/chat``, another shape) and reranking are not
spoken. What our types do not know goes through ``extra={"cohere": {...}}`` (``k``, ``safety_mode``, ``citation_options``,
``frequency_penalty``, ``logprobs``, ``priority``...).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from aiconsole.domain.chat import ChatRequest, RateLimit
from aiconsole.domain.errors import MalformedAnswer, ProviderError
from aiconsole.domain.messages import Extra
from aiconsole.domain.models import Feature, ModelInfo
from aiconsole.providers.base import (
    Answer,
    Dialect,
    Embedded,
    ErrorReply,
    Headers,
    ModelPage,
    Refuse,
    StreamReader,
    WireCall,
)
from aiconsole.providers.cohere.answer import NAME, read_answer
from aiconsole.providers.cohere.embedding import read_vectors
from aiconsole.providers.cohere.errors import refusal
from aiconsole.providers.cohere.request import chat_body
from aiconsole.providers.cohere.stream import CohereReader

_PAGE: Final = 1000
_LISTED: Final[tuple[tuple[str, tuple[Feature, ...]], ...]] = (
    ("json_mode", ("json",)),
    ("json_schema", ("json_schema",)),
    ("tools", ("tools", "tool_choice")),
    ("reasoning", ("reasoning",)),
)
"""A model's ``features`` in the list, and what they are to us."""


class _Model(msgspec.Struct):
    name: str | None = None
    endpoints: list[str] | None = None
    context_length: int | float | None = None
    features: list[str] | None = None
    is_deprecated: bool | None = None
    config: Any = None


class _ModelList(msgspec.Struct):
    models: list[_Model]
    next_page_token: str | None = None


_decode_models: Final = msgspec.json.Decoder(_ModelList).decode


class CohereDialect(Dialect):
    """Speaks to ``https://api.cohere.com``."""

    name = NAME
    label = "Cohere"
    base_url = "https://api.cohere.com"
    key_variable = "COHERE_API_KEY"
    features = frozenset[Feature](
        (
            "images",
            "documents",
            "json",
            "json_schema",
            "tools",
            "tool_choice",
            "reasoning",
            "temperature",
            "top_p",
            "max_tokens",
            "stop",
            "seed",
        )
    )

    def auth(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def chat(self, request: ChatRequest, *, stream: bool, refuse: Refuse) -> WireCall:
        return WireCall("/v2/chat", chat_body(self, request, stream=stream, refuse=refuse))

    def answer(self, body: bytes) -> Answer:
        return read_answer(body)

    def reader(self) -> StreamReader:
        return CohereReader()

    def error(self, reply: ErrorReply) -> ProviderError:
        return refusal(reply, request_id=self.request_id(reply.headers))

    def rate_limits(self, headers: Headers, now: float) -> tuple[RateLimit, ...]:
        """Trial keys only: calls a minute, and a month's limit without what is left of it. No reset times."""
        found = []
        limit, remaining = (_count(headers.get(f"x-trial-endpoint-call-{what}")) for what in ("limit", "remaining"))
        if limit is not None or remaining is not None:
            found.append(RateLimit("requests", "minute", limit, remaining))
        month = _count(headers.get("x-endpoint-monthly-call-limit"))
        if month is not None:
            found.append(RateLimit("requests", "month", month))
        return tuple(found)

    def warnings(self, headers: Headers) -> tuple[str, ...]:
        """Cohere announces the end of a model in ``x-api-warning`` (recorded)."""
        warning = headers.get("x-api-warning")
        return () if not warning else (f"Cohere says: {warning}",)

    def models_call(self, cursor: str | None = None) -> WireCall:
        page = f"&page_token={quote(cursor, safe='')}" if cursor else ""
        return WireCall(f"/v1/models?page_size={_PAGE}{page}", method="GET")

    def models(self, body: bytes) -> ModelPage:
        try:
            page = _decode_models(body)
        except (ValueError, RecursionError) as fault:
            raise MalformedAnswer(f"Cohere's model list is unreadable: {fault}") from fault
        return ModelPage(tuple(_model_info(model) for model in page.models if model.name), page.next_page_token or None)

    def embed_call(self, texts: Sequence[str], model: str, *, extra: Extra | None = None) -> WireCall:
        """As search queries, the nearest of the purposes that must be named to comparing question with question."""
        body = {"model": model, "texts": list(texts), "input_type": "search_query", "embedding_types": ["float"]}
        return WireCall("/v2/embed", self.merge_extra(body, extra))

    def embedded(self, body: bytes) -> Embedded:
        return read_vectors(body)

    def probe_call(self) -> WireCall:
        return WireCall("/v1/models?page_size=1", method="GET")


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _model_info(model: _Model) -> ModelInfo:
    lacks: set[Feature] = set()
    if model.features:
        lacks.update(feature for name, ours in _LISTED if name not in model.features for feature in ours)
        if not any("vision" in word or "image" in word for word in (*model.features, model.name or "")):
            lacks.add("images")
    output = model.config.get("max_output_tokens") if isinstance(model.config, dict) else None
    return ModelInfo(
        provider=NAME,
        id=model.name or "",
        context_tokens=None if model.context_length is None else int(model.context_length),
        max_output_tokens=output if isinstance(output, int) and not isinstance(output, bool) else None,
        lacks=frozenset(lacks),
        chat=model.endpoints is None or "chat" in model.endpoints,
        deprecated=bool(model.is_deprecated),
    )
