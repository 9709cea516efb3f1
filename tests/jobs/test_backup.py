"""Backups of the configuration: kept when it changed, proved, bounded, restored byte for byte, with no secret in them."""

from __future__ import annotations

import stat
import sys
import zipfile
from pathlib import Path

import pytest

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.jobs import JobRun
from aiconsole.jobs.backup import ConfigBackup
from aiconsole.settings import SettingsFile
from tests.clocks import FakeClock
from tests.jobs.places import Rig

SETTINGS = (
    b'# mine\r\n[chat]\nmodel = "groq/openai/gpt-oss-120b"\n\n[custom.local]\nbase_url = "http://127.0.0.1:11434/v1"\n'
)
RULES = "# Regeln für „alle“\n".encode()


def check(folder: Path) -> None:
    if problems := SettingsFile.load(folder / "settings.toml").problems:
        raise ConfigError(str(problems[0]))


class Place:
    def __init__(self, folder: Path, **more: object) -> None:
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.clock = FakeClock()
        names = ("settings.toml", "rules.toml")
        self.backup = ConfigBackup(
            self.home,
            names,
            self.home / "backups",
            self.clock,
            version="1",
            check=check,
            **more,  # type: ignore[arg-type]
        )

    async def run(self) -> JobRun:
        async with Rig(self.backup.job(), clock=self.clock) as rig:
            await rig.scheduler.run_now("backup")
            run = await rig.scheduler.finished("backup")
        assert run is not None
        self.clock.advance(86400)
        return run

    def names(self) -> list[str]:
        return [backup.name for backup in self.backup.backups()]


async def test_a_backup_is_kept_when_something_changed_and_gives_the_same_bytes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert "no configuration" in (await place.run()).message
    (place.home / "settings.toml").write_bytes(SETTINGS)
    (place.home / "rules.toml").write_bytes(RULES)
    assert (await place.run()).message.startswith("Kept as config-")
    assert "restores well" in (await place.run()).message
    (kept,) = place.names()
    (place.home / "settings.toml").write_bytes(b'[appearance]\ntheme = "light"\n')
    (place.home / "rules.toml").unlink()
    told = place.backup.restore(kept)
    assert (place.home / "settings.toml").read_bytes() == SETTINGS
    assert (place.home / "rules.toml").read_bytes() == RULES
    (before,) = (backup for backup in place.backup.backups() if backup.reason)
    assert before.name in told[0]
    place.backup.restore(before.name)
    assert b"light" in (place.home / "settings.toml").read_bytes()
    assert not (place.home / "rules.toml").exists()
    if sys.platform != "win32":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in place.backup.folder.iterdir()}
        assert modes == {0o600}


async def test_secrets_are_left_out_and_said_so(tmp_path: Path) -> None:
    place = Place(tmp_path, clean=lambda data: data.replace(b"hush-hush", b"[removed]"))
    text = '[providers.groq.headers]\n"X-Team" = "hush-hush"\n'
    (place.home / "settings.toml").write_text(text, encoding="utf-8")
    assert (await place.run()).result == "succeeded"
    (kept,) = place.names()
    assert b"hush" not in (place.backup.folder / kept).read_bytes()
    with zipfile.ZipFile(place.backup.folder / kept) as archive:
        assert b"hush" not in b"".join(archive.read(name) for name in archive.namelist())
    assert "settings.toml; enter them again" in place.backup.restore(kept)[-1]


async def test_what_does_not_restore_fails_the_job(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (place.home / "settings.toml").write_text("this is no TOML", encoding="utf-8")
    run = await place.run()
    assert run.result == "failed"
    assert "does not restore" in run.message


async def test_backups_are_kept_by_count_and_age_but_never_none(tmp_path: Path) -> None:
    place = Place(tmp_path, keep=5, max_age_s=10 * 86400.0)
    for number in range(8):
        (place.home / "settings.toml").write_text(
            f"[providers.groq]\ntotal_timeout_s = {number + 1}\n", encoding="utf-8"
        )
        await place.run()
    assert len(place.names()) == 5
    place.clock.advance(100 * 86400)
    assert "restores well" in (await place.run()).message
    assert len(place.names()) == 3


@pytest.mark.parametrize("name", ["config-nope.zip", "../settings.toml", "/etc/passwd", ""])
def test_only_backups_are_restored(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no backup"):
        Place(tmp_path).backup.restore(name)


async def test_a_damaged_or_hostile_backup_changes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (place.home / "settings.toml").write_bytes(SETTINGS)
    await place.run()
    (kept,) = place.names()
    good = (place.backup.folder / kept).read_bytes()
    (place.backup.folder / "config-cut.zip").write_bytes(good[: len(good) // 2])
    with zipfile.ZipFile(place.backup.folder / kept) as archive:
        manifest = archive.read("manifest.json")
    with zipfile.ZipFile(place.backup.folder / "config-other.zip", "w") as archive:
        archive.writestr("manifest.json", manifest)
        archive.writestr("settings.toml", b"[chat]\n")
        archive.writestr("../evil", b"x")
    for name in ("config-cut.zip", "config-other.zip"):
        with pytest.raises(ConfigError, match="damaged"):
            place.backup.restore(name)
    assert sum(bool(backup.problem) for backup in place.backup.backups()) == 2
    assert (place.home / "settings.toml").read_bytes() == SETTINGS
    assert not (tmp_path / "evil").exists()
