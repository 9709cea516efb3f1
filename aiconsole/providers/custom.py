"""Any server that speaks OpenAI's dialect: vLLM, Ollama, LM Studio, llama.cpp, a gateway.

Such servers leave out what they please. A missing id, model, usage, index or ``[DONE]`` is no error, ``reasoning_content`` is
read like ``reasoning``, model lists and error bodies are read in every shape met so far, and a key is sent only where there is
one.

Facts: vLLM docs "Reasoning outputs", DeepSeek API docs "Thinking mode", Ollama docs "OpenAI compatibility", LM Studio docs
"REST API".
"""

from __future__ import annotations

import re
from typing import Any, Final

from aiconsole.domain.messages import ReasoningPart
from aiconsole.providers.openai import OpenAIDialect
from aiconsole.providers.openai.limits import COMMON
from aiconsole.providers.openai.thoughts import detail_of

_OPENAI: Final = re.compile(r"//(api\.openai\.com|[\w-]+\.openai\.azure\.com)(/|:|$)")
"""OpenAI's own servers, whose newer models refuse ``max_tokens`` (OpenAI API reference)."""
_OF_MESSAGE: Final = {"refusal": True, "annotations": True, "extra_content": True}


class CustomOpenAIDialect(OpenAIDialect):
    """The dialect of one custom provider.

    Thoughts go back only to the provider they came from, in the field they came in: a server that sent the field takes it,
    while others may refuse a request for it.

    Args:
        name: the provider's name, also the key of its own ``extra``.
        label: for people.
        base_url: including ``/v1`` where the server wants it.
        asks_for_usage: False for a server that refuses ``stream_options``; its streams may then tell no usage.
    """

    of_message = _OF_MESSAGE
    limit_headers = COMMON
    makes_vectors = True

    def __init__(self, name: str, label: str, base_url: str, *, asks_for_usage: bool = True) -> None:
        self.name = name
        self.label = label
        self.base_url = base_url
        self.asks_for_usage = asks_for_usage
        if _OPENAI.search(base_url):
            self.max_tokens_field = "max_completion_tokens"

    def takes_thought(self, part: ReasoningPart, model: str) -> bool:
        return part.dialect == self.name

    def write_thoughts(self, message: dict[str, Any], thoughts: list[ReasoningPart]) -> None:
        fields: dict[str, list[str]] = {}
        for part in thoughts:
            own = self.own_extra(part.extra) or {}
            if "type" in own:
                message.setdefault("reasoning_details", []).append(detail_of(part, own))
            else:
                fields.setdefault(own.get("field", "reasoning"), []).append(part.text)
        message.update({field: "".join(texts) for field, texts in fields.items()})
