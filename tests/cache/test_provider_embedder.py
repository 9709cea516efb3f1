"""Like questions found by a provider's embeddings: paid for and told, never in the way of a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole.domain.events import AttemptFinished, Notice, RequestFinished
from aiconsole.simulator import Behaviour
from tests.cache.console import Console, asking, console
from tests.clocks import FakeClock

SETTINGS = '[cache]\nsimilar = true\nsimilarity = 0.9\nembedder = "mistral/mistral-embed"\n'
QUESTION, LIKE, OTHER = (
    "What is the capital of France?",
    "The capital of France, what is it?",
    "How will the weather be tomorrow?",
)


def notices(here: Console) -> list[Notice]:
    return [event for event in here.seen if isinstance(event, Notice)]


def embeddings(here: Console) -> list[RequestFinished]:
    return [event for event in here.ends() if event.origin == "job"]


def asked(here: Console) -> int:
    """How often the embedder's provider was asked."""
    return here.simulator.counts("mistral").requests


async def test_a_like_question_is_found_by_a_providers_vectors(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS) as here:
        first = await here.engine.complete(asking(QUESTION))
        alike = await here.engine.complete(asking(LIKE))
        other = await here.engine.complete(asking(OTHER))
        same = await here.engine.complete(asking(QUESTION))
        assert asked(here) == 3, "the same question again needs no vector"
    assert alike.cached is not None
    assert alike.cached.similarity is not None
    assert 0.9 <= alike.cached.similarity < 1
    assert alike.text == first.text
    assert other.cached is None
    assert same.cached is not None
    assert same.cached.similarity is None
    assert not notices(here)


async def test_vectors_count_as_spent_and_are_taken_off_what_is_saved(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS) as here:
        result = await here.engine.complete(asking(QUESTION))
        await here.engine.complete(asking(LIKE))
        paid = embeddings(here)
        hit = next(event for event in here.ends() if event.cached)
        attempts = [event for event in here.seen if isinstance(event, AttemptFinished) and event.origin == "job"]
        stats = await here.engine.cache.stats()
        spent = here.engine.gate.budgets.spent("day", provider="mistral")
        assert asked(here) == 2
    costs = [event.cost.usd for event in paid if event.cost is not None]
    assert len(costs) == len(attempts) == 2
    assert {(event.route, event.provider, event.model) for event in paid} == {
        ("mistral/mistral-embed", "mistral", "mistral-embed")
    }
    assert all(cost > 0 for cost in costs)
    assert spent == pytest.approx(sum(costs))
    assert result.cost is not None
    assert hit.saved_usd == pytest.approx(result.cost.usd)
    assert stats.saved_usd == pytest.approx(result.cost.usd - sum(costs))
    assert sum(event.saved_usd or 0.0 for event in here.ends()) == pytest.approx(stats.saved_usd)
    assert len({event.request_id for event in here.ends()}) == len(here.ends())


async def test_an_embedder_in_trouble_is_told_once_and_left_alone_for_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, SETTINGS, clock=clock) as here:
        here.simulator.set("mistral", Behaviour(error_rates={"overloaded": 1.0}))
        for number in range(3):
            assert (await here.engine.complete(asking(f"{QUESTION} {number}"))).cached is None
        assert asked(here) == 1
        clock.advance(61)
        await here.engine.complete(asking(f"{QUESTION} again"))
        assert asked(here) == 2
        (told,) = notices(here)
        assert "mistral/mistral-embed" in told.message
        assert told.advice
        here.simulator.set("mistral", Behaviour())
        clock.advance(61)
        await here.engine.complete(asking(QUESTION))
        assert (await here.engine.complete(asking(LIKE))).cached is not None
        failed = [event.error_kind for event in embeddings(here) if event.error_kind]
    assert failed == ["overloaded", "overloaded"]


async def test_a_silent_embedder_costs_a_request_its_short_deadline_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiconsole import provider_embedder
    from aiconsole.domain.chat import Timeouts

    monkeypatch.setattr(provider_embedder, "TIMEOUTS", Timeouts(connect=5, total=0.05))
    async with console(tmp_path, SETTINGS) as here:
        here.simulator.set("mistral", Behaviour(outage="hang"))
        assert (await here.engine.complete(asking(QUESTION))).text
        assert [event.error_kind for event in embeddings(here)] == ["timeout"]
        assert len(notices(here)) == 1


@pytest.mark.parametrize(
    ("embedder", "words"),
    [
        ("groq/any", "makes no embeddings"),
        ("nobody/any", "No provider called"),
        ("mistral/no-such", "no-such"),
        ("no-such-plug-in", "no embedder is there"),
    ],
)
async def test_an_embedder_that_cannot_be_is_told_and_requests_are_answered(
    tmp_path: Path, embedder: str, words: str
) -> None:
    async with console(tmp_path, SETTINGS.replace("mistral/mistral-embed", embedder)) as here:
        assert (await here.engine.complete(asking(QUESTION))).text
        assert (await here.engine.complete(asking(LIKE))).cached is None
        (told,) = notices(here)
    assert words in told.message


async def test_nothing_is_sent_where_the_spending_limit_is_used_up(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS + "[providers.mistral]\nday_usd = 0.5\n") as here:
        here.engine.gate.budgets.add(1.0, provider="mistral")
        assert (await here.engine.complete(asking(QUESTION))).text
        assert asked(here) == 0
        (told,) = notices(here)
    assert "budget" in told.message


async def test_another_embedder_takes_effect_at_once_and_knows_no_questions(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS) as here:
        await here.engine.complete(asking(QUESTION))
        await here.engine.change("cache.embedder", "cohere/embed-v4.0")
        assert (await here.engine.complete(asking(LIKE))).cached is None
        assert here.simulator.counts("cohere").requests == 1
        assert (await here.engine.complete(asking("The capital of France is what?"))).cached is not None


async def test_very_long_questions_are_not_sent(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS) as here:
        await here.engine.complete(asking("word " * 3_000))
        assert asked(here) == 0
