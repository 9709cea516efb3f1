"""The window as a process: it opens, lets its engine open, and leaves cleanly, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]

_SAYS_WHEN_CONNECTED = """
import sys
from aiconsole.gui.window import Window
connect = Window.connect_engine
def told(self, engine):
    connect(self, engine)
    print("connected", flush=True)
Window.connect_engine = told
from aiconsole.app import main
sys.exit(main(sys.argv[1:]))
"""


def _environ(**changes: str) -> dict[str, str]:
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(_ROOT), **changes}


def _main(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(_ROOT / "main.py"), *arguments],
        env=_environ(**changes),
        capture_output=True,
        text=True,
        timeout=60,
    )


def _faults(errors: str) -> str:
    """What was said on stderr, without the offscreen platform's own remark."""
    return "".join(line for line in errors.splitlines(True) if "propagateSizeHints" not in line)


def test_it_starts_with_simulated_providers_and_leaves_with_0(tmp_path: Path) -> None:
    done = _main("--demo", "--home", str(tmp_path), "--exit-after-start")

    assert (done.returncode, _faults(done.stderr)) == (0, "")
    assert json.loads((tmp_path / "window.json").read_text(encoding="utf-8"))["geometry"]


def test_it_starts_although_its_settings_file_is_broken_and_leaves_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[chat\nmodel = 3", encoding="utf-8")
    (tmp_path / "window.json").write_text("{", encoding="utf-8")

    done = _main("--home", str(tmp_path), "--exit-after-start", PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")

    assert (done.returncode, _faults(done.stderr)) == (0, "")
    assert (tmp_path / "settings.toml").read_text(encoding="utf-8") == "[chat\nmodel = 3"


def test_its_version_and_a_home_that_is_a_file(tmp_path: Path) -> None:
    version = _main("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("aiconsole ")

    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = _main("--home", str(tmp_path / "file"))
    assert refused.returncode == 2
    assert "is a file" in refused.stderr


def _as_if(preparation: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    program = f"import sys; {preparation}; from aiconsole.app import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=_environ(),
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_in_a_bundle_the_window_starts_the_benchs_processes_from_itself() -> None:
    child = _as_if("sys.frozen = True", "--child", "aiconsole.bench.load.__main__", given="no order\n")
    assert child.stderr.startswith("The order cannot be read")

    refused = _as_if("sys.frozen = True", "--child", "os")
    assert (refused.returncode, "unrecognized arguments" in refused.stderr) == (2, True)


def test_without_a_console_to_write_to_wrong_usage_is_still_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = _as_if("sys.stdout = sys.stderr = None", "--home", str(tmp_path / "file"))
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_without_a_display_it_says_so_in_one_line(tmp_path: Path) -> None:
    done = _main("--home", str(tmp_path), QT_QPA_PLATFORM="xcb", DISPLAY="")

    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "aiconsole chat" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for a child alone")
def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", _SAYS_WHEN_CONNECTED, "--demo", "--home", str(tmp_path)]
    with subprocess.Popen(
        arguments, env=_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as console:
        assert console.stdout is not None
        assert console.stdout.readline() == "connected\n"
        console.send_signal(signal.SIGINT)
        _, errors = console.communicate(timeout=20)

    assert (console.returncode, _faults(errors)) == (130, "")
    assert not (tmp_path / "logs" / "aiconsole.log").exists()
