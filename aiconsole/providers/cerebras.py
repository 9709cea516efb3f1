"""Cerebras (https://inference-docs.cerebras.ai): OpenAI's dialect, and where it differs.

Facts: Cerebras Inference docs ("Chat completions", "Reasoning", "Rate limits", "Error codes"), the cerebras_cloud_sdk 1.91,
recorded traffic, and, for errors, which were never recorded, bodies quoted in public issues of other projects.
"""

from __future__ import annotations

from typing import Any, Final

from aiconsole.domain.chat import Reasoning
from aiconsole.domain.errors import BadKey, Overloaded, RateLimited
from aiconsole.providers.base import Headers, Refuse
from aiconsole.providers.openai import OpenAIDialect
from aiconsole.providers.openai.limits import LimitHeader

_EFFORTS: Final = frozenset(("none", "low", "medium", "high"))
_CODES: Final = {
    "wrong_api_key": BadKey,
    "token_quota_exceeded": RateLimited,
    "request_quota_exceeded": RateLimited,
    "queue_exceeded": Overloaded,
    "too_many_requests_error": RateLimited,
}


class CerebrasDialect(OpenAIDialect):
    """Usage comes unasked on the finishing event, and ``[DONE]`` does not come. Errors are flat: ``{"message", "type",
    "param", "code"}``."""

    name = "cerebras"
    label = "Cerebras"
    base_url = "https://api.cerebras.ai/v1"
    key_variable = "CEREBRAS_API_KEY"
    features = OpenAIDialect.features - {"documents"}
    thought_field = "reasoning"
    error_codes = _CODES
    limit_headers = (
        LimitHeader("x-ratelimit-{limit}-requests-minute", "requests", "minute"),
        LimitHeader("x-ratelimit-{limit}-requests-day", "requests", "day"),
        LimitHeader("x-ratelimit-{limit}-tokens-minute", "tokens", "minute"),
        LimitHeader("x-ratelimit-{limit}-tokens-day", "tokens", "day"),
    )

    def request_id(self, headers: Headers) -> str | None:
        return headers.get("x-request-id") or headers.get("inference-id")

    def write_reasoning(self, body: dict[str, Any], wanted: Reasoning, refuse: Refuse) -> None:
        if wanted.effort in _EFFORTS:
            body["reasoning_effort"] = wanted.effort
        elif wanted.effort is not None:
            refuse(f"Cerebras knows no reasoning effort “{wanted.effort}”, only none, low, medium and high.")
        if wanted.budget_tokens is not None:
            refuse("Cerebras takes no budget of tokens for reasoning.")
        if wanted.show is not None:
            body["reasoning_format"] = "parsed" if wanted.show else "hidden"
