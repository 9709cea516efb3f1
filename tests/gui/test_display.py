"""No display, a dead one and missing libraries are said in one line, before Qt is asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aiconsole.gui.display import missing_display

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="displays are Unix sockets")


def everything(_library: str) -> bool:
    return True


def test_no_display_says_what_to_do_instead() -> None:
    message = missing_display({}, platform="linux", loads=everything)
    assert message is not None
    assert "neither DISPLAY nor WAYLAND_DISPLAY" in message
    assert "aiconsole chat" in message
    assert "\n" not in message


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_are_not_asked(platform: str) -> None:
    assert missing_display({}, platform=platform, loads=lambda _: False) is None


@pytest.mark.parametrize("name", ["offscreen", "minimal", "vnc:size=1280x800", "xcb;offscreen"])
def test_platforms_without_a_display_are_enough(name: str) -> None:
    assert missing_display({"QT_QPA_PLATFORM": name}, platform="linux", loads=everything) is None


def test_a_display_that_is_dead_is_named() -> None:
    message = missing_display({"DISPLAY": ":6421"}, platform="linux", loads=everything)
    assert message is not None
    assert "does not answer (DISPLAY=:6421)" in message


def test_a_display_that_is_nonsense_is_no_display() -> None:
    assert missing_display({"DISPLAY": "nonsense"}, platform="linux", loads=everything) is not None


def test_a_remote_display_answers_over_tcp() -> None:
    with socket.socket() as server:
        for number in range(6021, 6100):
            try:
                server.bind(("127.0.0.1", number))
            except OSError:
                continue
            break
        server.listen()
        display = f"127.0.0.1:{server.getsockname()[1] - 6000}.0"
        assert missing_display({"DISPLAY": display}, platform="linux", loads=everything) is None


@pytest.fixture
def wayland(tmp_path: Path) -> dict[str, str]:
    return {"WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": str(tmp_path)}


def test_missing_libraries_are_named_with_their_packages(wayland: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(Path(wayland["XDG_RUNTIME_DIR"]) / "wayland-7"))
        server.listen()
        assert missing_display(wayland, platform="linux", loads=everything) is None
        message = missing_display(wayland, platform="linux", loads=lambda name: "EGL" not in name)
    assert message is not None
    assert "libEGL.so.1" in message
    assert "apt install libegl1)" in message


def test_what_this_machine_has_is_enough_offscreen() -> None:
    if sys.platform == "linux":
        assert missing_display({"QT_QPA_PLATFORM": "offscreen"}) is None


def test_asking_imports_no_qt() -> None:
    script = (
        "import sys, aiconsole.gui.display as d; d.missing_display({}); print(any('PySide' in m for m in sys.modules))"
    )
    environ = {**os.environ, "QT_QPA_PLATFORM": ""}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "False"
