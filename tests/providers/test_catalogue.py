"""Model lists: asked once, filled with prices and context lengths, one failure harming no other provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole import Engine
from aiconsole.domain.errors import ProviderError
from aiconsole.simulator import Behaviour, Simulator


async def test_lists_are_kept_until_they_are_refreshed(tmp_path: Path) -> None:
    async with Simulator.start() as simulator, Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine:
        first = await engine.models("groq")
        asked = simulator.counts("groq").requests
        assert await engine.models("groq") == first
        assert simulator.counts("groq").requests == asked
        assert await engine.models("groq", refresh=True) == first
        assert simulator.counts("groq").requests == asked + 1


async def test_a_list_that_fails_is_left_out_and_told(tmp_path: Path) -> None:
    async with Simulator.start() as simulator, Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine:
        simulator.set("mistral", Behaviour(outage="refuse"))
        models = await engine.models()
        assert "mistral" not in {info.provider for info in models}
        assert len({info.provider for info in models}) == 6
        assert isinstance(engine.catalogue.failures["mistral"], ProviderError)
        with pytest.raises(ProviderError):
            await engine.models("mistral")
        simulator.set("mistral", Behaviour())
        assert await engine.models("mistral")
        assert "mistral" not in engine.catalogue.failures


async def test_prices_and_context_come_from_the_price_list_where_the_provider_tells_none(tmp_path: Path) -> None:
    async with Simulator.start() as simulator, Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine:
        claude = {info.id: info for info in await engine.models("anthropic")}["claude-haiku-4-5-20251001"]
    assert claude.prices is not None
    assert claude.prices.completion == 5.0
    assert claude.context_tokens == 200_000


async def test_models_named_in_the_settings_come_first_and_stand_in_for_a_list(tmp_path: Path) -> None:
    async with Simulator.start() as simulator:
        base_url = simulator.base_url("groq")
        (tmp_path / "settings.toml").write_text(
            f'[custom.box]\nbase_url = "{base_url}"\nmodels = ["my-model"]\n[custom.gone]\n'
            'base_url = "http://127.0.0.1:9/v1"\nmodels = ["other"]\n',
            encoding="utf-8",
        )
        async with Engine.open(home=tmp_path, environ={}) as engine:
            await engine.set_key("box", "key-1234567890", "session")
            assert (await engine.models("box"))[0].id == "my-model"
            assert [info.id for info in await engine.models("gone")] == ["other"]
