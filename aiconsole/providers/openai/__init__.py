"""OpenAI's chat-completions dialect, which Groq, Mistral, Cerebras, OpenRouter and most self-hosted servers speak.

`OpenAIDialect` holds all they share; each provider's own module states only where it differs. `request` and `messages` write
what is sent, `answer` and `stream` read what comes back, `errors`, `models` and `limits` the rest. Facts are from OpenAI's API
reference (Chat Completions), the providers' own references and SDKs, and recorded traffic.
"""

from __future__ import annotations

from aiconsole.providers.openai.dialect import OpenAIDialect

__all__ = ["OpenAIDialect"]
