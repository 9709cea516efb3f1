"""OpenRouter (https://openrouter.ai/docs): OpenAI's dialect, and where it differs.

Facts: OpenRouter docs ("API reference", "Errors and debugging", "Reasoning tokens", "Usage accounting", "Limits", "PDF
inputs"), the openrouter Python SDK 1.3, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import RateLimit, Reasoning
from aiconsole.domain.errors import (
    BadKey,
    ContentRefused,
    ContextTooLong,
    NoPermission,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
    Unsupported,
)
from aiconsole.domain.messages import ReasoningPart
from aiconsole.providers.base import ErrorReply, Headers, Refuse, WireCall
from aiconsole.providers.openai import OpenAIDialect
from aiconsole.providers.openai.errors import Complaint, read_complaint
from aiconsole.providers.openai.limits import LimitHeader, read_limits
from aiconsole.providers.openai.thoughts import detail_of

_LIMIT: Final = (LimitHeader("x-ratelimit-{limit}", "requests", None),)

_OF_MESSAGE: Final = {"refusal": True, "annotations": True, "images": True}
_CODES: Final[dict[str, type[ProviderError]]] = {
    "context_length_exceeded": ContextTooLong,
    "token_limit_exceeded": ContextTooLong,
    "string_too_long": ContextTooLong,
    "authentication": BadKey,
    "permission_denied": NoPermission,
    "payment_required": QuotaExhausted,
    "rate_limit_exceeded": RateLimited,
    "provider_overloaded": Overloaded,
    "provider_unavailable": Overloaded,
    "content_policy_violation": ContentRefused,
    "refusal": ContentRefused,
    "server": ServerFault,
    "timeout": TimedOut,
}
"""OpenRouter's canonical error types (SDK, ``APIErrorType``)."""
_ROUTING: Final[dict[str, type[ProviderError]]] = {
    "no endpoints found for": UnknownModel,
    "no endpoints found that support": Unsupported,
    "no endpoints found matching": NoPermission,
}
"""How its routing refusals begin (404): an unknown model, one that cannot do what is asked, one that the privacy settings
exclude."""


class OpenRouterDialect(OpenAIDialect):
    """Usage and cost come unasked. Thoughts come as ``reasoning_details`` and go back as they came; a thought of another
    provider goes back as plain ``reasoning``. The model list is public, so the probe asks about the key (``GET /key``)."""

    name = "openrouter"
    label = "OpenRouter"
    base_url = "https://openrouter.ai/api/v1"
    key_variable = "OPENROUTER_API_KEY"
    rich_results = True
    thought_field = "reasoning"
    of_message = _OF_MESSAGE
    error_codes = _CODES
    makes_vectors = True

    def probe_call(self) -> WireCall:
        return WireCall("/key", method="GET")

    def request_id(self, headers: Headers) -> str | None:
        return headers.get("x-request-id") or headers.get("x-generation-id")

    def rate_limits(self, headers: Headers, now: float) -> tuple[RateLimit, ...]:
        return read_limits(headers, now, _LIMIT)

    def error(self, reply: ErrorReply) -> ProviderError:
        """As all, and the reset time of a free model's limit, which stands in the body alone (in epoch ms)."""
        error = super().error(reply)
        if error.retry_after is None:
            told = self._metadata(read_complaint(reply.body)).get("headers")
            if isinstance(told, dict):
                lower = {str(name).lower(): str(value) for name, value in told.items()}
                limits = read_limits(lower, reply.now, _LIMIT)
                if limits and limits[0].resets_at is not None:
                    error.retry_after = max(0.0, limits[0].resets_at - reply.now)
        return error

    def cost(self, usage: Mapping[str, Any]) -> float | None:
        """What OpenRouter charged, and with a key of one's own (BYOK) also what the provider behind it charges."""
        cost = _amount(usage.get("cost"))
        details = usage.get("cost_details")
        if cost is not None and usage.get("is_byok") is True and isinstance(details, dict):
            cost += _amount(details.get("upstream_inference_cost")) or 0.0
        return cost

    def write_reasoning(self, body: dict[str, Any], wanted: Reasoning, refuse: Refuse) -> None:
        reasoning: dict[str, Any] = {}
        if wanted.effort is not None:
            reasoning["effort"] = wanted.effort
        if wanted.budget_tokens is not None:
            reasoning["max_tokens"] = wanted.budget_tokens
        if wanted.show is not None:
            reasoning["exclude"] = not wanted.show
        if reasoning:
            body["reasoning"] = reasoning

    def takes_thought(self, part: ReasoningPart, model: str) -> bool:
        return part.dialect == self.name or bool(part.text)

    def write_thoughts(self, message: dict[str, Any], thoughts: list[ReasoningPart]) -> None:
        details = []
        plain = []
        for part in thoughts:
            own = self.own_extra(part.extra)
            if own and "type" in own:
                details.append(detail_of(part, own))
            elif part.text:
                plain.append(part.text)
        if details:
            message["reasoning_details"] = details
        if plain:
            message["reasoning"] = "".join(plain)

    def complaint(self, found: Complaint) -> Complaint:
        """With the canonical error type, and with what the provider behind said (``metadata.raw``)."""
        metadata = self._metadata(found)
        message, codes = found.message, found.codes
        kind = metadata.get("error_type")
        if isinstance(kind, str) and kind != "unmapped":
            codes = (kind, *codes)
        raw = metadata.get("raw")
        upstream = read_complaint(raw.encode() if isinstance(raw, str) else msgspec.json.encode(raw)) if raw else None
        if upstream is not None and upstream.message:
            whose = metadata.get("provider_name")
            message = f"{message} ({whose}): {upstream.message}" if whose else f"{message}: {upstream.message}"
        error = next((error for start, error in _ROUTING.items() if message.lower().startswith(start)), None)
        reasons = metadata.get("reasons")
        if isinstance(reasons, list) and reasons:
            message = f"{message} ({', '.join(str(reason) for reason in reasons)})"
            error = ContentRefused
        return found._replace(message=message, codes=codes, error=error)

    @staticmethod
    def _metadata(found: Complaint) -> Mapping[str, Any]:
        metadata = found.found.get("metadata")
        return metadata if isinstance(metadata, dict) else {}


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value >= 0 else None
