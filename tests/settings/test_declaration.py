"""The declaration: complete, readable, and the one source of defaults and descriptions."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from aiconsole.domain.chat import Timeouts
from aiconsole.settings import PROVIDER_NAMES, CustomProvider, ProviderSettings, Settings, SettingsFile, describe


def test_every_setting_says_what_it_is_for() -> None:
    for info in describe():
        assert info.meaning.endswith("."), info.key
        assert info.group, info.key
        if info.type in ("int", "float"):
            assert info.unit, info.key
            assert info.minimum is not None, info.key
            assert info.maximum is not None, info.key
        assert (info.type == "choice") == bool(info.choices), info.key


def test_descriptions_carry_type_default_unit_and_bounds() -> None:
    by_key = {info.key: info for info in describe()}
    timeout = by_key["providers.<name>.connect_timeout_s"]
    assert (timeout.type, timeout.default, timeout.unit, timeout.minimum, timeout.maximum) == (
        "float",
        10.0,
        "s",
        0,
        3600,
    )
    theme = by_key["appearance.theme"]
    assert (theme.group, theme.type, theme.choices) == ("Appearance", "choice", ("system", "dark", "light"))
    assert by_key["providers.<name>.base_url"].optional
    assert by_key["custom.<name>.base_url"].required
    assert by_key["providers.<name>.headers.<name>"].type == "text"
    assert by_key["routes.<name>"].type == "list"
    assert len(by_key) == len(describe())


def test_each_described_setting_can_be_asked_for_by_its_key(tmp_path: object) -> None:
    file = SettingsFile.load(tmp_path / "settings.toml")
    file.set("custom.mine", {"base_url": "http://127.0.0.1/v1"})
    for info in describe():
        key = info.key.replace("custom.<name>", "custom.mine").replace("providers.<name>", "providers.groq")
        if info.required or "<name>" in key:
            continue
        assert file.get(key) == info.default, key


def test_defaults_are_ready_to_use() -> None:
    settings = Settings()
    assert tuple(settings.providers) == PROVIDER_NAMES
    assert settings.providers["groq"] == ProviderSettings()
    assert settings.routes["gpt-oss-120b"] == (
        "groq/openai/gpt-oss-120b",
        "cerebras/gpt-oss-120b",
        "openrouter/openai/gpt-oss-120b",
    )
    assert not settings.demo


def test_every_default_keeps_its_own_bounds(tmp_path: object) -> None:
    written = msgspec.to_builtins(Settings(), str_keys=True)
    file = SettingsFile.load(tmp_path / "settings.toml")
    for group in ("appearance", "chat", "log", "keys"):
        for name, value in written.get(group, {}).items():
            file.set(f"{group}.{name}", value)
    assert file.problems == ()


def test_no_limit_is_written_as_zero() -> None:
    assert ProviderSettings().timeouts == Timeouts(connect=10, first_token=60, between=30, total=600)
    assert ProviderSettings(between_timeout_s=0, total_timeout_s=0).timeouts == Timeouts(
        connect=10, first_token=60, between=None, total=None
    )


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        Settings().demo = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        CustomProvider()  # type: ignore[call-arg]


def test_reading_imports_nothing_slow() -> None:
    script = (
        "import sys; from pathlib import Path; from aiconsole.settings import SettingsFile; "
        "SettingsFile.load(Path('/nonexistent/settings.toml')); "
        "print([name for name in ('tomlkit', 'keyring', 'platformdirs', 'asyncio', 'logging') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
