"""Prices: the flat formula gives what the package gives, unknown stays unknown, cached and billed tokens count as such."""

from __future__ import annotations

import sys

import pytest
from genai_prices import Usage as PackageUsage
from genai_prices import calc_price

from aiconsole.domain.chat import Usage
from aiconsole.domain.clock import SystemClock
from aiconsole.providers.pricing import PriceBook


async def book() -> PriceBook:
    prices = PriceBook(SystemClock())
    await prices.load()
    return prices


@pytest.mark.parametrize(
    ("provider", "listed_as", "model"),
    [
        ("groq", "groq", "openai/gpt-oss-120b"),
        ("anthropic", "anthropic", "claude-haiku-4-5-20251001"),
        ("anthropic", "anthropic", "claude-sonnet-4-5-20250929"),
        ("gemini", "google", "gemini-2.5-flash"),
        ("gemini", "google", "gemini-2.5-pro"),
        ("mistral", "mistral", "mistral-small-latest"),
        ("cohere", "cohere", "command-a-03-2025"),
    ],
)
@pytest.mark.parametrize("prompt", [900, 450_000])
async def test_a_cost_is_what_the_price_list_says(provider: str, listed_as: str, model: str, prompt: int) -> None:
    usage = Usage(prompt=prompt, completion=200, cached=prompt // 3)
    cost = (await book()).cost(provider, (model,), usage)
    expected = calc_price(
        PackageUsage(input_tokens=prompt, output_tokens=200, cache_read_tokens=prompt // 3),
        model,
        provider_id=listed_as,
    )
    assert cost is not None
    assert cost.source == "price list"
    assert cost.usd == pytest.approx(float(expected.total_price))


async def test_what_is_unknown_stays_unknown() -> None:
    prices = await book()
    usage = Usage(prompt=10, completion=10)
    assert prices.cost("groq", ("no-such-model",), usage) is None
    assert prices.cost("my-box", ("llama3.2",), usage, base_url="http://127.0.0.1:11434/v1") is None
    assert prices.cost("groq", ("openai/gpt-oss-120b",), Usage(prompt=10)) is None
    assert prices.prices("groq", "no-such-model") is None
    assert prices.context_tokens("groq", "no-such-model") is None


async def test_the_name_reported_goes_before_the_name_asked_for() -> None:
    prices = await book()
    usage = Usage(prompt=1_000_000, completion=0)
    asked = prices.cost("anthropic", ("claude-opus-4-5-20251101",), usage)
    both = prices.cost("anthropic", ("no-such-model", "claude-opus-4-5-20251101"), usage)
    reported = prices.cost("anthropic", ("claude-haiku-4-5-20251001", "claude-opus-4-5-20251101"), usage)
    assert asked is not None
    assert both == asked
    assert reported is not None
    assert reported.usd < asked.usd


async def test_billed_tokens_go_before_counted_ones() -> None:
    prices = await book()
    counted = prices.cost("cohere", ("command-a-03-2025",), Usage(prompt=2000, completion=100))
    billed = prices.cost(
        "cohere", ("command-a-03-2025",), Usage(prompt=2000, completion=100, billed_prompt=20, billed_completion=100)
    )
    assert counted is not None
    assert billed is not None
    assert billed.usd < counted.usd


async def test_list_prices_are_a_million_tokens() -> None:
    prices = (await book()).prices("groq", "openai/gpt-oss-120b")
    assert prices is not None
    assert prices.prompt is not None
    assert prices.completion is not None
    assert 0.01 < prices.prompt < prices.completion < 10


async def test_a_price_list_that_could_not_be_imported_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = PriceBook(SystemClock())
    with monkeypatch.context() as broken:
        broken.setitem(sys.modules, "genai_prices", None)
        with pytest.raises(ImportError):
            await prices.load()
    await prices.load()
    assert prices.cost("groq", ("openai/gpt-oss-120b",), Usage(prompt=1, completion=1)) is not None
