"""Keys as this system writes them: Ctrl+K, which on a Mac is ⌘K, as Qt's Ctrl is the command key there."""

from __future__ import annotations

import re

from PySide6.QtGui import QKeySequence

_KEYS = re.compile(r"\b(?:(?:Ctrl|Alt|Shift)\+)+(?:[A-Z][A-Za-z]*|[0-9.])")


def keys_text(shortcut: str) -> str:
    """A shortcut, given in Qt's portable text, as this system writes it."""
    return QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)


def with_keys(words: str) -> str:
    """Words in which keys stand in Qt's portable text, such as "Start the run (Ctrl+Return)", as this system writes them."""
    return _KEYS.sub(lambda found: keys_text(found.group()), words)
