"""Groq (https://console.groq.com/docs): OpenAI's dialect, and where it differs.

Facts: Groq API reference, guides "Errors", "Rate limits" and "Reasoning", the groq Python SDK 1.7, and recorded traffic.
"""

from __future__ import annotations

import re
from typing import Any, Final

from aiconsole.domain.chat import Reasoning
from aiconsole.domain.errors import MalformedAnswer, Overloaded
from aiconsole.domain.messages import ReasoningPart
from aiconsole.providers.base import Refuse
from aiconsole.providers.openai import OpenAIDialect
from aiconsole.providers.openai.limits import LimitHeader

_EFFORTS: Final = frozenset(("none", "low", "medium", "high"))
_THINKS: Final = re.compile(r"gpt-oss|qwen-?3|qwq|deepseek-r1|magistral|kimi-k2-thinking|minimax-m|glm", re.IGNORECASE)
_OF_MESSAGE: Final = {"refusal": True, "annotations": False, "executed_tools": False}
_CODES: Final = {
    "tool_use_failed": MalformedAnswer,
    "json_validate_failed": MalformedAnswer,
    "output_parse_failed": MalformedAnswer,
    "capacity_exceeded": Overloaded,
}


class GroqDialect(OpenAIDialect):
    """Usage comes unasked; a request's id is in ``x_groq``.

    A message's ``reasoning`` is refused by models that do not think ("reasoning is not supported with this model"), so thoughts
    go back only to those known to. A model's failed tool call or JSON is an error of the model, which another try may heal.
    """

    name = "groq"
    label = "Groq"
    base_url = "https://api.groq.com/openai/v1"
    key_variable = "GROQ_API_KEY"
    features = OpenAIDialect.features - {"documents"}
    thought_field = "reasoning"
    of_message = _OF_MESSAGE
    error_codes = _CODES
    limit_headers = (
        LimitHeader("x-ratelimit-{limit}-requests", "requests", "day"),
        LimitHeader("x-ratelimit-{limit}-tokens", "tokens", "minute"),
    )

    def write_reasoning(self, body: dict[str, Any], wanted: Reasoning, refuse: Refuse) -> None:
        if wanted.effort in _EFFORTS:
            body["reasoning_effort"] = wanted.effort
        elif wanted.effort is not None:
            refuse(f"Groq knows no reasoning effort “{wanted.effort}”, only none, low, medium and high.")
        if wanted.budget_tokens is not None:
            refuse("Groq takes no budget of tokens for reasoning.")
        if wanted.show is not None:
            body["reasoning_format"] = "parsed" if wanted.show else "hidden"

    def takes_thought(self, part: ReasoningPart, model: str) -> bool:
        return bool(part.text) and _THINKS.search(model) is not None
