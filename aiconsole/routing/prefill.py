"""Which models go on with an assistant's turn that ends the request, as if they had begun it themselves.

A provider or model that is not here is told in words to go on. Sources, as of autumn 2026:

- Anthropic docs, "Prefill Claude's response" and the migration guides: up to Claude 4.5, not while it thinks, and the text must
  not end in white space; from 4.6 on a 400 says that the conversation must end with a user message.
- Mistral API reference, ``AssistantMessage.prefix``: the turn carries ``prefix: true`` (without it the request is refused), and
  the answer starts with the turn's own text.
- Groq docs, "Assistant Message Prefilling": any text model. Reasoning models are left out here, as nothing is said of where
  their thoughts go.
- Gemini: newer models refuse with "Requests ending with a model turn are not supported" (public issues of other projects), and
  the documentation promises it for none.
- Cohere, Cerebras: nothing is documented. OpenRouter: depends on who serves the model.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from aiconsole.domain.messages import Extra

_CLAUDE: Final = re.compile(r"claude-(?:[a-z]+-)?(?P<major>\d)(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?")


class Prefill(NamedTuple):
    """How a model takes it. ``extra`` goes on the turn; ``echoes``: the answer repeats the turn's text."""

    extra: Extra | None = None
    echoes: bool = False


_PLAIN: Final = Prefill()
_MISTRAL: Final = Prefill({"mistral": {"prefix": True}}, echoes=True)


def prefill_of(provider: str, model: str) -> Prefill | None:
    """How this model takes a prefill; None where it does not or nobody says so."""
    if provider == "anthropic":
        found = _CLAUDE.search(model)
        fits = found is not None and (int(found["major"]), int(found["minor"] or 0)) < (4, 6)
        return _PLAIN if fits else None
    if provider == "mistral":
        return None if "magistral" in model else _MISTRAL
    if provider == "groq":
        return _PLAIN if model.startswith(("llama-", "meta-llama/llama-")) else None
    return None
