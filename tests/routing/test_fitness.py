from __future__ import annotations

import pytest

from aiconsole.domain.chat import ChatRequest, JsonFormat, Reasoning
from aiconsole.domain.messages import DocumentPart, ImagePart, Message, Tool, ToolCallPart, ToolResultPart
from aiconsole.domain.models import Feature, ModelInfo, Prices, ProviderState
from aiconsole.routing.fitness import Needs, expected_usd, fits_all, text_tokens, unfit
from tests.routing.candidates import ALL, candidate

PICTURE = ImagePart(data=b"png", media_type="image/png")
PAPER = DocumentPart(data=b"%PDF")


def request(*content: object, **changes: object) -> ChatRequest:
    return ChatRequest("route", (Message.user(*content),), **changes)  # type: ignore[arg-type]


def info(context: int | None = None, **changes: object) -> ModelInfo:
    return ModelInfo("groq", "m", context_tokens=context, **changes)  # type: ignore[arg-type]


NEEDING: list[tuple[Feature, ChatRequest]] = [
    ("images", request("see", PICTURE)),
    ("images", ChatRequest("r", (Message.tool(ToolResultPart("1", (PICTURE,))),))),
    ("documents", request("read", PAPER)),
    ("tools", request("go", tools=(Tool("look"),))),
    ("json", request("go", response_format=JsonFormat())),
    ("json_schema", request("go", response_format=JsonFormat(schema={"type": "object"}))),
]


@pytest.mark.parametrize(("feature", "asked"), NEEDING)
def test_a_candidate_that_lacks_what_the_answer_needs_is_left_out_with_a_reason(
    feature: Feature, asked: ChatRequest
) -> None:
    for policy in ("refuse", "drop"):
        needs = Needs.of(asked, policy)  # type: ignore[arg-type]
        assert unfit(candidate("groq"), needs, info()) is None
        without = unfit(candidate("groq", ALL - {feature}), needs)
        by_model = unfit(candidate("groq"), needs, info(lacks=frozenset({feature})))
        assert without == by_model
        assert without is not None
        assert without.droppable
        assert "does not take" in without.reason


def test_parameters_count_only_where_they_may_not_be_dropped() -> None:
    asked = request("go", seed=1, stop=("x",), reasoning=Reasoning(effort="low"))
    plain = candidate("groq", frozenset())
    refused = unfit(plain, Needs.of(asked, "refuse"))
    assert refused is not None
    assert refused.reason == "it does not take a reasoning setting, a seed, stop sequences"
    assert unfit(plain, Needs.of(asked, "drop")) is None


def test_a_context_too_small_for_prompt_and_answer_is_left_out() -> None:
    needs = Needs.of(request("word " * 9_000, max_tokens=1_000))
    assert needs.prompt_tokens == pytest.approx(10_000, rel=0.01)
    assert unfit(candidate("groq"), needs, info(11_100)) is None
    refused = unfit(candidate("groq"), needs, info(8_192))
    assert refused is not None
    assert not refused.droppable
    assert "8,192" in refused.reason
    assert unfit(candidate("groq"), needs, info(10_900)) is not None
    assert unfit(candidate("groq"), needs, info(10_900, max_output_tokens=500)) is None
    assert unfit(candidate("groq"), needs, info(None)) is None
    assert unfit(candidate("groq"), needs) is None


def test_after_too_long_a_context_only_a_larger_one_will_do() -> None:
    refused_by = info(32_000)
    needs = Needs.of(request("hello")).with_room(refused_by)
    assert unfit(candidate("groq"), needs, refused_by) is not None
    assert unfit(candidate("mistral"), needs, info(16_000)) is not None
    assert unfit(candidate("mistral"), needs, info(None)) is not None
    assert unfit(candidate("mistral"), needs) is not None
    assert unfit(candidate("mistral"), needs, info(128_000)) is None
    again = needs.with_room(info(8_000))
    assert again.room == 32_000


def test_where_the_refusing_context_is_unknown_a_known_one_must_hold_the_estimate() -> None:
    needs = Needs.of(request("word " * 9_000)).with_room(None)
    assert unfit(candidate("groq"), needs, info(9_000)) is not None
    assert unfit(candidate("groq"), needs, info(64_000)) is None


def test_a_provider_that_cannot_be_used_is_left_out() -> None:
    needs = Needs.of(request("hello"))

    def state(**changes: object) -> ProviderState:
        return ProviderState("groq", "Groq", "https://x", **changes)  # type: ignore[arg-type]

    def reason(given: ProviderState) -> str | None:
        found = unfit(candidate("groq"), needs, state=given)
        return None if found is None else found.reason

    assert reason(state()) == "no key is set"
    assert reason(state(enabled=False)) == "the provider is switched off"
    assert reason(state(key_source="keyring", trouble="the base URL is no URL")) == "the base URL is no URL"
    assert reason(state(key_source="session")) is None
    assert reason(state(key_needed=False)) is None
    found = unfit(candidate("groq"), needs, info(chat=False))
    assert found is not None


def test_tokens_are_estimated_low_in_any_script() -> None:
    english = "The quick brown fox jumps over the lazy dog, and then it does so once more. "
    assert 12 <= text_tokens(english) <= 19
    assert text_tokens("日本語の文章です") == 6.0
    assert text_tokens("\ud800") > 0
    call = ChatRequest("r", (Message.assistant(ToolCallPart("1", "look", '{"where": "everywhere"}')),))
    assert Needs.of(call).prompt_tokens > 5
    text = DocumentPart(data=b"a" * 45_000, media_type="text/plain")
    assert Needs.of(request(text)).prompt_tokens >= 10_000


def test_the_expected_cost_is_unknown_and_not_free_where_a_price_is_unknown() -> None:
    needs = Needs.of(request("word " * 9_000))
    assert expected_usd(needs, None) is None
    assert expected_usd(needs, Prices(prompt=1.0)) is None
    usd = expected_usd(needs, Prices(prompt=1.0, completion=10.0), answer_tokens=1_000)
    assert usd == pytest.approx((10_000 + 10_000) / 1e6, rel=0.01)
    short = Needs.of(request("hello", max_tokens=10))
    assert expected_usd(short, Prices(prompt=0.0, completion=10.0)) == pytest.approx(1e-4)


def test_what_fits_all_is_told_without_asking_each_again() -> None:
    small, large = candidate("a"), candidate("b")
    known = [(small, ModelInfo("a", "m", context_tokens=4_000)), (large, None)]
    assert fits_all(known, frozenset()) == 4_000
    assert fits_all([(large, None)], frozenset({"tools"})) == float("inf")
    assert fits_all([*known, (candidate("c", frozenset()), None)], frozenset({"tools"})) == -1
