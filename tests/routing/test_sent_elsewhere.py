"""A rule that sends requests elsewhere: each candidate there is asked once, and only where it can serve the request."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole import Engine
from aiconsole.simulator import Behaviour, Simulator
from tests.cache.console import asking

SETTINGS = '[routes]\nmine = ["groq/openai/gpt-oss-120b"]\nother = ["cerebras/gpt-oss-120b"]\n'
RULES = '[all-day]\nroutes = ["mine"]\nhours = { from = "00:00", to = "23:59" }\ndo = "route"\nto = "other"\n' + (
    '[night]\nroutes = ["mine"]\nhours = { from = "23:59", to = "00:00" }\ndo = "route"\nto = "other"\n'
)


@pytest.mark.parametrize("kind", ["bad_key", "unknown_model", "server_fault"])
async def test_a_rule_that_goes_on_holding_sends_no_request_in_circles(kind: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    async with (
        Simulator.start() as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        simulator.set("cerebras", Behaviour(error_rates={kind: 1.0}))  # type: ignore[dict-item]
        result = await engine.complete(asking(model="mine", cache="off"))
        assert result.provider == "groq"
        assert simulator.counts("cerebras").requests <= 2  # a fault that may pass is tried again once


async def test_a_rule_sends_nobody_where_the_request_cannot_be_served(tmp_path: Path) -> None:
    settings = SETTINGS.replace("cerebras/gpt-oss-120b", "anthropic/claude-sonnet-4-5")
    (tmp_path / "settings.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    async with (
        Simulator.start() as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        result = await engine.complete(asking(model="mine", seed=7, cache="off"))
        assert result.provider == "groq"
        assert result.trace is not None
        (skip,) = result.trace.skipped
        assert (skip.candidate, skip.reason) == ("anthropic/claude-sonnet-4-5", "it does not take a seed")
