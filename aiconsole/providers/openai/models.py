"""Model lists of many shapes.

OpenAI's is ``{"data": [{"id", ...}]}``. Others add a context length under many names, prices and what a model can do; some send
a bare list, ``{"models": [...]}`` (Ollama's own path), or names alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from aiconsole.domain.errors import MalformedAnswer
from aiconsole.domain.models import Feature, ModelInfo, Prices
from aiconsole.providers.base import ModelPage

_CONTEXT: Final = (
    "context_window",
    "context_length",
    "max_context_length",
    "max_model_len",
    "max_context_window_tokens",
    "loaded_context_length",
    "n_ctx",
)
_OUTPUT: Final = ("max_completion_tokens", "max_output_length", "max_output_tokens", "max_tokens")
_NOT_CHAT: Final = frozenset(("embedding", "embeddings", "rerank", "transcription", "tts", "image", "moderation"))
_BY_PARAMETER: Final[dict[str, tuple[Feature, ...]]] = {
    "tools": ("tools", "tool_choice", "parallel_tool_calls"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "stop": ("stop",),
    "seed": ("seed",),
}
_BY_FEATURE: Final[dict[str, tuple[Feature, ...]]] = {
    "tools": ("tools", "tool_choice", "parallel_tool_calls"),
    "json_mode": ("json",),
    "structured_outputs": ("json_schema",),
    "reasoning": ("reasoning",),
}
"""Groq's ``supported_features``, as recorded."""


def read_models(provider: str, body: bytes, features: frozenset[Feature]) -> ModelPage:
    """The list as ours. An entry without a name is skipped.

    Raises:
        MalformedAnswer: this is no list of models.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedAnswer(f"The model list is unreadable: {fault}") from fault
    entries = _entries(found)
    if entries is None:
        raise MalformedAnswer("The answer holds no list of models.")
    models: dict[str, ModelInfo] = {}
    for entry in entries:
        info = _model(provider, {"id": entry} if isinstance(entry, str) else entry, features)
        if info is not None:
            models.setdefault(info.id, info)
    return ModelPage(tuple(models.values()))


def _entries(found: Any) -> list[Any] | None:
    if isinstance(found, dict):
        for key in ("data", "models", "items", "result"):
            if isinstance(found.get(key), list):
                return found[key]  # type: ignore[no-any-return]
            if isinstance(found.get(key), dict):
                return [
                    {"id": name, **(entry if isinstance(entry, dict) else {})} for name, entry in found[key].items()
                ]
        return [] if found.get("object") == "list" else None
    return found if isinstance(found, list) else None


def _model(provider: str, entry: Any, features: frozenset[Feature]) -> ModelInfo | None:
    if not isinstance(entry, dict):
        return None
    name = next((entry[key] for key in ("id", "model", "name") if isinstance(entry.get(key), str) and entry[key]), None)
    if name is None:
        return None
    shown = next((entry[key] for key in ("name", "display_name") if isinstance(entry.get(key), str)), "")
    top = _object(entry, "top_provider")
    return ModelInfo(
        provider,
        name,
        name="" if shown == name else shown,
        context_tokens=_first(entry, _CONTEXT) or _first(_object(entry, "meta"), ("n_ctx", "n_ctx_train")),
        max_output_tokens=_first(top, _OUTPUT) or _first(entry, _OUTPUT),
        prices=_prices(_object(entry, "pricing")),
        lacks=_lacks(entry) & features,
        chat=_is_chat(entry),
        deprecated=bool(entry.get("deprecation") or entry.get("deprecated") or entry.get("expiration_date"))
        or entry.get("active") is False,
    )


def _object(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


def _first(entry: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((entry[key] for key in keys if type(entry.get(key)) is int and entry[key] > 0), None)


def _prices(pricing: Mapping[str, Any]) -> Prices | None:
    """USD a token, mostly as text, to USD a million tokens. A negative price means "depends" (OpenRouter's router)."""
    found = Prices(_price(pricing, "prompt"), _price(pricing, "completion"), _price(pricing, "input_cache_read"))
    return None if found == Prices() else found


def _price(pricing: Mapping[str, Any], key: str) -> float | None:
    value = pricing.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(str(value)) * 1_000_000
        return float(price) if price.is_finite() and price >= 0 else None
    except (InvalidOperation, OverflowError):
        return None


def _lacks(entry: Mapping[str, Any]) -> frozenset[Feature]:
    """What the entry says that the model does not take; where it says nothing, nothing is known to be missing."""
    lacks: set[Feature] = set()
    architecture = _object(entry, "architecture")
    inputs = entry.get("input_modalities", architecture.get("input_modalities"))
    if isinstance(inputs, list):
        lacks |= set() if "image" in inputs else {"images"}
        lacks |= set() if "file" in inputs or "image" in inputs else {"documents"}
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, dict):
        if capabilities.get("vision") is False:
            lacks.add("images")
        if capabilities.get("function_calling") is False:
            lacks |= {"tools", "tool_choice", "parallel_tool_calls"}
    return frozenset(lacks | _lacks_of_parameters(entry))


def _lacks_of_parameters(entry: Mapping[str, Any]) -> set[Feature]:
    lacks: set[Feature] = set()
    parameters = entry.get("supported_parameters")
    if isinstance(parameters, list) and parameters:
        for parameter, needs in _BY_PARAMETER.items():
            if parameter not in parameters:
                lacks.update(needs)
        if "max_tokens" not in parameters and "max_completion_tokens" not in parameters:
            lacks.add("max_tokens")
        if "reasoning" not in parameters and "reasoning_effort" not in parameters:
            lacks.add("reasoning")
        if "structured_outputs" not in parameters and "response_format" not in parameters:
            lacks |= {"json", "json_schema"}
    features = entry.get("supported_features")
    if isinstance(features, list):
        for word, needs in _BY_FEATURE.items():
            if word not in features:
                lacks.update(needs)
    return lacks


def _is_chat(entry: Mapping[str, Any]) -> bool:
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, dict) and isinstance(capabilities.get("completion_chat"), bool):
        return bool(capabilities["completion_chat"])
    outputs = entry.get("output_modalities", _object(entry, "architecture").get("output_modalities"))
    if isinstance(outputs, list) and outputs:
        return "text" in outputs
    return str(entry.get("type", "")).lower() not in _NOT_CHAT
