"""Keys in words: as the system writes them, wherever they are told."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from aiconsole.gui import keys
from aiconsole.gui.keys import keys_text, present_keys, with_keys

GUI = Path(__file__).resolve().parents[2] / "aiconsole" / "gui"
TELLS = {"QLabel", "setToolTip", "setText", "setAccessibleDescription", "setPlaceholderText"}


def mac(shortcut: str) -> str:
    signs = {"Ctrl": "⌘", "Alt": "⌥", "Shift": "⇧", "Return": "↩", "Del": "⌫"}
    return "".join(signs.get(part, part) for part in shortcut.split("+"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Start the run (Ctrl+Return)", "Start the run (⌘↩)"),
        ("Enter sends, Shift+Enter starts a line", "Enter sends, ⇧Enter starts a line"),
        ("Stop (Ctrl+.) or ask (Ctrl+Shift+P), Alt+3", "Stop (⌘.) or ask (⌘⇧P), ⌥3"),
        ("Delete the rule (Del), Ins, A+B, Ctrl+wheel", "Delete the rule (⌫), Ins, A+B, Ctrl+wheel"),
    ],
)
def test_keys_are_written_as_a_mac_does_there(words: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "keys_text", mac)
    assert with_keys(words) == told


def test_elsewhere_they_stay_what_they_are(qapp: object) -> None:
    for text in ("Ctrl+Return", "Ctrl+Shift+P", "Ctrl+.", "Alt+Up", "Ctrl+PgDown"):
        assert mac(text) == keys_text(text) or keys_text(text) == text


def test_a_mac_gets_other_keys_for_those_it_lacks() -> None:
    assert [present_keys(keys, platform="darwin") for keys in ("Ins", "Del", "Ctrl+N")] == [
        "Ctrl+I",
        "Backspace",
        "Ctrl+N",
    ]
    assert [present_keys(keys, platform="win32") for keys in ("Ins", "Del")] == ["Ins", "Del"]


def told_as_they_are(path: Path) -> list[str]:
    """Where keys are told in Qt's portable text, which a Mac's keyboard does not have."""
    found = []
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in TELLS:
            found += [
                f"{path.name}:{given.lineno}: {ast.unparse(given)}"
                for given in call.args
                if isinstance(given, ast.Constant | ast.JoinedStr) and keys._KEYS.search(ast.unparse(given))
            ]
    return found


def test_all_words_with_keys_are_told_as_the_system_writes_them() -> None:
    assert [place for path in sorted(GUI.rglob("*.py")) for place in told_as_they_are(path)] == []
