"""Google's Gemini API: generateContent, streamGenerateContent and batchEmbedContents.

Base address ``https://generativelanguage.googleapis.com/v1beta``; the key travels in the header ``x-goog-api-key``, never in
the address. A stream is asked for with ``alt=sse``; a server that answers with one JSON array of chunks is understood as
well. What our types cannot say (safetySettings, cachedContent, topK, responseModalities...) goes through
``extra["gemini"]``, whose objects are merged into the request's, so that ``{"generationConfig": {"topK": 40}}`` leaves the
other settings alone.

Left out on purpose: cachedContents and files (not chat), and the OpenAI-compatible path, which a custom
provider of the dialect "openai" speaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.errors import ConnectionCut, MalformedAnswer, ProviderError
from aiconsole.domain.messages import Extra
from aiconsole.domain.models import Feature, ModelInfo
from aiconsole.providers.base import Answer, Dialect, Embedded, ErrorReply, ModelPage, Refuse, StreamReader, WireCall
from aiconsole.providers.gemini.answer import decoded
from aiconsole.providers.gemini.embedding import read_vectors
from aiconsole.providers.gemini.errors import error_in_answer, error_of
from aiconsole.providers.gemini.request import RequestWriter, merge, model_path
from aiconsole.providers.gemini.stream import Reader

_PAGE_SIZE: Final = 1000
_NOT_CHAT: Final = ("-tts", "lyria", "deep-research", "antigravity")
"""Models listed with generateContent that make only speech or music, or answer through the Interactions API alone."""


class GeminiDialect(Dialect):
    """Gemini by API key (Google AI Studio)."""

    name = "gemini"
    label = "Gemini"
    base_url = "https://generativelanguage.googleapis.com/v1beta"
    key_variable = "GEMINI_API_KEY"
    features = frozenset[Feature](
        {
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
        }
    )

    def auth(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    def chat(self, request: ChatRequest, *, stream: bool, refuse: Refuse) -> WireCall:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return WireCall(_path(request.model, method), RequestWriter(self, request, refuse).body())

    def answer(self, body: bytes) -> Answer:
        data = decoded(body)
        if not isinstance(data, list):
            reader = Reader(join=False)
            reader.take(data)
            return reader.whole()
        reader = Reader()
        for chunk in data:
            reader.take(chunk)
        try:
            return reader.finish()
        except ConnectionCut as cut:
            raise MalformedAnswer("Gemini's answer holds no finish reason.") from cut

    def reader(self) -> StreamReader:
        return Reader()

    def error(self, reply: ErrorReply) -> ProviderError:
        return error_of(reply)

    def models_call(self, cursor: str | None = None) -> WireCall:
        page = f"&pageToken={quote(cursor, safe='')}" if cursor else ""
        return WireCall(f"/models?pageSize={_PAGE_SIZE}{page}", method="GET")

    def models(self, body: bytes) -> ModelPage:
        data = decoded(body)
        listed = data.get("models", []) if isinstance(data, dict) else None
        if not isinstance(listed, list):
            raise MalformedAnswer("Gemini's model list is not a list.")
        cursor = data.get("nextPageToken")
        models = tuple(
            self._model(item) for item in listed if isinstance(item, dict) and isinstance(item.get("name"), str)
        )
        return ModelPage(models, cursor if isinstance(cursor, str) and cursor else None)

    def _model(self, item: Mapping[str, Any]) -> ModelInfo:
        name = item["name"].removeprefix("models/")
        methods = item.get("supportedGenerationMethods")
        shown = item.get("displayName")
        return ModelInfo(
            provider=self.name,
            id=name,
            name=shown if isinstance(shown, str) else "",
            context_tokens=_count(item.get("inputTokenLimit")),
            max_output_tokens=_count(item.get("outputTokenLimit")),
            lacks=frozenset() if item.get("thinking") is True else frozenset[Feature]({"reasoning"}),
            chat=isinstance(methods, list)
            and "generateContent" in methods
            and not any(word in name for word in _NOT_CHAT),
        )

    def probe_call(self) -> WireCall:
        """One model of the list proves key and service, and the answer stays small."""
        return WireCall("/models?pageSize=1", method="GET")

    def count_call(self, request: ChatRequest, *, refuse: Refuse) -> WireCall:
        """countTokens takes bare contents, or with ``generateContentRequest`` all that counts besides (system, tools)."""
        body = RequestWriter(self, request, refuse).body()
        if body.keys() != {"contents"}:
            body = {"generateContentRequest": {"model": model_path(request.model), **body}}
        return WireCall(_path(request.model, "countTokens"), body)

    def count(self, body: bytes) -> int:
        data = decoded(body)
        if isinstance(data, dict) and data.get("error"):
            raise error_in_answer(data["error"])
        total = _count(data.get("totalTokens")) if isinstance(data, dict) else None
        if total is None:
            raise MalformedAnswer("Gemini's token count is not a number.")
        return total

    def embed_call(self, texts: Sequence[str], model: str, *, extra: Extra | None = None) -> WireCall:
        """One request a text, each of which ``extra`` is merged into."""
        path = model_path(model)
        requests = [self.merge_extra({"model": path, "content": {"parts": [{"text": text}]}}, extra) for text in texts]
        return WireCall(_path(model, "batchEmbedContents"), {"requests": requests})

    def embedded(self, body: bytes) -> Embedded:
        return read_vectors(body)

    def merge_extra(self, target: dict[str, Any], extra: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
        """Unlike other dialects, objects inside objects are merged too."""
        for name in (*self.family, self.name):
            if extra and name in extra:
                merge(target, extra[name])
        return target


def _path(model: str, method: str) -> str:
    return f"/{quote(model_path(model), safe='/')}:{method}"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
