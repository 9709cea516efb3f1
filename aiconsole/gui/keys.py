"""Keys as this system has and writes them: Ctrl+K, which on a Mac is ⌘K, as Qt's Ctrl is the command key there.

A Mac's keyboard has no Insert key, and its delete key is what Qt calls Backspace.
"""

from __future__ import annotations

import re
import sys
from typing import Final

from PySide6.QtGui import QKeySequence

_KEYS: Final = re.compile(r"\b(?:(?:Ctrl|Alt|Shift)\+)+(?:[A-Z][A-Za-z]*|[0-9.])|(?<=\()(?:Ins|Del)(?=\))")
_ON_A_MAC: Final = {"Ins": "Ctrl+I", "Del": "Backspace"}


def present_keys(shortcut: str, *, platform: str = sys.platform) -> str:
    """The shortcut, in Qt's portable text, with a key in place of one that this system's keyboards lack."""
    return _ON_A_MAC.get(shortcut, shortcut) if platform == "darwin" else shortcut


def keys_text(shortcut: str) -> str:
    """A shortcut, given in Qt's portable text, as this system writes it."""
    return QKeySequence(present_keys(shortcut)).toString(QKeySequence.SequenceFormat.NativeText)


def with_keys(words: str) -> str:
    """Words in which keys stand in Qt's portable text, such as "Start the run (Ctrl+Return)", as this system writes them."""
    return _KEYS.sub(lambda found: keys_text(found.group()), words)
