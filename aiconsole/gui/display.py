"""Whether a window can open here, asked before Qt is imported, because Qt aborts the process where it cannot.

Which libraries Qt needs is read off the wheels' own dynamic sections (PySide6-Essentials 6.11: QtGui, QtDBus, the xcb and
wayland platform plugins); the package names are Debian's and Ubuntu's.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

INSTEAD = 'The command line works without a window: aiconsole chat "Hello"'

_BASE = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libzstd.so.1": "libzstd1",
}
_XCB = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
_WAYLAND = {"libwayland-client.so.0": "libwayland-client0", "libwayland-cursor.so.0": "libwayland-cursor0"}
_UNIX: int = getattr(socket, "AF_UNIX", -1)  # Windows has none, and is not asked


def _loads(library: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_display(
    environ: Mapping[str, str], *, platform: str = sys.platform, loads: Callable[[str], bool] = _loads
) -> str | None:
    """One line saying why no window can open and what to do instead, or None where it can.

    ``platform`` is ``sys.platform``, ``loads`` tells whether a shared library can be loaded. Only Linux and its like are
    asked: elsewhere there is always a display and Qt brings its libraries.
    """
    if platform in ("win32", "darwin"):
        return None
    wanted = [name.split(":")[0] for name in environ.get("QT_QPA_PLATFORM", "").split(";") if name]
    needs = _needs(environ, wanted)
    if not needs:
        return f"{_why_no_display(environ)}, so no window can open. {INSTEAD}"
    lacks = [[name for name in (*_BASE, *extra) if not loads(name)] for extra in needs]
    if not all(lacks):
        return None
    packages = {**_BASE, **_XCB, **_WAYLAND}
    lacking = lacks[0]
    return (
        f"No window can open: Qt lacks {', '.join(lacking)} "
        f"(Debian and Ubuntu: apt install {' '.join(packages[name] for name in lacking)}). {INSTEAD}"
    )


def _needs(environ: Mapping[str, str], wanted: list[str]) -> list[dict[str, str]]:
    """The further libraries of each platform plugin that could open a window here, in Qt's order."""
    needs = []
    for name in wanted or ["wayland", "xcb"]:
        if name.startswith("wayland"):
            if _wayland_answers(environ):
                needs.append(_WAYLAND)
        elif name == "xcb":
            if _x_answers(environ.get("DISPLAY", "")):
                needs.append(_XCB)
        else:
            needs.append({})
    return needs


def _why_no_display(environ: Mapping[str, str]) -> str:
    named = [f"{name}={environ[name]}" for name in ("WAYLAND_DISPLAY", "DISPLAY") if environ.get(name)]
    if named:
        return f"The display does not answer ({', '.join(named)})"
    return "There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"


def _wayland_answers(environ: Mapping[str, str]) -> bool:
    name = environ.get("WAYLAND_DISPLAY")
    return bool(name) and _connects(_UNIX, str(Path(environ.get("XDG_RUNTIME_DIR", "/"), str(name))))


def _x_answers(display: str) -> bool:
    """Whether an X server listens at ``display``, "host:number.screen" (X(7), "DISPLAY NAMES")."""
    host, colon, rest = display.rpartition(":")
    number = rest.split(".")[0]
    if not colon or not number.isdecimal():
        return False
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"  # noqa: S108
        return _connects(_UNIX, "\0" + path) or _connects(_UNIX, path)
    return _connects(socket.AF_INET, (host, 6000 + int(number)))


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
