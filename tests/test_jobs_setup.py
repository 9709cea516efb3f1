"""The background jobs of a whole console: what they find there, settings that steer them, backups put in place, the command."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiconsole import Engine
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import HealthSeen, JobChanged
from aiconsole.jobs.command import add_arguments, run
from aiconsole.settings.declare import JOB_NAMES
from tests.test_cli import aiconsole


async def test_every_job_runs_on_a_whole_console_and_is_kept(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, demo=True, environ={}) as engine:
        seen: list[HealthSeen | JobChanged] = []
        engine.bus.subscribe(lambda event: seen.append(event) if isinstance(event, HealthSeen | JobChanged) else None)
        await engine.change("chat.model", "groq/openai/gpt-oss-120b")
        jobs = await engine.open_jobs(by_itself=False)
        assert jobs is await engine.open_jobs()
        names = [view.name for view in jobs.scheduler.views()]
        assert set(names) <= set(JOB_NAMES)
        for name in names:
            await jobs.scheduler.run_now(name)
            ended = await jobs.scheduler.finished(name)
            assert ended is not None
            assert ended.result == "succeeded", (name, ended.message, ended.error)
        assert len(jobs.backup.backups()) == 1
        assert {check.name for check in jobs.system.latest} >= {"disk", "database", "event loop", "clock"}
        assert {event.provider for event in seen if isinstance(event, HealthSeen)} == {
            state.name for state in engine.providers()
        }
        assert {event.job for event in seen if isinstance(event, JobChanged) and event.step == "succeeded"} == set(
            names
        )
    async with Engine.open(home=tmp_path, demo=True, environ={}) as engine:
        jobs = await engine.open_jobs(by_itself=False)
        assert {each.job for each in await jobs.scheduler.history()} == set(names)


async def test_settings_steer_jobs_while_they_run(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, demo=True, environ={}) as engine:
        jobs = await engine.open_jobs(by_itself=False)
        await engine.change("jobs.logs.schedule", "weekly sun 03:00")
        await engine.change("jobs.backup.enabled", False)
        await jobs.scheduler.turn()
        assert jobs.scheduler.view("logs").schedule == "weekly sun 03:00"
        assert jobs.scheduler.view("backup").state == "off"
        for key, value in (("jobs.logs.schedule", "now and then"), ("jobs.nonsense.enabled", False)):
            with pytest.raises(ConfigError):
                await engine.change(key, value)


async def test_a_backup_put_in_place_is_followed_at_once(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, demo=True, environ={}) as engine:
        await engine.change("custom.local", {"base_url": "http://127.0.0.1:11434/v1"})
        before = (tmp_path / "settings.toml").read_bytes()
        jobs = await engine.open_jobs(by_itself=False)
        await jobs.scheduler.run_now("backup")
        await jobs.scheduler.finished("backup")
        (kept,) = jobs.backup.backups()
        await engine.reset("custom.local")
        assert not engine.settings.custom
        await jobs.restore(kept.name)
        assert "local" in engine.settings.custom
        assert (tmp_path / "settings.toml").read_bytes() == before


async def command(engine: Engine, *arguments: str) -> tuple[int, Any]:
    parser = argparse.ArgumentParser()
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true")
    add_arguments(parser, shared, None)
    printed: list[Any] = []
    table: Callable[..., None] = lambda head, rows: printed.append([dict(zip(head, row, strict=True)) for row in rows])  # noqa: E731
    code = await run(engine, parser.parse_args(arguments), table, printed.append, printed.append)
    return code, printed


async def test_the_command_pauses_restores_and_tells_what_was(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, demo=True, environ={}) as engine:
        await engine.change("log.level", "debug")
        assert await command(engine, "pause", "health") == (0, ["health does not run by itself any more."])
        _, (rows,) = await command(engine, "list")
        assert {row["NAME"]: row["STATE"] for row in rows}["health"] == "paused"
        assert (await command(engine, "resume", "health"))[0] == 0
        code, told = await command(engine, "run", "logs", "backup")
        assert code == 0
        assert [line.partition(" ")[0] for line in told if not line.startswith(" ")] == [
            "logs:",
            "logs:",
            "backup:",
            "backup:",
        ]
        assert await command(engine, "run", "--all", "--once", "--due", "--json") == (0, [[]])
        _, (rows,) = await command(engine, "history")
        assert [(row["JOB"], row["RESULT"]) for row in rows] == [("backup", "succeeded"), ("logs", "succeeded")]
        _, (backups,) = await command(engine, "backups")
        code, told = await command(engine, "restore", backups[0]["NAME"])
        assert (code, told[-1]) == (0, f"{backups[0]['NAME']} is in place.")
        for wrong in (
            ("run",),
            ("run", "logs", "--all"),
            ("run", "nonsense"),
            ("restore", "nonsense"),
            ("pause", "nonsense"),
        ):
            with pytest.raises(ConfigError):
                await command(engine, *wrong)


async def test_a_job_that_fails_makes_the_command_fail(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, demo=True, environ={}) as engine:
        (tmp_path / "settings.toml").write_text("[chat]\nmodel = 7\n", encoding="utf-8")
        code, _ = await command(engine, "run", "backup")
    assert code == 1


def test_all_jobs_run_once_from_a_real_command_line(tmp_path: Path) -> None:
    done = aiconsole("jobs", "run", "--all", "--once", "--demo", "--json", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {each["result"] for each in json.loads(done.stdout)} == {"succeeded"}


def test_naming_the_commands_does_not_load_the_scheduler(tmp_path: Path) -> None:
    code = "import sys; from aiconsole import cli; print([n for n in sys.modules if n.startswith('aiconsole.jobs.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "['aiconsole.jobs.command']"
