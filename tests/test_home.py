"""Where files live, and how private files are written."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from aiconsole.domain.errors import ConfigError
from aiconsole.home import find_home, make_private_folder, put_in_place, write_private

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_given_folder_holds_everything(tmp_path: Path) -> None:
    home = find_home(tmp_path / "mine", {"AICONSOLE_HOME": "/elsewhere"})
    assert home.custom
    assert home.settings == tmp_path / "mine" / "settings.toml"
    assert home.database == tmp_path / "mine" / "aiconsole.db"
    assert home.logs == tmp_path / "mine" / "logs"
    assert not (tmp_path / "mine").exists()


def test_the_variable_is_used_where_no_folder_is_given(tmp_path: Path) -> None:
    assert find_home(None, {"AICONSOLE_HOME": str(tmp_path)}).settings == tmp_path / "settings.toml"


def test_a_relative_folder_does_not_move_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home("here", {}).settings == tmp_path / "here" / "settings.toml"


def test_the_tilde_is_the_persons_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_home("~/console", {}).settings == tmp_path / "console" / "settings.toml"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these platforms' places do not follow the environment")
def test_the_platforms_places_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(tmp_path / variable))
    home = find_home(None, {"AICONSOLE_HOME": ""})
    assert not home.custom
    assert home.settings == tmp_path / "CONFIG" / "aiconsole" / "settings.toml"
    assert home.database == tmp_path / "DATA" / "aiconsole" / "aiconsole.db"
    assert home.logs.is_relative_to(tmp_path / "STATE" / "aiconsole")


def test_an_empty_folder_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="empty"):
        find_home(" ", {})


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        find_home(tmp_path / "file", {})


@posix
def test_folders_are_made_for_their_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    find_home(tmp_path / "a" / "b", {}).ensure()
    assert [mode(path) for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "logs")] == [0o700] * 3
    assert mode(tmp_path) == 0o755


def test_a_folder_below_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made") as caught:
        make_private_folder(tmp_path / "file" / "logs")
    assert "--home" in caught.value.advice


def test_a_private_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]
    if os.name != "nt":
        assert mode(path) == 0o600


@posix
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real, link = tmp_path / "dotfiles" / "settings.toml", tmp_path / "settings.toml"
    real.write_text("old", encoding="utf-8")
    link.symlink_to(real)
    write_private(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "folder-in-the-way"
    path.mkdir()
    (path / "content").touch()
    with pytest.raises(OSError):
        write_private(path, b"new")
    assert [*tmp_path.iterdir()] == [path]


class Busy:
    """`os.replace` where another program has the file open for the first ``times`` tries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self._replace, self._left = os.replace, times
        monkeypatch.setattr(os, "replace", self)
        monkeypatch.setattr("time.sleep", self.waits)
        self.waited: list[float] = []

    def waits(self, seconds: float) -> None:
        self.waited.append(seconds)

    def __call__(self, source: Path, target: Path) -> None:
        self._left -= 1
        if self._left >= 0:
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        self._replace(source, target)


def test_windows_is_asked_again_while_another_program_has_the_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "new", tmp_path / "settings.toml"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    busy = Busy(monkeypatch, 3)
    put_in_place(source, target, platform="win32")
    assert (target.read_bytes(), len(busy.waited), source.exists()) == (b"new", 3, False)


@pytest.mark.parametrize(("platform", "tries"), [("win32", 7), ("linux", 1), ("darwin", 1)])
def test_a_file_that_stays_open_elsewhere_is_given_up(
    platform: str, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "new"
    source.write_bytes(b"new")
    busy = Busy(monkeypatch, tries)
    with pytest.raises(PermissionError):
        put_in_place(source, tmp_path / "settings.toml", platform=platform)
    assert len(busy.waited) == tries - 1
    assert sum(busy.waited) < 1
