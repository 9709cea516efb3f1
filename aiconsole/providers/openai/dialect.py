"""What all OpenAI-shaped providers share, with the places where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiconsole.domain.chat import ChatRequest, RateLimit, Reasoning
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.messages import DocumentPart, Extra, ReasoningPart
from aiconsole.domain.models import Feature
from aiconsole.providers.base import Answer, Dialect, Embedded, ErrorReply, Headers, ModelPage, Refuse, WireCall
from aiconsole.providers.openai.embedding import read_vectors
from aiconsole.providers.openai.errors import Complaint, error_of_reply
from aiconsole.providers.openai.limits import LimitHeader, read_limits
from aiconsole.providers.openai.messages import document_url
from aiconsole.providers.openai.models import read_models
from aiconsole.providers.openai.request import chat_body, merged
from aiconsole.providers.openai.stream import OpenAIReader

ALL_FEATURES: frozenset[Feature] = frozenset(
    (
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
    )
)


class OpenAIDialect(Dialect):
    """The chat-completions dialect.

    A provider sets the class attributes below and overrides what it does differently. ``extra`` is merged into wire objects
    key by key, objects within objects too: ``{"groq": {"function": {"strict": True}}}`` on a tool adds one key.

    Thoughts of earlier turns go back where the provider takes them (`takes_thought`). Where it takes none they are left out
    without a warning: they were never part of what was said, and a conversation may go on with another model.

    Attributes:
        asks_for_usage: whether a stream must ask for its usage (``stream_options``); the others send it unasked.
        max_tokens_field, seed_field: the names of these two in the body.
        required_choice: the word that makes the model call some tool.
        parameters_needed: whether a tool without parameters must send an empty schema.
        rich_results: whether a tool's result may hold more than text.
        thought_field: the message's field that carries thoughts as text, both ways; None where thoughts do not go back.
        thoughts_in_content: thoughts are parts of the content instead (`thought_part`).
        of_message: keys of an answer's message that are kept in the ``extra`` of its text, and whether each goes back
            into the message on the next turn (True) or was for reading only (False).
        makes_vectors: whether it has ``/embeddings``.
        error_codes: error classes by the provider's own codes and types; they go before the status.
        limit_headers: which headers tell which rate limit.
    """

    family: ClassVar[tuple[str, ...]] = ("openai",)
    features: ClassVar[frozenset[Feature]] = ALL_FEATURES

    asks_for_usage: bool = False
    max_tokens_field: str = "max_tokens"
    seed_field: ClassVar[str] = "seed"
    required_choice: ClassVar[str] = "required"
    parameters_needed: ClassVar[bool] = False
    rich_results: ClassVar[bool] = False
    thought_field: ClassVar[str | None] = None
    thoughts_in_content: ClassVar[bool] = False
    of_message: ClassVar[Mapping[str, bool]] = {"refusal": True, "annotations": False}
    makes_vectors: ClassVar[bool] = False
    error_codes: ClassVar[Mapping[str, type[ProviderError]]] = {}
    limit_headers: ClassVar[tuple[LimitHeader, ...]] = ()

    def auth(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def chat(self, request: ChatRequest, *, stream: bool, refuse: Refuse) -> WireCall:
        return WireCall("/chat/completions", chat_body(self, request, stream, refuse))

    def answer(self, body: bytes) -> Answer:
        return self.reader().whole(body)

    def reader(self) -> OpenAIReader:
        return OpenAIReader(self)

    def error(self, reply: ErrorReply) -> ProviderError:
        return error_of_reply(self, reply)

    def rate_limits(self, headers: Headers, now: float) -> tuple[RateLimit, ...]:
        return read_limits(headers, now, self.limit_headers)

    def models_call(self, cursor: str | None = None) -> WireCall:
        return WireCall("/models", method="GET")

    def models(self, body: bytes) -> ModelPage:
        return read_models(self.name, body, self.features)

    def embed_call(self, texts: Sequence[str], model: str, *, extra: Extra | None = None) -> WireCall:
        if not self.makes_vectors:
            return super().embed_call(texts, model, extra=extra)
        return WireCall("/embeddings", self.merge_extra({"model": model, "input": list(texts)}, extra))

    def embedded(self, body: bytes) -> Embedded:
        return read_vectors(self, body)

    def merge_extra(self, target: dict[str, Any], extra: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
        own = self.own_extra(extra)
        return merged(target, own) if own else target

    def own_extra(self, extra: Extra | None) -> dict[str, Any] | None:
        """What ``extra`` holds for this dialect, family first; None where it holds nothing, not even an empty entry."""
        if not extra:
            return None
        found = [extra[name] for name in (*self.family, self.name) if name in extra]
        if not found:
            return None
        own: dict[str, Any] = {}
        for entry in found:
            own = merged(own, entry)
        return own

    def write_reasoning(self, body: dict[str, Any], wanted: Reasoning, refuse: Refuse) -> None:
        """Put the wish for reasoning into the body: here ``reasoning_effort``, and nothing else (OpenAI API reference)."""
        if wanted.effort is not None:
            body["reasoning_effort"] = wanted.effort
        if wanted.budget_tokens is not None:
            refuse(f"{self.label} takes no budget of tokens for reasoning.")
        if wanted.show is False:
            refuse(f"{self.label} cannot be told to hide its reasoning.")

    def takes_thought(self, part: ReasoningPart, model: str) -> bool:
        """Whether a thought of an earlier turn goes back to this model."""
        return self.thought_field is not None and bool(part.text)

    def write_thoughts(self, message: dict[str, Any], thoughts: list[ReasoningPart]) -> None:
        """Put thoughts into an assistant's message."""
        if self.thought_field is not None:
            message[self.thought_field] = "".join(part.text for part in thoughts)

    def thought_part(self, part: ReasoningPart) -> dict[str, Any]:
        """A thought as a part of the content, where ``thoughts_in_content``."""
        raise NotImplementedError

    def call_id(self, given: str) -> str:
        """The id of a tool call in a form this provider takes; other providers' ids come by in a conversation, too."""
        return given

    def document(self, part: DocumentPart) -> dict[str, Any]:
        """A document as a content part: here OpenAI's ``file``, whose ``file_data`` is a data URL."""
        file = {"file_data": document_url(part)}
        if part.name is not None:
            file["filename"] = part.name
        return {"type": "file", "file": file}

    def cost(self, usage: Mapping[str, Any]) -> float | None:
        """The provider's own figure in USD, None where it gives none; ``usage`` is the wire's."""
        return None

    def complaint(self, found: Complaint) -> Complaint:
        """A provider's chance to read more out of an error than the common shapes tell."""
        return found
