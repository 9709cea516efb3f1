"""Where the window was and what it showed, kept in a small file beside the settings (``window.json``).

Losing it costs nothing but a default, so a file that cannot be read or written is not worth a word to the person.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from ..domain.errors import ConfigError
from ..home import Home, make_private_folder, write_private
from .theme import Mode

_log = logging.getLogger(__name__)

RULES_DRAFT: Final = "rules draft"
"""The place in ``memory`` of changes to the fallback rules that were not saved."""
ALERTS_DRAFT: Final = "alert rules draft"
"""The same of the alert rules."""


class WindowState(msgspec.Struct, frozen=True, omit_defaults=True):
    """``geometry`` as Qt saves it, in base 64. ``theme`` is what the setting was at last, for the first paint.
    ``welcomed``: the welcome was seen and left. ``memory`` is what panels keep of themselves, JSON by panel."""

    geometry: str = ""
    panel: str = ""
    theme: Mode = "system"
    welcomed: bool = False
    memory: dict[str, str] = {}


def state_path(home: Home) -> Path:
    """The file of a home."""
    return home.settings.with_name("window.json")


def load_state(path: Path) -> WindowState:
    """What was kept, or the defaults."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=WindowState)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError) as error:
        _log.info("The window's state is not used: %s", error)
    return WindowState()


def save_state(path: Path, state: WindowState) -> None:
    """Keep it for the next start; blocks while it is written."""
    try:
        make_private_folder(path.parent)
        write_private(path, msgspec.json.encode(state))
    except (OSError, ConfigError) as error:
        _log.warning("The window's state was not kept: %s", error)
