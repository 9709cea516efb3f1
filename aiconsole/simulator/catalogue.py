"""The models each simulated provider offers: a handful of real ids with their context lengths.

Ids, names and lengths are those of the recorded model lists; prices (OpenRouter) are USD per token.
"""

from __future__ import annotations

import msgspec


class SimModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model a simulated provider answers for.

    ``reasons`` means it thinks without being asked; ``can_reason`` that it thinks when asked. ``reports`` is the name the
    answer carries where the provider reports a dated one.
    """

    id: str
    name: str
    context: int
    max_output: int
    owner: str = ""
    reasons: bool = False
    can_reason: bool = False
    vision: bool = False
    prices: tuple[float, float] = (0.0, 0.0)
    reports: str = ""
    upstream: str = ""
    created: int = 1_735_689_600

    @property
    def reported(self) -> str:
        return self.reports or self.id


def _model(id: str, name: str, context: int, max_output: int, **more: object) -> SimModel:
    return msgspec.convert({"id": id, "name": name, "context": context, "max_output": max_output, **more}, SimModel)


CATALOGUE: dict[str, tuple[SimModel, ...]] = {
    "groq": (
        _model("openai/gpt-oss-120b", "GPT OSS 120B", 131_072, 65_536, owner="OpenAI", reasons=True),
        _model("openai/gpt-oss-20b", "GPT OSS 20B", 131_072, 65_536, owner="OpenAI", reasons=True),
        _model("llama-3.3-70b-versatile", "Llama 3.3 70B", 131_072, 32_768, owner="Meta"),
        _model("llama-3.1-8b-instant", "Llama 3.1 8B", 131_072, 131_072, owner="Meta"),
        _model("qwen/qwen3-32b", "Qwen3-32B", 131_072, 40_960, owner="Alibaba Cloud", can_reason=True),
        _model("meta-llama/llama-4-scout-17b-16e-instruct", "Llama 4 Scout", 131_072, 8_192, owner="Meta", vision=True),
    ),
    "cohere": (
        _model("command-a-03-2025", "command-a-03-2025", 288_000, 8_192),
        _model("command-a-reasoning-08-2025", "command-a-reasoning-08-2025", 288_768, 32_768, reasons=True),
        _model("command-a-vision-07-2025", "command-a-vision-07-2025", 128_000, 8_192, vision=True),
        _model("command-r7b-12-2024", "command-r7b-12-2024", 132_000, 4_096),
    ),
    "mistral": (
        _model("mistral-medium-latest", "mistral-medium-2508", 131_072, 131_072, vision=True, can_reason=True),
        _model("mistral-small-latest", "mistral-small-2603", 131_072, 131_072, vision=True, can_reason=True),
        _model("mistral-large-latest", "mistral-large-2512", 262_144, 262_144, vision=True),
        _model("magistral-medium-latest", "magistral-medium-2509", 131_072, 131_072, vision=True, reasons=True),
        _model("ministral-8b-latest", "ministral-8b-2512", 262_144, 262_144, vision=True),
    ),
    "gemini": (
        _model("gemini-2.5-flash", "Gemini 2.5 Flash", 1_048_576, 65_536, can_reason=True, vision=True),
        _model("gemini-2.5-pro", "Gemini 2.5 Pro", 1_048_576, 65_536, can_reason=True, vision=True),
        _model("gemini-2.0-flash", "Gemini 2.0 Flash", 1_048_576, 8_192, vision=True),
        _model("gemini-3-flash-preview", "Gemini 3 Flash Preview", 1_048_576, 65_536, can_reason=True, vision=True),
    ),
    "cerebras": (
        _model("gpt-oss-120b", "OpenAI GPT OSS", 131_072, 40_000, owner="Cerebras", reasons=True),
        _model("zai-glm-4.7", "Z.ai GLM 4.7", 131_072, 40_000, owner="Cerebras", can_reason=True),
        _model("gemma-4-31b", "Gemma 4 31B", 131_072, 8_192, owner="Cerebras"),
    ),
    "openrouter": (
        _model(
            "openai/gpt-oss-120b",
            "OpenAI: gpt-oss-120b",
            131_072,
            131_072,
            can_reason=True,
            prices=(0.00000005, 0.00000025),
            upstream="DeepInfra",
        ),
        _model(
            "openai/gpt-4o-mini",
            "OpenAI: GPT-4o-mini",
            128_000,
            16_384,
            vision=True,
            prices=(0.00000015, 0.0000006),
            reports="openai/gpt-4o-mini-2024-07-18",
            upstream="OpenAI",
        ),
        _model(
            "anthropic/claude-haiku-4.5",
            "Anthropic: Claude Haiku 4.5",
            200_000,
            64_000,
            can_reason=True,
            vision=True,
            prices=(0.000001, 0.000005),
            reports="anthropic/claude-4.5-haiku-20251001",
            upstream="Amazon Bedrock",
        ),
        _model(
            "google/gemini-2.5-flash",
            "Google: Gemini 2.5 Flash",
            1_048_576,
            65_535,
            can_reason=True,
            vision=True,
            prices=(0.0000003, 0.0000025),
            upstream="Google",
        ),
        _model(
            "meta-llama/llama-3.3-70b-instruct",
            "Meta: Llama 3.3 70B Instruct",
            131_072,
            16_384,
            prices=(0.00000013, 0.0000004),
            upstream="DeepInfra",
        ),
    ),
    "anthropic": (
        _model(
            "claude-sonnet-4-5-20250929",
            "Claude Sonnet 4.5",
            200_000,
            64_000,
            can_reason=True,
            vision=True,
            created=1_759_104_000,
        ),
        _model(
            "claude-haiku-4-5-20251001",
            "Claude Haiku 4.5",
            200_000,
            64_000,
            can_reason=True,
            vision=True,
            created=1_760_486_400,
        ),
        _model(
            "claude-opus-4-5-20251101",
            "Claude Opus 4.5",
            200_000,
            64_000,
            can_reason=True,
            vision=True,
            created=1_763_942_400,
        ),
        _model(
            "claude-sonnet-5",
            "Claude Sonnet 5",
            1_000_000,
            128_000,
            can_reason=True,
            vision=True,
            created=1_782_691_200,
        ),
    ),
}

_SHORT_NAMES = {
    "anthropic": {
        "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
        "claude-haiku-4-5": "claude-haiku-4-5-20251001",
        "claude-opus-4-5": "claude-opus-4-5-20251101",
    },
    "mistral": {model.name: model.id for model in CATALOGUE["mistral"]},
}


def find_model(provider: str, id: str) -> SimModel | None:
    """The model of that id, or by one of the provider's short or dated names for it."""
    id = _SHORT_NAMES.get(provider, {}).get(id, id)
    return _BY_ID[provider].get(id)


_BY_ID = {provider: {model.id: model for model in models} for provider, models in CATALOGUE.items()}
