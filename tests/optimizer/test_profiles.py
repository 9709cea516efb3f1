"""Switching between sets of settings: what changes is told first, own values come back, and a switch can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole.domain.errors import ConfigError
from aiconsole.engine import Engine
from aiconsole.optimizer.profiles import BUILT_IN, OWN


async def test_a_switch_tells_what_it_changes_and_own_values_come_back(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[performance]\nkeepalive_s = 45.0  # mine\n", encoding="utf-8")
    async with Engine.open(home=tmp_path, environ={}) as engine:
        optimizer = await engine.open_optimizer()
        told = (await optimizer.profiles()).switch("battery saver")
        changes = {change.key: (change.before, change.after) for change in told.changes}
        assert changes["performance.keepalive_s"] == (45.0, 10.0)
        assert changes["jobs.health.schedule"] == ("", "every 1h")
        assert engine.settings.performance.keepalive_s == 45.0

        await optimizer.use_profile("battery saver")
        assert (await optimizer.profiles()).active == "battery saver"
        assert engine.settings.performance.keepalive_s == 10.0
        assert engine.settings.performance.warm_up is False

        await optimizer.use_profile("production")
        assert engine.settings.performance.keepalive_s == 120.0
        assert engine.settings.performance.sample_s == 1.0
        assert engine.settings.jobs["health"].schedule == ""

        await optimizer.use_profile(OWN)
    assert (tmp_path / "settings.toml").read_text(
        encoding="utf-8"
    ).rstrip() == "[performance]\nkeepalive_s = 45.0  # mine"


async def test_what_is_changed_by_hand_while_a_profile_is_in_use_stays(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        optimizer = await engine.open_optimizer()
        await optimizer.use_profile("production")
        await engine.change("cache.event_share", 0.5)
        profiles = await optimizer.profiles()
        assert profiles.edited() == ("cache.event_share",)

        await optimizer.use_profile("development")
        assert engine.settings.cache.event_share == 1.0
        await optimizer.use_profile(OWN)
        assert engine.settings.cache.event_share == 0.5
        assert engine.settings.cache.on_error_s == 0.0


async def test_a_switch_is_undone_exactly_and_over_a_restart(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        optimizer = await engine.open_optimizer()
        await optimizer.use_profile("development")
        await engine.change("performance.hold_s", 7.0)
        await optimizer.use_profile("battery saver")
    async with Engine.open(home=tmp_path, environ={}) as engine:
        optimizer = await engine.open_optimizer()
        await engine.change("performance.sample_s", 30.0)
        await optimizer.undo_profile()
        assert (await optimizer.profiles()).active == "development"
        assert engine.settings.performance.hold_s == 7.0
        assert engine.settings.performance.keep_stacks is True
        assert engine.settings.performance.sample_s == 30.0
        with pytest.raises(ConfigError, match="no switch"):
            await optimizer.undo_profile()


async def test_a_profile_is_edited_saved_and_forgotten(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        optimizer = await engine.open_optimizer()
        await optimizer.save_profile("production", {"cache.mode": "off"})
        await optimizer.use_profile("production")
        assert engine.settings.cache.mode == "off"
        assert engine.settings.cache.on_error_s == 86_400.0
        await engine.change("performance.hold_s", 3.0)
        await optimizer.save_profile("mine")
        with pytest.raises(ConfigError, match="in use"):
            await optimizer.remove_profile("production")
        await optimizer.use_profile("mine")
        profiles = await optimizer.remove_profile("production")
        assert profiles.profile("production") == next(one for one in BUILT_IN if one.name == "production")
        assert profiles.profile("mine").values["performance.hold_s"] == 3.0


async def test_a_value_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text(
        '[profiles.bad]\n"cache.ttl_s" = 5.0\n"performance.sample_s" = "often"\n', "utf-8"
    )
    async with Engine.open(home=tmp_path, environ={}) as engine:
        optimizer = await engine.open_optimizer()
        with pytest.raises(ConfigError, match="sample_s"):
            await optimizer.use_profile("bad")
        assert (await optimizer.profiles()).active == OWN
        assert engine.settings.cache.ttl_s == 86_400.0
        with pytest.raises(ConfigError):
            await optimizer.save_profile("worse", {"no.such": 1})
        with pytest.raises(ConfigError, match="no profile"):
            await optimizer.use_profile("absent")
