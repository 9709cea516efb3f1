"""``aiconsole profile`` as its user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiconsole.cli import run
from tests.here import Here


def test_profiles_are_listed_shown_used_undone_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def profile(*arguments: str) -> tuple[int, str]:
        code = run(["profile", *arguments, "--home", str(tmp_path)])
        return code, capsys.readouterr().out

    settings = tmp_path / "settings.toml"
    assert "In use: own settings." in profile("list")[1]
    code, told = profile("use", "battery saver", "--dry-run")
    assert (code, settings.exists()) == (0, False)
    assert "performance.warm_up        on      off" in told
    assert "In use: battery saver. `aiconsole profile undo` goes back." in profile("use", "battery saver")[1]
    assert "warm_up = false" in settings.read_text(encoding="utf-8")
    shown = json.loads(profile("show", "battery saver", "--json")[1])
    assert (shown["profile"]["values"]["performance.sample_s"], shown["changes"]) == (10.0, [])
    assert "In use: own settings.\n" in profile("undo")[1]
    assert "warm_up" not in settings.read_text(encoding="utf-8")

    assert "2 settings" in profile("save", "mine", "--set", "cache.mode=off", "--set", "performance.hold_s=3")[1]
    profile("use", "mine")
    assert 'mode = "off"' in settings.read_text(encoding="utf-8")
    assert json.loads(profile("list", "--json")[1])["active"] == "mine"
    profile("use", "own settings")
    assert profile("remove", "mine")[0] == 0
    assert run(["profile", "use", "mine", "--home", str(tmp_path)]) == 2
    assert "There is no profile “mine”" in capsys.readouterr().err
    assert run(["profile", "save", "x", "--set", "cache.mode", "--home", str(tmp_path)]) == 2


def test_a_file_edited_on_windows_is_read(here: Here, tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_bytes('\ufeff# für mich\r\n[profiles.mine]\r\n"cache.mode" = "off"\r\n'.encode())
    (tmp_path / "settings.toml").write_bytes('\ufeff# für mich\r\n[log]\r\nlevel = "debug"\r\n'.encode())
    done = here.run("profile", "use", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    kept = (tmp_path / "settings.toml").read_bytes().decode()
    assert kept.startswith("# für mich\r\n")
    assert kept.count("\n") == kept.count("\r\n")
    assert 'mode = "off"' in kept
