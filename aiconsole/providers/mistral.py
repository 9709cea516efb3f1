"""Mistral (https://docs.mistral.ai): OpenAI's dialect, and where it differs.

Facts: Mistral API reference and guides ("Reasoning", "Document QnA", "Rate limits"), the mistralai Python SDK 3.7, recorded
traffic, and, for the 429 and the form of tool calls' ids, which were never recorded, public issues of other projects.
"""

from __future__ import annotations

import hashlib
import re
import string
from typing import Any, Final

from aiconsole.domain.chat import RateLimit
from aiconsole.domain.errors import Overloaded, RateLimited, UnknownModel
from aiconsole.domain.messages import DocumentPart, ReasoningPart
from aiconsole.providers.base import Headers
from aiconsole.providers.openai import OpenAIDialect
from aiconsole.providers.openai.limits import LimitHeader, read_limits
from aiconsole.providers.openai.messages import document_url

_NEW_LIMITS: Final = (
    LimitHeader("x-ratelimit-{limit}-req-10-second", "requests", "10 seconds"),
    LimitHeader("x-ratelimit-{limit}-req-minute", "requests", "minute"),
    LimitHeader("x-ratelimit-{limit}-tokens-minute", "tokens", "minute"),
    LimitHeader("x-ratelimit-{limit}-tokens-month", "tokens", "month"),
)
_OLD_LIMITS: Final = (
    LimitHeader("ratelimitbysize-{limit}", "tokens", "minute"),
    LimitHeader("x-ratelimitbysize-{limit}-month", "tokens", "month"),
)
_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")
_LETTERS: Final = string.ascii_letters + string.digits
_CODES: Final = {
    "invalid_model": UnknownModel,
    "rate_limited": RateLimited,
    "service_tier_capacity_exceeded": Overloaded,
    "3505": Overloaded,
}


class MistralDialect(OpenAIDialect):
    """Usage comes unasked. Thoughts are parts of the content, both ways; only those of Mistral's own models go back, since
    its older models take no such parts. A seed is ``random_seed``, the choice that some tool must be called ``any``, a
    document ``document_url``."""

    name = "mistral"
    label = "Mistral"
    base_url = "https://api.mistral.ai/v1"
    key_variable = "MISTRAL_API_KEY"
    seed_field = "random_seed"
    required_choice = "any"
    parameters_needed = True
    rich_results = True
    thoughts_in_content = True
    error_codes = _CODES
    makes_vectors = True

    def rate_limits(self, headers: Headers, now: float) -> tuple[RateLimit, ...]:
        """By either family of headers, of which only the old one tells when a limit resets."""
        return read_limits(headers, now, _NEW_LIMITS) or read_limits(headers, now, _OLD_LIMITS)

    def request_id(self, headers: Headers) -> str | None:
        return headers.get("mistral-correlation-id") or headers.get("x-kong-request-id")

    def takes_thought(self, part: ReasoningPart, model: str) -> bool:
        return part.dialect == self.name

    def thought_part(self, part: ReasoningPart) -> dict[str, Any]:
        own = self.own_extra(part.extra) or {}
        inner = [{"type": "text", "text": part.text}] if part.text else []
        wire = {"type": "thinking", "thinking": [*inner, *own.pop("references", ())], **own}
        if part.signature is not None:
            wire["signature"] = part.signature
        return wire

    def call_id(self, given: str) -> str:
        """As given where it is 9 letters or digits, which is all that Mistral takes (400, code 3280); else 9 made from it."""
        if _ID.fullmatch(given):
            return given
        digest = int.from_bytes(hashlib.sha256(given.encode()).digest()[:8], "big")
        return "".join(_LETTERS[digest // len(_LETTERS) ** place % len(_LETTERS)] for place in range(9))

    def document(self, part: DocumentPart) -> dict[str, Any]:
        wire = {"type": "document_url", "document_url": document_url(part)}
        if part.name is not None:
            wire["document_name"] = part.name
        return wire
