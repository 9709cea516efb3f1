"""The alerts of a whole console: judged by real requests, and the command line."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import pytest

from aiconsole import Engine
from aiconsole.alerts.command import add_arguments, run
from aiconsole.domain.alerts import AlertMessage
from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.errors import ConfigError, ConsoleError
from aiconsole.domain.events import AlertChanged
from aiconsole.domain.messages import Message
from aiconsole.secrets import KeyStore
from aiconsole.simulator import Behaviour, Simulator
from tests.alerts.receivers import webhook
from tests.keyrings import memory_keyring

MODEL = "groq/openai/gpt-oss-120b"


async def test_failing_requests_raise_one_alert_that_leads_to_them(tmp_path: Path) -> None:
    shown: list[AlertMessage] = []
    async with Simulator.start(behaviours={"groq": Behaviour(error_rates={"bad_key": 1.0})}) as simulator:  # noqa: SIM117
        async with Engine.open(home=tmp_path, environ={}, simulator=simulator, record=True) as engine:
            alerts = await engine.open_alerts()
            assert alerts is await engine.open_alerts()
            alerts.on_desktop(shown.append)
            fired = asyncio.Event()
            engine.bus.subscribe(lambda event: fired.set() if event.state == "firing" else None, AlertChanged)
            for _ in range(2):
                with pytest.raises(ConsoleError):
                    await engine.complete(ChatRequest(MODEL, (Message.user("Hello"),)))
            await asyncio.wait_for(fired.wait(), 20)
            [alert] = alerts.current()
            assert (alert.rule, alert.subject, alert.severity, alert.simulated) == (
                "key-trouble",
                "groq",
                "critical",
                True,
            )
            assert [each.alert for each in engine.live.state().alerts] == [alert.id]
            assert [message.alert for message in shown] == [alert.id]
            assert alert.links.requests
            past = await engine.history.request_named(alert.links.requests[-1])
            assert past is not None
            assert past.trace is not None
            alerts.acknowledge(alert.id, "seen")
            await alerts.settle()
            assert (await alerts.recent())[0].note == "seen"
    async with Engine.open(home=tmp_path, environ={}) as engine:
        alerts = await engine.open_alerts(by_itself=False)
        assert [each.id for each in alerts.current()] == [alert.id]
        assert not alerts.rules.own


async def test_the_command_line_lists_reads_out_tests_and_acts(tmp_path: Path) -> None:
    keys = KeyStore({}, backend=memory_keyring())
    printed: list[Any] = []

    async def command(*arguments: str) -> int:
        parser = argparse.ArgumentParser()
        shared = argparse.ArgumentParser(add_help=False)
        shared.add_argument("--json", action="store_true")
        add_arguments(parser, shared, None)
        options = parser.parse_args(arguments)
        printed.clear()
        async with Engine.open(home=tmp_path, environ={}, keys=keys) as engine:
            return await run(engine, options, lambda head, rows: printed.extend(rows), printed.append, printed.append)

    async with webhook() as hook:
        async with Engine.open(home=tmp_path, environ={}, keys=keys) as engine:
            await engine.change("alert_channels.team.least", "info")
            await (await engine.open_alerts(by_itself=False)).keep_address("team", hook.url)
        assert await command("list") == 0
        assert printed == ["No alerts."]
        assert await command("rules") == 0
        assert any("circuit breaker" in row[2] for row in printed)
        assert await command("channels") == 0
        assert printed[0][:4] == ("team", "on", "info", "json://…")
        assert await command("test") == 0
        assert len(hook.taken) == 1
        hook.status = 500
        assert await command("test", "team") == 1
        assert await command("backtest", "breaker-open", "--days", "2") == 0
        assert printed == [("breaker-open", "It would not have fired in the last 2 d.")]
        for arguments in (("ack", "nothing"), ("show", "nothing"), ("backtest", "nothing")):
            with pytest.raises(ConfigError):
                await command(*arguments)
        assert await command("channel", "team", "--remove") == 0
        with pytest.raises(ConfigError, match="no channel"):
            await command("test")
