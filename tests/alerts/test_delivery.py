"""Delivery over real sockets, with outages, restarts and kills: every alert arrives, and once."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aiconsole.alerts.messages import quiet_until
from aiconsole.domain.alerts import AlertMessage
from aiconsole.domain.errors import ConfigError
from tests.alerts.console import console
from tests.alerts.receivers import mailbox, webhook
from tests.clocks import FakeClock

ALERT = re.compile(r"Alert ([0-9a-f]{16})\.")


def told(texts: list[str], what: str = "") -> list[str]:
    """The alerts in messages, in order; with ``what`` those of messages that have it."""
    return [found for text in texts if what in text for found in ALERT.findall(text)]


async def test_through_outages_of_http_and_smtp_each_alert_arrives_once_and_late_ones_say_so(tmp_path: Path) -> None:
    async with (
        webhook() as hook,
        mailbox() as box,
        console(tmp_path, channels={"team": hook.url, "mail": box.url}) as it,
    ):
        await it.outage("groq/m")
        assert (len(hook.taken), len(box.mails)) == (1, 1)
        hook.status, box.open = 503, False
        await it.outage("mistral/m")
        await it.minutes(1)
        await it.outage("gemini/m")
        assert (len(hook.taken), len(box.mails)) == (1, 1)
        assert hook.tries > 2
        views = {view.name: view for view in await it.alerts.channel_views()}
        assert views["team"].waiting == 2
        assert "503" in views["team"].trouble
        hook.status, box.open = 200, True
        for _ in range(4):
            await it.minutes(10)
        ids = [alert.id for alert in reversed(await it.alerts.recent())]
        assert len(ids) == 3
        assert (told(hook.texts), told(box.texts)) == (ids, ids)
        assert not hook.texts[0].startswith("Late")
        assert all(text.startswith("Late: ") and "delivered" in text for text in hook.texts[1:])
        assert all(mail["X-Idempotency-Key"] for mail in box.mails)
        views = {view.name: view for view in await it.alerts.channel_views()}
        assert (views["team"].waiting, views["team"].trouble) == (0, "")
        alert = await it.alerts.get(ids[1])
        assert alert is not None
        assert sum(step.what == "delivered" and "late" in step.words for step in alert.timeline) == 2


async def test_an_alert_raised_offline_is_delivered_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with webhook() as hook:
        hook.status = 500
        async with console(tmp_path, clock, {"team": hook.url}) as it:
            await it.outage("groq/m")
            await it.minutes(1)
        assert hook.taken == []
        clock.advance(3600)
        hook.status = 200
        async with console(tmp_path, clock, {"team": hook.url}) as it:
            [alert] = it.alerts.current()
            await it.minutes(1)
            assert told(hook.texts) == [alert.id]
            assert hook.texts[0].startswith("Late: ")
            it.breaker("groq/m", "closed")
            await it.minutes(15)
            assert it.alerts.current() == ()
        assert told(hook.texts, "Resolved") == [alert.id]
        assert len(hook.taken) == 2


async def test_what_is_beyond_the_cap_waits_and_comes_as_a_digest(tmp_path: Path) -> None:
    async with webhook() as hook, console(tmp_path, channels={"team": hook.url}, most_messages=2) as it:
        for number in range(6):
            it.breaker(f"provider{number}/m")
            await it.minutes(0.3)
        for _ in range(8):
            await it.minutes(0.3)
        assert len(hook.taken) == 2
        await it.minutes(10)
        await it.minutes(10)
        assert len(hook.taken) == 3
        assert "4 alerts from" in hook.texts[2]
        assert sorted(told(hook.texts)) == sorted(alert.id for alert in await it.alerts.recent())


async def test_quiet_hours_hold_what_is_not_critical(tmp_path: Path) -> None:
    clock = FakeClock()
    now = clock.now()
    from datetime import datetime

    local = datetime.fromtimestamp(now).astimezone()
    begins, ends = f"{local.hour:02}:00", f"{(local.hour + 2) % 24:02}:00"
    until = quiet_until(now, begins, ends)
    assert until is not None
    assert 3600 <= until - now <= 7200
    assert quiet_until(now, ends, begins) is None
    assert quiet_until(now, begins, begins) is None
    shown: list[AlertMessage] = []
    async with webhook() as hook:
        quiet = {"quiet_from": begins, "quiet_to": ends}
        async with console(tmp_path, clock, {"team": hook.url}, sound=True, **quiet) as it:
            it.alerts.on_desktop(shown.append)
            await it.outage("groq/m")
            assert (hook.taken, shown) == ([], [])
            await it.minutes((until - clock.now()) / 60 + 0.1)
            assert len(told(hook.texts)) == 1
            await it.outage("mistral/m")
            assert [(message.kind, message.severity, message.sound) for message in shown] == [
                ("firing", "warning", True)
            ]


async def test_who_is_told_what(tmp_path: Path) -> None:
    from aiconsole.settings import AlertChannel

    async with webhook() as hook, console(tmp_path, channels={"team": hook.url}) as it:
        it.channels = {"team": AlertChannel(least="critical")}
        await it.outage("groq/m")
        it.channels = {"team": AlertChannel(resolved=False)}
        it.simulated = True
        await it.outage("mistral/m")
        it.simulated = False
        assert hook.taken == []
        alert = it.alerts.current()[-1]
        it.alerts.silence(alert.id, 3600)
        await it.minutes(1)
        it.breaker("groq/m", "closed")
        await it.minutes(30)
        assert hook.taken == []
        sent = await it.alerts.test_channel("team")
        assert sent.ok
        assert "A test" in hook.texts[0]


async def test_an_address_is_checked_kept_in_the_key_store_and_shown_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with webhook() as hook, console(tmp_path, channels={"team": hook.url}) as it:
        with pytest.raises(ConfigError, match="no address"):
            await it.alerts.keep_address("team", "nonsense://x", "session")
        hook.status = 500
        await it.outage("groq/m")
        assert not (await it.alerts.test_channel("team")).ok
        assert not (await it.alerts.test_channel("gone")).ok
        [view] = await it.alerts.channel_views()
        assert view.address == "json://…"
        assert "secret-token-1234" not in repr([view, await it.alerts.messages(), it.published]) + caplog.text
        await it.alerts.forget_address("team")
        assert (await it.alerts.channel_views())[0].address == ""
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"secret-token-1234" not in raw


async def test_a_channel_that_fails_for_days_is_given_up_and_said_so(tmp_path: Path) -> None:
    async with webhook() as hook, console(tmp_path, channels={"team": hook.url}) as it:
        hook.status = 404
        await it.outage("groq/m")
        it.clock.jump_wall(4 * 86_400)
        await it.minutes(16)
        [row] = await it.alerts.messages()
        assert row.given_up
        [alert] = it.alerts.current()
        assert alert.timeline[-1].what == "not delivered"


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
async def test_killed_between_sending_and_noting_it_the_repeat_can_be_told_by_its_name(tmp_path: Path) -> None:
    """The receiver takes the message and kills the sender before its answer is read."""
    import asyncio

    async with webhook() as hook:
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.alerts.killed", str(tmp_path), hook.url, stderr=subprocess.DEVNULL
        )
        hook.on_request = lambda: sender.send_signal(signal.SIGKILL) if hook.tries == 1 else None
        assert await asyncio.wait_for(sender.wait(), 30) == -signal.SIGKILL
        clock = FakeClock(1_750_001_000.0)
        async with console(tmp_path, clock, {"team": hook.url}) as it:
            await it.settle()
            [alert] = await it.alerts.recent()
        assert told(hook.texts) == [alert.id] * 2
        assert len(set(hook.keys)) == 1
